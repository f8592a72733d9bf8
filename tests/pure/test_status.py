"""What is reported, for each state that a host can be in."""

import time
from dataclasses import replace

import pytest

from ospool_ep.events import Phase, Pilot, State
from ospool_ep.pilot_state import Job, PilotState, Pool, Startd
from ospool_ep.status import as_text, duration, is_well, report, summary

JOBS = (Job("slot1_1", "12.0"), Job("slot1_2", "13.0"))
READY = PilotState(Startd.READY, Pool.ACCEPTS, (), identity="ep@flock.opensciencegrid.org")
ENDING = replace(READY, startd=Startd.DRAINING, jobs=JOBS)


def running(standing: Pool, state: PilotState = READY) -> State:
    return State(Phase.RUNNING, 100.0, pilot=Pilot("c" * 64, 50.0, state, standing))


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
    (State(Phase.IDLE, 0.0, wanted=False), "Idle: drained, no pilot runs; start one with: ospool-ep resume", True),
]


@pytest.mark.parametrize(("state", "text", "well"), CASES)
def test_each_state_has_its_words(state: State, text: str, well: bool) -> None:
    assert summary(state, 0.0) == text
    assert is_well(state) is well


def test_a_wait_says_until_when_and_why() -> None:
    state = State(Phase.WAITING, 0.0, failures=3, retry_at=20.0, reason="No registry.")
    now = time.time()
    until = time.strftime("%H:%M:%S", time.localtime(now + 20.0))
    assert summary(state, now) == f"Waiting to retry until {until} (attempt 3 failed): No registry."
    assert not is_well(state)


def test_the_report_speaks_in_wall_clock_times() -> None:
    state = State(Phase.WAITING, 10.0, failures=1, retry_at=20.0, reason="x")
    told = report(state, 1000.0, "image", "")
    assert (told["since"], told["retry_at"], told["pilot"]) == (1010.0, 1020.0, None)


def test_the_text_names_the_pilot_the_pool_and_the_jobs() -> None:
    told = report(running(Pool.ACCEPTS, replace(READY, jobs=JOBS)), 1000.0, "some/image:tag", "sha256:1234")
    text = as_text(told, 1160.0)
    assert "In the pool, running 2 jobs" in text
    assert "(1 min ago)" in text
    assert "some/image:tag sha256:1234" in text
    assert "accepts ep@flock.opensciencegrid.org" in text
    assert "12.0 on slot1_1, 13.0 on slot1_2" in text
    told["pilot"]["jobs"] = None
    assert "jobs: not known" in as_text(told, 1160.0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (0.9, "0 s"), (59, "59 s"), (60, "1 min"), (3661, "1 h 1 min"), (200000, "2 d 7 h")],
)
def test_a_duration_has_its_two_largest_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text
