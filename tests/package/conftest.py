"""The host that dnf works on: one for all tests, brought back to what it was before each."""

from collections.abc import Iterator

import pytest

from tests.package.life import clean, files, install
from tests.package.packages import package
from tests.support.endpoint import SERVICE
from tests.support.fixtures import FAILED
from tests.support.host import Host


@pytest.fixture(scope="session")
def as_booted(booted_bare_host: Host) -> set[str]:
    """All files of the host before our package was first there."""
    # On EL these directories belong to the package filesystem.
    booted_bare_host.do("mkdir", "--parents", "/usr/share/man/man5", "/usr/share/man/man8", "/usr/share/licenses")
    return files(booted_bare_host)


@pytest.fixture
def bare(request: pytest.FixtureRequest, bare_host: Host, as_booted: set[str]) -> Iterator[Host]:
    """The host without our package, and with nothing of it left."""
    clean(bare_host)
    assert files(bare_host) == as_booted, "the test before, or the removal of its package, left something behind"
    yield bare_host
    # Who looks into the host of a failed test finds it as it is.
    if not request.node.stash.get(FAILED, False):
        bare_host.run(["systemctl", "stop", SERVICE, "ospool-ep@*.service"], timeout=240)


@pytest.fixture
def installed(bare: Host) -> Host:
    """The host with the package installed."""
    install(bare, package())
    return bare
