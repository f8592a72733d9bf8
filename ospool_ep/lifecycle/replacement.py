"""Why a running pilot has to make room for the next one, how, and by when: one rule for each reason, in their order.

Nothing here loses a job that an operator did not give up: a pilot is evicted only where it can have no jobs (it never
was in the pool), where OSPOOL_EP_UPDATE=now says so, or where OSPOOL_EP_DRAIN_HOURS ends a drain.
"""

from dataclasses import dataclass
from typing import Optional

from ospool_ep.configuration.values import UpdatePolicy
from ospool_ep.lifecycle.retries import HOST_DELAY_SECONDS
from ospool_ep.lifecycle.state import Phase, Pilot, State, Want
from ospool_ep.pilot.state import Offer, Pool


@dataclass(frozen=True)
class Ending:
    """Why the pilot has to end; ``evict``: at once, and not by a drain; ``limited``: in OSPOOL_EP_DRAIN_HOURS."""

    why: str
    evict: bool = False
    limited: bool = True


@dataclass(frozen=True)
class Plan:
    """What will be done to the pilot, since and until when (seconds of the state's clock; None: no limit)."""

    what: str
    since: float
    until: Optional[float]


def ending(state: State, pilot: Pilot, now: float) -> Optional[Ending]:
    """Why the pilot that runs has to end now; None where it goes on."""
    if state.want is not Want.PILOTS:
        return Ending("an operator asked for it", limited=False)
    if pilot.silent_because:
        return None
    # An image that is not here yet is pulled beside the pilot first, and a host that is not ready for the next pilot is
    # waited for: what is without a pilot then is the swap alone.
    if pilot.outdated_because and state.images.here and state.hindrance is None:
        return Ending(pilot.outdated_because)
    if pilot.standing is Pool.REFUSES and state.token and pilot.token and state.token != pilot.token:
        return Ending("the token on disk is a new one, and the pool refuses the one that this pilot has")
    return _for_an_image(state, pilot, now) or _by_itself(pilot)


def _by_itself(pilot: Pilot) -> Optional[Ending]:
    if pilot.draining_since is not None:
        return Ending("it was told to drain before")
    if pilot.offer is Offer.RETIRED:
        # Its jobs have RETIREMENT_HOURS. Without an order it would stay, empty, until it has been idle for long.
        return Ending("its ACCEPT_JOBS_FOR_HOURS are over", limited=False)
    return None


def _for_an_image(state: State, pilot: Pilot, now: float) -> Optional[Ending]:
    wanted = state.images.wanted
    if wanted is None or wanted.id == pilot.image_id or pilot.outdated_because:
        return None
    if state.images.rolled_back:
        return Ending(f"going back to the last good image, {wanted.name}", evict=pilot.has_no_jobs)
    why, policy = f"a new image, {wanted.name}", state.policy.update
    if policy is UpdatePolicy.NOW:
        return Ending(f"{why}, and OSPOOL_EP_UPDATE=now", evict=True)
    retires = policy is UpdatePolicy.RETIRE and now >= wanted.since + state.policy.retire_seconds
    return Ending(why) if policy is UpdatePolicy.DRAIN or retires else None


def plan(state: State) -> Optional[Plan]:
    """What is planned for the pilot that runs, for the status."""
    pilot, wanted = state.pilot, state.images.wanted
    if state.phase is Phase.DRAINING:
        since = pilot.draining_since if pilot else None
        return Plan(f"drain: {state.reason}", state.since if since is None else since, state.limit_at or None)
    if state.phase is not Phase.RUNNING or pilot is None:
        return None
    if pilot.outdated_because:
        missing = "this host is ready for the next pilot" if state.hindrance else "the image is here"
        return Plan(f"drain once {missing}: {pilot.outdated_because}", pilot.since, None)
    if wanted is None or wanted.id == pilot.image_id:
        return None
    until = wanted.since + state.policy.retire_seconds if state.policy.update is UpdatePolicy.RETIRE else None
    return Plan(f"the next pilot uses the new image, {wanted.name}", wanted.since, until)


def next_check_of_host(state: State) -> float:
    """When it is looked again whether this host is ready for the next pilot, where one is to follow soon; 0: never."""
    makes_room = state.phase is Phase.RUNNING and state.pilot is not None and bool(state.pilot.outdated_because)
    return state.hindrance.since + HOST_DELAY_SECONDS if state.hindrance and makes_room else 0.0


def next_deadline(state: State) -> float:
    """When a running pilot has to be judged again; 0 where time alone changes nothing."""
    if state.pilot is None or state.pilot.silent_because:
        return 0.0
    times = [state.trial.since + state.policy.rollback_seconds] if state.trial else []
    times += filter(None, [next_check_of_host(state)])
    wanted = state.images.wanted
    if state.policy.update is UpdatePolicy.RETIRE and wanted and wanted.id != state.pilot.image_id:
        times.append(wanted.since + state.policy.retire_seconds)
    return min(times, default=0.0)
