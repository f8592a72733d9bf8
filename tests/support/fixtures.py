"""Fixtures of the layers that need a host. Nothing is made before a test asks for it.

With KEEP_HOST=1 in the environment the first failure ends the run and leaves the host as it is, to look into.
With TEST_HOST=vm the hosts are virtual machines.
"""

import dataclasses
import os
import shlex
from collections.abc import Generator, Iterator

import pytest

from tests.support.endpoint import Endpoint, Expectations
from tests.support.host import Host
from tests.support.journal_rules import ALLOW_LIST, MACHINES_ALLOW_LIST, complaints
from tests.support.virtual_machine import VirtualMachine
from tests.world.hosts import boot_endpoint, boot_host, start_pool
from tests.world.machines import boot_machine, boot_machine_endpoint

FAILED = pytest.StashKey[bool]()
_KEEP = bool(os.environ.get("KEEP_HOST"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note that a test failed, for the fixtures that end after it."""
    report = yield
    item.stash[FAILED] = report.failed or item.stash.get(FAILED, False)
    return report


@pytest.fixture(scope="session")
def on_machines() -> bool:
    """Whether the hosts are virtual machines."""
    return os.environ.get("TEST_HOST") == "vm"


@pytest.fixture(scope="session")
def booted_endpoint(request: pytest.FixtureRequest, on_machines: bool) -> Iterator[Endpoint]:
    """The one endpoint of a run, which its tests take turns with; they ask for ``endpoint``."""
    boot = boot_machine_endpoint if on_machines else boot_endpoint
    endpoint = boot(f"endpoint-{os.getpid()}")
    yield endpoint
    close_host(endpoint.host, request)


@pytest.fixture(scope="session")
def keep_images() -> bool:
    """Whether a test finds the images of the one before."""
    return False


@pytest.fixture
def endpoint(request: pytest.FixtureRequest, booted_endpoint: Endpoint, keep_images: bool) -> Iterator[Endpoint]:
    """A host with the package just installed, and a pool. Afterwards no unit has failed and the journal is clean."""
    booted_endpoint.reset(keep_images=keep_images)
    endpoint = dataclasses.replace(booted_endpoint, began=booted_endpoint.host.cursor(), expected=Expectations())
    yield endpoint
    if request.node.stash.get(FAILED, False):
        _explain(endpoint.host, endpoint.began, request)
        return
    endpoint.stop()
    must_be_as_expected(endpoint.host, endpoint.began, endpoint.expected)


@pytest.fixture(scope="session")
def booted_bare_host(request: pytest.FixtureRequest, on_machines: bool) -> Iterator[Host]:
    """The one host of a run with a pool and without our package; its tests ask for ``bare_host``."""
    host: Host = (boot_machine if on_machines else boot_host)(f"bare-{os.getpid()}")
    start_pool(host)
    yield host
    close_host(host, request)


@pytest.fixture
def expected() -> Expectations:
    """What the test expects to be wrong on the ``bare_host``."""
    return Expectations()


@pytest.fixture
def bare_host(request: pytest.FixtureRequest, booted_bare_host: Host, expected: Expectations) -> Iterator[Host]:
    """A host as the test before left it. Afterwards no unit has failed and the journal is clean."""
    host = booted_bare_host
    began = host.cursor()
    yield host
    if request.node.stash.get(FAILED, False):
        _explain(host, began, request)
        return
    must_be_as_expected(host, began, expected)


def must_be_as_expected(host: Host, began: str, expected: Expectations) -> None:
    """No unit has failed and the journal is clean, but for what is expected."""
    failed = set(host.failed_units())
    assert failed == expected.failed_units, f"failed units: {failed or 'none'}"
    allowed = (ALLOW_LIST, *([MACHINES_ALLOW_LIST] if isinstance(host, VirtualMachine) else []))
    problems = complaints(host.journal(after=began, warnings_only=True), expected.messages, allowed)
    assert not problems, "\n".join(problems)


def _explain(host: Host, began: str, request: pytest.FixtureRequest) -> None:
    print(f"The journal of {host.name} since the test began:")
    for entry in host.journal(after=began):
        print(f"  <{entry.priority}> {entry.identifier}: {entry.message}")
    if _KEEP:
        request.session.shouldstop = f"{host.name} is kept, enter it with: {shlex.join(host.shell_command)}"


def close_host(host: Host, request: pytest.FixtureRequest) -> None:
    """Remove a host, unless a test failed on it and it is to be looked into."""
    if not (_KEEP and request.session.testsfailed):
        host.close()
