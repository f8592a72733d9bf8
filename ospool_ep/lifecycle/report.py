"""What is reported: the line for ``systemctl status``, and the report that ``ospool-ep status`` shows."""

import time
from collections.abc import Sequence
from typing import Any, Optional

from ospool_ep.lifecycle import replacement
from ospool_ep.lifecycle.state import Phase, Pilot, State
from ospool_ep.pilot.state import Job, Offer, Pool, Startd

_NOT_UP = (Startd.NOT_UP, Startd.MISSING, Startd.STARTING)

_PLAIN = {
    Phase.LOOKING: "Asking the engine what runs",
    Phase.LAUNCHING: "Starting the pilot",
    Phase.IDLE: "Idle: drained, no pilot runs; start one with: ospool-ep resume",
    Phase.ENDED: "Ended",
}


def summary(state: State, clock_offset: float) -> str:
    """One line that says how this host does. ``clock_offset``: wall clock minus the state's clock, in seconds."""
    line = _phase(state, clock_offset)
    plan = replacement.plan(state)
    if plan and state.phase is Phase.RUNNING:
        line += f"; planned: {plan.what}{_by(plan.until, clock_offset)}"
    if state.images.rolled_back and state.images.failed:
        line += f"; the image {state.images.failed.image.name} was rolled back"
    return "; ".join(filter(None, (line, state.token_note, state.host_note)))


def _phase(state: State, clock_offset: float) -> str:
    if state.phase is Phase.PULLING:
        return "Pulling the image" if state.percent is None else f"Pulling the image: {state.percent} %"
    if state.phase is Phase.RUNNING and state.pilot:
        return _running(state.pilot)
    if state.phase is Phase.DRAINING and state.pilot:
        by = _by(state.limit_at or None, clock_offset)
        return f"Draining, {_jobs(state.pilot, left=True)}{by}: {state.reason}"
    if state.phase is Phase.STOPPING:
        return f"Stopping the pilot{'' if state.stop_asked or not state.reason else f': {state.reason}'}"
    if state.phase is Phase.WAITING:
        until = time.strftime("%H:%M:%S", time.localtime(state.wake_at + clock_offset))
        return f"Waiting to retry until {until} (attempt {state.failures} failed): {state.reason}"
    return _PLAIN[state.phase]


def _by(until: Optional[float], clock_offset: float) -> str:
    """Until when something happens at the latest; a date is needed, as it may be days away."""
    if until is None:
        return ""
    return time.strftime(", by %Y-%m-%d %H:%M at the latest", time.localtime(until + clock_offset))


def _running(pilot: Pilot) -> str:
    if pilot.silent_because:
        return f"The pilot does not answer, {_jobs(pilot)}: {pilot.silent_because}"
    if pilot.standing is Pool.REFUSES:
        return f"Refused by the pool, no job will come: {pilot.state.refusal}"
    if pilot.standing is Pool.UNREACHABLE:
        return f"The pool does not answer; {_jobs(pilot)}"
    if pilot.standing is Pool.ACCEPTS and pilot.state.startd is Startd.READY:
        return _in_pool(pilot)
    return _without_startd(pilot)


def _without_startd(pilot: Pilot) -> str:
    if pilot.state.startd in (Startd.DRAINING, Startd.GONE):
        return f"The pilot is ending, {_jobs(pilot, left=True)}"
    if pilot.state.startd is Startd.MISSING:
        return "HTCondor does not run in the pilot, which is replaced where that lasts for minutes"
    return f"HTCondor in the pilot is not up, {_jobs(pilot)}" if pilot.was_in_pool else _STARTING


_STARTING = "Pilot starting, not in the pool yet"


def _in_pool(pilot: Pilot) -> str:
    if pilot.mute:
        return "In the pool, but the pilot's startd does not answer, jobs not known"
    if pilot.offer is Offer.CLOSED:
        running = f"running {_count(pilot.state.jobs)}, " if pilot.state.jobs else ""
        return f"In the pool, {running}but takes no {'new ' if running else ''}jobs: {pilot.closed_because}"
    if pilot.offer is Offer.UNVALIDATED:
        return f"In the pool, its own tests of this host have not ended yet; {_jobs(pilot)}"
    return f"In the pool, {_jobs(pilot)}{f'; {pilot.closed_because}' if pilot.closed_because else ''}"


def _jobs(pilot: Pilot, *, left: bool = False) -> str:
    jobs = pilot.state.jobs
    if jobs is None or pilot.silent_because:
        return "jobs not known"
    count = _count(jobs)
    return f"{count} left" if left else f"running {count}" if jobs else "waiting for jobs"


def _count(jobs: Sequence[Job]) -> str:
    return f"{len(jobs)} job{'' if len(jobs) == 1 else 's'}"


def is_well(state: State) -> bool:
    """Whether all is as the operator wants it: the pilot that runs gets jobs, or ends them, or after a drain none runs.

    What has only begun is not well yet: a pilot with a wrong token begins like any other.
    """
    pilot = state.pilot
    if pilot is None or state.phase not in (Phase.RUNNING, Phase.DRAINING):
        return state.phase is Phase.IDLE
    in_pool = pilot.standing is Pool.ACCEPTS and not pilot.silent_because
    if state.phase is Phase.DRAINING:
        return in_pool
    takes_jobs = pilot.offer not in (Offer.UNVALIDATED, Offer.CLOSED) and not pilot.mute
    return in_pool and takes_jobs and pilot.state.startd not in _NOT_UP


def report(state: State, clock_offset: float) -> dict[str, Any]:
    """The report that the service keeps in its run-time directory. Times are seconds since the epoch."""

    def moment(when: Optional[float]) -> Optional[float]:
        return round(when + clock_offset, 3) if when else None

    plan, failed = replacement.plan(state), state.images.failed if state.images.rolled_back else None
    return {
        "summary": summary(state, clock_offset),
        "well": is_well(state),
        "phase": state.phase.value,
        "since": moment(state.since),
        "wanted": state.want.value,
        "stop_asked": state.stop_asked,
        "reason": state.reason,
        "failures": state.failures,
        "retry_at": moment(state.wake_at) if state.phase is Phase.WAITING else None,
        "image": state.images.reference,
        "update": state.policy.update.value,
        "plan": plan and {"what": plan.what, "since": moment(plan.since), "until": moment(plan.until)},
        "rolled_back": failed
        and {"digest": failed.image.digest or failed.image.id, "why": failed.why, "since": moment(failed.since)},
        "token": state.token_note,
        "host": state.host_note,
        "pilot": _pilot_report(state.pilot) if state.pilot else None,
    }


def _pilot_report(pilot: Pilot) -> dict[str, Any]:
    jobs = None if pilot.silent_because else pilot.state.jobs
    return {
        "container": pilot.container_id,
        "image_digest": pilot.image_digest,
        "started_at": pilot.started_at,
        "startd": pilot.state.startd.value,
        "pool": pilot.standing.value,
        "offer": pilot.offer.value,
        "takes_no_jobs_because": pilot.closed_because,
        "identity": pilot.state.identity,
        "refusal": pilot.state.refusal,
        "silent": pilot.silent_because,
        "outdated": pilot.outdated_because,
        "jobs": None
        if jobs is None
        else [{"slot": job.slot, "id": job.id, "started_at": job.started_at or None} for job in jobs],
    }
