"""The promises of the lifecycle that hold under any sequence of events."""

import re
from dataclasses import replace
from typing import Any, Optional, get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from ospool_ep.configuration.policy import Policy
from ospool_ep.configuration.values import UpdatePolicy
from ospool_ep.lifecycle import events as ev
from ospool_ep.lifecycle.actions import Action, Do, Order, Say, Verb
from ospool_ep.lifecycle.events import Event
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.lifecycle.state import Hindrance, Hours, Phase, Pilot, Stage, State, Want
from ospool_ep.lifecycle.step import HANDLERS, initial, step
from ospool_ep.pilot.state import EVERYTHING, NOTHING, Gpus, Offer, PilotState, Share, Startd
from tests.pure.lifecycle.host import (
    AWAY,
    BUSY,
    CONTAINER,
    FINGERPRINT,
    FIRST,
    GONE,
    IN_POOL,
    NEXT,
    OTHER,
    REFERENCE,
    REFUSED,
    TAKES_JOBS,
    THIRD,
    WAITS,
    believing,
    drains,
    pilot,
)

HINDRANCE = Hindrance("No pilot can run now: There is no scratch.", ("scratch-missing",))
IDS = (CONTAINER, OTHER, "e" * 64)
SHARES = st.sampled_from([NOTHING, EVERYTHING, Share(2, 2000), Share(8, 8000)])
ANY_STATE = st.one_of(
    st.sampled_from([
        PilotState(), IN_POOL, BUSY, REFUSED, AWAY, TAKES_JOBS, WAITS, GONE, drains(6), drains(0), believing(6),
        replace(WAITS, heeds=False), replace(TAKES_JOBS, offer=Offer.RETIRED), PilotState(Startd.MISSING, jobs=()),
        replace(TAKES_JOBS, gpus=Gpus.WELL), replace(TAKES_JOBS, gpus=Gpus.CLOSED), replace(BUSY, gpus=Gpus.UNSEEN),
        replace(TAKES_JOBS, retires_at=1000.0, dies_at=90000.0),
    ]),
    st.builds(lambda holds: replace(TAKES_JOBS, holds=holds), SHARES),
)  # fmt: skip
ANY_IMAGE = st.sampled_from([FIRST, NEXT, THIRD])
ANY_ID = st.sampled_from(IDS)
ANY_PILOT = st.builds(
    lambda image, container, fingerprint, since, is_closed, named: replace(
        pilot(image, container, fingerprint=fingerprint), draining_since=since, limited_since=since,
        begins_closed=is_closed, named=named,
    ),
    ANY_IMAGE, ANY_ID, st.sampled_from([FINGERPRINT, "another", ""]), st.sampled_from([None, 0.0]), st.booleans(),
    st.booleans(),
)  # fmt: skip
FOUND = st.lists(
    ANY_PILOT.map(lambda one: replace(one, stage=Stage.FOUND)), max_size=3, unique_by=lambda one: one.container_id
)
MADE = ANY_PILOT.map(lambda one: replace(one, stage=Stage.CLOSED if one.begins_closed else Stage.OPEN))
ANY_POLICY = st.builds(
    Policy,
    update=st.sampled_from(UpdatePolicy),
    drain_seconds=st.sampled_from([None, 600.0]),
    retire_seconds=st.just(3000.0),
    rollback_seconds=st.just(900.0),
    one_by_one=st.sampled_from(["", "", "GPUs are offered"]),
)
ANY_HOURS = st.builds(Hours, st.booleans(), st.sampled_from([None, 1e9]))
ANY_REFERENCE = st.sampled_from([REFERENCE, REFERENCE, "other"])
ARGUMENTS: dict[type, tuple[st.SearchStrategy[Any], ...]] = {
    ev.LookRefused: (st.just("no."),),
    ev.EngineLost: (st.just("gone."),),
    ev.PullProgressed: (ANY_REFERENCE, st.integers(0, 100)),
    ev.Pulled: (ANY_REFERENCE, ANY_IMAGE, st.sampled_from(["", "old"])),
    ev.PullRefused: (ANY_REFERENCE, st.just("no.")),
    ev.ImageFound: (ANY_REFERENCE, st.one_of(st.none(), ANY_IMAGE)),
    ev.FindImageRefused: (ANY_REFERENCE, st.just("no.")),
    ev.HostChecked: (st.sampled_from([None, HINDRANCE]), st.sampled_from(["", "The scratch is too small."])),
    ev.Launched: (MADE,),
    ev.LaunchRefused: (st.just("no."),),
    ev.Observed: (ANY_ID, ANY_STATE, st.just("advice")),
    ev.Unanswered: (ANY_ID, st.just("paused.")),
    ev.LogRefused: (ANY_ID, st.just("no.")),
    ev.PilotEnded: (ANY_ID, st.integers(-1, 137), st.floats(0, 1e6), st.booleans(), st.booleans(),
                    st.sampled_from([False, False, True])),
    ev.RunsAgain: (ANY_ID,),
    ev.RemoveRefused: (ANY_ID, st.just("no")),
    ev.DrainRefused: (ANY_ID, st.sampled_from(["no", "DENIED"])),
    ev.Told: (ANY_ID, SHARES),
    ev.TellRefused: (ANY_ID, st.just("no")),
    ev.NameRefused: (ANY_ID, st.just("no")),
    ev.Asked: (st.sampled_from(Want), st.sampled_from([0.0, 1000.0, 5000.0])),
    ev.Reconfigured: (ANY_POLICY, ANY_REFERENCE, st.sampled_from([FINGERPRINT, "another"]),
                      st.just("the configuration has changed")),
    ev.HostSeen: (st.sampled_from(["", "CVMFS has died."]),),
    ev.TokenSeen: (st.sampled_from(["token 1", "token 2", ""]), st.sampled_from(["", "It expires."])),
    ev.HoursSeen: (ANY_HOURS,),
    ev.StopAsked: (st.booleans(),),
    ev.StopBegan: (ANY_ID, st.sampled_from([None, (), BUSY.jobs])),
    ev.StopRefused: (ANY_ID, st.just("no")),
    ev.TimeUp: (),
}  # fmt: skip
ANY_LOOK = st.builds(
    lambda found, ran: ev.Looked(tuple(found[ran:]), tuple(found[:ran])), FOUND, st.sampled_from([0, 0, 1])
)
ANY_EVENT: st.SearchStrategy[Event] = st.one_of(
    ANY_LOOK, *(st.builds(kind, *arguments) for kind, arguments in ARGUMENTS.items())
)
SEQUENCE = st.lists(st.tuples(ANY_EVENT, st.floats(0, 2000)), max_size=60)


def begun(want: Want = Want.PILOTS, policy: Optional[Policy] = None, start_by: float = 0.0) -> State:
    state = initial(0.0, want, policy or Policy(), ImageRecord(REFERENCE), FINGERPRINT, start_by=start_by)
    return step(state, ev.Began(), 0.0)[0]


def test_every_event_has_a_handler() -> None:
    assert set(HANDLERS) == set(get_args(Event))


def test_every_event_is_among_those_that_are_drawn() -> None:
    """But for the one that each sequence begins with."""
    assert {ev.Began, ev.Looked, *ARGUMENTS} == set(get_args(Event))


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
        exits += actions.count(Order.EXIT)
        assert (state.phase is Phase.ENDED) == (exits == 1), "one end"
        _check_orders(before, state, actions)
        _check_pilots(before, state)
        _check_phase(state)
        # A deadline that has passed and changes nothing would make the service spin.
        calm = step(state, ev.TimeUp(), max(now, state.wake_at))[0]
        assert not calm.wake_at or calm.wake_at > max(now, state.wake_at) or calm.phase is not state.phase


def _check_orders(before: State, state: State, actions: tuple[Action, ...]) -> None:
    if Order.LAUNCH in actions:
        assert before.pilots == state.pilots == (), "none that takes all beside others"
    if Order.LAUNCH_CLOSED in actions:
        assert not any(one.stage in (Stage.CLOSED, Stage.FOUND) for one in state.pilots), "one next pilot at a time"
        assert sum(one.stage is not Stage.STOPPING for one in state.pilots) <= 3
    if Order.LAUNCH in actions or Order.LAUNCH_CLOSED in actions:
        assert state.want in (Want.PILOTS, Want.START), "no pilot after a drain"
        assert state.hours.are_open, "no pilot outside of the hours"
        assert state.phase is Phase.LAUNCHING
    for order in actions:
        known = state.pilot(order.container_id) if isinstance(order, Do) else None
        if isinstance(order, Do) and known:
            _check_order(state, order, known, actions)


def _check_order(state: State, order: Do, known: Pilot, actions: tuple[Action, ...]) -> None:
    verb = order.verb
    assert verb is not Verb.DRAIN or known.stage is Stage.LEAVING
    assert verb is not Verb.NAME or known.stage is Stage.OPEN
    if verb is Verb.STOP and not state.stop_asked:
        said = [action for action in actions if isinstance(action, Say)]
        assert any(re.match("Stopping the (next )?pilot: ", say.text) for say in said), "no stop without a reason"
    if verb is Verb.TELL:
        others = [one for one in state.pilots if one is not known]
        may_take = [one for one in others if not (one.confirmed or _is_closed(one))]
        assert known.begins_closed
        assert known.stage is Stage.OPEN or order.share == EVERYTHING, "the next one is not open before it is told"
        assert not may_take or order.share == EVERYTHING, "nothing is free while another one may take it"
        held = sum((one.holds or NOTHING for one in others if one.confirmed), NOTHING)
        assert order.share.cpus >= held.cpus, "what others hold is not free"
        assert order.share.memory >= held.memory


def _is_closed(one: Pilot) -> bool:
    return one.begins_closed and (one.believes in (None, EVERYTHING) or one.state.startd is not Startd.READY)


def _check_pilots(before: State, state: State) -> None:
    assert sum(one.stage is Stage.OPEN for one in state.pilots) <= 1, "at most one is open"
    assert len({one.container_id for one in state.pilots}) == len(state.pilots), "each once"
    if before.phase is Phase.LOOKING:
        return
    for one in state.pilots:
        known = before.pilot(one.container_id)
        if known and known.stage is Stage.LEAVING:
            back = one.stage is Stage.OPEN and one.undrainable
            assert one.stage in (Stage.LEAVING, Stage.STOPPING) or back, "a drain is never undone"
        elif known and known.stage is Stage.STOPPING:
            assert one.stage is Stage.STOPPING, "nor is a stop"


def _check_phase(state: State) -> None:
    phase, pilots = state.phase, state.pilots
    assert not pilots or phase in (Phase.RUNNING, Phase.LAUNCHING, Phase.WAITING, Phase.STOPPING)
    assert pilots or phase not in (Phase.RUNNING, Phase.STOPPING), "there is one that runs, or is stopped"
    assert phase is not Phase.WAITING or state.wake_at > 0, "always a next step"
    assert not state.start_by or phase in (Phase.LOOKING, Phase.PULLING, Phase.LAUNCHING), "nobody waits longer"
    assert not state.start_failed or phase is Phase.ENDED
    is_asked_for = state.want in (Want.IDLE, Want.STOP)
    assert phase is not Phase.IDLE or is_asked_for or not state.hours.are_open, "idle only when asked for"
    assert not (state.runs_pilots and phase is Phase.IDLE), "nor longer than the hours want it"
    takes_jobs = [one for one in pilots if one.stage in (Stage.OPEN, Stage.CLOSED)]
    settled = phase in (Phase.RUNNING, Phase.WAITING, Phase.LAUNCHING) and not state.stop_asked
    assert state.runs_pilots or not settled or not takes_jobs, "none takes jobs outside of the hours"
    assert not state.leaving or phase in (Phase.LAUNCHING, Phase.ENDED)


@given(SEQUENCE)
def test_a_stop_ends_from_anywhere(sequence: list[tuple[Event, float]]) -> None:
    """Once asked to stop, the answers that must come in each phase lead to the end in a few steps."""
    now, state = 0.0, begun()
    for event, seconds in sequence:
        now += seconds
        state, _ = step(state, event, now)
    state, _ = step(state, ev.StopAsked(), now)
    for _ in range(12):
        for answer in _necessary_answers(state):
            state, _ = step(state, answer, now)
    assert state.phase is Phase.ENDED


def _necessary_answers(state: State) -> list[Event]:
    ends = [ev.PilotEnded(one.container_id, 0, 100.0) for one in state.pilots if one.stage is Stage.STOPPING]
    answers: dict[Phase, list[Event]] = {
        Phase.LOOKING: [ev.Looked()],
        Phase.LAUNCHING: [ev.Launched(pilot(container="f" * 64))],
    }
    return [*ends, *answers.get(state.phase, [])]
