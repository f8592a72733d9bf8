"""What follows from what a pilot does: it starts, answers or keeps silent, takes an order or refuses it, ends."""

from dataclasses import replace

from ospool_ep.lifecycle import events as ev
from ospool_ep.lifecycle import messages, removals, replacement, sight, trial
from ospool_ep.lifecycle.actions import Action, Do, Order, Outcome, Priority, Say, Verb
from ospool_ep.lifecycle.image_record import KnownImage
from ospool_ep.lifecycle.next_pilot import needs_next
from ospool_ep.lifecycle.retries import (
    DRAIN_AGAIN_AT_MOST_SECONDS,
    DRAIN_AGAIN_SECONDS,
    NAME_AGAIN_SECONDS,
    STOP_AGAIN_SECONDS,
    TELL_AGAIN_SECONDS,
    YOUNG_SECONDS,
    failed,
    wait,
)
from ospool_ep.lifecycle.shares import is_closed
from ospool_ep.lifecycle.state import Obstacle, Phase, Pilot, Stage, State, Want
from ospool_ep.lifecycle.succession import settle, stop
from ospool_ep.lifecycle.transitions import end, go_on, leave, look, stop_all, take_over
from ospool_ep.pilot.state import NOTHING, Offer, Startd
from ospool_ep.wording import short_id

# HTCondor's own word for an order that is not allowed: images of before July 2025 let nobody give it.
_NEVER = "DENIED"


def launched(state: State, event: ev.Launched, now: float) -> Outcome:
    """The next pilot runs."""
    if state.phase is Phase.LOOKING or state.pilot(event.pilot.container_id):
        return state, ()
    if state.phase is not Phase.LAUNCHING and not state.pilots:
        # The engine was away, or did not stop one: others may run beside it.
        return look(state)
    pilot = event.pilot
    if state.leaving:
        return leave(replace(state, pilots=(*state.pilots, pilot)))
    # The configuration may have been read again while this pilot was made.
    outdated = messages.OUTDATED if pilot.fingerprint != state.fingerprint else ""
    state = replace(state, ended=(), no_room="")
    # The last good image may have been taken for a newest that is not the newest any more.
    wanted, good = state.images.wanted, state.images.good
    unsure = bool(outdated or (wanted and good and wanted.id != good.id == pilot.image_id))
    if not outdated:
        # Somebody may have pulled or removed an image meanwhile.
        state = replace(state, images=state.images.used(KnownImage(pilot.image_id, pilot.image_digest, now)))
    noun = "The next pilot" if pilot.stage is Stage.CLOSED else "The pilot"
    said = Say(Priority.INFO, f"{noun} runs in container {short_id(pilot.container_id)}.", pilot.container_id)
    taken, actions = take_over(state, (replace(pilot, outdated_because=outdated),), (said,), now)
    return taken, (*actions, *((Order.FIND_IMAGE,) if unsure and not state.stop_asked else ()))


def launch_refused(state: State, event: ev.LaunchRefused, now: float) -> Outcome:
    """It is tried again later."""
    if state.phase is not Phase.LAUNCHING:
        return state, ()
    if state.leaving:
        return leave(state)
    if state.stop_asked:
        return stop_all(replace(state, phase=Phase.STOPPING))
    waiting, actions = waits(replace(state, phase=Phase.RUNNING), Obstacle.LAUNCH, event.reason, now)
    # Somebody may have removed the image.
    return waiting, (*actions, *((Order.FIND_IMAGE,) if state.pilots else ()))


def observed(state: State, event: ev.Observed, now: float) -> Outcome:
    """What is new of how the pool takes the pilot is said, and what it holds may free something for another one."""
    before = state.pilot(event.container_id)
    if before is None or before.stage is Stage.STOPPING:
        return state, ()
    pilot = sight.seen(before, event.state, now)
    said = messages.news(before, pilot, event.advice) if before.stage is not Stage.LEAVING else ()
    if before.silent_because:
        said = (Say(Priority.NOTICE, "The pilot answers again.", pilot.container_id), *said)
    # What kept it from answering kept it from draining, too.
    if before.silent_because or _begins(before, pilot):
        pilot = replace(pilot, again_at=0.0)
    return settle(state.having(pilot), now, *said)


def _begins(before: Pilot, pilot: Pilot) -> bool:
    """Whether its startd is up by now, and knows of no order that was given before."""
    up = pilot.state.startd is Startd.READY
    came_up = before.asked and before.state.startd is not Startd.READY
    return up and (came_up or (before.confirmed and not pilot.confirmed))


def unanswered(state: State, event: ev.Unanswered, now: float) -> Outcome:
    """It is said once; a pilot that does not answer is left as it is."""
    pilot = state.pilot(event.container_id)
    if pilot is None or pilot.stage is Stage.STOPPING:
        return state, ()
    text = f"The pilot does not answer: {event.reason}"
    said = () if pilot.silent_because else (Say(Priority.WARNING, text, pilot.container_id),)
    return settle(state.having(pilot, silent_because=event.reason, absent_since=None), now, *said)


def log_refused(state: State, event: ev.LogRefused, _now: float) -> Outcome:
    """The pilot goes on without its lines in the journal."""
    if state.pilot(event.container_id) is None:
        return state, ()
    text = f"The engine does not give the pilot's log, and is asked again and again: {event.reason}"
    return state, (Say(Priority.WARNING, text, event.container_id),)


def drain_refused(state: State, event: ev.DrainRefused, now: float) -> Outcome:
    """It is told again later; one that can have no jobs is stopped instead."""
    pilot = state.pilot(event.container_id)
    if pilot is None or pilot.stage is not Stage.LEAVING:
        return state, ()
    if pilot.has_no_jobs:
        why = f"it does not drain ({event.reason}), and had no jobs, as it never was in the pool"
        state, actions = stop(state, pilot, why)
        return settle(state, now, *actions)
    # One that has retired takes no jobs anyhow.
    is_open = state.at(Stage.CLOSED) and pilot.offer is not Offer.RETIRED
    if _NEVER in event.reason and state.runs_pilots and is_open:
        return _never_drains(state, pilot, event, now)
    # As seldom as it has been in vain for long.
    told_since = now if pilot.draining_since is None else pilot.draining_since
    pause = min(max(DRAIN_AGAIN_SECONDS, now - told_since), DRAIN_AGAIN_AT_MOST_SECONDS)
    text = f"The pilot does not drain yet: {event.reason}. Next try in {pause:.0f} s."
    # A pilot that was made just now is not up yet, and nothing is wrong with it.
    said = Say(Priority.WARNING if pilot.asked else Priority.INFO, text, pilot.container_id)
    return settle(state.having(pilot, again_at=now + pause), now, said)


def _never_drains(state: State, pilot: Pilot, event: ev.DrainRefused, now: float) -> Outcome:
    again = {"why": "", "draining_since": None, "limited_since": None, "again_at": 0.0}
    state = state.having(pilot, stage=Stage.OPEN, undrainable=True, **again)
    follows = "the next one follows when its ACCEPT_JOBS_FOR_HOURS are over"
    text = f"The pilot can't be told to drain ({event.reason}): {follows}."
    state, done = replacement.forget_drain(state)
    said: tuple[Action, ...] = (Say(Priority.WARNING, text, pilot.container_id), *done)
    for closed in [one for one in state.pilots if one.stage is Stage.CLOSED]:
        state, more = stop(state, closed, "the pilot before can't be told to drain", priority=Priority.INFO)
        said += more
    return settle(state, now, *said)


def told(state: State, event: ev.Told, now: float) -> Outcome:
    """It knows what the others hold; that may be something else by now."""
    pilot = state.pilot(event.container_id)
    if pilot is None or pilot.telling != event.share:
        return state, ()
    return settle(state.having(pilot, telling=None, believes=event.share, untold_because="", again_at=0.0), now)


def tell_refused(state: State, event: ev.TellRefused, now: float) -> Outcome:
    """It is told again in a moment: what became free meanwhile stands empty."""
    pilot = state.pilot(event.container_id)
    if pilot is None or pilot.telling is None:
        return state, ()
    text = f"The pilot was not told what the others hold, and is told again: {event.reason}"
    said = () if pilot.untold_because else (Say(Priority.WARNING, text, pilot.container_id),)
    again_at = now + TELL_AGAIN_SECONDS
    return settle(state.having(pilot, telling=None, untold_because=event.reason, again_at=again_at), now, *said)


def name_refused(state: State, event: ev.NameRefused, now: float) -> Outcome:
    """It goes on under another name, for which only people look, and that is said once; it is tried again."""
    pilot, name = state.pilot(event.container_id), short_id(event.container_id)
    if pilot is None:
        return state, ()
    text = f"The pilot's container keeps its other name for now, {name} tells it apart: {event.reason}"
    said = () if pilot.unnamed_because else (Say(Priority.WARNING, text, event.container_id),)
    again = {"named": False, "name_again_at": now + NAME_AGAIN_SECONDS, "unnamed_because": event.reason}
    return settle(state.having(pilot, **again), now, *said)


def remove_refused(state: State, event: ev.RemoveRefused, now: float) -> Outcome:
    """It is tried again beside the pilots that run; one that is being looked for is found."""
    return settle(removals.refused(state, event, now), now) if state.pilots else (state, ())


def stop_began(state: State, event: ev.StopBegan, _now: float) -> Outcome:
    """The jobs that run now are those that the stop evicts."""
    pilot = state.pilot(event.container_id)
    if pilot is None:
        return state, ()
    # A pilot that does not say has none as long as it was never in the pool, or takes none and held none.
    takes_none = pilot.confirmed or is_closed(pilot)
    none = event.jobs is None and (not pilot.was_in_pool or (takes_none and pilot.holds in (None, NOTHING)))
    return state.having(pilot, evicting=() if none else event.jobs), ()


def stop_refused(state: State, event: ev.StopRefused, now: float) -> Outcome:
    """What runs is looked for again."""
    pilot = state.pilot(event.container_id)
    if pilot is None or pilot.stage is not Stage.STOPPING:
        return state, ()
    text = f"The pilot could not be stopped: {event.reason}"
    if state.stop_asked:
        said = Say(Priority.ERROR, text, event.container_id)
        state = state.without(pilot)
        return (state, (said,)) if state.pilots or state.phase is Phase.LAUNCHING else end(state, said)
    # Until then no pilot is followed, nor told what became free.
    return wait(replace(state, pilots=()), Obstacle.ENGINE, text, now, longest=STOP_AGAIN_SECONDS)


def pilot_ended(state: State, event: ev.PilotEnded, now: float) -> Outcome:
    """What it cost is said, and the next one follows, unless none is wanted."""
    pilot = state.pilot(event.container_id)
    if pilot is None:
        return state, ()
    if event.restarted:
        return _restarted(state, pilot)
    again = pilot.container_id in state.ended
    state = replace(state.without(pilot), ended=(*state.ended, pilot.container_id))
    remove = Do(Verb.REMOVE, pilot.container_id)
    if again and not state.stop_asked:
        text = f"The container {short_id(pilot.container_id)} has ended, and is still there."
        return waits(state, Obstacle.ENGINE, text, now, remove)
    if pilot.stage is Stage.STOPPING:
        return _ended_by_stop(state, pilot, event, now, remove)
    how = messages.how_it_ended(event)
    # One that retires as it begins would be followed by such another one at once.
    retired_young = pilot.offer is Offer.RETIRED and event.lived_seconds < YOUNG_SECONDS
    at_birth = retired_young and state.want is Want.PILOTS and state.runs_pilots
    if pilot.stage is Stage.LEAVING and not at_birth:
        if state.phase is not Phase.WAITING:
            state = replace(state, failures=0)
        return _on(state, now, messages.drained(event, how), remove)
    return _ended_unasked(state, pilot, event, how, now)


def _restarted(state: State, pilot: Pilot) -> Outcome:
    said = messages.restarted(pilot.container_id)
    if state.leaving:
        # The next process finds it.
        return state, (said,)
    if not state.stop_asked:
        return look(state, said)
    # Another stop for that one alone: those of the others go on.
    again = Do(Verb.FOLLOW, pilot.container_id), Do(Verb.STOP, pilot.container_id)
    return state.having(pilot, stage=Stage.STOPPING, evicting=None), (said, *again)


def _ended_by_stop(state: State, pilot: Pilot, event: ev.PilotEnded, now: float, remove: Do) -> Outcome:
    if state.stop_asked:
        said = messages.evicted(pilot, final=True)
        if state.pilots or state.phase is Phase.LAUNCHING:
            return state, (said, remove)
        return end(state, said, remove)
    if not pilot.dead_because or state.want is not Want.PILOTS or not state.runs_pilots:
        follows = state.runs_pilots and not state.pilots
        said = messages.evicted(pilot, final=False, follows=follows)
        return _on(state, now, said, remove)
    state, judged = trial.died(state, pilot, event, now)
    if judged or trial.has_died_out(state):
        return go_on(replace(state, failures=0), now, *judged, remove)
    return waits(state, Obstacle.PILOT, f"The pilot was ended: {pilot.dead_because}.", now, *judged, remove)


def _ended_unasked(state: State, pilot: Pilot, event: ev.PilotEnded, how: str, now: float) -> Outcome:
    remove = Do(Verb.REMOVE, pilot.container_id)
    if pilot.stage is Stage.FOUND and state.pilots:
        # It has ended before our process began, and others have gone on.
        return settle(state, now, Say(Priority.INFO, f"{how}.", pilot.container_id), remove)
    if event.lived_seconds >= YOUNG_SECONDS and pilot.was_in_pool:
        said = Say(Priority.INFO, f"{how}; the next one starts.", pilot.container_id)
        return go_on(replace(state, failures=0), now, said, remove)
    seen = pilot.was_in_pool or event.removed
    state, said_of_image = trial.died(state, pilot, event, now)
    if said_of_image or trial.has_died_out(state):
        return go_on(replace(state, failures=0), now, *said_of_image, remove)
    first = failed(state, Obstacle.PILOT)
    if pilot.was_in_pool and first.failures == 1:
        # As a rule somebody has ended a pilot that was well. What is wrong with it shows when it happens again.
        text = f"{how}. The next one starts at once."
        return go_on(first, now, *said_of_image, Say(Priority.ERROR, text, pilot.container_id), remove)
    reason = how + ("." if seen else " and was never in the pool; its last lines tell why.")
    return waits(state, Obstacle.PILOT, reason, now, *said_of_image, remove)


def _on(state: State, now: float, *before: Action) -> Outcome:
    """As ``go_on``, without an end of a wait."""
    goes_on = state.pilots or state.phase is Phase.LAUNCHING
    return settle(state, now, *before) if goes_on else look(state, *before)


def waits(state: State, obstacle: Obstacle, reason: str, now: float, *before: Action) -> Outcome:
    """The next pilot is tried later, unless it is there or being made by now; those that run go on."""
    if state.phase is Phase.LAUNCHING or state.at(Stage.CLOSED) or (state.pilots and not needs_next(state, now)):
        said = Say(Priority.ERROR, reason)
        return settle(failed(state, obstacle), now, *before, said)
    waiting, actions = wait(state, obstacle, reason, now, *before)
    return settle(waiting, now, *actions) if waiting.pilots else (waiting, actions)


def runs_again(state: State, event: ev.RunsAgain, _now: float) -> Outcome:
    """Somebody has started the container that had ended."""
    said = messages.restarted(event.container_id)
    # The engine told of the end a moment before somebody's restart was through.
    if state.stop_asked or state.leaving or state.phase in (Phase.LOOKING, Phase.ENDED):
        return state, (said,)
    return look(state, said)
