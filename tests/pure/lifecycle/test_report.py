"""What is reported, for each state that a host can be in."""

import time
from dataclasses import replace

import pytest

from ospool_ep.commands.status import as_text
from ospool_ep.configuration.policy import Policy
from ospool_ep.configuration.values import UpdatePolicy
from ospool_ep.lifecycle.image_record import FailedImage, ImageRecord, KnownImage
from ospool_ep.lifecycle.report import is_well, report, summary
from ospool_ep.lifecycle.state import Phase, Pilot, State, Want
from ospool_ep.pilot.state import Job, PilotState, Pool, Startd
from ospool_ep.wording import duration

JOBS = (Job("slot1_1", "12.0", started_at=1000.0), Job("slot1_2", "13.0"))
READY = PilotState(Startd.READY, Pool.ACCEPTS, (), identity="ep@flock.opensciencegrid.org")
ENDING = replace(READY, startd=Startd.DRAINING, jobs=JOBS)


def running(standing: Pool, state: PilotState = READY) -> State:
    return State(
        Phase.RUNNING,
        100.0,
        pilot=Pilot("c" * 64, 50.0, image_id="image-1", image_digest="sha256:1", state=state, standing=standing),
    )


CASES = [
    (State(Phase.LOOKING, 0.0), "Asking the engine what runs", False),
    (State(Phase.PULLING, 0.0), "Pulling the image", False),
    (State(Phase.PULLING, 0.0, percent=42), "Pulling the image: 42 %", False),
    (State(Phase.LAUNCHING, 0.0), "Starting the pilot", False),
    (running(Pool.UNKNOWN, PilotState()), "Pilot starting, not in the pool yet", False),
    (running(Pool.UNKNOWN, PilotState(Startd.READY)), "Pilot starting, not in the pool yet", False),
    (running(Pool.ACCEPTS), "In the pool, waiting for jobs", True),
    (running(Pool.ACCEPTS, replace(READY, jobs=None)), "In the pool, jobs not known", True),
    (running(Pool.ACCEPTS, replace(READY, jobs=JOBS[:1])), "In the pool, running 1 job", True),
    (running(Pool.ACCEPTS, replace(READY, jobs=JOBS)), "In the pool, running 2 jobs", True),
    (
        running(Pool.ACCEPTS, replace(READY, startd=Startd.DRAINING, jobs=JOBS)),
        "The pilot is ending, 2 jobs left",
        True,
    ),
    (running(Pool.REFUSES, replace(READY, refusal="expired")), "Refused by the pool, no job will come: expired", False),
    (running(Pool.UNREACHABLE), "The pool does not answer; waiting for jobs", False),
    (
        replace(running(Pool.ACCEPTS), phase=Phase.DRAINING, reason="asked for"),
        "Draining, 0 jobs left: asked for",
        True,
    ),
    (replace(running(Pool.ACCEPTS), phase=Phase.STOPPING), "Stopping the pilot", False),
    (State(Phase.IDLE, 0.0, want=Want.IDLE), "Idle: drained, no pilot runs; start one with: ospool-ep resume", True),
]


@pytest.mark.parametrize(("state", "text", "well"), CASES)
def test_each_state_has_its_words(state: State, text: str, well: bool) -> None:
    assert summary(state, 0.0) == text
    assert is_well(state) is well


def test_a_wait_says_until_when_and_why() -> None:
    state = State(Phase.WAITING, 0.0, failures=3, wake_at=20.0, reason="No registry.")
    now = time.time()
    until = time.strftime("%H:%M:%S", time.localtime(now + 20.0))
    assert summary(state, now) == f"Waiting to retry until {until} (attempt 3 failed): No registry."
    assert not is_well(state)


def test_the_report_speaks_in_wall_clock_times() -> None:
    state = State(Phase.WAITING, 10.0, failures=1, wake_at=20.0, reason="x")
    told = report(state, 1000.0)
    assert (told["since"], told["retry_at"], told["pilot"]) == (1010.0, 1020.0, None)


def test_the_text_names_the_pilot_the_pool_and_the_jobs() -> None:
    state = replace(running(Pool.ACCEPTS, replace(READY, jobs=JOBS)), images=ImageRecord("some/image:tag"))
    told = report(state, 1000.0)
    text = as_text(told, 1160.0)
    assert "In the pool, running 2 jobs" in text
    assert "(1 min ago)" in text
    assert "some/image:tag sha256:1" in text
    assert "accepts ep@flock.opensciencegrid.org" in text
    assert "12.0 on slot1_1 for 2 min 40 s, 13.0 on slot1_2" in text
    told["pilot"]["jobs"] = None
    assert "jobs: not known" in as_text(told, 1160.0)


def test_a_pilot_that_does_not_answer_is_not_well_and_its_jobs_are_not_known() -> None:
    seen = running(Pool.ACCEPTS, replace(READY, jobs=JOBS))
    assert seen.pilot is not None
    silent = replace(seen, pilot=replace(seen.pilot, silent_because="It is paused."))
    assert summary(silent, 0.0) == "The pilot does not answer, jobs not known: It is paused."
    assert not is_well(silent)
    assert report(silent, 0.0)["pilot"]["jobs"] is None


NEW = KnownImage("image-2", "sha256:new", since=200.0)


def test_what_is_planned_is_told_since_when_and_until_when() -> None:
    policy = Policy(update=UpdatePolicy.RETIRE, retire_seconds=3600.0)
    state = replace(running(Pool.ACCEPTS), policy=policy, images=ImageRecord("image", newest=NEW, here=True))
    until = time.strftime("%Y-%m-%d %H:%M", time.localtime(200.0 + 3600.0 + 5000.0))
    planned = "the next pilot uses the new image, sha256:new"
    assert summary(state, 5000.0) == f"In the pool, waiting for jobs; planned: {planned}, by {until} at the latest"
    assert report(state, 5000.0)["plan"] == {"what": planned, "since": 5200.0, "until": 8800.0}
    assert f"plan: {planned}, since" in as_text(report(state, 5000.0), 5300.0)


def test_a_drain_tells_until_when_it_may_last() -> None:
    state = replace(running(Pool.ACCEPTS), phase=Phase.DRAINING, reason="a new image", limit_at=3600.0)
    until = time.strftime("%Y-%m-%d %H:%M", time.localtime(3600.0))
    assert summary(state, 0.0) == f"Draining, 0 jobs left, by {until} at the latest: a new image"
    assert report(state, 0.0)["plan"] == {"what": "drain: a new image", "since": 100.0, "until": 3600.0}


def test_an_image_that_was_rolled_back_is_told_as_long_as_it_is_not_used() -> None:
    failed = FailedImage(NEW, "its pilot was not in the pool within 15 min", since=300.0)
    good = KnownImage("image-1", "sha256:1")
    state = replace(running(Pool.ACCEPTS), images=ImageRecord("image", NEW, True, good, failed))
    assert summary(state, 0.0) == "In the pool, waiting for jobs; the image sha256:new was rolled back"
    assert "not used: sha256:new, " in as_text(report(state, 0.0), 400.0)


def test_a_token_that_expires_soon_is_told() -> None:
    state = replace(running(Pool.ACCEPTS), token_note="The token expires on Monday. Get a new one.")  # noqa: S106 - a note
    assert summary(state, 0.0).endswith("; The token expires on Monday. Get a new one.")
    assert "token: The token expires on Monday." in as_text(report(state, 0.0), 0.0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (0.9, "0 s"), (59, "59 s"), (60, "1 min"), (3661, "1 h 1 min"), (200000, "2 d 7 h")],
)
def test_a_duration_has_its_two_largest_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text
