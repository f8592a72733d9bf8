"""The next pilot is there before the last one goes: no job is lost, no core is given away twice, none stands empty."""

import random
from collections.abc import Sequence

import pytest

from tests.host.scenes import asleep, inspect
from tests.pool import test_jobs
from tests.pool.test_updates import NEVER_JOINS, update
from tests.support.core_count import Count, counting
from tests.support.endpoint import CONTAINER, KILLED, SERVICE, Endpoint
from tests.support.pool import Happening, Job
from tests.world.images import FIRST_PILOT, NEXT_PILOT

# Sleeping jobs: the pilot may offer more cores than this machine has.
CORES, MEMORY = 8, 2048
OFFER = {"_CONDOR_NUM_CPUS": str(CORES), "_CONDOR_MEMORY": str(MEMORY)}
LAST_GOOD = "localhost/ospool-ep:last-good"


def join(endpoint: Endpoint, **values: str) -> None:
    """Start with that offer, and wait until the pilot is in the pool."""
    endpoint.expect_message("_CONDOR_NUM_CPUS: .*knob-breaks", "_CONDOR_MEMORY: .*knob-breaks")
    test_jobs.join(endpoint, **OFFER, **values)


def submit(endpoint: Endpoint, seconds: float, cpus: int = 1) -> Job:
    """A job that lasts so long on so many cores."""
    more = [f"request_cpus = {cpus}", f"request_memory = {128 * cpus}"]
    return endpoint.pool.submit(f"sleep {seconds * endpoint.host.patience:g}", more=more)


def fill(endpoint: Endpoint, jobs: int, seconds: float) -> list[Job]:
    """Jobs that run in the pilot, one core each."""
    started = [submit(endpoint, seconds) for _ in range(jobs)]
    for job in started:
        job.wait_for(Happening.EXECUTING, 60)
    return started


def hold(endpoint: Endpoint, jobs: int) -> list[Job]:
    """The same, but until ``end_jobs`` ends them: for so long that pilot is there."""
    started = [endpoint.pool.submit(test_jobs.UNTIL_TOLD) for _ in range(jobs)]
    for job in started:
        job.wait_for(Happening.EXECUTING, 60)
    return started


def assert_never_too_much(counts: Sequence[Count]) -> None:
    assert len(counts) > 5
    for count in counts:
        assert count.cpus <= CORES, count
        assert count.memory <= MEMORY, count


def assert_none_is_lost(jobs: Sequence[Job], seconds: float = 120) -> None:
    for job in jobs:
        assert job.wait_for(Happening.TERMINATED, seconds).exit_code == 0
        assert job.happened(Happening.EXECUTING) == 1, job.log()
        assert job.happened(Happening.EVICTED) + job.happened(Happening.DISCONNECTED) == 0, job.log()


def pilots(endpoint: Endpoint) -> dict[str, str]:
    """The stage of each pilot, by its container's id."""
    return {pilot["container"]: pilot["stage"] for pilot in endpoint.pilots()}


def wait_for_hand_over(endpoint: Endpoint, first: str, seconds: float = 60) -> str:
    """Wait until another pilot is open than that one, and has the known name; returns it."""

    def following() -> str:
        return next((one for one, stage in pilots(endpoint).items() if stage == "open" and one != first), "")

    found = endpoint.wait_until(following, "the next pilot is open", seconds)
    # It gets the name beside that, and only after the removal of the one before where that has just ended.
    endpoint.wait_until(lambda: endpoint.container_id() == found, "it has the name", 30)
    return found


def test_a_new_image_takes_over_core_by_core(endpoint: Endpoint) -> None:
    join(endpoint)
    first = endpoint.container_id()
    # The last ones are there until the next pilot has taken what the first ones free.
    old = fill(endpoint, 4, 20) + fill(endpoint, 4, 60)
    waiting = [submit(endpoint, 15) for _ in range(8)]
    endpoint.offer_image(NEXT_PILOT)
    with counting(endpoint.host) as counts:
        update(endpoint)
        following = wait_for_hand_over(endpoint, first)
        handed_over = float(endpoint.host.do("date", "+%s"))
        assert pilots(endpoint)[first] == "leaving"
        assert_none_is_lost([*old, *waiting])
        endpoint.wait_until(lambda: list(pilots(endpoint)) == [following], "the first pilot has gone", 30)
    assert_never_too_much(counts)
    # A core that has become free has its next job while others of the old pilot are still busy.
    assert any(count.pilots[first].cpus and count.pilots[following].cpus for count in counts if len(count.pilots) == 2)
    left = [count.pilots[first].jobs for count in counts if count.at > handed_over and first in count.pilots]
    for before, after in zip(left, left[1:]):
        if before:
            assert after <= before, "one that leaves gets no new job"


def test_three_updates_under_jobs_of_all_sizes(endpoint: Endpoint) -> None:
    join(endpoint)
    chance = random.Random(14)
    jobs = [submit(endpoint, chance.uniform(5, 25), chance.choice((1, 1, 1, 2, 2, 4, 8))) for _ in range(30)]
    jobs[0].wait_for(Happening.EXECUTING, 60)
    current = endpoint.container_id()
    with counting(endpoint.host) as counts:
        for image in (NEXT_PILOT, FIRST_PILOT, NEXT_PILOT):
            endpoint.offer_image(image)
            update(endpoint)
            current = wait_for_hand_over(endpoint, current, 120)
            endpoint.wait_until(lambda: len(pilots(endpoint)) < 3, "room for one more", 60)
        assert_none_is_lost(jobs, 300)
    assert_never_too_much(counts)


def test_an_image_that_never_joins_costs_nothing(endpoint: Endpoint) -> None:
    join(endpoint, OSPOOL_EP_ROLLBACK_MINUTES="0.25")
    first = endpoint.container_id()
    jobs = fill(endpoint, 2, 30)
    endpoint.host.shell(NEVER_JOINS, inspect(endpoint)["Config"]["Image"], LAST_GOOD)
    endpoint.expect_message(r"Rolled back: the image sha256:\w+ does not work, its pilot was not in the pool within")
    update(endpoint)
    endpoint.wait_until(lambda: len(pilots(endpoint)) == 2, "the next pilot is tried", 30)
    late = fill(endpoint, 1, 5)
    endpoint.wait_for_summary("was rolled back", 60)
    endpoint.wait_until(lambda: pilots(endpoint) == {first: "open"}, "the first pilot goes on", 30)
    assert_none_is_lost([*jobs, *late])


def test_a_drain_that_is_taken_back_has_a_next_pilot_at_once(endpoint: Endpoint) -> None:
    join(endpoint)
    first = endpoint.container_id()
    jobs = hold(endpoint, 2)
    endpoint.host.do("ospool-ep", "drain", "--no-wait")
    endpoint.wait_for_summary("Draining, 2 jobs left")
    assert "takes over" in endpoint.host.do("ospool-ep", "resume")
    following = wait_for_hand_over(endpoint, first)
    late = fill(endpoint, 6, 5)
    assert {*pilots(endpoint)} == {first, following}
    test_jobs.end_jobs(endpoint, first)
    assert_none_is_lost([*jobs, *late])


@pytest.mark.parametrize("stage", ["closed", "leaving"])
def test_our_process_is_killed_in_mid_hand_over(endpoint: Endpoint, stage: str) -> None:
    join(endpoint)
    first = endpoint.container_id()
    jobs = fill(endpoint, 4, 40)
    endpoint.offer_image(NEXT_PILOT)
    endpoint.expect_message(*KILLED)
    with counting(endpoint.host) as counts:
        update(endpoint)
        endpoint.wait_until(lambda: stage in pilots(endpoint).values(), f"a pilot is {stage}", 60)
        endpoint.kill()
        following = wait_for_hand_over(endpoint, first)
        late = fill(endpoint, 4, 5)
        assert_none_is_lost([*jobs, *late])
        endpoint.wait_until(lambda: list(pilots(endpoint)) == [following], "the first pilot has gone", 30)
    assert_never_too_much(counts)


def test_a_stop_ends_all_pilots_side_by_side(endpoint: Endpoint) -> None:
    join(endpoint)
    first = endpoint.container_id()
    jobs = fill(endpoint, 2, 600)
    endpoint.host.do("ospool-ep", "drain", "--no-wait", "--then", "start")
    wait_for_hand_over(endpoint, first)
    jobs += fill(endpoint, 2, 600)
    endpoint.expect_message(r"Stopped\. 2 running jobs were evicted", r"Stopped\. 2 running jobs were evicted")
    endpoint.stop()
    assert not endpoint.host.docker("ps", "--all", "--quiet", "--filter", "label=org.osg-htc.ospool-ep.fingerprint")
    for job in jobs:
        job.wait_for(Happening.EVICTED, 10)
        job.remove()
    assert endpoint.property("Result") == "success"


def test_a_leaving_container_that_somebody_starts_again(endpoint: Endpoint) -> None:
    join(endpoint)
    first = endpoint.container_id()
    held = hold(endpoint, 2)
    waiting = [submit(endpoint, 20) for _ in range(12)]
    endpoint.host.do("ospool-ep", "drain", "--no-wait", "--then", "start")
    following = wait_for_hand_over(endpoint, first)
    # Those that it loses find that where they begin anew.
    test_jobs.end_jobs(endpoint, following)
    # It is told to drain at once. Where what starts HTCondor does not run yet, that is in vain, and it is told again.
    endpoint.expect_message("Somebody else restarted the pilot's container|The pilot does not drain yet")
    with counting(endpoint.host) as counts:
        with asleep(endpoint):
            endpoint.host.docker("restart", "--time=0", first)
            test_jobs.end_jobs(endpoint, first)
        endpoint.wait_until(lambda: pilots(endpoint) == {following: "open"}, "the restarted one has gone", 60)
        # Those that ran in it begin anew once the access point has given up to reconnect, after a minute and a half.
        # All of them: one that ran at the end of the test would be evicted by the stop, or not, as it happens.
        for job in (*held, *waiting):
            job.wait_for(Happening.TERMINATED, 180)
    assert_never_too_much(counts)


def test_a_startd_that_begins_anew_is_told_again(endpoint: Endpoint) -> None:
    join(endpoint)
    first = endpoint.container_id()
    endpoint.host.do("ospool-ep", "drain", "--no-wait", "--then", "start")
    following = wait_for_hand_over(endpoint, first)
    endpoint.wait_until(lambda: pilots(endpoint) == {following: "open"}, "the first pilot has gone", 30)
    endpoint.host.docker("exec", CONTAINER, "pkill", "-KILL", "condor_startd")
    assert_none_is_lost(fill(endpoint, 8, 5))
    assert pilots(endpoint) == {following: "open"}


def test_without_hand_over_one_follows_the_other(endpoint: Endpoint) -> None:
    join(endpoint, OSPOOL_EP_HAND_OVER="false")
    first = endpoint.container_id()
    jobs = hold(endpoint, 2)
    endpoint.offer_image(NEXT_PILOT)
    update(endpoint)
    endpoint.wait_for_summary("Draining, 2 jobs left: a new image")
    assert "OSPOOL_EP_HAND_OVER" in endpoint.host.do("systemctl", "status", SERVICE) + str(endpoint.status())
    test_jobs.end_jobs(endpoint, first)
    assert_none_is_lost(jobs)
    following = wait_for_hand_over(endpoint, first)
    assert pilots(endpoint) == {following: "open"}
