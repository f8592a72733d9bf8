"""What is reported: the line for ``systemctl status``, the report for ``ospool-ep status``, and its reading."""

import time
from typing import Any, Optional

from ospool_ep.events import Phase, Pilot, State
from ospool_ep.pilot_state import Pool, Startd

_PLAIN = {
    Phase.LOOKING: "Asking the engine what runs",
    Phase.LAUNCHING: "Starting the pilot",
    Phase.STOPPING: "Stopping the pilot",
    Phase.IDLE: "Idle: drained, no pilot runs; start one with: ospool-ep resume",
    Phase.ENDED: "Ended",
}

_JOBS_NOT_KNOWN = "jobs not known"


def summary(state: State, clock_offset: float) -> str:
    """One line that says how this host does. ``clock_offset``: wall clock minus the state's clock, in seconds."""
    if state.phase is Phase.PULLING:
        return "Pulling the image" if state.percent is None else f"Pulling the image: {state.percent} %"
    if state.phase is Phase.RUNNING and state.pilot:
        return _running(state.pilot)
    if state.phase is Phase.DRAINING and state.pilot:
        return f"Draining, {_jobs_left(state.pilot)}: {state.reason}"
    if state.phase is Phase.WAITING:
        until = time.strftime("%H:%M:%S", time.localtime(state.retry_at + clock_offset))
        return f"Waiting to retry until {until} (attempt {state.failures} failed): {state.reason}"
    return _PLAIN[state.phase]


def _running(pilot: Pilot) -> str:
    running = _jobs_here(pilot)
    if pilot.standing is Pool.REFUSES:
        return f"Refused by the pool, no job will come: {pilot.state.refusal}"
    if pilot.standing is Pool.UNREACHABLE:
        return f"The pool does not answer; {running}"
    if pilot.state.startd in (Startd.DRAINING, Startd.GONE):
        return f"The pilot is ending, {_jobs_left(pilot)}"
    if pilot.standing is Pool.ACCEPTS and pilot.state.startd is Startd.READY:
        return f"In the pool, {running}"
    return "Pilot starting, not in the pool yet"


def _jobs_here(pilot: Pilot) -> str:
    jobs = pilot.state.jobs
    if jobs is None:
        return _JOBS_NOT_KNOWN
    return f"running {_count(len(jobs), 'job')}" if jobs else "waiting for jobs"


def _jobs_left(pilot: Pilot) -> str:
    jobs = pilot.state.jobs
    return _JOBS_NOT_KNOWN if jobs is None else f"{_count(len(jobs), 'job')} left"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def is_well(state: State) -> bool:
    """Whether all is as the operator wants it: the pool accepts the pilot that runs, or, after a drain, none runs.

    What has only begun is not well yet: a pilot with a wrong token begins like any other.
    """
    if state.phase in (Phase.RUNNING, Phase.DRAINING) and state.pilot:
        return state.pilot.standing is Pool.ACCEPTS
    return state.phase is Phase.IDLE


def report(state: State, clock_offset: float, image: str, image_digest: str) -> dict[str, Any]:
    """The report that the service keeps in its run-time directory. Times are seconds since the epoch."""
    return {
        "summary": summary(state, clock_offset),
        "well": is_well(state),
        "phase": state.phase.value,
        "since": round(state.since + clock_offset, 3),
        "wanted": state.wanted,
        "reason": state.reason,
        "failures": state.failures,
        "retry_at": round(state.retry_at + clock_offset, 3) if state.retry_at else None,
        "image": image,
        "pilot": _pilot_report(state.pilot, image_digest) if state.pilot else None,
    }


def _pilot_report(pilot: Pilot, image_digest: str) -> dict[str, Any]:
    jobs = pilot.state.jobs
    return {
        "container": pilot.container_id,
        "image_digest": image_digest,
        "started_at": pilot.started_at,
        "startd": pilot.state.startd.value,
        "pool": pilot.standing.value,
        "identity": pilot.state.identity,
        "refusal": pilot.state.refusal,
        "jobs": None if jobs is None else [{"slot": job.slot, "id": job.id} for job in jobs],
    }


def as_text(current: dict[str, Any], now: float) -> str:
    """The report for a person at a terminal. ``now`` in seconds since the epoch."""
    rows = [("ospool-ep", current["summary"]), ("since", _ago(current["since"], now))]
    pilot: Optional[dict[str, Any]] = current["pilot"]
    if pilot:
        rows += [
            ("pilot", f"container {pilot['container'][:12]}, started {_ago(pilot['started_at'], now)}"),
            ("image", f"{current['image']} {pilot['image_digest']}".rstrip()),
            ("pool", f"{pilot['pool']}{' ' + pilot['identity'] if pilot['identity'] else ''}"),
            ("jobs", _jobs_text(pilot["jobs"])),
        ]
    return "\n".join(f"{name:>9}: {value}" for name, value in rows)


def _jobs_text(jobs: Optional[list[dict[str, str]]]) -> str:
    return "not known" if jobs is None else ", ".join(f"{job['id']} on {job['slot']}" for job in jobs) or "none"


def _ago(moment: float, now: float) -> str:
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))
    return f"{stamp} ({duration(now - moment)} ago)"


def duration(seconds: float) -> str:
    """A span of time in its two largest units, as a person says it: 3 d 4 h, 12 min, 8 s."""
    rest = max(0, int(seconds))
    parts = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if rest >= size:
            parts.append(f"{rest // size} {unit}")
            rest %= size
    return " ".join(parts[:2]) or "0 s"
