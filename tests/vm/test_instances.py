"""Services side by side on a newer systemd, with Podman: what they share is there as long as one of them needs it."""

import pytest

from tests.host.scenes import STUB
from tests.support.endpoint import Endpoint

TIMER = "ospool-ep-image.timer"
SILENT = "The pilot did not say whether jobs ran"


@pytest.mark.slow
def test_the_timer_is_there_for_instances_alone_until_the_last_one_ends(endpoint: Endpoint) -> None:
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB, NUM_CPUS="1", MEMORY="512")
    one, two = services = [endpoint.instance(name) for name in ("one", "two-2.b")]
    for service in services:
        service.configure(GLIDEIN_ResourceName=f"Example-{service.service.instance}")

    def timer() -> str:
        return endpoint.host.run(["systemctl", "is-active", TIMER]).stdout.strip()

    for service in services:
        service.start()
        service.wait_until(service.container_id, "its container")
    assert one.container_id() != two.container_id()
    assert timer() == "active"
    one.stop()
    assert (one.container_id(), timer()) == ("", "active")
    two.host.do("systemctl", "restart", two.service.unit)
    assert timer() == "active"
    two.stop()
    endpoint.wait_until(lambda: timer() == "inactive", "the timer ends", 10)
    # The machine is emulated: a stub that is stopped young may take longer to answer than a stop waits.
    if any(SILENT in entry.message for service in services for entry in service.journal()):
        endpoint.expect_message(SILENT)
