"""Whether a new image works: its pilot must be in the pool in time, or the last good image is used again.

After that the last good image stands the same trial: where its pilot is not in the pool in time either, the failure was
not the new image's, which is tried again when the image is looked for the next time.
"""

from dataclasses import replace
from typing import Optional

from ospool_ep.lifecycle.actions import Order, Outcome, Priority, Say
from ospool_ep.lifecycle.events import PilotEnded
from ospool_ep.lifecycle.state import Phase, Pilot, State, Trial
from ospool_ep.pilot.state import Pool

# So often a pilot of a new image may die young before it has been in the pool.
MOST_DEATHS = 3
# A pilot that was found running gets at least this long to answer.
_LEAST_SECONDS = 60.0


def judge(state: State, pilot: Pilot, now: float) -> Outcome:
    """Begin the trial of the image of the pilot that runs, or end it; most often neither is due."""
    goes_on = state.phase is Phase.RUNNING and not pilot.outdated_because
    # A pilot that makes room shows that its image works, too, once the pool accepts it.
    may_pass = state.images.on_trial(pilot.image_id) and not state.images.rolled_back
    if not pilot.image_id or not (goes_on or may_pass):
        return state, ()
    if pilot.standing is Pool.ACCEPTS:
        return _passed(state, pilot, now)
    if not goes_on:
        return state, ()
    trial = _trial_of(state, pilot, now)
    state = replace(state, trial=trial)
    return _failed_once_over(state, trial, now) if trial else (state, ())


def overdue(state: State, now: float) -> Outcome:
    """No pilot runs: whether the newest image has had its time to show that it works, and a pilot of it is no use."""
    trial = state.trial
    return _failed_once_over(state, trial, now) if trial and not trial.control else (state, ())


def died(state: State, pilot: Pilot, event: PilotEnded, now: float) -> Outcome:
    """A pilot has died young. The actions are empty where that does not decide a trial."""
    trial = state.trial
    if trial is None or trial.image_id != pilot.image_id or pilot.was_in_pool or event.removed:
        return state, ()
    state = replace(state, trial=replace(trial, deaths=trial.deaths + 1))
    if trial.deaths + 1 < MOST_DEATHS:
        return state, ()
    return _failed(state, now, f"its pilots died young {MOST_DEATHS} times, never in the pool")


def _trial_of(state: State, pilot: Pilot, now: float) -> Optional[Trial]:
    if state.trial and state.trial.image_id == pilot.image_id:
        return state.trial
    images, failed = state.images, state.images.failed
    unconfirmed = images.rolled_back and failed is not None and not (failed.confirmed or failed.excused)
    control = unconfirmed and images.good is not None and images.good.id == pilot.image_id
    if not control and not images.on_trial(pilot.image_id):
        return None
    limit = state.policy.rollback_seconds
    since = max(pilot.since, now + min(_LEAST_SECONDS, limit) - limit)
    return Trial(pilot.image_id, since, control=control)


def _failed_once_over(state: State, trial: Trial, now: float) -> Outcome:
    limit = state.policy.rollback_seconds
    if now < trial.since + limit:
        return state, ()
    return _failed(state, now, f"its pilot was not in the pool within {limit / 60:g} min")


def _passed(state: State, pilot: Pilot, now: float) -> Outcome:
    trial, before = state.trial, state.images
    images = before.confirmed() if trial and trial.control else before
    images = images.proved(pilot.image_id, pilot.image_digest, now)
    state = replace(state, trial=None, images=images)
    return state, () if images.good == before.good else (Order.TIDY,)


def _failed(state: State, now: float, why: str) -> Outcome:
    trial, images, state = state.trial, state.images, replace(state, trial=None)
    if trial is None or images.newest is None or images.good is None:
        return state, ()
    # Where another image has come meanwhile, that one is not to blame.
    if not (images.rolled_back if trial.control else images.newest.id == trial.image_id):
        return state, ()
    if trial.control:
        text = f"The last good image fares no better ({why}): the new one is tried again at the next update."
        return replace(state, images=images.excused()), (Say(Priority.WARNING, text),)
    text = (
        f"Rolled back: the image {images.newest.name} does not work, {why}. The last good one, {images.good.name}, is"
        " used until there is a newer one."
    )
    return replace(state, images=images.condemned(why, now)), (Say(Priority.ERROR, text),)
