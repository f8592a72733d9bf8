"""OSPOOL_EP_HOURS with real jobs: at the end of the hours none is lost and none begins, and then jobs come again."""

import time

from tests.pool.test_jobs import IN_POOL, join
from tests.support.endpoint import SERVICE, Endpoint
from tests.support.pool import Happening

HOUR = 3600
MINUTE = 60


def at(endpoint: Endpoint, moment: float) -> str:
    """The moment as the host's clock shows it."""
    return endpoint.host.do("date", f"--date=@{int(moment)}", "+%H:%M").strip()


def hours(endpoint: Endpoint, begin: float, end: float) -> str:
    return f"{at(endpoint, begin)}-{at(endpoint, end)}"


def expect_no_guest(endpoint: Endpoint) -> None:
    """What is said where a pilot can't be a guest: this host may be one of them."""
    if endpoint.host.run(["test", "-e", "/sys/fs/cgroup/cgroup.controllers"]).returncode:
        endpoint.expect_message(r"warning: OSPOOL_EP_HOURS: .*\[guest-without-slice\]")


def take(endpoint: Endpoint, value: str) -> None:
    """The hours are others, and the service is told."""
    endpoint.configure(OSPOOL_EP_HOURS=value)
    endpoint.host.do("systemctl", "reload", SERVICE)


def test_at_the_end_of_the_hours_no_job_is_lost_and_none_begins_before_they_begin_again(endpoint: Endpoint) -> None:
    expect_no_guest(endpoint)
    now = time.time()
    join(endpoint, OSPOOL_EP_HOURS=hours(endpoint, now - HOUR, now + 2 * HOUR))
    first = endpoint.container_id()
    now = time.time()
    end = (now + 25) // MINUTE * MINUTE + MINUTE
    job = endpoint.pool.submit(f"sleep {end - now + 15:.0f}")
    take(endpoint, f"{hours(endpoint, now - HOUR, end)}, {hours(endpoint, end + MINUTE, now + 2 * HOUR)}")
    endpoint.wait_for_summary(f"In the pool, running 1 job; jobs are accepted until {day_of(endpoint, end)}")
    endpoint.wait_for_summary("Draining, 1 job left: the hours of OSPOOL_EP_HOURS are over; no new jobs until", 75)
    assert end <= time.time() < end + 10
    late = endpoint.pool.submit("echo late")
    assert job.wait_for(Happening.TERMINATED, 60).exit_code == 0
    assert job.happened(Happening.EVICTED) + job.happened(Happening.DISCONNECTED) == 0
    endpoint.wait_for_summary("Idle: no pilot runs outside of OSPOOL_EP_HOURS; no new jobs until", 40)
    assert endpoint.host.run(["ospool-ep", "status"]).returncode == 0
    assert not endpoint.container_id()
    assert late.happened(Happening.EXECUTING) == 0
    assert late.wait_for(Happening.TERMINATED, 120).exit_code == 0
    assert time.time() >= end + MINUTE
    assert endpoint.container_id() != first


def day_of(endpoint: Endpoint, moment: float) -> str:
    return endpoint.host.do("date", f"--date=@{int(moment)}", "+%a %H:%M").strip()


def test_a_start_outside_of_the_hours_is_one_that_waits_for_them(endpoint: Endpoint) -> None:
    expect_no_guest(endpoint)
    now = time.time()
    endpoint.set_up(OSPOOL_EP_HOURS=hours(endpoint, now + 2 * HOUR, now + 3 * HOUR))
    endpoint.start()
    begin = day_of(endpoint, (now + 2 * HOUR) // MINUTE * MINUTE)
    endpoint.wait_for_summary(f"Idle: no pilot runs outside of OSPOOL_EP_HOURS; no new jobs until {begin}", 20)
    assert not endpoint.container_id()
    assert "Drained: no pilot runs any more." in endpoint.host.do("ospool-ep", "drain")
    assert f"pilots run here again on {begin}" in endpoint.host.do("ospool-ep", "resume")
    assert f"the next one starts on {begin}" in endpoint.host.do("ospool-ep", "drain", "--then", "start")
    take(endpoint, hours(endpoint, now - HOUR, now + 2 * HOUR))
    endpoint.wait_for_summary(f"{IN_POOL}, waiting for jobs; jobs are accepted until {begin}")
