"""A hand-over on EL as it is installed: systemd limits both pilots in one slice, and each core goes to the next one."""

import pytest

from ospool_ep.container.specification import MEMORY_MARGIN_BYTES
from tests.pool.test_hand_over import pilots, wait_for_hand_over
from tests.pool.test_jobs import join
from tests.support.endpoint import CONTAINER, KILLED, Endpoint
from tests.support.pool import Happening
from tests.vm.test_sum import MIB, limits

CORES, MEMORY = 2, 1024 * MIB
# A job that runs until a file says that it may end.
UNTIL_TOLD = "while [ ! -e /pilot/finish.{} ]; do sleep 1; done"


def finish(endpoint: Endpoint, container: str, job: object) -> None:
    endpoint.host.docker("exec", container, "touch", f"/pilot/finish.{job}")


# One pilot hands over to the next here in test_guest, too, and under load in tests/pool.
@pytest.mark.slow
def test_each_core_goes_to_the_next_pilot_though_our_process_is_killed_and_systemd_limits_both(
    endpoint: Endpoint,
) -> None:
    join(endpoint, NUM_CPUS=str(CORES), MEMORY=str(MEMORY // MIB))
    first = endpoint.container_id()
    jobs = [endpoint.pool.submit(UNTIL_TOLD.format(number)) for number in range(CORES)]
    for job in jobs:
        job.wait_for(Happening.EXECUTING, 100)
    assert limits(endpoint) == (f"{CORES}s", str(MEMORY + MEMORY_MARGIN_BYTES))
    endpoint.host.do("ospool-ep", "drain", "--no-wait", "--then", "start")
    following = wait_for_hand_over(endpoint, first, 100)
    assert pilots(endpoint) == {first: "leaving", following: "open"}
    assert limits(endpoint) == (f"{CORES}s", str(MEMORY + 2 * MEMORY_MARGIN_BYTES))
    endpoint.expect_message(*KILLED)
    endpoint.kill()
    late = endpoint.pool.submit(UNTIL_TOLD.format("late"))
    endpoint.wait_until(lambda: pilots(endpoint) == {first: "leaving", following: "open"}, "both are known again", 100)
    assert late.happened(Happening.EXECUTING) == 0, "both cores are the first pilot's"
    finish(endpoint, first, 0)
    late.wait_for(Happening.EXECUTING, 100)
    assert jobs[1].happened(Happening.TERMINATED) == 0
    finish(endpoint, first, 1)
    endpoint.wait_until(lambda: pilots(endpoint) == {following: "open"}, "the first pilot has gone", 100)
    assert endpoint.container_id() == following
    endpoint.wait_until(
        lambda: limits(endpoint) == (f"{CORES}s", str(MEMORY + MEMORY_MARGIN_BYTES)), "the limit of one pilot", 30
    )
    finish(endpoint, CONTAINER, "late")
    for job in [*jobs, late]:
        assert job.wait_for(Happening.TERMINATED, 100).exit_code == 0
        assert job.happened(Happening.EXECUTING) == 1, job.log()
        assert job.happened(Happening.EVICTED) + job.happened(Happening.DISCONNECTED) == 0, job.log()
