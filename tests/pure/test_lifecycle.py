"""The lifecycle, step by step, and its promises under any sequence of events."""

from dataclasses import replace
from typing import Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ospool_ep.events import (
    Began,
    Do,
    DrainRefused,
    EngineLost,
    Event,
    Found,
    Launched,
    LaunchRefused,
    Looked,
    Observed,
    Phase,
    PilotEnded,
    Priority,
    Pulled,
    PullProgressed,
    PullRefused,
    Say,
    State,
    StopAsked,
    StopBegan,
    StopRefused,
    TimeUp,
    WantChanged,
)
from ospool_ep.lifecycle import LONGEST_DELAY_SECONDS, initial, retry_delay, step
from ospool_ep.pilot_state import Job, PilotState, Pool, Startd

CONTAINER = "c" * 64
OTHER = "d" * 64
IN_POOL = PilotState(Startd.READY, Pool.ACCEPTS, identity="ep@flock.opensciencegrid.org")
BUSY = replace(IN_POOL, jobs=(Job("slot1_1", "12.0"),))
REFUSED = PilotState(Startd.READY, Pool.REFUSES, refusal="Failed to authenticate using IDTOKENS")


class Host:
    """A lifecycle to feed with events; remembers what it ordered and said."""

    def __init__(self, wanted: bool = True) -> None:
        self.now = 1000.0
        self.state = initial(self.now, wanted)
        self.orders: list[Do] = []
        self.said: list[Say] = []

    def feed(self, *events: Event) -> "Host":
        """Feed events; ``orders`` and ``said`` are those of the last one."""
        for event in events:
            self.state, actions = step(self.state, event, self.now)
            self.orders = [action for action in actions if isinstance(action, Do)]
            self.said = [action for action in actions if isinstance(action, Say)]
        return self

    def later(self, seconds: float) -> "Host":
        self.now += seconds
        return self

    @property
    def text(self) -> str:
        return " ".join(say.text for say in self.said)


def running(state: PilotState = IN_POOL) -> Host:
    return Host().feed(
        Began(), Looked(Found.NOTHING), Pulled(), Launched(CONTAINER, 1.0), Observed(state), Observed(state)
    )


def ended(lived: float = 4000.0, code: int = 0) -> PilotEnded:
    return PilotEnded(CONTAINER, code, lived)


def test_from_nothing_to_a_pilot_in_the_pool() -> None:
    host = Host().feed(Began())
    assert host.orders == [Do.LOOK]
    assert host.feed(Looked(Found.NOTHING)).orders == [Do.PULL]
    assert host.feed(PullProgressed(40)).state.percent == 40
    assert host.feed(Pulled()).orders == [Do.LAUNCH]
    assert host.feed(Launched(CONTAINER, 1.0)).orders == [Do.FOLLOW]
    assert host.state.phase is Phase.RUNNING
    assert "In the pool as ep@flock.opensciencegrid.org" in host.feed(Observed(IN_POOL)).text


def test_a_pilot_that_ends_by_itself_is_followed_by_the_next() -> None:
    host = running().feed(ended())
    assert host.orders == [Do.REMOVE, Do.LOOK]
    assert [say.priority for say in host.said] == [Priority.INFO]


@pytest.mark.parametrize("failures", range(1, 40))
def test_the_delay_grows_to_half_an_hour(failures: int) -> None:
    assert 5.0 <= retry_delay(failures) <= LONGEST_DELAY_SECONDS
    assert retry_delay(failures + 1) == min(2 * retry_delay(failures), LONGEST_DELAY_SECONDS)


def test_a_pilot_that_keeps_dying_young_waits_longer_each_time() -> None:
    host = Host().feed(Began())
    delays = []
    for _ in range(4):
        host.feed(Looked(Found.NOTHING), Pulled(), Launched(CONTAINER, 1.0), ended(lived=0.1, code=1))
        assert host.orders == [Do.REMOVE]
        delays.append(host.state.retry_at - host.now)
        host.later(delays[-1]).feed(TimeUp())
        assert host.orders == [Do.LOOK]
    assert delays == [5.0, 10.0, 20.0, 40.0]


def test_a_pilot_that_never_was_in_the_pool_is_no_ordinary_end() -> None:
    host = running(REFUSED).feed(ended(lived=4000.0))
    assert host.state.phase is Phase.WAITING
    assert "never in the pool" in host.text


def test_a_good_life_forgets_the_failures_before_it() -> None:
    host = Host().feed(Began(), Looked(Found.NOTHING), Pulled(), Launched(CONTAINER, 1.0), ended(lived=1.0))
    assert host.state.failures == 1
    host.later(5).feed(TimeUp(), Looked(Found.NOTHING), Pulled(), Launched(CONTAINER, 1.0), Observed(IN_POOL), ended())
    assert host.state.failures == 0


def test_a_refused_pilot_is_said_once_with_the_advice() -> None:
    host = Host().feed(Began(), Looked(Found.NOTHING), Pulled(), Launched(CONTAINER, 1.0), Observed(REFUSED, "Do X."))
    assert host.said == []
    host.feed(Observed(REFUSED, "Do X."))
    assert host.said[0].priority is Priority.ERROR
    assert host.text.endswith("Do X.")
    assert host.feed(Observed(REFUSED, "Do X.")).said == []


def test_a_refusal_that_passes_is_never_said() -> None:
    host = Host().feed(Began(), Looked(Found.NOTHING), Pulled(), Launched(CONTAINER, 1.0), Observed(REFUSED))
    assert "ready for jobs" in host.feed(Observed(IN_POOL)).text


def test_the_registry_is_away_and_a_local_image_is_used() -> None:
    host = Host().feed(Began(), Looked(Found.NOTHING), Pulled("old one"))
    assert host.said == [Say(Priority.WARNING, "old one")]
    assert host.orders == [Do.LAUNCH]


def test_the_registry_is_away_and_there_is_no_image() -> None:
    host = Host().feed(Began(), Looked(Found.NOTHING), PullRefused("no registry"))
    assert host.state.phase is Phase.WAITING
    assert "Next try in 5 s" in host.text


def test_time_that_is_not_up_changes_nothing() -> None:
    host = Host().feed(Began(), Looked(Found.NOTHING), PullRefused("no registry")).later(4.9)
    assert host.feed(TimeUp()).orders == []
    assert host.later(0.1).feed(TimeUp()).orders == [Do.LOOK]


def test_stop_with_a_job_says_which_was_evicted() -> None:
    host = running(BUSY).feed(StopAsked())
    assert host.orders == [Do.STOP]
    host.feed(StopBegan(BUSY.jobs), ended())
    assert host.orders == [Do.REMOVE, Do.EXIT]
    assert "1 running job was evicted: 12.0" in host.text


def test_stop_without_a_job_says_so() -> None:
    host = running().feed(StopAsked(), StopBegan(()), ended())
    assert host.said == [Say(Priority.INFO, "Stopped. No job was running.")]


def test_stop_of_a_pilot_that_does_not_answer_claims_nothing() -> None:
    host = running().feed(StopAsked(), StopBegan(None), ended())
    assert host.said[0].priority is Priority.WARNING


def test_a_pilot_that_was_never_in_the_pool_had_no_job_to_lose() -> None:
    host = running(PilotState()).feed(StopAsked(), StopBegan(None), ended())
    assert host.text == "Stopped. No job was running."


def test_a_second_stop_does_not_order_a_second_one() -> None:
    assert running().feed(StopAsked(), StopAsked()).orders == []


def test_stop_while_pulling_ends_at_once() -> None:
    assert Host().feed(Began(), Looked(Found.NOTHING), StopAsked()).orders == [Do.EXIT]


def test_stop_while_waiting_looks_for_a_pilot_that_came_back_with_its_engine() -> None:
    host = running().feed(EngineLost("gone"), StopAsked())
    assert host.orders == [Do.LOOK]
    assert host.feed(Looked(Found.CURRENT, CONTAINER, 1.0, running=True)).orders == [Do.FOLLOW, Do.STOP]


def test_stop_while_waiting_for_an_image_ends() -> None:
    host = Host().feed(Began(), Looked(Found.NOTHING), PullRefused("x"), StopAsked(), Looked(Found.NOTHING))
    assert host.orders == [Do.EXIT]
    assert host.said == []


def test_a_pilot_that_ended_while_no_service_ran_is_not_said_to_have_missed_the_pool() -> None:
    host = Host().feed(Began(), Looked(Found.CURRENT, CONTAINER, 1.0, running=False), ended(code=137))
    assert host.orders == [Do.REMOVE, Do.LOOK]
    assert "never in the pool" not in host.text


def test_stop_while_launching_stops_the_pilot_that_comes() -> None:
    host = Host().feed(Began(), Looked(Found.NOTHING), Pulled(), StopAsked())
    assert host.orders == []
    assert host.feed(Launched(CONTAINER, 1.0)).orders == [Do.FOLLOW, Do.STOP]


def test_stop_that_the_engine_does_not_carry_out_is_said() -> None:
    host = running().feed(StopAsked(), StopRefused("frozen"))
    assert host.orders == [Do.EXIT]
    assert "could not be stopped: frozen" in host.text


def test_drain_ends_idle_and_resume_starts_again() -> None:
    host = running(BUSY).feed(WantChanged(False))
    assert host.orders == [Do.DRAIN]
    host.feed(ended())
    assert host.orders == [Do.REMOVE, Do.LOOK]
    assert host.feed(Looked(Found.NOTHING)).state.phase is Phase.IDLE
    assert host.feed(WantChanged(True), Looked(Found.NOTHING)).orders == [Do.PULL]


@pytest.mark.parametrize(
    ("end", "priority"),
    [
        (PilotEnded(CONTAINER, 0, 10.0), Priority.INFO),
        (PilotEnded(CONTAINER, -1, 0.0, removed=True), Priority.WARNING),
        (PilotEnded(CONTAINER, 137, 10.0, oom_killed=True), Priority.WARNING),
    ],
)
def test_a_drain_claims_no_more_than_it_knows(end: PilotEnded, priority: Priority) -> None:
    host = running(BUSY).feed(WantChanged(False), end)
    assert [say.priority for say in host.said] == [priority]


def test_drain_that_the_pilot_does_not_take_is_tried_again() -> None:
    host = running().feed(WantChanged(False), DrainRefused("no startd")).later(10)
    assert host.feed(TimeUp()).orders == [Do.DRAIN]


def test_drain_while_launching_drains_the_pilot_that_comes() -> None:
    host = Host().feed(Began(), Looked(Found.NOTHING), Pulled(), WantChanged(False), Launched(CONTAINER, 1.0))
    assert host.orders == [Do.FOLLOW, Do.DRAIN]


def test_drain_while_pulling_is_idle_at_once_and_stays_so() -> None:
    host = Host().feed(Began(), Looked(Found.NOTHING), WantChanged(False))
    assert host.state.phase is Phase.IDLE
    assert host.feed(Pulled()).state.phase is Phase.IDLE


def test_drain_survives_our_own_process() -> None:
    assert Host(wanted=False).feed(Began(), Looked(Found.CURRENT, CONTAINER, 1.0, True)).orders == [Do.FOLLOW, Do.DRAIN]


def test_a_running_pilot_is_adopted() -> None:
    host = Host().feed(Began(), Looked(Found.CURRENT, CONTAINER, 1.0, True))
    assert host.orders == [Do.FOLLOW]
    assert host.state.phase is Phase.RUNNING


@pytest.mark.parametrize("found", [Found.OUTDATED, Found.LEGACY])
def test_a_pilot_made_otherwise_is_drained_and_then_replaced(found: Found) -> None:
    host = Host().feed(Began(), Looked(found, CONTAINER, 1.0, True))
    assert host.orders == [Do.FOLLOW, Do.DRAIN]
    assert host.feed(ended(), Looked(Found.NOTHING)).orders == [Do.PULL]


def test_somebody_elses_container_is_left_alone_and_told_about() -> None:
    host = Host().feed(Began(), Looked(Found.FOREIGN, OTHER))
    assert host.orders == []
    assert "docker rm -f ospool-ep-container" in host.text


def test_an_engine_that_goes_away_is_asked_again_at_most_a_minute_later() -> None:
    host = running()
    for _ in range(12):
        host.feed(EngineLost("gone"))
        assert host.state.retry_at - host.now <= 60.0
        host.later(60).feed(TimeUp())
        assert host.orders == [Do.LOOK]
    assert host.feed(Looked(Found.CURRENT, CONTAINER, 1.0, True)).orders == [Do.FOLLOW]


def test_a_removed_container_is_said() -> None:
    host = running().feed(PilotEnded(CONTAINER, -1, 0.0, removed=True))
    assert "Somebody else removed the pilot's container. Next try" in host.text


def test_a_pilot_killed_for_its_memory_is_said() -> None:
    host = running().feed(PilotEnded(CONTAINER, 137, 4000.0, oom_killed=True))
    assert "memory limit" in host.text


# --- any sequence of events --------------------------------------------------------------------------------

ANY_STATE = st.sampled_from([PilotState(), IN_POOL, BUSY, REFUSED, replace(BUSY, startd=Startd.DRAINING)])
ANY_ID = st.sampled_from([CONTAINER, OTHER])
ANY_EVENT: st.SearchStrategy[Event] = st.one_of(
    st.builds(Looked, st.sampled_from(Found), ANY_ID, st.just(1.0), st.booleans()),
    st.builds(EngineLost, st.just("gone")),
    st.builds(PullProgressed, st.integers(0, 100)),
    st.builds(Pulled, st.sampled_from(["", "old"])),
    st.builds(PullRefused, st.just("no")),
    st.builds(Launched, ANY_ID, st.just(1.0)),
    st.builds(LaunchRefused, st.just("no")),
    st.builds(Observed, ANY_STATE, st.just("advice")),
    st.builds(PilotEnded, ANY_ID, st.integers(-1, 137), st.floats(0, 1e6), st.booleans(), st.booleans()),
    st.builds(DrainRefused, st.just("no")),
    st.builds(WantChanged, st.booleans()),
    st.builds(StopAsked),
    st.builds(StopBegan, st.sampled_from([None, (), BUSY.jobs])),
    st.builds(StopRefused, st.just("no")),
    st.builds(TimeUp),
)
SEQUENCE = st.lists(st.tuples(ANY_EVENT, st.floats(0, 2000)), max_size=60)


class World:
    """What the orders would make of this host; raises when a promise is broken."""

    def __init__(self) -> None:
        self.asked_to_stop = False
        self.exits = 0
        self.launches_open = 0

    def see(self, before: State, event: Event, after: State, orders: list[Do]) -> None:
        self.asked_to_stop |= isinstance(event, StopAsked)
        assert Do.STOP not in orders or self.asked_to_stop, "a pilot is never stopped without a reason"
        if Do.LAUNCH in orders:
            assert after.wanted, "no pilot starts after a drain"
            assert before.pilot is None, "never two pilots"
            assert self.launches_open == 0, "one launch at a time"
            self.launches_open += 1
        if isinstance(event, (Launched, LaunchRefused, EngineLost)):
            self.launches_open = 0
        if before.phase is Phase.DRAINING and after.phase is Phase.RUNNING:
            raise AssertionError("a drained pilot never gets a new job")
        self.exits += orders.count(Do.EXIT)
        assert self.exits <= 1
        assert (after.phase is Phase.ENDED) == (self.exits == 1)
        assert (after.pilot is not None) == (after.phase in (Phase.RUNNING, Phase.DRAINING, Phase.STOPPING))
        assert after.phase is not Phase.WAITING or after.retry_at > 0, "always a next step"
        assert after.phase is not Phase.IDLE or not after.wanted, "idle only when asked for"


@given(SEQUENCE, st.booleans())
def test_promises_hold_under_any_sequence_of_events(sequence: list[tuple[Event, float]], wanted: bool) -> None:
    now = 0.0
    state, _ = step(initial(now, wanted), Began(), now)
    world = World()
    for event, seconds in sequence:
        now += seconds
        before = state
        state, actions = step(state, event, now)
        world.see(before, event, state, [action for action in actions if isinstance(action, Do)])


@given(SEQUENCE)
def test_a_stop_ends_from_anywhere(sequence: list[tuple[Event, float]]) -> None:
    """Once asked to stop, the answers that must come in each phase lead to the end in a few steps."""
    now, state = 0.0, step(initial(0.0, True), Began(), 0.0)[0]
    for event, seconds in sequence:
        now += seconds
        state, _ = step(state, event, now)
    state, _ = step(state, StopAsked(), now)
    for _ in range(4):
        answer = _necessary_answer(state)
        if answer is not None:
            state, _ = step(state, answer, now)
    assert state.phase is Phase.ENDED


def _necessary_answer(state: State) -> Optional[Event]:
    pilot = state.pilot
    answers: dict[Phase, Event] = {
        Phase.LOOKING: Looked(Found.NOTHING),
        Phase.LAUNCHING: Launched(CONTAINER, 1.0),
        Phase.STOPPING: PilotEnded(pilot.container_id if pilot else "", 0, 100.0),
    }
    return answers.get(state.phase)
