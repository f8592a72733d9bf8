"""The promises of the lifecycle that hold under any sequence of events."""

from dataclasses import replace
from typing import Optional, get_args

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from ospool_ep.configuration.policy import Policy
from ospool_ep.configuration.values import UpdatePolicy
from ospool_ep.lifecycle import events as ev
from ospool_ep.lifecycle.actions import Order, Say
from ospool_ep.lifecycle.events import Event
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.lifecycle.state import Found, Hindrance, Phase, State, Want
from ospool_ep.lifecycle.step import HANDLERS, initial, step
from ospool_ep.pilot.state import PilotState
from tests.pure.lifecycle.host import (
    AWAY,
    BUSY,
    CONTAINER,
    FINGERPRINT,
    FIRST,
    IN_POOL,
    NEXT,
    OTHER,
    REFERENCE,
    REFUSED,
    THIRD,
    pilot,
)

HINDRANCE = Hindrance("No pilot can run now: There is no scratch.", ("scratch-missing",))
ANY_STATE = st.sampled_from([PilotState(), IN_POOL, BUSY, REFUSED, AWAY])
ANY_IMAGE = st.sampled_from([FIRST, NEXT, THIRD])
ANY_ID = st.sampled_from([CONTAINER, OTHER])
ANY_PILOT = st.builds(
    lambda image, container, fingerprint, since: replace(
        pilot(image, container, fingerprint=fingerprint), draining_since=since, limited_since=since
    ),
    ANY_IMAGE, ANY_ID, st.sampled_from([FINGERPRINT, "another", ""]), st.sampled_from([None, 0.0]),
)  # fmt: skip
ANY_POLICY = st.builds(
    Policy,
    update=st.sampled_from(UpdatePolicy),
    drain_seconds=st.sampled_from([None, 600.0]),
    retire_seconds=st.just(3000.0),
    rollback_seconds=st.just(900.0),
)
ANY_EVENT: st.SearchStrategy[Event] = st.one_of(
    st.builds(ev.Looked, st.sampled_from(Found), ANY_PILOT, st.booleans()),
    st.builds(ev.LookRefused, st.just("no.")),
    st.builds(ev.EngineLost, st.just("gone.")),
    st.builds(ev.PullProgressed, st.sampled_from([REFERENCE, "other"]), st.integers(0, 100)),
    st.builds(ev.Pulled, st.sampled_from([REFERENCE, "other"]), ANY_IMAGE, st.sampled_from(["", "old"])),
    st.builds(ev.PullRefused, st.sampled_from([REFERENCE, "other"]), st.just("no.")),
    st.builds(ev.ImageFound, st.sampled_from([REFERENCE, "other"]), st.one_of(st.none(), ANY_IMAGE)),
    st.builds(ev.FindImageRefused, st.sampled_from([REFERENCE, "other"]), st.just("no.")),
    st.builds(ev.HostChecked, st.sampled_from([None, HINDRANCE])),
    st.builds(ev.Launched, ANY_PILOT),
    st.builds(ev.LaunchRefused, st.just("no.")),
    st.builds(ev.Observed, ANY_STATE, st.just("advice")),
    st.builds(ev.Unanswered, st.just("paused.")),
    st.builds(ev.LogRefused, ANY_ID, st.just("no.")),
    st.builds(ev.PilotEnded, ANY_ID, st.integers(-1, 137), st.floats(0, 1e6), st.booleans(), st.booleans()),
    st.builds(ev.RunsAgain),
    st.builds(ev.DrainRefused, ANY_ID, st.just("no")),
    st.builds(ev.Asked, st.sampled_from(Want)),
    st.builds(ev.Reconfigured, ANY_POLICY, st.sampled_from([REFERENCE, "other"]),
              st.sampled_from([FINGERPRINT, "another"]), st.just("the configuration has changed")),
    st.builds(ev.HostSeen, st.sampled_from(["", "CVMFS has died."])),
    st.builds(ev.TokenSeen, st.sampled_from(["token 1", "token 2", ""]), st.sampled_from(["", "It expires."])),
    st.builds(ev.StopAsked, st.booleans()),
    st.builds(ev.StopBegan, st.sampled_from([None, (), BUSY.jobs])),
    st.builds(ev.StopRefused, ANY_ID, st.just("no")),
    st.builds(ev.TimeUp),
)  # fmt: skip
SEQUENCE = st.lists(st.tuples(ANY_EVENT, st.floats(0, 2000)), max_size=60)


def begun(want: Want = Want.PILOTS, policy: Optional[Policy] = None, start_by: float = 0.0) -> State:
    state = initial(0.0, want, policy or Policy(), ImageRecord(REFERENCE), FINGERPRINT, start_by=start_by)
    return step(state, ev.Began(), 0.0)[0]


def test_every_event_has_a_handler() -> None:
    assert set(HANDLERS) == set(get_args(Event))


@pytest.mark.parametrize("kind", [kind for kind in get_args(Event) if kind is not ev.Began])
def test_every_event_is_among_those_that_are_drawn(kind: type) -> None:
    """But for the one that each sequence begins with."""
    find(ANY_EVENT, lambda event: type(event) is kind, settings=settings(database=None))


@settings(max_examples=500)
@given(SEQUENCE, st.sampled_from(Want), ANY_POLICY, st.sampled_from([0.0, 60.0]))
def test_promises_hold_under_any_sequence_of_events(
    sequence: list[tuple[Event, float]], want: Want, policy: Policy, start_by: float
) -> None:
    now, exits = 0.0, 0
    state = begun(want, policy, start_by)
    for event, seconds in sequence:
        now += seconds
        before = state
        state, actions = step(state, event, now)
        orders = [action for action in actions if isinstance(action, Order)]
        exits += orders.count(Order.EXIT)
        assert (state.phase is Phase.ENDED) == (exits == 1), "one end"
        if Order.STOP in orders:
            said = [action for action in actions if isinstance(action, Say)]
            assert state.stop_asked or any("Stopping the pilot: " in say.text for say in said), (
                "no stop without a reason"
            )
        if Order.LAUNCH in orders:
            assert before.pilot is None, "no second pilot"
            assert state.want is Want.PILOTS, "no pilot after a drain"
        assert not (before.phase is Phase.DRAINING and state.phase is Phase.RUNNING), "a drain is never undone"
        assert (state.pilot is not None) == (state.phase in (Phase.RUNNING, Phase.DRAINING, Phase.STOPPING))
        assert state.phase is not Phase.WAITING or state.wake_at > 0, "always a next step"
        assert not state.start_by or state.phase in (Phase.LOOKING, Phase.PULLING, Phase.LAUNCHING), (
            "nobody waits longer"
        )
        assert not state.start_failed or state.phase is Phase.ENDED
        assert state.phase is not Phase.IDLE or state.want in (Want.IDLE, Want.STOP), "idle only when asked for"
        assert not state.leaving or state.phase in (Phase.LAUNCHING, Phase.ENDED)
        # A deadline that has passed and changes nothing would make the service spin.
        calm = step(state, ev.TimeUp(), max(now, state.wake_at))[0]
        assert not calm.wake_at or calm.wake_at > max(now, state.wake_at) or calm.phase is not state.phase


@given(SEQUENCE)
def test_a_stop_ends_from_anywhere(sequence: list[tuple[Event, float]]) -> None:
    """Once asked to stop, the answers that must come in each phase lead to the end in a few steps."""
    now, state = 0.0, begun()
    for event, seconds in sequence:
        now += seconds
        state, _ = step(state, event, now)
    state, _ = step(state, ev.StopAsked(), now)
    for _ in range(4):
        answer = _necessary_answer(state)
        if answer is not None:
            state, _ = step(state, answer, now)
    assert state.phase is Phase.ENDED


def _necessary_answer(state: State) -> Optional[Event]:
    running = state.pilot
    answers: dict[Phase, Event] = {
        Phase.LOOKING: ev.Looked(Found.NOTHING),
        Phase.LAUNCHING: ev.Launched(pilot()),
        Phase.STOPPING: ev.PilotEnded(running.container_id if running else "", 0, 100.0),
    }
    return answers.get(state.phase)
