"""What the status says of a pilot that is in the pool: whether a job can come, and if not, which clause it is."""

import time

import pytest

from tests.host.scenes import said
from tests.pool.test_jobs import join, start
from tests.support.endpoint import CONTAINER, SERVICE, Endpoint
from tests.support.pool import Happening
from tests.support.tokens import Token


def put_into_pilot(endpoint: Endpoint, file: str, text: str) -> None:
    """Put a file into the pilot's scratch directory, as its user."""
    script = 'printf %s "$2" >"/pilot/$1"'
    endpoint.host.docker("exec", "--user=1000", CONTAINER, "sh", "-c", script, "sh", file, text)


def remove_from_pilot(endpoint: Endpoint, file: str) -> None:
    """Remove it."""
    endpoint.host.docker("exec", "--user=1000", CONTAINER, "rm", f"/pilot/{file}")


def look_again(endpoint: Endpoint) -> None:
    """Have the pilot asked now, as a process of the service does that has just begun."""
    endpoint.host.do("systemctl", "restart", SERVICE)


def exit_code(endpoint: Endpoint) -> int:
    return endpoint.host.run(["ospool-ep", "status"]).returncode


def test_a_pilot_is_ready_once_its_own_tests_of_the_host_have_ended(endpoint: Endpoint) -> None:
    before = endpoint.host.cursor()
    start(endpoint, TEST_VALIDATION_SECONDS="20", TEST_BASE_SECONDS="2")
    endpoint.wait_for_summary("In the pool, its own tests of this host have not ended yet")
    assert exit_code(endpoint) == 1
    endpoint.wait_for_summary("In the pool, waiting for jobs", 60)
    assert exit_code(endpoint) == 0
    lines = [line for line in said(endpoint, before) if line.startswith("In the pool")]
    assert [line.partition(": ")[2] for line in lines] == [
        "the pilot takes jobs once its own tests of this host have ended.",
        "ready for jobs.",
    ]


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("test.not-validated", "no /cvmfs here", "have failed (OSG_NODE_VALIDATED): no /cvmfs here."),
        ("test.no-singularity", "", "Apptainer does not work in it (HAS_SINGULARITY)"),
    ],
)
def test_a_clause_that_is_not_met_is_said_and_its_end(endpoint: Endpoint, file: str, text: str, says: str) -> None:
    endpoint.expect_message(r"In the pool as \S+, but the pilot takes no jobs: ")
    start(endpoint, TEST_BASE_SECONDS="2", TEST_VALIDATION_SECONDS="5")
    put_into_pilot(endpoint, file, text)
    endpoint.wait_for_summary(f"In the pool, but takes no jobs: its own tests of this host {says}" if text else says)
    assert exit_code(endpoint) == 1
    remove_from_pilot(endpoint, file)
    endpoint.wait_for_summary("In the pool, waiting for jobs", 40)
    job = endpoint.pool.submit("true")
    assert job.wait_for(Happening.TERMINATED, 60).exit_code == 0
    # What is lost while it runs is seen, too.
    put_into_pilot(endpoint, file, text)
    look_again(endpoint)
    endpoint.wait_for_summary("takes no jobs: ", 40)
    remove_from_pilot(endpoint, file)


def test_a_clause_of_the_operators_is_no_fault(endpoint: Endpoint) -> None:
    join(endpoint, GLIDEIN_Start_Extra="TARGET.RequestCpus > 1000")
    endpoint.wait_for_summary("In the pool, waiting for jobs")
    assert exit_code(endpoint) == 0


def test_what_the_machine_says_of_itself_later_is_seen(endpoint: Endpoint) -> None:
    join(endpoint)
    endpoint.wait_for_summary("In the pool, waiting for jobs")
    endpoint.expect_message(r"In the pool as \S+, but the pilot takes no jobs: it takes itself for a black hole")
    tell = "echo IsBlackHole = True | condor_update_machine_ad"
    endpoint.host.docker("exec", "-u", "1000", endpoint.container_id(), "sh", "-c", tell)
    look_again(endpoint)
    endpoint.wait_for_summary("takes no jobs: it takes itself for a black hole", 40)
    assert exit_code(endpoint) == 1


def test_a_pilot_whose_time_for_jobs_is_over_ends_without_a_pause(endpoint: Endpoint) -> None:
    # The next pilot begins shortly before, and is still at its own tests as this one's time is over.
    join(endpoint, TEST_RETIRE_SECONDS="60", TEST_VALIDATION_SECONDS="20", TEST_BASE_SECONDS="2")
    endpoint.wait_for_summary("In the pool, waiting for jobs")
    job = endpoint.pool.submit("sleep 60; echo finished")
    job.wait_for(Happening.EXECUTING, 60)
    first = endpoint.container_id()
    slot = endpoint.pool.wait_for_pilot(first)
    endpoint.wait_until(lambda: time.time() > slot["GLIDEIN_ToRetire"] + 1, "its time is over", 80)
    look_again(endpoint)
    endpoint.wait_for_summary("its ACCEPT_JOBS_FOR_HOURS are over")
    assert job.wait_for(Happening.TERMINATED, 90).exit_code == 0
    endpoint.wait_until(lambda: endpoint.container_id() not in ("", first), "the next pilot", 40)
    assert not job.happened(Happening.EVICTED)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"TEST_MASTER_DIES_AFTER_SECONDS": "0"}, "HTCondor does not run in the pilot"),
        ({"TEST_STARTD": "dies"}, "HTCondor does not run in the pilot"),
    ],
)
def test_that_htcondor_does_not_run_is_said_at_once(endpoint: Endpoint, values: dict[str, str], says: str) -> None:
    start(endpoint, Token.GOOD, **values)
    endpoint.wait_for_summary(says, 30)
    assert exit_code(endpoint) == 1
