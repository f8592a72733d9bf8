"""What is reported, for each state that a host can be in."""

import time
from dataclasses import replace
from typing import Any, Optional

import pytest

from ospool_ep.commands.status import as_text
from ospool_ep.configuration.policy import Policy
from ospool_ep.configuration.values import UpdatePolicy
from ospool_ep.lifecycle.image_record import FailedImage, ImageRecord, KnownImage
from ospool_ep.lifecycle.report import is_well, report, summary
from ospool_ep.lifecycle.state import Phase, Pilot, Stage, State, Want
from ospool_ep.pilot.state import EVERYTHING, NOTHING, Job, PilotState, Pool, Share, Startd
from ospool_ep.wording import duration

JOBS = (Job("slot1_1", "12.0", started_at=1000.0), Job("slot1_2", "13.0"))
READY = PilotState(Startd.READY, Pool.ACCEPTS, (), identity="ep@flock.opensciencegrid.org")
NEXT: dict[str, Any] = {"container": "d", "stage": Stage.CLOSED, "begins_closed": True}


def one(standing: Pool = Pool.ACCEPTS, state: PilotState = READY, container: str = "c", **more: Any) -> Pilot:
    return Pilot(
        container * 64, 50.0, image_id="image-1", image_digest="sha256:1", state=state, standing=standing, **more
    )


def running(standing: Pool, state: PilotState = READY, **more: Any) -> State:
    return of(one(standing, state, **more))


def of(*pilots: Pilot, **more: Any) -> State:
    return State(more.pop("phase", Phase.RUNNING), 100.0, pilots=pilots, **more)


def leaving(jobs: tuple[Job, ...] = (), **more: Any) -> Pilot:
    return one(
        state=replace(READY, startd=Startd.DRAINING, jobs=jobs), stage=Stage.LEAVING, draining_since=60.0, **more
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
    (of(leaving(why="asked for")), "Draining, 0 jobs left: asked for", True),
    (of(leaving()), "Draining, 0 jobs left: it was told to drain before", True),
    (of(one(stage=Stage.FOUND), one(container="d", stage=Stage.FOUND)), "Asking the pilots what they do", True),
    # A hand-over, from its first step to its last.
    (of(one(), phase=Phase.LAUNCHING), "In the pool, waiting for jobs; the next one starts", True),
    (of(one(), one(Pool.UNKNOWN, **NEXT)), "In the pool, waiting for jobs; the next pilot is on trial", True),
    (
        of(leaving(JOBS, why="a new image"), one(**NEXT)),
        "Draining, 2 jobs left: a new image; the next pilot is ready to take over",
        True,
    ),
    (
        of(leaving(JOBS, why="a new image"), one(Pool.UNKNOWN, **NEXT)),
        "Draining, 2 jobs left: a new image; Pilot starting, not in the pool yet",
        False,
    ),
    (
        of(leaving(JOBS), one(container="d")),
        "In the pool, waiting for jobs; the pilot before leaves, 2 jobs left",
        True,
    ),
    (
        of(leaving(JOBS), leaving(JOBS[:1], container="e"), one(container="d")),
        "In the pool, waiting for jobs; the pilot before leaves, 2 jobs left; the pilot before leaves, 1 job left",
        True,
    ),
    (
        of(one(), one(container="d", stage=Stage.STOPPING, why="the pilot before goes on")),
        "In the pool, waiting for jobs; another pilot is being stopped: the pilot before goes on",
        True,
    ),
    # What is being ended gets no jobs, and says nothing of the one that drains.
    (of(one(stage=Stage.STOPPING, why="a new image")), "Stopping the pilot: a new image", False),
    (
        of(leaving(JOBS, why="asked for"), one(Pool.UNKNOWN, **{**NEXT, "stage": Stage.STOPPING}, why="asked for")),
        "Draining, 2 jobs left: asked for; another pilot is being stopped: asked for",
        True,
    ),
    (of(one(stage=Stage.STOPPING), phase=Phase.STOPPING), "Stopping the pilot", False),
    (
        of(one(stage=Stage.STOPPING), one(stage=Stage.STOPPING, container="d"), phase=Phase.STOPPING),
        "Stopping 2 pilots",
        False,
    ),
    (State(Phase.IDLE, 0.0, want=Want.IDLE), "Idle: drained, no pilot runs; start one with: ospool-ep resume", True),
]


@pytest.mark.parametrize(("state", "text", "well"), CASES)
def test_each_state_has_its_words(state: State, text: str, well: bool) -> None:
    assert summary(state, 0.0) == text
    assert is_well(state) is well


def test_a_wait_says_until_when_and_why() -> None:
    state = State(Phase.WAITING, 0.0, failures=3, waits_until=20.0, reason="No registry.")
    now = time.time()
    until = time.strftime("%H:%M:%S", time.localtime(now + 20.0))
    assert summary(state, now) == f"Waiting to retry until {until} (attempt 3 failed): No registry."
    assert not is_well(state)
    beside = replace(state, pilots=(one(),))
    tried = f"the next one is tried at {until} (attempt 3 failed): No registry."
    assert summary(beside, now) == f"In the pool, waiting for jobs; {tried}"
    assert is_well(beside)


def test_the_report_speaks_in_wall_clock_times() -> None:
    state = State(Phase.WAITING, 10.0, failures=1, waits_until=20.0, reason="x")
    told = report(state, 1000.0)
    assert (told["since"], told["retry_at"], told["pilots"]) == (1010.0, 1020.0, [])


def test_the_text_names_the_pilot_the_pool_and_the_jobs() -> None:
    state = replace(running(Pool.ACCEPTS, replace(READY, jobs=JOBS)), images=ImageRecord("some/image:tag"))
    told = report(state, 1000.0)
    text = as_text(told, 1160.0)
    assert "In the pool, running 2 jobs" in text
    assert "(1 min ago)" in text
    assert "image: some/image:tag" in text
    assert "open, container cccccccccccc sha256:1, started" in text
    assert "accepts ep@flock.opensciencegrid.org" in text
    assert "12.0 on slot1_1 for 2 min 40 s, 13.0 on slot1_2" in text
    told["pilots"][0]["jobs"] = None
    assert "jobs: not known" in as_text(told, 1160.0)


def test_a_pilot_that_does_not_answer_is_not_well_and_its_jobs_are_not_known() -> None:
    seen = running(Pool.ACCEPTS, replace(READY, jobs=JOBS))
    silent = seen.having(seen.pilots[0], silent_because="It is paused.")
    assert summary(silent, 0.0) == "The pilot does not answer, jobs not known: It is paused."
    assert not is_well(silent)
    assert report(silent, 0.0)["pilots"][0]["jobs"] is None


NEW = KnownImage("image-2", "sha256:new", since=200.0)


def test_what_is_planned_is_told_since_when_and_until_when() -> None:
    policy = Policy(update=UpdatePolicy.RETIRE, retire_seconds=3600.0)
    state = replace(running(Pool.ACCEPTS), policy=policy, images=ImageRecord("image", newest=NEW, here=True))
    until = time.strftime("%Y-%m-%d %H:%M", time.localtime(200.0 + 3600.0 + 5000.0))
    planned = "the next pilot uses the new image, sha256:new"
    assert summary(state, 5000.0) == f"In the pool, waiting for jobs; planned: {planned}, by {until} at the latest"
    assert report(state, 5000.0)["plan"] == {"what": planned, "since": 5200.0, "until": 8800.0}
    assert f"plan: {planned}, since" in as_text(report(state, 5000.0), 5300.0)
    state = replace(state, pilots=tuple(replace(pilot, stage=Stage.LEAVING) for pilot in state.pilots))
    assert report(state, 5000.0)["plan"]["until"] is None, "one that leaves is waited for"


def test_a_drain_tells_until_when_it_may_last() -> None:
    state = of(leaving(why="a new image", limited_since=0.0), policy=Policy(drain_seconds=3600.0))
    until = time.strftime("%Y-%m-%d %H:%M", time.localtime(3600.0))
    assert summary(state, 0.0) == f"Draining, 0 jobs left, by {until} at the latest: a new image"
    (told,) = report(state, 1000.0)["pilots"]
    assert (told["why"], told["leaves_since"], told["leaves_until"]) == ("a new image", 1060.0, 4600.0)
    assert (report(state, 0.0)["phase"], report(of(leaving(), one()), 0.0)["phase"]) == ("draining", "running")


def test_each_pilot_is_told_in_a_line_or_two() -> None:
    holds = Share(2, 4000)
    answer = replace(READY, size=Share(8, 16000), holds=holds, believes=Share(3, 3000))
    state = of(
        leaving(JOBS, why="a new image", holds=Share(3, 3000)),
        one(
            container="d", state=answer, holds=holds, begins_closed=True, believes=Share(3, 3000),
        ),
    )  # fmt: skip
    first, second = report(state, 0.0)["pilots"]
    assert (first["stage"], first["holds"], first["offers"]) == (
        "leaving", {"cpus": 3, "memory": 3000}, {"cpus": 0, "memory": 0},
    )  # fmt: skip
    assert (second["stage"], second["offers"]) == ("open", {"cpus": 3, "memory": 9000})
    lines = as_text(report(state, 0.0), 100.0).splitlines()
    assert [line.split(":")[0].strip() for line in lines[2:7]] == ["pilot", "pool", "jobs", "pilot", "jobs"]
    assert lines[4].endswith("none; holds 2 cores and 4000 MB; offers 3 cores and 9000 MB")
    assert "leaving, takes no new jobs, container cccccccccccc" in lines[5]
    assert "leaves since" in lines[5]
    assert "a new image" in lines[5]


@pytest.mark.parametrize(
    ("pilot", "offers"),
    [
        (one(), None),
        (one(holds=NOTHING, state=replace(READY, size=Share(4, 100))), {"cpus": 4, "memory": 100}),
        (one(holds=NOTHING, state=replace(READY, size=Share(4, 100)), silent_because="It is paused."), None),
        (one(**NEXT, holds=NOTHING, state=replace(READY, size=Share(4, 100))), {"cpus": 0, "memory": 0}),
        (
            one(holds=NOTHING, state=replace(READY, size=Share(4, 100)), begins_closed=True, believes=EVERYTHING),
            {"cpus": 0, "memory": 0},
        ),
    ],
)
def test_what_a_pilot_offers_is_what_it_would_take_now(pilot: Pilot, offers: Optional[dict[str, int]]) -> None:
    assert report(of(pilot), 0.0)["pilots"][0]["offers"] == offers


def test_why_one_follows_the_other_is_told() -> None:
    state = of(one(), policy=Policy(one_by_one="GPUs are offered"))
    assert report(state, 0.0)["one_by_one"] == "GPUs are offered"
    assert "one by one: the next pilot starts when the running one has ended: GPUs are offered" in as_text(
        report(state, 0.0), 0.0
    )
    assert "can't be told to drain" in report(of(one(undrainable=True)), 0.0)["one_by_one"]
    assert report(of(one()), 0.0)["one_by_one"] == ""


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


def test_a_drain_is_an_operators_also_where_the_pilot_leaves_for_another_reason_already() -> None:
    state = running(Pool.ACCEPTS)
    leaving = replace(
        state, pilots=tuple(replace(pilot, stage=Stage.LEAVING, why="x has changed") for pilot in state.pilots)
    )
    assert summary(leaving, 0.0).endswith(": x has changed")
    assert summary(replace(leaving, want=Want.IDLE), 0.0).endswith(": an operator asked for it")
