"""Whether the next pilot works, and the image that it was made from.

The next pilot has to be in the pool in time, and then to take jobs as the one before does, which runs on meanwhile and
is the control: while that is in the pool, a new image whose pilot fails is given up at no cost. Where no other pilot
takes jobs, the last good image is used again, and stands the same trial: where its pilot is not in the pool in time
either, the failure was not the new image's, which is tried again when the image is looked for the next time.

Before all that this host is looked at: while it is in trouble, or was meanwhile, the failure counts for nothing, and
the image is tried again once the host is well (``host_to_blame``).
"""

from dataclasses import replace
from typing import Optional

from ospool_ep.lifecycle import host_to_blame
from ospool_ep.lifecycle.actions import Order, Outcome, Priority, Say
from ospool_ep.lifecycle.events import PilotEnded
from ospool_ep.lifecycle.state import Pilot, Stage, State, Trial
from ospool_ep.pilot.state import Offer, Pool, Startd

# So often a pilot of a new image may die young before it has been in the pool.
MOST_DEATHS = 3
# After a cold start its tests of the host take minutes; they begin once it is up.
VALIDATED_WITHIN_SECONDS = 30 * 60.0
# A pilot that was found running gets at least this long to answer.
_LEAST_SECONDS = 60.0

_TAKES_JOBS = (Offer.OPEN, Offer.OWN)


def is_ready(pilot: Pilot, before: Pilot) -> bool:
    """Whether the next pilot works as the one before does: it is in the pool, and would take the same jobs."""
    answer = pilot.state
    up = answer.startd is Startd.READY and answer.pool is Pool.ACCEPTS and not (answer.is_mute or pilot.silent_because)
    if not up or pilot.believes is None:
        return False
    if before.offer not in _TAKES_JOBS:
        # One that has not answered since may take jobs by now.
        same = before.offer is Offer.UNVALIDATED and not before.silent_because
        return pilot.offer is not Offer.UNVALIDATED or same
    return pilot.offer in _TAKES_JOBS and set(pilot.unmet) <= set(before.unmet)


def failure_of_next(state: State, pilot: Pilot, before: Pilot, now: float) -> str:
    """Why the next pilot has failed its trial beside the one before; empty as long as it has not.

    While the pool is away for the one before, too, nothing is known of the next one.
    """
    if before.standing is Pool.UNREACHABLE or before.silent_because:
        return ""
    since = _counts_from(state, pilot, now)
    if pilot.standing is not Pool.ACCEPTS and not pilot.was_in_pool:
        return _not_in_time(state, since, now)
    if is_ready(pilot, before) or now < since + state.policy.rollback_seconds + VALIDATED_WITHIN_SECONDS:
        return ""
    if pilot.standing is not Pool.ACCEPTS:
        return "its pilot is not in the pool, as the one before is"
    why = pilot.closed_because or "its own tests of this host have not ended"
    return f"its pilot takes no jobs, as the one before does: {why}"


def deadline_of_next(state: State, pilot: Pilot, now: float) -> float:
    """When the next pilot is judged again."""
    in_pool = _counts_from(state, pilot, now) + state.policy.rollback_seconds
    return in_pool if now < in_pool else in_pool + VALIDATED_WITHIN_SECONDS


def _counts_from(state: State, pilot: Pilot, now: float) -> float:
    before = state.at(Stage.OPEN)
    return max(tried_since(state, pilot, now), before.back_since if before else 0.0)


def _began(state: State, pilot: Pilot, now: float) -> float:
    """Since when a pilot is tried that is seen now for the first time."""
    limit = state.policy.rollback_seconds
    return max(pilot.since, now + min(_LEAST_SECONDS, limit) - limit)


def begun(state: State, now: float) -> State:
    """With the moment from which on the next pilot is judged."""
    pilot = state.at(Stage.CLOSED)
    if pilot is None or pilot.tried_since is not None:
        return state
    return state.having(pilot, tried_since=tried_since(state, pilot, now))


def blames_image(state: State, image_id: str, before: Optional[Pilot]) -> bool:
    """Whether it is the image's fault that the next pilot fails, or this host's: the one before works with another."""
    works = before is not None and before.standing is Pool.ACCEPTS and not before.silent_because
    is_new = before is not None and before.image_id != image_id and state.images.on_trial(image_id)
    return works and is_new and not state.images.rolled_back


def decided(state: State, since: float, now: float, why: str) -> Outcome:
    """The next pilot, or those of its image, have failed beside the one before, which goes on: since when, and why.

    This host was looked at by now.
    """
    trouble = host_to_blame.trouble_since(state, since)
    if trouble or state.no_room:
        return spared(state, why, trouble or f"{state.no_room}.")
    return _given_up(state, now, why)


def tried_since(state: State, pilot: Pilot, now: float) -> float:
    """Since when that pilot is on trial as the next one."""
    return _began(state, pilot, now) if pilot.tried_since is None else pilot.tried_since


def spared(state: State, why: str, trouble: str) -> Outcome:
    """This host is to blame, and not the newest image."""
    newest = state.images.newest
    text = (
        f"The image {newest.name if newest else ''} is not given up ({why}), as something was wrong with this host."
        f" It is tried again once this host is well: {trouble}"
    )
    return replace(state, trial=None), (Say(Priority.WARNING, text),)


def _given_up(state: State, now: float, why: str) -> Outcome:
    images = state.images
    if images.newest is None or images.good is None:
        return state, ()
    text = (
        f"Rolled back: the image {images.newest.name} does not work, {why}. The pilot that runs goes on, and the last"
        f" good one, {images.good.name}, is used until there is a newer one."
    )
    before, condemned = state.at(Stage.OPEN), images.condemned(why, now)
    if before and before.image_id == images.good.id and not before.outdated_because:
        # It is in the pool with all else as the next one had it.
        condemned = condemned.confirmed()
    return replace(state, trial=None, images=condemned), (Say(Priority.ERROR, text),)


def excuses_image(state: State, pilot: Pilot, before: Optional[Pilot]) -> bool:
    """Whether the next pilot, of the last good image and another configuration, fails as that of the newest one did."""
    undecided = state.images.undecided and state.images.stands_in(pilot.image_id)
    return undecided and before is not None and before.standing is Pool.ACCEPTS


def excused(state: State, why: str) -> Outcome:
    """The last good image fails in the same way, and was not to blame."""
    text = f"The last good image fares no better ({why}): the new one is tried again at the next update."
    return replace(state, images=state.images.excused()), (Say(Priority.WARNING, text),)


def judge(state: State, now: float) -> Outcome:
    """Begin the trial of the image of the open pilot, or end it; most often neither is due."""
    if state.trial and state.at(Stage.OPEN) and has_died_out(state):
        first = host_to_blame.look_first(state, now)
        return first or decided(state, state.trial.since, now, _DIED_OUT)
    for pilot in state.pilots:
        # A pilot that makes room shows that its image works, too, once the pool accepts it.
        may_pass = state.images.on_trial(pilot.image_id) and not state.images.rolled_back
        goes_on = pilot.stage is Stage.OPEN and not pilot.outdated_because
        if pilot.stage in (Stage.OPEN, Stage.LEAVING) and pilot.image_id and (goes_on or may_pass):
            if pilot.standing is Pool.ACCEPTS:
                return passed(state, pilot, now)
            if goes_on:
                trial = _trial_of(state, pilot, now)
                state = replace(state, trial=trial)
                return _judged_alone(state, trial, now) if trial else (state, ())
    return state, ()


def overdue(state: State, now: float) -> Outcome:
    """No pilot runs: whether the newest image has had its time to show that it works, and a pilot of it is no use.

    This host was looked at just before.
    """
    trial = state.trial
    if trial is None or trial.control:
        return state, ()
    why = _DIED_OUT if has_died_out(state) else _not_in_time(state, trial.since, now)
    if why and not trial.spared_for and _counts(state, trial):
        trouble = host_to_blame.trouble_since(state, trial.since)
        return spared(state, why, trouble) if trouble else _failed(state, now, why)
    return (replace(state, trial=None) if why else state), ()


def has_died_out(state: State) -> bool:
    """Whether so many pilots of a new image have died young that it is given up, unless this host is to blame."""
    trial, before = state.trial, state.at(Stage.OPEN)
    if trial is None or trial.deaths < MOST_DEATHS:
        return False
    return blames_image(state, trial.image_id, before) if before else _counts(state, trial)


def died(state: State, pilot: Pilot, event: PilotEnded, now: float) -> Outcome:
    """A pilot has died young, and is no part of the state any more. Without actions that does not decide a trial."""
    if pilot.was_in_pool or event.removed:
        return state, ()
    trial, before = state.trial, state.at(Stage.OPEN)
    if trial is None and before and state.images.on_trial(pilot.image_id):
        trial = Trial(pilot.image_id, pilot.since)
    if trial is None or trial.image_id != pilot.image_id:
        return state, ()
    state = replace(state, trial=replace(trial, deaths=trial.deaths + 1))
    is_over = trial.control and trial.deaths + 1 >= MOST_DEATHS and before is None
    return _failed(state, now, _DIED_OUT) if is_over else (state, ())


_DIED_OUT = f"its pilots died young {MOST_DEATHS} times, never in the pool"


def _trial_of(state: State, pilot: Pilot, now: float) -> Optional[Trial]:
    if state.trial and state.trial.image_id == pilot.image_id:
        return state.trial
    images = state.images
    control = images.undecided and images.stands_in(pilot.image_id)
    if not control and not images.on_trial(pilot.image_id):
        return None
    return Trial(pilot.image_id, _began(state, pilot, now), control=control)


def _judged_alone(state: State, trial: Trial, now: float) -> Outcome:
    why = _not_in_time(state, trial.since, now)
    if not why or trial.spared_for:
        return state, ()
    if trial.control or not _counts(state, trial):
        return _failed(state, now, why)
    if first := host_to_blame.look_first(state, now):
        return first
    if trouble := host_to_blame.trouble_since(state, trial.since):
        state, said = spared(state, why, trouble)
        return replace(state, trial=replace(trial, spared_for=trouble)), said
    return _failed(state, now, why)


def _not_in_time(state: State, since: float, now: float) -> str:
    limit = state.policy.rollback_seconds
    return f"its pilot was not in the pool within {limit / 60:g} min" if now >= since + limit else ""


def _counts(state: State, trial: Trial) -> bool:
    """Whether the image on trial is given up where it fails: it is the newest, and there is one to go back to."""
    return state.images.on_trial(trial.image_id) and not trial.control


def passed(state: State, pilot: Pilot, now: float) -> Outcome:
    """The pilot has shown that its image works."""
    trial, before = state.trial, state.images
    images = before.confirmed() if before.stands_in(pilot.image_id) else before
    images = images.proved(pilot.image_id, pilot.image_digest, now)
    # The next one may be on trial beside it.
    trial = None if trial and trial.image_id == pilot.image_id else trial
    state = replace(state, trial=trial, images=images)
    return state, () if images.good == before.good else (Order.TIDY,)


def _failed(state: State, now: float, why: str) -> Outcome:
    trial, images, state = state.trial, state.images, replace(state, trial=None)
    if trial is None or images.newest is None or images.good is None:
        return state, ()
    # Where another image has come meanwhile, that one is not to blame.
    if not (images.rolled_back if trial.control else images.newest.id == trial.image_id):
        return state, ()
    if trial.control:
        return excused(state, why)
    text = (
        f"Rolled back: the image {images.newest.name} does not work, {why}. The last good one, {images.good.name}, is"
        " used until there is a newer one."
    )
    return replace(state, images=images.condemned(why, now)), (Say(Priority.ERROR, text),)
