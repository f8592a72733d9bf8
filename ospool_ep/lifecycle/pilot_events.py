"""What follows from what a pilot does: it starts, answers or keeps silent, refuses an order, ends."""

from dataclasses import replace

from ospool_ep.lifecycle import events as ev
from ospool_ep.lifecycle import messages, sight, trial
from ospool_ep.lifecycle.actions import Order, Outcome, Priority, Say
from ospool_ep.lifecycle.image_record import KnownImage
from ospool_ep.lifecycle.retries import DRAIN_AGAIN_AT_MOST_SECONDS, DRAIN_AGAIN_SECONDS, YOUNG_SECONDS, failed, wait
from ospool_ep.lifecycle.state import Obstacle, Phase, Pilot, State, Want
from ospool_ep.lifecycle.transitions import end, leave, look, settle, stop, take_over, timed
from ospool_ep.pilot.state import Offer
from ospool_ep.wording import short_id


def launched(state: State, event: ev.Launched, now: float) -> Outcome:
    """The next pilot runs."""
    if state.phase is not Phase.LAUNCHING:
        return state, ()
    if state.leaving:
        return leave(replace(state, pilot=event.pilot))
    pilot = event.pilot
    # The configuration may have been read again while this pilot was made.
    outdated = messages.OUTDATED if pilot.fingerprint != state.fingerprint else ""
    state = replace(state, ended="")
    # The last good image may have been taken for a newest that is not the newest any more.
    wanted, good = state.images.wanted, state.images.good
    unsure = bool(outdated or (wanted and good and wanted.id != good.id == pilot.image_id))
    if not outdated:
        # Somebody may have pulled or removed an image meanwhile.
        state = replace(state, images=state.images.used(KnownImage(pilot.image_id, pilot.image_digest, now)))
    said = f"The pilot runs in container {short_id(pilot.container_id)}."
    taken, actions = take_over(state, replace(pilot, outdated_because=outdated), said, now)
    return taken, (*actions, *((Order.FIND_IMAGE,) if unsure and not state.stop_asked else ()))


def launch_refused(state: State, event: ev.LaunchRefused, now: float) -> Outcome:
    """It is tried again later."""
    if state.phase is not Phase.LAUNCHING:
        return state, ()
    if state.leaving:
        return leave(state)
    return end(state) if state.stop_asked else wait(state, Obstacle.LAUNCH, event.reason, now)


def observed(state: State, event: ev.Observed, now: float) -> Outcome:
    """What is new of how the pool takes the pilot is said, and the pilot may have to make room for it."""
    if state.pilot is None or state.phase not in (Phase.RUNNING, Phase.DRAINING):
        return state, ()
    before = state.pilot
    pilot = sight.seen(before, event.state, now)
    said = messages.news(before, pilot, event.advice) if state.phase is Phase.RUNNING else ()
    state = replace(state, pilot=pilot)
    if not before.silent_because:
        return settle(state, now, *said)
    said = (Say(Priority.NOTICE, "The pilot answers again."), *said)
    if state.phase is Phase.DRAINING and state.again_at:
        # What kept it from answering kept it from draining, too.
        return timed(replace(state, again_at=0.0)), (*said, Order.DRAIN)
    return settle(state, now, *said)


def unanswered(state: State, event: ev.Unanswered, _now: float) -> Outcome:
    """It is said once; a pilot that does not answer is left as it is."""
    if state.pilot is None or state.phase not in (Phase.RUNNING, Phase.DRAINING):
        return state, ()
    said = () if state.pilot.silent_because else (Say(Priority.WARNING, f"The pilot does not answer: {event.reason}"),)
    return timed(replace(state, pilot=replace(state.pilot, silent_because=event.reason, absent_since=None))), said


def log_refused(state: State, event: ev.LogRefused, _now: float) -> Outcome:
    """The pilot goes on without its lines in the journal."""
    if state.pilot is None or state.pilot.container_id != event.container_id:
        return state, ()
    text = f"The engine does not give the pilot's log, and is asked again and again: {event.reason}"
    return state, (Say(Priority.WARNING, text),)


def drain_refused(state: State, event: ev.DrainRefused, now: float) -> Outcome:
    """It is told again later; one that can have no jobs is stopped instead."""
    pilot = state.pilot
    if pilot is None or state.phase is not Phase.DRAINING or pilot.container_id != event.container_id:
        return state, ()
    if pilot.has_no_jobs:
        return stop(state, f"it does not drain ({event.reason}), and had no jobs, as it never was in the pool")
    # As seldom as it has been in vain for long.
    pause = min(max(DRAIN_AGAIN_SECONDS, now - state.since), DRAIN_AGAIN_AT_MOST_SECONDS)
    text = f"The pilot does not drain yet: {event.reason}. Next try in {pause:.0f} s."
    # A pilot that was made just now is not up yet, and nothing is wrong with it.
    priority = Priority.WARNING if pilot.asked else Priority.INFO
    return timed(replace(state, again_at=now + pause)), (Say(priority, text),)


def stop_began(state: State, event: ev.StopBegan, _now: float) -> Outcome:
    """The jobs that run now are those that the stop evicts."""
    # A pilot that does not say has none as long as it was never in the pool.
    none = event.jobs is None and state.pilot is not None and not state.pilot.was_in_pool
    return replace(state, evicting=() if none else event.jobs), ()


def stop_refused(state: State, event: ev.StopRefused, now: float) -> Outcome:
    """The pilot goes on; so does the end of the service, where one was asked for."""
    if state.phase is not Phase.STOPPING or state.pilot is None or state.pilot.container_id != event.container_id:
        return state, ()
    text = f"The pilot could not be stopped: {event.reason}"
    return end(state, Say(Priority.ERROR, text)) if state.stop_asked else wait(state, Obstacle.ENGINE, text, now)


def pilot_ended(state: State, event: ev.PilotEnded, now: float) -> Outcome:
    """What it cost is said, and the next one follows, unless none is wanted."""
    pilot = state.pilot
    if pilot is None or pilot.container_id != event.container_id:
        return state, ()
    if event.restarted:
        return look(state, messages.RESTARTED)
    again, state = pilot.container_id == state.ended, replace(state, ended=pilot.container_id)
    if again and not state.stop_asked:
        text = f"The container {short_id(pilot.container_id)} has ended, and is still there."
        return wait(state, Obstacle.ENGINE, text, now, Order.REMOVE)
    if state.phase is Phase.STOPPING:
        return _ended_by_stop(state, pilot, event, now)
    how = messages.how_it_ended(event)
    # One that retires as it begins would be followed by such another one at once.
    at_birth = pilot.offer is Offer.RETIRED and event.lived_seconds < YOUNG_SECONDS and state.want is Want.PILOTS
    if state.phase is Phase.DRAINING and not at_birth:
        return look(replace(state, failures=0, reason=""), messages.drained(event, how), Order.REMOVE)
    return _ended_unasked(state, pilot, event, how, now)


def _ended_by_stop(state: State, pilot: Pilot, event: ev.PilotEnded, now: float) -> Outcome:
    if state.stop_asked:
        return end(state, messages.evicted(state.evicting, final=True), Order.REMOVE)
    if not pilot.dead_because or state.want is not Want.PILOTS:
        follows = state.want in (Want.PILOTS, Want.START)
        return look(state, messages.evicted(state.evicting, final=False, follows=follows), Order.REMOVE)
    state, said = trial.died(state, pilot, event, now)
    if state.images.rolled_back and said:
        return look(replace(state, failures=0), *said, Order.REMOVE)
    return wait(state, Obstacle.PILOT, f"The pilot was ended: {pilot.dead_because}.", now, *said, Order.REMOVE)


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


def runs_again(state: State, _event: ev.RunsAgain, _now: float) -> Outcome:
    """Somebody has started the container that had ended."""
    # The engine told of the end a moment before somebody's restart was through.
    if state.phase is Phase.WAITING and state.obstacle is Obstacle.PILOT:
        return look(state, messages.RESTARTED)
    return state, (messages.RESTARTED,)
