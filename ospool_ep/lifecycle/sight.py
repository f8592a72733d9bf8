"""What is known of a pilot once it has answered: what counts at once, what only when it is seen twice, what is dead."""

from dataclasses import replace
from math import inf
from typing import Optional

from ospool_ep.lifecycle.state import Obstacle, Pilot, Stage, State
from ospool_ep.pilot.gpus import CONTROL_NODE
from ospool_ep.pilot.state import Gpus, Offer, PilotState, Pool, Share, Startd
from ospool_ep.wording import duration

# The pilot's own tests of the host take minutes after a cold start.
VALIDATION_SECONDS = 900.0
# A startd that is not there is not waited for longer than this; supervisord and the master start theirs within seconds.
ABSENT_SECONDS = 150.0
# One that has left in order has its master follow, which looks every five minutes.
LEFT_SECONDS = 900.0
# A host that is slow gets twice as long with each pilot, so that one comes up at last.
_MOST_DOUBLINGS = 4
_UP = (Startd.READY, Startd.DRAINING)


def seen(before: Pilot, answer: PilotState, now: float) -> Pilot:
    """The pilot with what it has answered now."""
    if before.stage is Stage.LEAVING and answer.pool is Pool.UNKNOWN:
        # It was asked only for what it holds.
        last = before.state
        answer = replace(
            answer, pool=last.pool, identity=last.identity, refusal=last.refusal, offer=last.offer, unmet=last.unmet,
            size=answer.size or last.size, retires_at=last.retires_at, dies_at=last.dies_at,
            gpus=last.gpus, gpus_closed_because=last.gpus_closed_because,
        )  # fmt: skip
    # One answer may fall into the moment before the pilot has made contact; only the good one counts at once.
    sure = answer.pool is Pool.ACCEPTS or answer.pool is before.state.pool
    standing = answer.pool if sure else before.standing
    # What it was told just now may not be in its ad yet.
    told = before.telling is not None or answer.startd is not Startd.READY or answer.is_mute
    return replace(
        _offering(before, answer, now),
        state=answer,
        holds=_held(before, answer),
        believes=before.believes if told else answer.believes,
        confirmed=_takes_no_claim(before, answer),
        standing=standing,
        back_since=now if _is_back(before, standing) else before.back_since,
        mute=answer.is_mute and (before.mute or before.state.is_mute),
        absent_since=_absent_since(before, answer, now),
        had_gpus=_had_gpus(before, answer),
        gpus_trouble=_gpus_trouble(before, answer),
        asked=True,
        # A process before us may have seen it there: nobody else gives it jobs.
        was_in_pool=before.was_in_pool or answer.pool is Pool.ACCEPTS or bool(answer.jobs),
        silent_because="",
    )


def _is_back(before: Pilot, standing: Pool) -> bool:
    was_away = before.standing in (Pool.UNREACHABLE, Pool.REFUSES) or bool(before.silent_because)
    return was_away and standing is Pool.ACCEPTS


def _held(before: Pilot, answer: PilotState) -> Optional[Share]:
    """What its jobs hold; what it has said last stands where it does not say."""
    return answer.holds or before.holds


def _takes_no_claim(before: Pilot, answer: PilotState) -> bool:
    """Whether its startd takes no claim any more, and has said since what its jobs hold."""
    if answer.startd is Startd.GONE:
        return True
    if answer.startd is Startd.DRAINING:
        return before.confirmed or answer.holds is not None
    if answer.offer is Offer.RETIRED and before.offer is Offer.RETIRED:
        return True
    # One that is up again has forgotten that it was to drain.
    return before.confirmed and answer.startd is not Startd.READY


def _had_gpus(before: Pilot, answer: PilotState) -> bool:
    return before.had_gpus or answer.gpus in (Gpus.WELL, Gpus.UNSEEN)


def _gpus_trouble(before: Pilot, answer: PilotState) -> str:
    # A driver that is loaded anew, or a moment under a reload, is over by the next answer.
    if answer.gpus is not before.state.gpus:
        return before.gpus_trouble if answer.gpus is Gpus.CLOSED else ""
    if answer.gpus is Gpus.UNSEEN:
        return "its HTCondor has found no GPU in the container"
    if answer.gpus is not Gpus.CLOSED:
        return ""
    what = "it has lost its GPUs" if _had_gpus(before, answer) else "it can't use its GPUs"
    return f"{what} ({CONTROL_NODE}: {answer.gpus_closed_because})"


def _offering(before: Pilot, answer: PilotState, now: float) -> Pilot:
    """The pilot with what is known now of whether it takes jobs."""
    if answer.offer is Offer.UNVALIDATED and now - before.since >= VALIDATION_SECONDS:
        return replace(before, offer=Offer.CLOSED, closed_because=_NOT_VALIDATED, unmet=("OSG_NODE_VALIDATED",))
    # A clause may not be met, or not be known, for a moment only.
    again = answer.offer is before.state.offer and answer.unmet == before.state.unmet and answer.startd is Startd.READY
    if (answer.offer in (Offer.CLOSED, Offer.UNKNOWN) or answer.unmet) and not again:
        return before
    return replace(before, offer=answer.offer, closed_because=answer.closed_because, unmet=answer.unmet)


_NOT_VALIDATED = (
    f"its own tests of this host have not ended {duration(VALIDATION_SECONDS)} after its start (OSG_NODE_VALIDATED)."
    " Look at its lines in the journal"
)


def _absent_since(before: Pilot, answer: PilotState, now: float) -> Optional[float]:
    # Nobody knows what was while it did not say.
    if answer.startd in _UP or answer.startd is Startd.NOT_UP:
        return None
    # One that has left counts from there: until then it was up.
    fresh = (
        before.absent_since is None
        or bool(before.silent_because)
        or (answer.startd is Startd.GONE) is not (before.state.startd is Startd.GONE)
    )
    return now if fresh else before.absent_since


def death(state: State, pilot: Pilot, now: float) -> str:
    """Why a pilot is of no use any more, as it has answered itself; empty as long as it may be.

    Silence is no answer.
    """
    if pilot.stage is Stage.STOPPING or pilot.absent_since is None or pilot.silent_because:
        return ""
    absent = now - pilot.absent_since
    limit, says = _LIMITS.get(pilot.state.startd, (inf, ""))
    if pilot.state.startd is Startd.STARTING and state.obstacle is Obstacle.PILOT:
        limit *= 2 ** min(state.failures, _MOST_DOUBLINGS)
    return f"{says}, for {duration(absent)} now" if absent >= limit else ""


_LIMITS = {
    Startd.MISSING: (ABSENT_SECONDS, "its HTCondor does not run"),
    Startd.STARTING: (ABSENT_SECONDS, "its startd does not come up"),
    Startd.GONE: (LEFT_SECONDS, "its startd has left, and its master has not followed"),
}
