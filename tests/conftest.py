"""What holds for every layer: a test that is passed over counts as failed, and so does one that fails in a thread.

Hypothesis leaves nothing behind. A test that ends with its process leaves its name.
"""

import os
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

import pytest
from hypothesis import settings
from hypothesis.database import DirectoryBasedExampleDatabase

pytest_plugins = ["tests.support.fixtures"]

# Of a test that hangs, the innermost: what it waits for.
_FRAMES = 8
_BUILD = Path(__file__).parents[1] / "build"

# A busy machine must not fail a test that checks a property. What is drawn is the same on each machine; to look for
# more, `make search` draws by chance, and tries a failure that it has found once again, from build/.
settings.register_profile("ours", deadline=None, derandomize=True, database=None)
settings.register_profile(
    "search", deadline=None, derandomize=False, database=DirectoryBasedExampleDatabase(_BUILD / "hypothesis")
)
settings.load_profile("ours")


def pytest_configure(config: pytest.Config) -> None:
    """What fails in a thread fails the test, too; as a rule pytest only warns of it."""
    config.addinivalue_line("filterwarnings", "error::pytest.PytestUnhandledThreadExceptionWarning")
    config.addinivalue_line("markers", "slow: takes a minute or more, and is left to make faults or test-vm-all")
    config.addinivalue_line("markers", "container_host: does not fit a virtual machine, or takes too long there")


def pytest_make_parametrize_id(val: object, argname: str) -> Optional[str]:
    """No test is named by a token: its text changes with the time, and workers side by side must agree on the names."""
    text = val.decode("latin-1") if isinstance(val, bytes) else val
    return argname if isinstance(text, str) and "eyJ" in text else None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """What hangs is ended with its process, which says only at which lines: run-layers tells the test by this."""
    running = _BUILD / "running" / str(os.getpid())
    running.parent.mkdir(parents=True, exist_ok=True)
    running.write_text(f"{item.nodeid}\n")
    # Shortly before the process ends. The workers of the pure layer stay without one more thread.
    seconds = float(item.config.getini("faulthandler_timeout"))
    told = threading.Timer(max(seconds - 10, 1), _tell_where, [running, threading.get_ident()])
    told.daemon = True
    if seconds and "PYTEST_XDIST_WORKER" not in os.environ:
        told.start()
    yield
    told.cancel()
    running.unlink(missing_ok=True)


def _tell_where(running: Path, thread: int) -> None:
    frames = traceback.format_stack(sys._current_frames()[thread])
    with running.open("a", encoding="utf-8") as file:
        file.writelines(frames[-_FRAMES:])


def _passed_over(config: pytest.Config) -> list[pytest.TestReport]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return [] if reporter is None else [*reporter.stats.get("skipped", []), *reporter.stats.get("xfailed", [])]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run when a test did not run to its end."""
    if _passed_over(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: "pytest.TerminalReporter") -> None:
    """Say so."""
    for report in _passed_over(terminalreporter.config):
        terminalreporter.write_line(f"NOT RUN, which counts as a failure: {report.nodeid}", red=True)
