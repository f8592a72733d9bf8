"""The ways from one phase to the next, each with what is said and done on it; parts of the lifecycle's step."""

from dataclasses import replace

from ospool_ep.lifecycle import replacement, sight, trial
from ospool_ep.lifecycle.actions import Action, Order, Outcome, Priority, Say
from ospool_ep.lifecycle.state import Phase, Pilot, State, Want
from ospool_ep.wording import short_id


def look(state: State, *before: Action) -> Outcome:
    """Ask the engine what is there, and go on from that."""
    looking = replace(
        state, phase=Phase.LOOKING, pilot=None, wake_at=0.0, limit_at=0.0, again_at=0.0, percent=None, evicting=None,
        host_note="",
    )  # fmt: skip
    return looking, (*before, Order.LOOK)


def end(state: State, *before: Action) -> Outcome:
    """The end of our process."""
    return replace(state, phase=Phase.ENDED, pilot=None, wake_at=0.0), (*before, Order.EXIT)


def leave(state: State) -> Outcome:
    """Our process ends, another one follows, and the pilot goes on meanwhile."""
    runs = f"; the pilot in container {short_id(state.pilot.container_id)} goes on" if state.pilot else ""
    return end(state, Say(Priority.INFO, f"The service restarts{runs}."))


def idle(state: State) -> Outcome:
    """No pilot runs, and none is wanted."""
    nothing = replace(state, phase=Phase.IDLE, wake_at=0.0, failures=0, percent=None, reason="")
    if state.want is Want.STOP:
        return nothing, (Say(Priority.NOTICE, "No pilot runs any more: the service ends, as asked."), Order.END_SERVICE)
    text = "No pilot runs here, as asked by 'ospool-ep drain'. Start one: ospool-ep resume"
    return nothing, (Say(Priority.NOTICE, text),)


def take_over(state: State, pilot: Pilot, said: str, now: float) -> Outcome:
    """A pilot runs that was just made, or that was found."""
    running = replace(
        state, phase=Phase.RUNNING, pilot=pilot, wake_at=0.0, limit_at=0.0, again_at=0.0, percent=None, reason=""
    )
    begin: tuple[Action, ...] = (Say(Priority.INFO, said), Order.FOLLOW)
    if state.stop_asked:
        return replace(running, phase=Phase.STOPPING), (*begin, Order.STOP)
    return settle(running, now, *begin)


def stop(state: State, why: str, *before: Action, priority: Priority = Priority.NOTICE) -> Outcome:
    """End the pilot now, so that the next one can follow."""
    stopping = replace(state, phase=Phase.STOPPING, reason=why, wake_at=0.0, limit_at=0.0, again_at=0.0)
    then = "; the next one follows" if state.want in (Want.PILOTS, Want.START) else ""
    return stopping, (*before, Say(priority, f"Stopping the pilot: {why}{then}."), Order.STOP)


def settle(state: State, now: float, *before: Action) -> Outcome:
    """The one place where it is decided whether the pilot that runs goes on: asked whenever anything has changed."""
    pilot = state.pilot
    if state.phase not in (Phase.RUNNING, Phase.DRAINING) or pilot is None:
        return state, before
    dead = sight.death(state, pilot, now)
    if dead:
        state = replace(state, pilot=replace(pilot, dead_because=dead))
        return stop(state, dead, *before, priority=Priority.ERROR)
    state, said = trial.judge(state, pilot, now)
    ending = replacement.ending(state, pilot, now) if state.phase is Phase.RUNNING else None
    if ending is None:
        state, orders = _look_at_host(state, now)
        return timed(state), (*before, *said, *orders)
    if ending.evict:
        return stop(state, ending.why, *before, *said)
    pilot = _told_to_drain(pilot, now, limited=ending.limited)
    draining = replace(state, phase=Phase.DRAINING, reason=ending.why, since=now, again_at=0.0, pilot=pilot)
    text = f"Draining: {ending.why}; no new jobs, running ones finish."
    return timed(draining), (*before, *said, Say(Priority.NOTICE, text), Order.DRAIN)


def _look_at_host(state: State, now: float) -> Outcome:
    """Where the pilot makes room once this host is ready for the next one: is it by now?"""
    if state.hindrance is None or not 0.0 < replacement.next_check_of_host(state) <= now:
        return state, ()
    return replace(state, hindrance=replace(state.hindrance, since=now)), (Order.CHECK_HOST,)


def _told_to_drain(pilot: Pilot, now: float, *, limited: bool) -> Pilot:
    """Told now, or before: what a process before us has begun goes on."""
    limited_since = (now if pilot.limited_since is None else pilot.limited_since) if limited else None
    since = now if pilot.draining_since is None else pilot.draining_since
    return replace(pilot, draining_since=since, limited_since=limited_since)


def timed(state: State) -> State:
    """The same, with the moment at which a pilot that runs or drains has to be looked at again."""
    limit, limited_since = 0.0, state.pilot.limited_since if state.pilot else None
    if state.phase is Phase.DRAINING and limited_since is not None and state.policy.drain_seconds is not None:
        limit = limited_since + state.policy.drain_seconds
    deadline = limit if state.phase is Phase.DRAINING else replacement.next_deadline(state)
    return replace(state, limit_at=limit, wake_at=min(filter(None, (deadline, state.again_at)), default=0.0))
