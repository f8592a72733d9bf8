"""The life of the pilots on this host, as a pure function: (state, event, now) to (state, actions).

    LOOKING --nothing there--> PULLING --> LAUNCHING --> RUNNING: one is open, or the last ones leave
       |                          |         ^  |            |  |
       |--pilots of ours----------|---------|--|----------->|  |--the last has ended--> LOOKING
       |                          v         |  v            |
       <--time is up------------- WAITING <-|--+            |--one has to make room, or leaves: the next one is made
    LOOKING --nothing there, and no pilot is wanted--> IDLE                anywhere --stop--> STOPPING --> ENDED

Where to read on: ``state`` is what is remembered, ``succession`` says which pilot may do what, and how one follows
the other; ``transitions`` has the arrows above. What follows from an event is here for the engine and the clock, in
``image_events`` for pulls and images, in ``pilot_events`` for what the pilots do, in ``outside_events`` for what
people, files and the timer ask for, in ``hours_events`` for OSPOOL_EP_HOURS. Why a pilot has to make room is in
``replacement``, what the pilots hold of this host in ``shares``, whether the next one and its image work in ``trial``,
and whether the host is to blame if not in ``host_to_blame``, when what failed is tried again in ``retries``, and how
long somebody waits for a start in ``start``.

Nothing here reads a clock, a file or the engine: the service performs the actions, in their order, and brings
back what came of them as events. An event that comes too late for its phase changes nothing. What takes this host
down is told in the journal also where systemd has stopped us first, because of it.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ospool_ep.configuration.policy import Policy
from ospool_ep.lifecycle import events as ev
from ospool_ep.lifecycle import (
    host_down,
    hours_events,
    image_events,
    messages,
    outside_events,
    pilot_events,
    replacement,
    start,
    trial,
)
from ospool_ep.lifecycle.actions import Order, Outcome, Priority, Say
from ospool_ep.lifecycle.events import Event
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.lifecycle.retries import ENGINE_DELAY_SECONDS, FOREIGN_DELAY_SECONDS, not_ready, wait
from ospool_ep.lifecycle.state import Obstacle, Phase, Pilot, State, Want
from ospool_ep.lifecycle.succession import settle
from ospool_ep.lifecycle.transitions import end, go_on, idle, leave, look, take_over
from ospool_ep.wording import short_id


def initial(now: float, want: Want, policy: Policy, record: ImageRecord, fingerprint: str, **more: Any) -> State:
    """The state before the first event; ``more`` are other fields that are known by then."""
    return State(Phase.LOOKING, now, want=want, policy=policy, images=record, fingerprint=fingerprint, **more)


def step(state: State, event: Event, now: float) -> Outcome:
    """What follows from an event. ``now``: seconds of the same clock as the state's."""
    if state.phase is Phase.ENDED and not isinstance(event, ev.HostGoesDown):
        return state, ()
    following, actions = HANDLERS[type(event)](state, event, now)
    if following.start_by:
        following, actions = start.goes_on(following, state, event, now, *actions)
    if following.phase is not state.phase:
        following = replace(following, since=now)
    return following, actions


def _looked(state: State, event: ev.Looked, now: float) -> Outcome:
    if state.phase is not Phase.LOOKING:
        return state, ()
    if event.elsewhere and not state.stop_asked:
        ended, actions = leave(replace(state, leaving=True))
        text = messages.ANOTHER_ENGINE if event.command else messages.AN_ENGINE
        return ended, (Say(Priority.NOTICE, text), *actions)
    if event.running or event.ended:
        return _found_pilots(state, event, now)
    if event.foreign:
        # It is theirs to remove.
        if state.stop_asked:
            return end(state)
        text = messages.foreign(event.foreign, event.command)
        return wait(state, Obstacle.FOREIGN, text, now, longest=FOREIGN_DELAY_SECONDS)
    return _found_nothing(state, now)


def _found_pilots(state: State, event: ev.Looked, now: float) -> Outcome:
    said = [_found(pilot, "Found the end of") for pilot in event.ended]
    said += [_found(pilot, "Went on with") for pilot in event.running]
    found = tuple(_as_remembered(state, pilot) for pilot in (*event.ended, *event.running))
    # Somebody may have started one again.
    runs = {pilot.container_id for pilot in event.running}
    state = replace(state, ended=tuple(one for one in state.ended if one not in runs))
    taken, actions = take_over(state, found, tuple(said), now)
    return taken, (*actions, *((Order.FIND_IMAGE,) if event.running and not state.stop_asked else ()))


def _found(pilot: Pilot, verb: str) -> Say:
    return Say(Priority.INFO, f"{verb} the pilot in container {short_id(pilot.container_id)}.", pilot.container_id)


def _as_remembered(state: State, pilot: Pilot) -> Pilot:
    outdated = ""
    if pilot.fingerprint != state.fingerprint:
        outdated = messages.LEGACY if pilot.legacy else messages.OUTDATED
    # The process before us may have seen it in the pool; it has noted that the image works, unless the pilot was to go.
    seen = not state.images.on_trial(pilot.image_id) or bool(outdated) or pilot.draining_since is not None
    # An operator may have asked for the drain, which has no limit then, while it was not known.
    limited_since = pilot.limited_since if state.runs_pilots else None
    return replace(pilot, outdated_because=outdated, was_in_pool=seen, limited_since=limited_since)


def _found_nothing(state: State, now: float) -> Outcome:
    if state.stop_asked:
        return end(state)
    state, done = replacement.forget_drain(state)
    if not state.runs_pilots:
        return idle(state, *done)
    if state.hindrance:
        # Before a download that may take hours.
        waiting, actions = not_ready(state, state.hindrance, now)
        return waiting, (*done, *actions)
    state, said = trial.overdue(state, now)
    if state.images.here and image_events.is_fresh(state.pulled_at, now):
        return replace(state, phase=Phase.LAUNCHING), (*done, *said, Order.LAUNCH)
    reference = state.images.reference
    # A pull of it may go on from before, through a drain or a reload.
    order = () if state.pulling == reference else (Order.PULL,)
    return replace(state, phase=Phase.PULLING, percent=None, pulled_by="", pulling=reference), (*done, *said, *order)


def _look_refused(state: State, event: ev.LookRefused, now: float) -> Outcome:
    return _no_answer(state, event.reason, now) if state.phase is Phase.LOOKING else (state, ())


def _engine_lost(state: State, event: ev.EngineLost, now: float) -> Outcome:
    return _no_answer(replace(state, pulling=""), event.reason, now)


def _no_answer(state: State, reason: str, now: float) -> Outcome:
    if not state.pilots and state.phase in (Phase.WAITING, Phase.IDLE):
        return state, ()
    state = replace(state, pilots=())
    if state.leaving:
        return leave(state)
    if state.stop_asked:
        return end(state, Say(Priority.ERROR, f"{reason} If a pilot runs, it could not be stopped."))
    return wait(state, Obstacle.ENGINE, reason, now, longest=ENGINE_DELAY_SECONDS)


def _time_up(state: State, _event: ev.TimeUp, now: float) -> Outcome:
    if not 0.0 < state.wake_at <= now:
        return state, ()
    if state.phase is Phase.WAITING and state.waits_until <= now:
        return go_on(state, now)
    if not state.pilots:
        return host_down.again(replace(state, wake_at=0.0), now)
    return settle(state, now)


# What follows from each event; a test says that none is missing.
HANDLERS: dict[type, Callable[[State, Any, float], Outcome]] = {
    ev.Began: lambda state, _event, _now: look(state),
    ev.Looked: _looked,
    ev.LookRefused: _look_refused,
    ev.EngineLost: _engine_lost,
    ev.TimeUp: _time_up,
    ev.PullProgressed: image_events.pull_progressed,
    ev.Pulled: image_events.pulled,
    ev.PullRefused: image_events.pull_refused,
    ev.ImageFound: image_events.image_found,
    ev.FindImageRefused: image_events.find_image_refused,
    ev.HostChecked: outside_events.host_checked,
    ev.Launched: pilot_events.launched,
    ev.LaunchRefused: pilot_events.launch_refused,
    ev.Observed: pilot_events.observed,
    ev.Unanswered: pilot_events.unanswered,
    ev.LogRefused: pilot_events.log_refused,
    ev.DrainRefused: pilot_events.drain_refused,
    ev.Told: pilot_events.told,
    ev.TellRefused: pilot_events.tell_refused,
    ev.NameRefused: pilot_events.name_refused,
    ev.StopBegan: pilot_events.stop_began,
    ev.StopRefused: pilot_events.stop_refused,
    ev.PilotEnded: pilot_events.pilot_ended,
    ev.RunsAgain: pilot_events.runs_again,
    ev.RemoveRefused: pilot_events.remove_refused,
    ev.Asked: outside_events.asked,
    ev.HostGoesDown: host_down.goes_down,
    ev.HostStaysUp: host_down.stays_up,
    ev.Reconfigured: outside_events.reconfigured,
    ev.TokenSeen: outside_events.token_seen,
    ev.HostSeen: outside_events.host_seen,
    ev.HoursSeen: hours_events.hours_seen,
    ev.StopAsked: outside_events.stop_asked,
}
