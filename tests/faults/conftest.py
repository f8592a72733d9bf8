"""The host of the fault matrix, and the table at the end."""

import os
import shlex
from collections.abc import Iterator

import pytest

from tests.faults.catalogue import TITLES
from tests.faults.rows import RESULTS, table
from tests.faults.scene import Ground
from tests.support.endpoint import Endpoint
from tests.support.outer_pool import OuterPool
from tests.support.presence import Presence
from tests.world.engine import ensure_engine
from tests.world.hosts import boot_host, install_package


def pytest_configure(config: pytest.Config) -> None:
    """Some faults take minutes: `make test` leaves them to `make faults`."""
    config.addinivalue_line("markers", "slow: takes a minute or more")


@pytest.fixture(scope="session")
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    """One host for all faults, with the package, and a pool beside it."""
    engine = ensure_engine()
    host = boot_host(f"faults-{os.getpid()}")
    pool = OuterPool(engine, host)
    install_package(host)
    pool.start()
    endpoint = Endpoint(host, pool)
    endpoint.remember_installed()
    presence = Presence(engine, host, pool)
    yield Ground(engine, endpoint, pool, presence)
    presence.close()
    if os.environ.get("KEEP_HOST") and request.session.testsfailed:
        print(f"{host.name} is kept, enter it with: {shlex.join(host.shell_command)}")
        return
    pool.close()
    host.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of what has been measured in this run and the ones before, and keep it."""
    text = table(TITLES)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "table.md").write_text(text)
    terminalreporter.write_line(text)
