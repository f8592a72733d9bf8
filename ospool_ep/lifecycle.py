"""The life of the pilots on this host, as a pure function: (state, event, now) to (state, actions).

    LOOKING --nothing there--> PULLING --> LAUNCHING --> RUNNING --it ends by itself--> LOOKING
       |                          |            |            |
       |--ours runs already-------|------------|----------> |--drain, or outdated--> DRAINING --> LOOKING or IDLE
       |                          v            v            |
       <--time is up------------- WAITING <----+-- died young, engine gone
    RUNNING, DRAINING --stop--> STOPPING --> ENDED

Nothing here reads a clock, a file or the engine: the service performs the actions, in their order, and brings
back what came of them as events. An event that comes too late for its phase changes nothing.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Union

from ospool_ep import pilot_messages
from ospool_ep.events import (
    Action,
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
    Outcome,
    Phase,
    Pilot,
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
from ospool_ep.pilot_state import Pool

YOUNG_SECONDS = 60.0
FIRST_DELAY_SECONDS = 5.0
LONGEST_DELAY_SECONDS = 1800.0
ENGINE_DELAY_SECONDS = 60.0
DRAIN_AGAIN_SECONDS = 10.0


def initial(now: float, wanted: bool) -> State:
    """The state before the first event."""
    return State(Phase.LOOKING, now, wanted=wanted)


def step(state: State, event: Event, now: float) -> Outcome:
    """What follows from an event. ``now``: seconds of the same clock as the state's."""
    if state.phase is Phase.ENDED:
        return _nothing(state)
    following, actions = _HANDLERS[type(event)](state, event, now)
    if following.phase is not state.phase:
        following = replace(following, since=now)
    return following, actions


def retry_delay(failures: int) -> float:
    """How long to wait after so many failures in a row: 5 s, doubled each time, at most half an hour."""
    return min(FIRST_DELAY_SECONDS * 2.0 ** min(failures - 1, 20), LONGEST_DELAY_SECONDS)


def _nothing(state: State) -> Outcome:
    return state, ()


def _wait(state: State, reason: str, now: float, *before: Action, longest: float = LONGEST_DELAY_SECONDS) -> Outcome:
    failures = state.failures + 1
    delay = min(retry_delay(failures), longest)
    waiting = replace(
        state, phase=Phase.WAITING, failures=failures, reason=reason, retry_at=now + delay, pilot=None, percent=None
    )
    return waiting, (*before, Say(Priority.ERROR, f"{reason} Next try in {delay:.0f} s."))


def _look(state: State, *before: Action) -> Outcome:
    return replace(state, phase=Phase.LOOKING, pilot=None, retry_at=0.0, percent=None), (*before, Do.LOOK)


def _end(state: State, *before: Action) -> Outcome:
    return replace(state, phase=Phase.ENDED, pilot=None, retry_at=0.0), (*before, Do.EXIT)


def _drain(state: State, reason: str, *before: Action) -> Outcome:
    draining = replace(state, phase=Phase.DRAINING, reason=reason, retry_at=0.0)
    return draining, (*before, Say(Priority.NOTICE, f"Draining: {reason}; no new jobs, running ones finish."), Do.DRAIN)


def _took_over(state: State, pilot: Pilot, outdated: str, said: str) -> Outcome:
    """A pilot runs: go on with it, or begin its end."""
    running = replace(state, phase=Phase.RUNNING, pilot=pilot, reason="", retry_at=0.0, percent=None)
    begin: tuple[Action, ...] = (Say(Priority.INFO, said), Do.FOLLOW)
    if state.stop_asked:
        return replace(running, phase=Phase.STOPPING), (*begin, Do.STOP)
    if not state.wanted:
        return _drain(running, "an operator asked for it", *begin)
    if outdated:
        return _drain(running, outdated, *begin)
    return running, begin


def _began(state: State, _event: Began, _now: float) -> Outcome:
    return _look(state)


_OUTDATED = {
    Found.OUTDATED: "the running pilot was made from another configuration",
    Found.LEGACY: "the running pilot was started by the package's earlier service",
}


def _looked(state: State, event: Looked, now: float) -> Outcome:
    if state.phase is not Phase.LOOKING:
        return _nothing(state)
    if event.found is Found.NOTHING:
        return _found_nothing(state)
    if event.found is Found.FOREIGN:
        reason = (
            f"A container of our name is not ours: {event.container_id[:12]}."
            " Look at it, and remove it with 'docker rm -f ospool-ep-container'."
        )
        return _end(state) if state.stop_asked else _wait(state, reason, now)
    verb = "Went on with" if event.running else "Found the end of"
    return _took_over(
        state,
        # The process before us may have seen it in the pool.
        Pilot(event.container_id, event.started_at, was_in_pool=True),
        _OUTDATED.get(event.found, "") if event.running else "",
        f"{verb} the pilot in container {event.container_id[:12]}.",
    )


def _found_nothing(state: State) -> Outcome:
    if state.stop_asked:
        return _end(state)
    if not state.wanted:
        return _idle(state)
    return replace(state, phase=Phase.PULLING, percent=None), (Do.PULL,)


def _idle(state: State) -> Outcome:
    said = Say(Priority.NOTICE, "No pilot runs here, as asked by 'ospool-ep drain'. Start one: ospool-ep resume")
    return replace(state, phase=Phase.IDLE, retry_at=0.0, failures=0, percent=None), (said,)


def _engine_lost(state: State, event: EngineLost, now: float) -> Outcome:
    if state.phase in (Phase.WAITING, Phase.IDLE):
        return _nothing(state)
    if state.stop_asked:
        return _end(state, Say(Priority.ERROR, f"{event.reason} If a pilot runs, it could not be stopped."))
    return _wait(state, event.reason, now, longest=ENGINE_DELAY_SECONDS)


def _progressed(state: State, event: PullProgressed, _now: float) -> Outcome:
    return (replace(state, percent=event.percent), ()) if state.phase is Phase.PULLING else _nothing(state)


def _pulled(state: State, event: Pulled, _now: float) -> Outcome:
    if state.phase is not Phase.PULLING:
        return _nothing(state)
    said = (Say(Priority.WARNING, event.warning),) if event.warning else ()
    return replace(state, phase=Phase.LAUNCHING, percent=None), (*said, Do.LAUNCH)


def _refused(state: State, event: Union[PullRefused, LaunchRefused], now: float) -> Outcome:
    if state.phase not in (Phase.PULLING, Phase.LAUNCHING):
        return _nothing(state)
    return _end(state) if state.stop_asked else _wait(state, event.reason, now)


def _launched(state: State, event: Launched, _now: float) -> Outcome:
    if state.phase is not Phase.LAUNCHING:
        return _nothing(state)
    return _took_over(
        state,
        Pilot(event.container_id, event.started_at),
        "",
        f"The pilot runs in container {event.container_id[:12]}.",
    )


def _observed(state: State, event: Observed, _now: float) -> Outcome:
    if state.pilot is None or state.phase not in (Phase.RUNNING, Phase.DRAINING):
        return _nothing(state)
    before, seen = state.pilot, event.state
    # One answer may fall into the moment before the pilot has made contact; only the good one counts at once.
    sure = seen.pool is Pool.ACCEPTS or seen.pool is before.state.pool
    pilot = replace(
        before,
        state=seen,
        standing=seen.pool if sure else before.standing,
        was_in_pool=before.was_in_pool or seen.pool is Pool.ACCEPTS,
    )
    changed = pilot.standing is not before.standing and state.phase is Phase.RUNNING
    return replace(state, pilot=pilot), pilot_messages.standing(pilot, event.advice) if changed else ()


def _pilot_ended(state: State, event: PilotEnded, now: float) -> Outcome:
    pilot = state.pilot
    if pilot is None or pilot.container_id != event.container_id:
        return _nothing(state)
    if state.phase is Phase.STOPPING:
        return _end(state, pilot_messages.evicted(state.evicting), Do.REMOVE)
    how = pilot_messages.how_it_ended(event)
    if state.phase is Phase.DRAINING:
        return _look(replace(state, failures=0, reason=""), pilot_messages.drained(event, how), Do.REMOVE)
    if event.lived_seconds >= YOUNG_SECONDS and pilot.was_in_pool:
        return _look(replace(state, failures=0), Say(Priority.INFO, f"{how}; the next one starts."), Do.REMOVE)
    told = pilot.was_in_pool or event.removed
    reason = how + ("." if told else " and was never in the pool; its last lines tell why.")
    return _wait(state, reason, now, Do.REMOVE)


def _drain_refused(state: State, event: DrainRefused, now: float) -> Outcome:
    if state.phase is not Phase.DRAINING:
        return _nothing(state)
    again = replace(state, retry_at=now + DRAIN_AGAIN_SECONDS)
    return again, (Say(Priority.WARNING, f"The pilot does not drain yet: {event.reason}. Trying again."),)


def _want_changed(state: State, event: WantChanged, _now: float) -> Outcome:
    if event.wanted is state.wanted:
        return _nothing(state)
    state = replace(state, wanted=event.wanted)
    if state.phase is Phase.RUNNING:
        return _drain(state, "an operator asked for it")
    if state.phase is Phase.PULLING:
        return _idle(state)
    if state.phase in (Phase.WAITING, Phase.IDLE):
        return _look(replace(state, failures=0))
    return state, ()


def _stop_asked(state: State, _event: StopAsked, _now: float) -> Outcome:
    if state.stop_asked:
        return _nothing(state)
    state = replace(state, stop_asked=True)
    if state.phase in (Phase.RUNNING, Phase.DRAINING):
        return replace(state, phase=Phase.STOPPING, retry_at=0.0), (Do.STOP,)
    if state.phase in (Phase.LOOKING, Phase.LAUNCHING):
        return state, ()
    # The engine may have been away, and be back with the pilot.
    return _look(state) if state.phase is Phase.WAITING else _end(state)


def _stop_began(state: State, event: StopBegan, _now: float) -> Outcome:
    # A pilot that does not say has none as long as it was never in the pool.
    never = state.pilot is not None and not state.pilot.was_in_pool
    return replace(state, evicting=() if event.jobs is None and never else event.jobs), ()


def _stop_refused(state: State, event: StopRefused, _now: float) -> Outcome:
    return _end(state, Say(Priority.ERROR, f"The pilot could not be stopped: {event.reason}"))


def _time_up(state: State, _event: TimeUp, now: float) -> Outcome:
    if not 0.0 < state.retry_at <= now:
        return _nothing(state)
    if state.phase is Phase.DRAINING:
        return replace(state, retry_at=0.0), (Do.DRAIN,)
    return _look(state) if state.phase is Phase.WAITING else _nothing(state)


_HANDLERS: dict[type, Callable[[State, Any, float], Outcome]] = {
    Began: _began,
    Looked: _looked,
    EngineLost: _engine_lost,
    PullProgressed: _progressed,
    Pulled: _pulled,
    PullRefused: _refused,
    Launched: _launched,
    LaunchRefused: _refused,
    Observed: _observed,
    PilotEnded: _pilot_ended,
    DrainRefused: _drain_refused,
    WantChanged: _want_changed,
    StopAsked: _stop_asked,
    StopBegan: _stop_began,
    StopRefused: _stop_refused,
    TimeUp: _time_up,
}
