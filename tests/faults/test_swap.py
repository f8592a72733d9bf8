"""How long this host has no pilot when a large new image comes: the swap alone, and not the download."""

import pytest

from tests.faults.scene import Ground
from tests.support import plain_unit
from tests.support.endpoint import CONTAINER
from tests.support.swap import push_large, seconds_without
from tests.support.waiting import wait_until

MEGABYTES = 400
MOST_OF_THE_PLAIN_UNIT = 0.1


@pytest.mark.slow
def test_an_update_to_a_large_image_costs_the_swap_alone(ground: Ground) -> None:
    endpoint, host = ground.endpoint, ground.endpoint.host
    endpoint.reset()
    plain_unit.install(host)
    first, second, third = (push_large(host, f"large-{number}", MEGABYTES) for number in range(3))
    endpoint.offer_image(first)
    endpoint.set_up()
    endpoint.start()
    endpoint.wait_for_summary("In the pool")
    endpoint.offer_image(second)
    ours = seconds_without(host, lambda: host.do("ospool-ep", "update", timeout=300))
    # In its first second a pilot takes no notice of SIGTERM.
    endpoint.wait_for_summary("In the pool")
    endpoint.stop()
    host.do("systemctl", "start", plain_unit.UNIT, timeout=300)
    wait_until(endpoint.container_id, "the pilot of the plain unit", 60)
    wait_until(lambda: "condor_startd" in host.run(["docker", "top", CONTAINER]).stdout, "HTCondor runs", 60)
    endpoint.offer_image(third)
    plain = seconds_without(host, lambda: host.do("systemctl", "restart", plain_unit.UNIT, timeout=300))
    host.do("systemctl", "stop", plain_unit.UNIT, timeout=240)
    print(f"without a pilot: ours {ours:.2f} s, plain unit {plain:.2f} s, ratio {ours / plain:.3f}")
    assert ours <= MOST_OF_THE_PLAIN_UNIT * plain
