"""The ways from one phase of this host to the next, each with what is said and done on it."""

from dataclasses import replace

from ospool_ep.lifecycle import messages
from ospool_ep.lifecycle.actions import Action, Do, Order, Outcome, Priority, Say, Verb
from ospool_ep.lifecycle.state import Phase, Pilot, Stage, State, Want
from ospool_ep.lifecycle.succession import settle
from ospool_ep.wording import short_id


def look(state: State, *before: Action) -> Outcome:
    """Ask the engine what is there, and go on from that."""
    looking = replace(
        state, phase=Phase.LOOKING, pilots=(), wake_at=0.0, waits_until=0.0, again_at=0.0, percent=None, host_note="",
        unremoved=(),
    )  # fmt: skip
    return looking, (*before, Order.LOOK)


def end(state: State, *before: Action) -> Outcome:
    """The end of our process."""
    return replace(state, phase=Phase.ENDED, pilots=(), wake_at=0.0), (*before, Order.EXIT)


def leave(state: State) -> Outcome:
    """Our process ends, another one follows, and the pilots go on meanwhile."""
    names = " and ".join(short_id(pilot.container_id) for pilot in state.pilots)
    runs = f"; the pilot in container {names} goes on" if len(state.pilots) == 1 else ""
    runs = f"; the pilots in containers {names} go on" if len(state.pilots) > 1 else runs
    return end(state, Say(Priority.INFO, f"The service restarts{runs}."))


def idle(state: State, *before: Action) -> Outcome:
    """No pilot runs, and none is wanted."""
    nothing = replace(state, phase=Phase.IDLE, wake_at=0.0, failures=0, percent=None, reason="")
    if state.want is Want.STOP:
        return nothing, (
            *before,
            Say(Priority.NOTICE, "No pilot runs any more: the service ends, as asked."),
            Order.END_SERVICE,
        )
    if state.want.runs_pilots:
        return nothing, (
            *before,
            Say(Priority.NOTICE, messages.out_of_hours(state.hours)),
        )
    text = "No pilot runs here, as asked by 'ospool-ep drain'. Start one: ospool-ep resume"
    return nothing, (
        *before,
        Say(Priority.NOTICE, text),
    )


def take_over(state: State, found: tuple[Pilot, ...], said: tuple[Say, ...], now: float) -> Outcome:
    """Pilots run that were just made, or that were found."""
    pilots = (*state.pilots, *found)
    running = replace(state, phase=Phase.RUNNING, pilots=pilots, wake_at=0.0, waits_until=0.0, percent=None, reason="")
    follow = (Do(Verb.FOLLOW, pilot.container_id) for pilot in found)
    begin: tuple[Action, ...] = (*said, *follow)
    return stop_all(running, *begin) if state.stop_asked else settle(running, now, *begin)


def go_on(state: State, now: float, *before: Action) -> Outcome:
    """With the pilots that run, or are being made; where there is none, with what the engine says."""
    if not state.pilots and state.phase is not Phase.LAUNCHING:
        return look(state, *before)
    phase = Phase.RUNNING if state.phase is Phase.WAITING else state.phase
    return settle(replace(state, phase=phase, waits_until=0.0, reason=""), now, *before)


def stop_all(state: State, *before: Action) -> Outcome:
    """End all pilots, side by side, and our process after them."""
    stops = [pilot for pilot in state.pilots if pilot.stage is not Stage.STOPPING]
    pilots = tuple(replace(pilot, stage=Stage.STOPPING, why="", again_at=0.0) for pilot in state.pilots)
    # A container that is being made belongs to nobody before it is known.
    phase = Phase.LAUNCHING if state.phase is Phase.LAUNCHING else Phase.STOPPING
    stopping = replace(state, phase=phase, pilots=pilots, wake_at=0.0, again_at=0.0)
    if not pilots and phase is Phase.STOPPING:
        return end(state, *before)
    return stopping, (*before, *(Do(Verb.STOP, pilot.container_id) for pilot in stops))
