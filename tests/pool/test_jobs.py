"""A real job through a real pool: what becomes of it at each thing that an administrator does."""

from collections.abc import Sequence

import pytest

from tests.host.scenes import asleep
from tests.support.endpoint import CONTAINER, FAILED_START, KILLED, SERVICE, Endpoint
from tests.support.host import DOCKER
from tests.support.pool import Happening, Job
from tests.support.tokens import Token

IN_POOL = "In the pool"
LONG = "sleep 600"
# It runs for as long as the test needs it, however slow this machine is, and ends by ``end_jobs``.
UNTIL_TOLD = "while ! test -e /tmp/end; do sleep 0.2; done; echo finished"


def end_jobs(endpoint: Endpoint, container: str) -> None:
    """Let the jobs end that run UNTIL_TOLD in that pilot."""
    endpoint.host.docker("exec", container, "touch", "/tmp/end")  # noqa: S108 - the container's own


def start(endpoint: Endpoint, token: Token = Token.GOOD, **values: str) -> None:
    endpoint.set_up(token, **values)
    endpoint.start()


def join(endpoint: Endpoint, **values: str) -> None:
    """Start, and wait until the pilot is in the pool."""
    start(endpoint, Token.GOOD, **values)
    endpoint.wait_for_summary(IN_POOL)


def join_and_run(endpoint: Endpoint, script: str) -> Job:
    """The same, and then run a job there; returns it while it runs."""
    join(endpoint)
    job = endpoint.pool.submit(script)
    job.wait_for(Happening.EXECUTING, 60)
    return job


def begin_drain(endpoint: Endpoint) -> None:
    """Drain a pilot with one job, without waiting for its end."""
    endpoint.host.do("sh", "-c", "ospool-ep drain >/tmp/drain.log 2>&1 &")
    endpoint.wait_for_summary("Draining, 1 job left")


def test_from_start_to_the_first_job(endpoint: Endpoint) -> None:
    join(endpoint)
    endpoint.wait_for_summary("In the pool, waiting for jobs")
    assert endpoint.host.run(["ospool-ep", "status"]).returncode == 0
    job = endpoint.pool.submit("echo hello from $(hostname)")
    assert job.wait_for(Happening.TERMINATED, 60).exit_code == 0
    container = endpoint.pilot()["container"]
    assert job.output() == f"hello from {container[:12]}\n"


def test_the_status_follows_the_jobs(endpoint: Endpoint) -> None:
    start(endpoint)
    endpoint.wait_for_summary("In the pool, waiting for jobs")
    job = endpoint.pool.submit("sleep 15")
    endpoint.wait_for_summary("In the pool, running 1 job")
    assert [running["id"] for running in endpoint.pilot()["jobs"]] == [job.id]
    job.wait_for(Happening.TERMINATED, 60)
    endpoint.wait_for_summary("In the pool, waiting for jobs", seconds=15)


def test_stop_without_a_job(endpoint: Endpoint) -> None:
    join(endpoint)
    endpoint.stop()
    said = [entry.message for entry in endpoint.journal()]
    assert "Stopped. No job was running." in said
    assert not endpoint.container_id()


def test_stop_with_a_job_says_what_was_evicted(endpoint: Endpoint) -> None:
    job = join_and_run(endpoint, LONG)
    endpoint.expect_message(rf"Stopped\. 1 running job was evicted: {job.id}")
    endpoint.stop()
    job.wait_for(Happening.EVICTED, 30)
    job.remove()


def pause(endpoint: Endpoint) -> None:
    """Pause the container as somebody else may, and wait until the service has noticed it."""
    endpoint.expect_message(r"The pilot does not answer: its container is paused")
    with asleep(endpoint):
        if endpoint.host.engine is DOCKER:
            # It hangs when it pauses a container while a command is being started in it (20.10, runc 1.1): so no
            # question is under way. Podman names a command for minutes after its end.
            ask = ["container", "inspect", "--format={{.ExecIDs}}", CONTAINER]
            endpoint.wait_until(lambda: endpoint.host.docker(*ask).strip() == "[]", "the last question is answered")
        endpoint.host.docker("pause", CONTAINER)
    endpoint.wait_for_summary("its container is paused")


def test_stop_of_a_pilot_that_does_not_answer_says_so(endpoint: Endpoint) -> None:
    join(endpoint)
    pause(endpoint)
    endpoint.expect_message(r"Stopped\. The pilot did not say whether jobs ran")
    endpoint.stop()
    assert endpoint.property("Result") == "success"
    assert not endpoint.container_id()


def test_a_paused_pilot_that_is_to_drain_goes_on_draining_once_it_answers(endpoint: Endpoint) -> None:
    job = join_and_run(endpoint, "sleep 10; echo finished")
    container, before = endpoint.container_id(), endpoint.host.cursor()
    pause(endpoint)
    endpoint.expect_message(r"The pilot does not drain yet: .*is paused.* Next try in \d+ s\.")
    endpoint.host.do("ospool-ep", "drain", "--no-wait")

    def refusals() -> list[str]:
        return [entry.message for entry in endpoint.journal(before) if "does not drain yet" in entry.message]

    endpoint.wait_until(lambda: len(refusals()) == 2, "it is tried again", 30)
    assert endpoint.status()["summary"].startswith("Draining, jobs not known")
    said = [entry.message for entry in endpoint.journal(before)]
    assert len([text for text in said if text.startswith("Draining: ")]) == 1
    assert not [text for text in said if text.startswith("Went on with the pilot")]
    endpoint.host.docker("unpause", container)
    assert job.wait_for(Happening.TERMINATED, 60).exit_code == 0
    endpoint.wait_for_summary("Idle")
    assert job.output() == "finished\n"


def test_drain_with_a_job_loses_none(endpoint: Endpoint) -> None:
    job = join_and_run(endpoint, "sleep 10; echo finished")
    endpoint.host.do("ospool-ep", "drain")
    assert job.wait_for(Happening.TERMINATED, 5).exit_code == 0
    assert job.output() == "finished\n"
    assert endpoint.status()["phase"] == "idle"
    assert endpoint.property("ActiveState") == "active"
    assert not endpoint.container_id()


def test_drain_gives_the_pilot_no_new_job_and_resume_takes_it(endpoint: Endpoint) -> None:
    # The drain has to be seen before it ends.
    join_and_run(endpoint, "sleep 20")
    begin_drain(endpoint)
    second = endpoint.pool.submit("echo second")
    endpoint.wait_for_summary("Idle")
    assert second.happened(Happening.EXECUTING) == 0
    endpoint.host.do("ospool-ep", "resume")
    assert second.wait_for(Happening.TERMINATED, 60).exit_code == 0


def test_a_drain_that_was_taken_back_still_loses_no_job(endpoint: Endpoint) -> None:
    job = join_and_run(endpoint, UNTIL_TOLD)
    first = endpoint.pilot()["container"]
    begin_drain(endpoint)
    endpoint.host.do("ospool-ep", "resume")
    end_jobs(endpoint, first)
    assert job.wait_for(Happening.TERMINATED, 60).exit_code == 0
    endpoint.wait_for_summary(IN_POOL)
    assert endpoint.pilot()["container"] != first


def test_a_job_goes_on_when_our_process_is_killed(endpoint: Endpoint) -> None:
    job = join_and_run(endpoint, UNTIL_TOLD)
    container = endpoint.container_id()
    endpoint.expect_message(*KILLED)
    endpoint.kill()
    endpoint.wait_for_summary("In the pool, running 1 job")
    assert endpoint.pilot()["container"] == container
    end_jobs(endpoint, container)
    assert job.wait_for(Happening.TERMINATED, 60).exit_code == 0
    assert job.happened(Happening.EVICTED) + job.happened(Happening.DISCONNECTED) == 0


@pytest.mark.parametrize(
    ("token", "why", "found"),
    [
        (Token.WRONG_KEY, "it may be for another pool, or revoked", ()),
        (Token.OTHER_IDENTITY, "intruder@elsewhere.example", ()),
        (Token.OTHER_POOL, "elsewhere.example", [r"\[token-other-pool\]"]),
    ],
)
def test_a_token_that_only_the_pool_can_refuse(
    endpoint: Endpoint, token: Token, why: str, found: Sequence[str]
) -> None:
    """Within 30 s of the start it is said; and nowhere before that was it reported as well."""
    endpoint.expect_message(f"The pool refuses this pilot, no job will come: .*{why}.*Get a new token", *found)
    start(endpoint, token)
    endpoint.wait_for_summary("Refused by the pool, no job will come", seconds=30)
    assert endpoint.host.run(["ospool-ep", "status"]).returncode == 1
    assert not any(entry.message.startswith(IN_POOL) for entry in endpoint.journal())


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (Token.EXPIRED, "token-expired"),
        (Token.GARBAGE, "token-not-a-jwt"),
        (Token.EMPTY, "token-not-a-jwt"),
        (Token.WRONG_SCOPE, "token-wrong-scope"),
    ],
)
def test_a_token_that_shows_what_is_wrong_with_it(endpoint: Endpoint, token: Token, code: str) -> None:
    endpoint.expect_message(rf"TOKEN_LOCATION: .*\[{code}\]", "The start has failed", *FAILED_START)
    endpoint.expect_message("No pilot can run now: mend the errors above")
    endpoint.set_up(token)
    assert endpoint.host.run(["systemctl", "start", SERVICE]).returncode != 0
    endpoint.wait_for_summary(f"[{code}]")


def test_a_pool_that_is_away_is_said_and_its_return_noticed(endpoint: Endpoint) -> None:
    join(endpoint)
    endpoint.expect_message("The pool's collector does not answer")
    endpoint.pool.stop()
    endpoint.wait_for_summary("The pool does not answer", seconds=60)
    endpoint.pool.start()
    endpoint.wait_for_summary("In the pool, waiting for jobs", seconds=60)


def test_a_pilot_that_ends_idle_is_followed_by_the_next_in_the_same_process(endpoint: Endpoint) -> None:
    join(endpoint, TEST_IDLE_SECONDS="61", TEST_MASTER_UPDATE_SECONDS="5")
    first, process = endpoint.pilot()["container"], endpoint.property("MainPID")
    endpoint.wait_until(lambda: endpoint.pilot().get("container", first) != first, "the next pilot", 120)
    endpoint.wait_for_summary(IN_POOL)
    assert endpoint.property("MainPID") == process
    assert endpoint.property("NRestarts") == "0"
