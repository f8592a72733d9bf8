"""When time alone changes something: the one moment for which the service waits."""

from dataclasses import replace

from ospool_ep.lifecycle import host_to_blame, replacement, trial
from ospool_ep.lifecycle.next_pilot import NO_ROOM_SECONDS, needs_next
from ospool_ep.lifecycle.retries import HOST_DELAY_SECONDS, YOUNG_SECONDS
from ospool_ep.lifecycle.state import Phase, Pilot, Stage, State
from ospool_ep.pilot.state import Offer


def limit_at(state: State, pilot: Pilot) -> float:
    """When the drain of that pilot has taken too long; 0: it may take as long as it takes."""
    seconds = state.policy.drain_seconds
    if pilot.stage is not Stage.LEAVING or pilot.limited_since is None or seconds is None:
        return 0.0
    return pilot.limited_since + seconds


def timed(state: State, now: float) -> State:
    """The same, with the next moment in which time alone changes something."""
    waits_until = state.waits_until if state.phase is Phase.WAITING else 0.0
    if not state.pilots:
        return replace(state, wake_at=max(waits_until, now) if waits_until else 0.0)
    times = [state.again_at, waits_until, host_to_blame.patience_ends(state), host_to_blame.looks_at(state)]
    before = state.at(Stage.OPEN)
    for pilot in state.pilots:
        if pilot.stage is Stage.LEAVING:
            times += [limit_at(state, pilot), 0.0 if pilot.confirmed else pilot.again_at]
            times += [pilot.since + YOUNG_SECONDS] if pilot.offer is Offer.RETIRED else []
        elif pilot.stage is Stage.CLOSED and before:
            times.append(trial.deadline_of_next(state, pilot, now))
        elif pilot.stage is Stage.OPEN:
            times += [pilot.again_at, *replacement.deadlines(state, pilot), 0.0 if pilot.named else pilot.name_again_at]
    if state.trial and before and not before.silent_because:
        times.append(state.trial.since + state.policy.rollback_seconds)
    if state.hindrance and needs_next(state, now):
        times.append(state.hindrance.since + HOST_DELAY_SECONDS)
    if state.unremoved:
        times.append(state.remove_again_at)
    if state.no_room:
        times.append(state.no_room_since + NO_ROOM_SECONDS)
    return replace(state, wake_at=min((moment for moment in times if moment > now), default=0.0))
