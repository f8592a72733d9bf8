"""Whether the next pilot is made now, beside those that run, and what may keep it from that."""

from dataclasses import replace

from ospool_ep.lifecycle import host_to_blame, replacement
from ospool_ep.lifecycle.actions import Order, Outcome
from ospool_ep.lifecycle.retries import HOST_DELAY_SECONDS, YOUNG_SECONDS
from ospool_ep.lifecycle.shares import is_closed
from ospool_ep.lifecycle.state import Phase, Pilot, Stage, State
from ospool_ep.pilot.state import Offer

MOST_LEAVING = 2
# That there was no room on the disks is believed for so long.
NO_ROOM_SECONDS = 1800.0


def one_by_one(state: State) -> str:
    """Why the next pilot can't run beside the one before; empty: it can."""
    wanted, before = state.images.wanted, state.at(Stage.OPEN)
    if wanted and wanted.id in state.heedless:
        return f"the pilots of the image {wanted.name} can't be told what others hold"
    if before and before.undrainable:
        return "the pilot that runs can't be told to drain"
    return state.policy.one_by_one or state.no_room


def end_wait(state: State, now: float) -> Outcome:
    """What is waited for beside pilots is tried again, or is not needed any more; so is room for the next one."""
    if state.no_room and now >= state.no_room_since + NO_ROOM_SECONDS:
        state = replace(state, no_room="")
    if state.phase is not Phase.WAITING or not state.pilots:
        return state, ()
    before = state.at(Stage.OPEN)
    if now < state.waits_until and not (before and replacement.ending(state, before, now) is None):
        return state, ()
    return replace(state, phase=Phase.RUNNING, waits_until=0.0, reason=""), ()


def ask_again(state: State, now: float) -> Outcome:
    """It is time to try once more what was refused beside a pilot that runs; for the next one it is pulled by now."""
    if not 0.0 < state.again_at <= now:
        return state, ()
    return replace(state, again_at=0.0), (Order.FIND_IMAGE,)


def make_next(state: State, now: float) -> Outcome:
    """Make it where it is needed and can be; have what it lacks brought, or looked for again."""
    if state.phase is not Phase.RUNNING or not needs_next(state, now) or host_to_blame.is_looked_at(state, now):
        return state, ()
    reference = state.images.reference
    if not state.images.here:
        if state.pulling == reference or state.again_at > now:
            return state, ()
        return replace(state, pulling=reference, again_at=0.0), (Order.PULL,)
    if state.hindrance:
        if now < state.hindrance.since + HOST_DELAY_SECONDS:
            return state, ()
        return replace(state, hindrance=replace(state.hindrance, since=now)), (Order.CHECK_HOST,)
    return (state, ()) if one_by_one(state) else (replace(state, phase=Phase.LAUNCHING), (Order.LAUNCH_CLOSED,))


def needs_next(state: State, now: float) -> bool:
    """Whether a pilot has to follow those that run, and none is there yet."""
    if not state.runs_pilots or not state.pilots or state.leaving:
        return False
    others = [pilot for pilot in state.pilots if pilot.stage is not Stage.OPEN]
    # What is being ended, and could still take a job, is waited for, and so is one that has to say what it is.
    if not all(_goes(pilot) for pilot in others):
        return False
    before = state.at(Stage.OPEN)
    if before is None:
        return len(others) <= MOST_LEAVING and not _retires_at_birth(state.pilots[-1], now)
    ending = replacement.ending(state, before, now)
    return ending is not None and not ending.evict and not before.undrainable and len(others) < MOST_LEAVING


def _goes(pilot: Pilot) -> bool:
    return pilot.stage is Stage.LEAVING or (pilot.stage is Stage.STOPPING and (pilot.confirmed or is_closed(pilot)))


def _retires_at_birth(pilot: Pilot, now: float) -> bool:
    """One that retires as it begins would be followed by such another one at once."""
    return pilot.offer is Offer.RETIRED and now < pilot.since + YOUNG_SECONDS
