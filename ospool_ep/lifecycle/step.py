"""The life of the pilots on this host, as a pure function: (state, event, now) to (state, actions).

    LOOKING --nothing there--> PULLING --> LAUNCHING --> RUNNING --it ends by itself--> LOOKING
       |                          |            |            |
       |--ours runs already-------|------------|----------> |--it has to make room--> DRAINING --its end--> LOOKING
       |                          v            v            |                     \\--> STOPPING --its end--> LOOKING
       <--time is up------------- WAITING <----+-- died young, engine gone
    LOOKING --nothing there, and no pilot is wanted--> IDLE            anywhere --stop--> STOPPING --> ENDED

Where to read on: ``states`` is what is remembered, ``transitions`` has the arrows above, ``wishes`` what people and
the timer ask for. Why a running pilot has to make room is in ``replacement``, whether its image works in ``trial``.

Nothing here reads a clock, a file or the engine: the service performs the actions, in their order, and brings
back what came of them as events. An event that comes too late for its phase changes nothing.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Optional

from ospool_ep.configuration.policy import Policy
from ospool_ep.lifecycle import events as ev
from ospool_ep.lifecycle import messages, requests, trial
from ospool_ep.lifecycle.actions import Action, Order, Outcome, Priority, Say
from ospool_ep.lifecycle.events import Event
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.lifecycle.state import Found, Obstacle, Phase, Pilot, State, Want
from ospool_ep.lifecycle.transitions import (
    end,
    failed,
    foreign,
    idle,
    leave,
    look,
    retry_delay,
    settle,
    stop,
    take_over,
    timed,
    wait,
)
from ospool_ep.pilot.state import Pool
from ospool_ep.wording import short_id

YOUNG_SECONDS = 60.0
# Whoever waits for an engine, or for somebody to remove a container, learns by a question that costs next to nothing.
ENGINE_DELAY_SECONDS = 10.0
FOREIGN_DELAY_SECONDS = 60.0
DRAIN_AGAIN_SECONDS = 10.0
DRAIN_AGAIN_AT_MOST_SECONDS = 600.0
# The timer pulls once a day: an image of that age is as new as it gets, and no pilot waits for the registry's answer.
FRESH_SECONDS = 25 * 3600.0


def initial(now: float, want: Want, policy: Policy, images: ImageRecord, fingerprint: str) -> State:
    """The state before the first event."""
    return State(Phase.LOOKING, now, want=want, policy=policy, images=images, fingerprint=fingerprint)


def is_fresh(pulled_at: Optional[float], now: float) -> bool:
    """Whether an image that was pulled then, None for never, is as new as it gets."""
    return pulled_at is not None and now - pulled_at < FRESH_SECONDS


def step(state: State, event: Event, now: float) -> Outcome:
    """What follows from an event. ``now``: seconds of the same clock as the state's."""
    if state.phase is Phase.ENDED:
        return state, ()
    following, actions = _HANDLERS[type(event)](state, event, now)
    if following.phase is not state.phase:
        following = replace(following, since=now)
    return following, actions


def _began(state: State, _event: ev.Began, _now: float) -> Outcome:
    return look(state)


def _looked(state: State, event: ev.Looked, now: float) -> Outcome:
    if state.phase is not Phase.LOOKING:
        return state, ()
    pilot = event.pilot
    if event.found is Found.NOTHING or pilot is None:
        return _found_nothing(state, now)
    if event.found is Found.FOREIGN:
        return foreign(state, pilot.container_id, now, FOREIGN_DELAY_SECONDS)
    outdated = ""
    if event.running and pilot.fingerprint != state.fingerprint:
        outdated = messages.LEGACY if event.found is Found.LEGACY else messages.OUTDATED
    # The process before us may have seen it in the pool; if so, it has noted that the image works.
    seen = not state.images.on_trial(pilot.image_id)
    verb = "Went on with" if event.running else "Found the end of"
    said = f"{verb} the pilot in container {short_id(pilot.container_id)}."
    taken, actions = take_over(state, replace(pilot, outdated_because=outdated, was_in_pool=seen), said, now)
    return taken, (*actions, *((Order.FIND_IMAGE,) if event.running and not state.stop_asked else ()))


def _found_nothing(state: State, now: float) -> Outcome:
    if state.stop_asked:
        return end(state)
    done: tuple[Action, ...] = ()
    if state.want is Want.START:
        state, done = replace(state, want=Want.PILOTS), (Order.FORGET_DRAIN,)
    if state.want is not Want.PILOTS:
        return idle(state)
    state, said = trial.overdue(state, now)
    if state.images.here and is_fresh(state.pulled_at, now):
        return replace(state, phase=Phase.LAUNCHING), (*done, *said, Order.LAUNCH)
    return replace(state, phase=Phase.PULLING, percent=None, pulling=True), (*done, *said, Order.PULL)


def _engine_lost(state: State, event: ev.EngineLost, now: float) -> Outcome:
    state = replace(state, pulling=False)
    if state.phase in (Phase.WAITING, Phase.IDLE):
        return state, ()
    if state.leaving:
        return leave(state)
    if state.stop_asked:
        return end(state, Say(Priority.ERROR, f"{event.reason} If a pilot runs, it could not be stopped."))
    return wait(state, Obstacle.ENGINE, event.reason, now, longest=ENGINE_DELAY_SECONDS)


def _progressed(state: State, event: ev.PullProgressed, _now: float) -> Outcome:
    return (replace(state, percent=event.percent) if state.phase is Phase.PULLING else state), ()


def _pulled(state: State, event: ev.Pulled, now: float) -> Outcome:
    if event.reference != state.images.reference:
        return state, ()
    pulled_at = None if event.warning else now if event.pulled_at is None else event.pulled_at
    state = replace(state, pulling=False, pulled_at=pulled_at, images=state.images.found(event.image))
    said = (Say(Priority.WARNING, event.warning),) if event.warning else ()
    if state.phase is Phase.PULLING:
        return replace(state, phase=Phase.LAUNCHING, percent=None), (*said, Order.LAUNCH)
    return settle(replace(state, failures=0), now, *said)


def _pull_refused(state: State, event: ev.PullRefused, now: float) -> Outcome:
    if event.reference != state.images.reference:
        return state, ()
    state = replace(state, pulling=False)
    if state.phase is Phase.PULLING:
        return wait(state, Obstacle.IMAGE, event.reason, now)
    if state.pilot is None or state.phase is not Phase.RUNNING or not state.pilot.outdated_because:
        return state, ()
    state = failed(state, Obstacle.IMAGE)
    delay = retry_delay(state.failures)
    text = f"{event.reason} The pilot that runs goes on meanwhile. Next try in {delay:.0f} s."
    return timed(replace(state, again_at=now + delay)), (Say(Priority.ERROR, text),)


def _launched(state: State, event: ev.Launched, now: float) -> Outcome:
    if state.phase is not Phase.LAUNCHING:
        return state, ()
    if state.leaving:
        return leave(replace(state, pilot=event.pilot))
    # The configuration may have been read again while this pilot was made.
    outdated = messages.OUTDATED if event.pilot.fingerprint != state.fingerprint else ""
    said = f"The pilot runs in container {short_id(event.pilot.container_id)}."
    return take_over(state, replace(event.pilot, outdated_because=outdated), said, now)


def _launch_refused(state: State, event: ev.LaunchRefused, now: float) -> Outcome:
    if state.phase is not Phase.LAUNCHING:
        return state, ()
    if state.leaving:
        return leave(state)
    return end(state) if state.stop_asked else wait(state, Obstacle.LAUNCH, event.reason, now)


def _observed(state: State, event: ev.Observed, now: float) -> Outcome:
    if state.pilot is None or state.phase not in (Phase.RUNNING, Phase.DRAINING):
        return state, ()
    before, seen = state.pilot, event.state
    # One answer may fall into the moment before the pilot has made contact; only the good one counts at once.
    sure = seen.pool is Pool.ACCEPTS or seen.pool is before.state.pool
    pilot = replace(
        before,
        state=seen,
        standing=seen.pool if sure else before.standing,
        asked=True,
        was_in_pool=before.was_in_pool or seen.pool is Pool.ACCEPTS,
        silent_because="",
    )
    changed = pilot.standing is not before.standing and state.phase is Phase.RUNNING
    said = messages.standing(pilot, event.advice) if changed else ()
    if before.silent_because:
        said = (Say(Priority.NOTICE, "The pilot answers again."), *said)
    return settle(replace(state, pilot=pilot), now, *said)


def _unanswered(state: State, event: ev.Unanswered, _now: float) -> Outcome:
    if state.pilot is None or state.phase not in (Phase.RUNNING, Phase.DRAINING):
        return state, ()
    said = () if state.pilot.silent_because else (Say(Priority.WARNING, f"The pilot does not answer: {event.reason}"),)
    return timed(replace(state, pilot=replace(state.pilot, silent_because=event.reason))), said


def _pilot_ended(state: State, event: ev.PilotEnded, now: float) -> Outcome:
    pilot = state.pilot
    if pilot is None or pilot.container_id != event.container_id:
        return state, ()
    if event.restarted:
        return look(state, messages.RESTARTED)
    if state.phase is Phase.STOPPING:
        said = messages.evicted(state.evicting, was_idle=state.was_idle, final=state.stop_asked)
        return end(state, said, Order.REMOVE) if state.stop_asked else look(state, said, Order.REMOVE)
    how = messages.how_it_ended(event)
    if state.phase is Phase.DRAINING:
        return look(replace(state, failures=0, reason=""), messages.drained(event, how), Order.REMOVE)
    return _ended_unasked(state, pilot, event, how, now)


def _ended_unasked(state: State, pilot: Pilot, event: ev.PilotEnded, how: str, now: float) -> Outcome:
    if event.lived_seconds >= YOUNG_SECONDS and pilot.was_in_pool:
        return look(replace(state, failures=0), Say(Priority.INFO, f"{how}; the next one starts."), Order.REMOVE)
    told = pilot.was_in_pool or event.removed
    state, said_of_image = trial.died(state, pilot, event, now)
    if state.images.rolled_back and said_of_image:
        return look(replace(state, failures=0), *said_of_image, Order.REMOVE)
    first = failed(state, Obstacle.PILOT)
    if pilot.was_in_pool and first.failures == 1:
        # As a rule somebody has ended a pilot that was well. What is wrong with it shows when it happens again.
        return look(first, *said_of_image, Say(Priority.ERROR, f"{how}. The next one starts at once."), Order.REMOVE)
    reason = how + ("." if told else " and was never in the pool; its last lines tell why.")
    return wait(state, Obstacle.PILOT, reason, now, *said_of_image, Order.REMOVE)


def _runs_again(state: State, _event: ev.RunsAgain, _now: float) -> Outcome:
    # The engine told of the end a moment before somebody's restart was through.
    if state.phase is Phase.WAITING and state.obstacle is Obstacle.PILOT:
        return look(state, messages.RESTARTED)
    return state, (messages.RESTARTED,)


def _drain_refused(state: State, event: ev.DrainRefused, now: float) -> Outcome:
    if state.phase is not Phase.DRAINING or state.pilot is None:
        return state, ()
    if state.pilot.has_no_jobs:
        return stop(state, f"it does not drain ({event.reason}), and had no jobs, as it never was in the pool")
    # As seldom as it has been in vain for long.
    pause = min(max(DRAIN_AGAIN_SECONDS, now - state.since), DRAIN_AGAIN_AT_MOST_SECONDS)
    text = f"The pilot does not drain yet: {event.reason}. Next try in {pause:.0f} s."
    # A pilot that was made just now is not up yet, and nothing is wrong with it.
    priority = Priority.WARNING if state.pilot.asked else Priority.INFO
    return timed(replace(state, again_at=now + pause)), (Say(priority, text),)


def _stop_began(state: State, event: ev.StopBegan, _now: float) -> Outcome:
    # A pilot that does not say has none as long as it was never in the pool.
    none = event.jobs is None and state.pilot is not None and not state.pilot.was_in_pool
    return replace(state, evicting=() if none else event.jobs, was_idle=event.was_idle), ()


def _stop_refused(state: State, event: ev.StopRefused, now: float) -> Outcome:
    text = f"The pilot could not be stopped: {event.reason}"
    if state.stop_asked:
        return end(state, Say(Priority.ERROR, text))
    return wait(state, Obstacle.ENGINE, text, now) if state.phase is Phase.STOPPING else (state, ())


def _time_up(state: State, _event: ev.TimeUp, now: float) -> Outcome:
    if not 0.0 < state.wake_at <= now:
        return state, ()
    again = 0.0 < state.again_at <= now
    if state.phase is Phase.WAITING:
        return look(state)
    if state.phase is Phase.RUNNING:
        return requests.pull_beside(timed(replace(state, again_at=0.0))) if again else settle(state, now)
    if state.phase is not Phase.DRAINING:
        return replace(state, wake_at=0.0), ()
    if 0.0 < state.limit_at <= now:
        why = "its drain has lasted longer than OSPOOL_EP_DRAIN_HOURS allows, and the jobs that still run are evicted"
        return stop(state, why, priority=Priority.WARNING)
    return timed(replace(state, again_at=0.0)), (Order.DRAIN,)


_HANDLERS: dict[type, Callable[[State, Any, float], Outcome]] = {
    ev.Began: _began,
    ev.Looked: _looked,
    ev.EngineLost: _engine_lost,
    ev.PullProgressed: _progressed,
    ev.Pulled: _pulled,
    ev.PullRefused: _pull_refused,
    ev.ImageFound: requests.image_found,
    ev.Launched: _launched,
    ev.LaunchRefused: _launch_refused,
    ev.Observed: _observed,
    ev.Unanswered: _unanswered,
    ev.PilotEnded: _pilot_ended,
    ev.RunsAgain: _runs_again,
    ev.DrainRefused: _drain_refused,
    ev.Asked: requests.asked,
    ev.Reconfigured: requests.reconfigured,
    ev.TokenSeen: requests.token_seen,
    ev.StopAsked: requests.stop_asked,
    ev.StopBegan: _stop_began,
    ev.StopRefused: _stop_refused,
    ev.TimeUp: _time_up,
}
