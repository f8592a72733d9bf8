"""Why a pilot has to make room for the next one, how, and by when: one rule for each reason, in their order.

Nothing here loses a job that an operator did not give up: a pilot is evicted only where it can have no jobs (it never
was in the pool), where OSPOOL_EP_UPDATE=now says so, or where OSPOOL_EP_DRAIN_HOURS ends a drain.
"""

from dataclasses import dataclass, replace
from typing import Optional

from ospool_ep.configuration.values import UpdatePolicy
from ospool_ep.lifecycle.actions import Order, Outcome
from ospool_ep.lifecycle.state import Pilot, Stage, State, Want
from ospool_ep.lifecycle.trial import VALIDATED_WITHIN_SECONDS
from ospool_ep.pilot.state import Offer, Pool
from ospool_ep.wording import duration

ASKED_FOR = "an operator asked for it"
OUT_OF_HOURS = "the hours of OSPOOL_EP_HOURS are over"

# The next pilot needs time to come up, in which a job may still begin: at most this part of a pilot's time goes there.
_FOR_THE_NEXT = 0.1


@dataclass(frozen=True)
class Ending:
    """Why the pilot has to end.

    ``evict``: at once, and not by a drain; ``limited``: in OSPOOL_EP_DRAIN_HOURS; ``takes_none``: it takes no new jobs
    any more, whatever follows; ``only_beside``: it goes on where the next one can't run beside it.
    """

    why: str
    evict: bool = False
    limited: bool = True
    takes_none: bool = False
    only_beside: bool = False


@dataclass(frozen=True)
class Plan:
    """What will be done to the open pilot, since and until when (seconds of the state's clock; None: no limit)."""

    what: str
    since: float
    until: Optional[float]


def ending(state: State, pilot: Pilot, now: float) -> Optional[Ending]:
    """Why the open pilot has to end now; None where it goes on."""
    if not state.runs_pilots:
        return Ending(why_none_follows(state), limited=False, takes_none=True)
    asked = Ending(ASKED_FOR, limited=False) if is_asked_for(state, pilot) else None
    if pilot.silent_because:
        return asked
    return _takes_none(pilot) or asked or _by_the_service(state, pilot, now)


def why_none_follows(state: State) -> str:
    """Why no pilot is to run. An operator's drain counts more than the hours."""
    return OUT_OF_HOURS if state.want.runs_pilots else ASKED_FOR


def is_asked_for(state: State, pilot: Pilot) -> bool:
    """Whether an operator wants that pilot to be followed by another one: it was there when that was asked for."""
    return state.want is Want.START and not 0.0 < state.want_since <= pilot.since


def forget_drain(state: State) -> Outcome:
    """That an operator wants another pilot to follow needs not be kept any more."""
    return (replace(state, want=Want.PILOTS), (Order.FORGET_DRAIN,)) if state.want is Want.START else (state, ())


OF_A_TOKEN = "the token on disk is a new one, and the pool refuses the one that this pilot has"  # noqa: S105 - a reason


def lacks_token(state: State, pilot: Pilot) -> bool:
    """Whether the token on disk is what it needs."""
    return pilot.standing is Pool.REFUSES and bool(state.token and pilot.token) and state.token != pilot.token


def _takes_none(pilot: Pilot) -> Optional[Ending]:
    if pilot.offer is Offer.RETIRED:
        # Its jobs have RETIREMENT_HOURS. Without an order it would stay, empty, until it has been idle for long.
        return Ending("its ACCEPT_JOBS_FOR_HOURS are over", limited=False, takes_none=True)
    if pilot.confirmed and pilot.state.jobs:
        return Ending("somebody has told it to drain", limited=False, takes_none=True)
    return None


def _by_the_service(state: State, pilot: Pilot, now: float) -> Optional[Ending]:
    if pilot.outdated_because:
        return Ending(pilot.outdated_because)
    if lacks_token(state, pilot):
        return Ending(OF_A_TOKEN)
    if pilot.lost_gpus:
        return Ending("it has lost its GPUs")
    return _for_an_image(state, pilot, now) or _for_its_age(state, pilot, now)


def _for_an_image(state: State, pilot: Pilot, now: float) -> Optional[Ending]:
    wanted = state.images.wanted
    if wanted is None or wanted.id == pilot.image_id:
        return None
    if state.images.rolled_back:
        return Ending(f"going back to the last good image, {wanted.name}", evict=pilot.has_no_jobs)
    why, policy = f"a new image, {wanted.name}", state.policy.update
    if policy is UpdatePolicy.NOW:
        return Ending(f"{why}, and OSPOOL_EP_UPDATE=now", evict=True)
    retires = policy is UpdatePolicy.RETIRE and now >= wanted.since + state.policy.retire_seconds
    return Ending(why) if policy is UpdatePolicy.DRAIN or retires else None


def _for_its_age(state: State, pilot: Pilot, now: float) -> Optional[Ending]:
    due = hands_over_at(state, pilot)
    if pilot.undrainable or not due or now < due:
        return None
    left = duration(max(0.0, _on_our_clock(pilot, pilot.state.dies_at or 0.0) - now))
    why = f"it ends in {left}, and a job may take {duration(state.policy.longest_job_seconds)}"
    return Ending(why, limited=False, only_beside=True)


def hands_over_at(state: State, pilot: Pilot) -> float:
    """When the next pilot begins, so that the longest job of the pool still ends in this one; 0: it does not say.

    Where its time is shorter than that, the next one is there when this one accepts no more jobs.
    """
    if pilot.state.dies_at is None or pilot.state.retires_at is None:
        return 0.0
    dies, retires = _on_our_clock(pilot, pilot.state.dies_at), _on_our_clock(pilot, pilot.state.retires_at)
    last = dies - state.policy.longest_job_seconds
    takes_over = min(last, retires) if last > pilot.since else retires
    ahead = min(state.policy.rollback_seconds + VALIDATED_WITHIN_SECONDS, (takes_over - pilot.since) * _FOR_THE_NEXT)
    return takes_over - max(0.0, ahead)


def _on_our_clock(pilot: Pilot, epoch: float) -> float:
    return epoch - pilot.started_at + pilot.since


def plan(state: State) -> Optional[Plan]:
    """What is planned for the pilot that takes jobs, or did so last; nothing where none is to follow."""
    pilot, wanted = state.main, state.images.wanted
    if pilot is None or not state.runs_pilots:
        return None
    # One that leaves tells that as its reason.
    if pilot.outdated_because and pilot.stage is not Stage.LEAVING:
        missing = "this host is ready for the next pilot" if state.hindrance else "the image is here"
        held_up = state.hindrance or not state.images.here
        once = f" once {missing}" if held_up else ""
        return Plan(f"the next pilot follows{once}: {pilot.outdated_because}", pilot.since, None)
    if wanted is None or wanted.id == pilot.image_id:
        return None
    # One that leaves already is waited for.
    waits = state.policy.update is UpdatePolicy.RETIRE and pilot.stage is Stage.OPEN
    until = wanted.since + state.policy.retire_seconds if waits else None
    return Plan(f"the next pilot uses the new image, {wanted.name}", wanted.since, until)


def deadlines(state: State, pilot: Pilot) -> list[float]:
    """When the open pilot has to be judged again, as far as time alone changes something."""
    if pilot.silent_because:
        return []
    times = [] if pilot.undrainable else [hands_over_at(state, pilot)]
    wanted = state.images.wanted
    if state.policy.update is UpdatePolicy.RETIRE and wanted and wanted.id != pilot.image_id:
        times.append(wanted.since + state.policy.retire_seconds)
    return times
