"""Which of two engines is used, whatever their administrator does with them, and that no other one is ever started."""

import json
from collections.abc import Iterator

import pytest

from tests.host.scenes import STUB, findings, said, wait_for_another
from tests.support.endpoint import FAILED_START, SERVICE, Endpoint
from tests.support.live_restore import set_live_restore
from tests.support.waiting import wait_until
from tests.world.images import MANAGER

# It takes two engines.
pytestmark = pytest.mark.container_host

# Docker's unit runs, and nobody answers.
BROKEN = "/etc/systemd/system/docker.service.d/broken.conf"

UNITS = ("docker.service", "docker.socket", "podman.service", "podman.socket")


@pytest.fixture
def engines(endpoint: Endpoint) -> Iterator[Endpoint]:
    """A host with both engines in use; afterwards they are as they were installed."""
    endpoint.set_up()
    endpoint.host.do("systemctl", "--quiet", "enable", "--now", "podman.socket")
    yield endpoint
    endpoint.stop()
    endpoint.host.do("systemctl", "--quiet", "disable", "--now", "podman.socket", "podman.service")
    endpoint.host.do("systemctl", "--quiet", "enable", "--now", "docker.socket", "docker.service")
    endpoint.pool.start(MANAGER)


def switch_off(endpoint: Endpoint, *units: str) -> None:
    endpoint.host.do("systemctl", "--quiet", "disable", "--now", *units)


def running(endpoint: Endpoint) -> set[str]:
    """The units of the engines that run or listen; Podman's service, which comes and goes, is left out."""
    states = endpoint.host.run(["systemctl", "is-active", *UNITS]).stdout.split()
    return {unit for unit, state in zip(UNITS, states) if state == "active"} - {"podman.service"}


def codes(endpoint: Endpoint) -> set[str]:
    """What check finds, with what it tells for information."""
    report = json.loads(endpoint.host.run(["ospool-ep", "check", "--json"]).stdout)
    return {finding["code"] for finding in report["findings"]}


def rendered(endpoint: Endpoint) -> str:
    """The engine that the commands take."""
    return endpoint.host.do("ospool-ep", "render", "docker").split()[0]


def test_a_docker_that_is_switched_off_stays_off_and_podman_is_used(engines: Endpoint) -> None:
    switch_off(engines, "docker.service", "docker.socket")
    # What a Docker leaves that did not end in order.
    engines.host.do("touch", "/run/docker.sock")
    assert not codes(engines) & {"engine-unreachable", "engine-not-chosen"}
    assert rendered(engines) == "podman"
    assert running(engines) == {"podman.socket"}


def test_with_two_engines_and_none_in_use_both_commands_are_named_and_none_is_started(engines: Endpoint) -> None:
    switch_off(engines, "docker.service", "docker.socket", "podman.service", "podman.socket")
    (finding,) = (finding for finding in findings(engines) if finding["code"] == "engine-not-chosen")
    assert "systemctl enable --now docker.service" in finding["hint"]
    assert "systemctl enable --now podman.socket" in finding["hint"]
    assert engines.host.run(["systemctl", "start", SERVICE]).returncode != 0
    engines.wait_for_summary("Docker and Podman are both installed, and neither is in use.")
    assert not running(engines)
    engines.expect_message("Docker and Podman are both installed", "The start has failed", *FAILED_START)


def test_what_is_enabled_is_started_by_the_service_and_by_no_look(engines: Endpoint) -> None:
    # A pilot that is stopped before HTCondor runs takes all the time that it has.
    engines.configure(OSPOOL_EP_IMAGE=STUB)
    engines.host.do("systemctl", "stop", "docker.socket", "docker.service", "podman.socket", "podman.service")
    assert "engine-sleeps" in codes(engines)
    assert engines.host.run(["ospool-ep", "update", "--check"]).returncode == 1
    assert rendered(engines) == "docker"
    assert not running(engines)
    engines.start()
    assert running(engines) == {"docker.service", "docker.socket"}


def test_a_docker_whose_socket_alone_listens_is_not_started_by_a_look(engines: Endpoint) -> None:
    switch_off(engines, "podman.service", "podman.socket")
    engines.host.do("systemctl", "stop", "docker.service")
    assert running(engines) == {"docker.socket"}
    assert "engine-sleeps" in codes(engines)
    assert running(engines) == {"docker.socket"}


def test_the_pilot_stays_in_its_engine_and_the_next_one_goes_where_the_key_says(engines: Endpoint) -> None:
    engines.start()
    engines.wait_for_summary("In the pool")
    first = engines.container_id()
    engines.configure(OSPOOL_EP_ENGINE="podman")
    engines.host.do("systemctl", "reload", SERVICE)
    engines.host.do("systemctl", "restart", SERVICE)
    assert engines.container_id() == first
    assert rendered(engines) == "docker", "the commands go with the service"
    engines.configure(OSPOOL_EP_ENGINE="docker")
    engines.host.do("systemctl", "reload", SERVICE)
    engines.host.do("docker", "kill", first)
    wait_for_another(engines, first)
    # Before it is there it does not end when it is told to.
    engines.wait_for_summary("In the pool")
    engines.expect_message("ended after")


def test_the_service_moves_to_the_other_engine_when_its_own_is_switched_off(engines: Endpoint) -> None:
    engines.start()
    engines.wait_for_summary("In the pool")
    pid = engines.property("MainPID")
    switch_off(engines, "docker.service", "docker.socket")
    wait_until(lambda: engines.property("MainPID") not in ("0", pid), "the next process", 60)
    assert any("stands for another engine" in message for message in said(engines))
    wait_until(lambda: rendered(engines) == "podman", "Podman is taken", 30)
    # Nested without all capabilities, this host's Podman runs no container.
    engines.expect_message(".*")


def test_a_pilot_that_a_stop_did_not_reach_is_found_again_in_its_engine(engines: Endpoint) -> None:
    """Another engine is in use by then, and a second pilot in it would have the same scratch directory."""
    set_live_restore(engines.host, True)
    engines.start()
    engines.wait_for_summary("In the pool")
    first = engines.container_id()
    switch_off(engines, "docker.service", "docker.socket")
    engines.expect_message("The container engine does not answer on /run/docker.sock", "it could not be stopped")
    engines.wait_for_summary("The container engine does not answer on /run/docker.sock")
    engines.host.do("systemctl", "stop", SERVICE)
    assert rendered(engines) == "docker"
    engines.start()
    assert running(engines) >= {"docker.service"}
    assert engines.container_id() == first
    set_live_restore(engines.host, False)
    engines.stop()
    assert engines.host.run(["test", "-e", "/var/lib/ospool-ep/engine"]).returncode == 1


def test_a_service_that_waits_for_an_engine_that_was_switched_off_moves_as_well(engines: Endpoint) -> None:
    engines.host.do("systemctl", "stop", "docker.socket", "docker.service")
    engines.host.write(BROKEN, "[Service]\nType=simple\nExecStart=\nExecStart=/usr/bin/sleep infinity\n")
    engines.host.do("systemctl", "daemon-reload")
    engines.host.do("systemctl", "start", "docker.service")
    assert engines.host.run(["systemctl", "start", SERVICE]).returncode != 0
    engines.wait_for_summary("The container engine does not answer on /run/docker.sock")
    engines.host.do("rm", BROKEN)
    engines.host.do("systemctl", "daemon-reload")
    switch_off(engines, "docker.service", "docker.socket")
    wait_until(lambda: rendered(engines) == "podman", "Podman is taken", 60)
    engines.wait_until_active()
    # Nested without all capabilities, this host's Podman runs no container.
    engines.expect_message(".*")
