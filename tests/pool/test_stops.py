"""A stop evicts in order: the access point hears of it at once, and does not wait for the job's lease."""

import pytest

from tests.pool.test_jobs import begin_drain, start
from tests.support.endpoint import KILLED, SERVICE, Endpoint
from tests.support.pool import Happening, Job
from tests.support.tokens import Token
from tests.support.waiting import SLOW

REPOSITORY = "oasis.opensciencegrid.org"
# It tells its access point what it has heard before its end.
POLITE = "trap 'echo ended in order; exit 3' TERM; sleep 600 & wait"
_SECONDS = 10.0


def run_a_job(endpoint: Endpoint, **values: str) -> Job:
    start(endpoint, Token.GOOD, **values)
    endpoint.wait_for_summary("In the pool, waiting for jobs")
    job = endpoint.pool.submit(POLITE)
    job.wait_for(Happening.EXECUTING, 60)
    endpoint.wait_for_summary("running 1 job")
    return job


def stop(endpoint: Endpoint, job: Job) -> None:
    """Stop the service, and see that the job was evicted in order."""
    endpoint.expect_message(rf"Stopped\. 1 running job was evicted: {job.id}")
    endpoint.host.do("systemctl", "stop", "--no-block", SERVICE)
    job.wait_for(Happening.EVICTED, _SECONDS)
    endpoint.stop()
    assert not job.happened(Happening.DISCONNECTED)
    assert not job.happened(Happening.RECONNECT_FAILED)
    job.remove()


@pytest.mark.parametrize("repositories", ["", REPOSITORY])
def test_a_stop(endpoint: Endpoint, repositories: str) -> None:
    stop(endpoint, run_a_job(endpoint, CVMFSEXEC_REPOS=repositories))


def test_a_stop_of_a_pilot_that_drains(endpoint: Endpoint) -> None:
    job = run_a_job(endpoint, CVMFSEXEC_REPOS=REPOSITORY)
    begin_drain(endpoint)
    stop(endpoint, job)


def test_a_stop_of_a_pilot_that_lets_jobs_stay(endpoint: Endpoint) -> None:
    endpoint.expect_message("_CONDOR_MAXJOBRETIREMENTTIME: .*knob-breaks")
    stop(endpoint, run_a_job(endpoint, CVMFSEXEC_REPOS=REPOSITORY, _CONDOR_MAXJOBRETIREMENTTIME="3600"))


def test_a_stop_by_another_process_where_ours_was_killed(endpoint: Endpoint) -> None:
    job = run_a_job(endpoint, CVMFSEXEC_REPOS=REPOSITORY)
    endpoint.expect_message(rf"Stopped\. 1 running job was evicted: {job.id}", *KILLED)
    endpoint.expect_failure()
    endpoint.host.shell(
        f"systemctl stop --no-block {SERVICE} && systemctl kill --signal=KILL --kill-whom=main {SERVICE}"
    )
    job.wait_for(Happening.EVICTED, _SECONDS * 2)
    endpoint.wait_until(lambda: not endpoint.container_id(), "the pilot is gone")
    assert not job.happened(Happening.DISCONNECTED)
    job.remove()


def test_a_stop_of_a_pilot_that_still_sets_itself_up_is_short(endpoint: Endpoint) -> None:
    start(endpoint, TEST_SET_UP_SECONDS="600")
    began = endpoint.host.do("date", "+%s")
    endpoint.stop()
    assert int(endpoint.host.do("date", "+%s")) - int(began) < 40 * SLOW
