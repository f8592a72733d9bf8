"""A service that is added wrongly beside one that lends: it says why and gives way, and is mended without a word."""

from collections.abc import Iterator

import pytest

from tests.host.scenes import STUB
from tests.support.endpoint import CONFIG, Endpoint

UNIT, OWN, CONTAINER = "ospool-ep@late.service", "/etc/osg/ospool-ep.d/late.cfg", "ospool-ep-late-container"


@pytest.fixture
def lending(endpoint: Endpoint) -> Iterator[Endpoint]:
    """ospool-ep itself has a pilot, with all that the host has; the other service is not started yet."""
    # The stubs are in no pool, where one that takes over would have to show that it works.
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB, OSPOOL_EP_HAND_OVER="false")
    endpoint.start()
    endpoint.wait_until(endpoint.container_id, "a pilot of ospool-ep")
    endpoint.host.write(OWN, "# All as it is.\nGLIDEIN_ResourceName=Late\nNUM_CPUS=\n")
    yield endpoint
    endpoint.host.run(["systemctl", "stop", UNIT], timeout=240)
    endpoint.host.run(["systemctl", "reset-failed", UNIT])
    endpoint.host.do("rm", OWN)


def container_of_late(endpoint: Endpoint) -> str:
    return endpoint.host.try_docker("container", "inspect", "--format={{.Id}}", CONTAINER).stdout.strip()


def test_one_that_is_added_wrongly_gives_way_until_it_is_mended(lending: Endpoint) -> None:
    host, pilot = lending.host, lending.container_id()
    lending.expect_message(
        rf"^{OWN}:3: error: NUM_CPUS: This service lends all CPUs, and ospool-ep all; .*\[services-exceed-cpus\]",
        rf"^{CONFIG}:\d+: error: MEMORY: .*\[services-exceed-memory\]",
        "The start has failed",
        r"No pilot can run now: mend the errors above \(services-exceed-memory, services-exceed-cpus\)",
        r"Somebody else removed the pilot's container\.",
        r"ospool-ep@late\.service: Failed with result 'exit-code'",
        r"Failed to start ospool-ep@late\.service",
    )
    assert host.run(["systemctl", "start", UNIT]).returncode != 0
    lending.wait_until(
        lambda: host.run(["systemctl", "is-active", UNIT]).stdout == "active\n", "the process that waits"
    )
    for instance in ([], ["--instance", "late"]):
        checked = host.run(["ospool-ep", "check", *instance])
        assert (checked.returncode, "[services-exceed-cpus]" in checked.stdout) == (78, True)
    assert not container_of_late(lending)

    # The one that lends is not disturbed, neither by a restart nor by a reload; nor does its next pilot wait.
    before = host.cursor()
    host.do("systemctl", "restart", "ospool-ep.service")
    host.do("systemctl", "reload", "ospool-ep.service")
    assert lending.container_id() == pilot
    host.docker("rm", "--force", pilot)
    lending.wait_until(lambda: lending.container_id() not in ("", pilot), "the next pilot of ospool-ep", 90)
    assert not [entry for entry in lending.journal(before) if "services-exceed" in entry.message]

    # What mends it is in both files, and each service takes it.
    lending.configure(NUM_CPUS="1", MEMORY="512")
    host.do("systemctl", "reload", "ospool-ep.service")
    host.write(OWN, "GLIDEIN_ResourceName=Late\n")
    lending.wait_until(lambda: container_of_late(lending), "a pilot of the other service, by itself", 120)
    assert host.run(["ospool-ep", "check", "--instance", "late"]).returncode == 0
