"""The host of the fault matrix, and the table at the end."""

import os
import shlex
from collections.abc import Iterator

import pytest

from tests.faults.catalogue import TITLES
from tests.faults.ground import standing_ground
from tests.faults.rows import RESULTS, table
from tests.faults.scene import Ground


@pytest.fixture(scope="session")
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    """One host for all faults, with the package, and a pool beside it."""

    def kept() -> bool:
        return bool(os.environ.get("KEEP_HOST") and request.session.testsfailed)

    with standing_ground(f"faults-{os.getpid()}", kept) as stands:
        yield stands
        if kept():
            host = stands.endpoint.host
            print(f"{host.name} is kept, enter it with: {shlex.join(host.shell_command)}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of what has been measured in this run and the ones before, and keep it."""
    text = table(TITLES)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "table.md").write_text(text)
    terminalreporter.write_line(text)
