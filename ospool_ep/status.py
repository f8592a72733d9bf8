"""What is reported: the line for ``systemctl status``, the report for ``ospool-ep status``, and its reading."""

import time
from collections.abc import Callable
from typing import Any, Optional

from ospool_ep import replacement
from ospool_ep.pilot_state import Pool, Startd
from ospool_ep.states import Phase, Pilot, State

_PLAIN = {
    Phase.LOOKING: "Asking the engine what runs",
    Phase.LAUNCHING: "Starting the pilot",
    Phase.IDLE: "Idle: drained, no pilot runs; start one with: ospool-ep resume",
    Phase.ENDED: "Ended",
}

_JOBS_NOT_KNOWN = "jobs not known"


def summary(state: State, clock_offset: float) -> str:
    """One line that says how this host does. ``clock_offset``: wall clock minus the state's clock, in seconds."""
    line = _phase(state, clock_offset)
    plan = replacement.plan(state)
    if plan and state.phase is Phase.RUNNING:
        line += f"; planned: {plan.what}{_by(plan.until, clock_offset)}"
    if state.images.rolled_back and state.images.failed:
        line += f"; the image {state.images.failed.image.name} was rolled back"
    return f"{line}; {state.token_note}" if state.token_note else line


def _phase(state: State, clock_offset: float) -> str:
    if state.phase is Phase.PULLING:
        return "Pulling the image" if state.percent is None else f"Pulling the image: {state.percent} %"
    if state.phase is Phase.RUNNING and state.pilot:
        return _running(state.pilot)
    if state.phase is Phase.DRAINING and state.pilot:
        by = _by(state.limit_at or None, clock_offset)
        return f"Draining, {_jobs_left(state.pilot)}{by}: {state.reason}"
    if state.phase is Phase.STOPPING:
        return f"Stopping the pilot{'' if state.stop_asked or not state.reason else f': {state.reason}'}"
    if state.phase is Phase.WAITING:
        until = time.strftime("%H:%M:%S", time.localtime(state.retry_at + clock_offset))
        return f"Waiting to retry until {until} (attempt {state.failures} failed): {state.reason}"
    return _PLAIN[state.phase]


def _by(until: Optional[float], clock_offset: float) -> str:
    """Until when something happens at the latest; a date is needed, as it may be days away."""
    if until is None:
        return ""
    return time.strftime(", by %Y-%m-%d %H:%M at the latest", time.localtime(until + clock_offset))


def _running(pilot: Pilot) -> str:
    if pilot.silent:
        return f"The pilot does not answer, {_JOBS_NOT_KNOWN}: {pilot.silent}"
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
    return _JOBS_NOT_KNOWN if jobs is None or pilot.silent else f"{_count(len(jobs), 'job')} left"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def is_well(state: State) -> bool:
    """Whether all is as the operator wants it: the pool accepts the pilot that runs, or, after a drain, none runs.

    What has only begun is not well yet: a pilot with a wrong token begins like any other.
    """
    if state.phase in (Phase.RUNNING, Phase.DRAINING) and state.pilot:
        return state.pilot.standing is Pool.ACCEPTS and not state.pilot.silent
    return state.phase is Phase.IDLE


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
        "reason": state.reason,
        "failures": state.failures,
        "retry_at": moment(state.retry_at) if state.phase is Phase.WAITING else None,
        "image": state.images.reference,
        "plan": plan and {"what": plan.what, "since": moment(plan.since), "until": moment(plan.until)},
        "rolled_back": failed
        and {"digest": failed.image.digest or failed.image.id, "why": failed.why, "since": moment(failed.since)},
        "token": state.token_note,
        "pilot": _pilot_report(state.pilot) if state.pilot else None,
    }


def _pilot_report(pilot: Pilot) -> dict[str, Any]:
    jobs = None if pilot.silent else pilot.state.jobs
    return {
        "container": pilot.container_id,
        "image_digest": pilot.image_digest,
        "started_at": pilot.started_at,
        "startd": pilot.state.startd.value,
        "pool": pilot.standing.value,
        "identity": pilot.state.identity,
        "refusal": pilot.state.refusal,
        "silent": pilot.silent,
        "jobs": None
        if jobs is None
        else [{"slot": job.slot, "id": job.id, "started_at": job.started_at or None} for job in jobs],
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
            ("jobs", jobs_text(pilot["jobs"], now)),
        ]
    rows += [(name, text(current[key], now)) for name, key, text in _MORE_ROWS if current[key]]
    return "\n".join(f"{name:>9}: {value}" for name, value in rows)


def jobs_text(jobs: Optional[list[dict[str, Any]]], now: float) -> str:
    """Each job with its slot and for how long it has run; ``now`` in seconds since the epoch."""
    return "not known" if jobs is None else ", ".join(_job_text(job, now) for job in jobs) or "none"


def _job_text(job: dict[str, Any], now: float) -> str:
    began = job["started_at"]
    return f"{job['id']} on {job['slot']}" + (f" for {duration(now - began)}" if began else "")


def _plan_text(plan: dict[str, Any], now: float) -> str:
    until = f", until {_stamp(plan['until'])} at the latest" if plan["until"] else ""
    return f"{plan['what']}, since {_ago(plan['since'], now)}{until}"


def _rolled_back_text(failed: dict[str, Any], now: float) -> str:
    return f"{failed['digest']}, {_ago(failed['since'], now)}: {failed['why']}"


_MORE_ROWS: tuple[tuple[str, str, Callable[[Any, float], str]], ...] = (
    ("plan", "plan", _plan_text),
    ("not used", "rolled_back", _rolled_back_text),
    ("token", "token", lambda note, _now: str(note)),
)


def _ago(moment: float, now: float) -> str:
    return f"{_stamp(moment)} ({duration(now - moment)} ago)"


def _stamp(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))


def duration(seconds: float) -> str:
    """A span of time in its two largest units, as a person says it: 3 d 4 h, 12 min, 8 s."""
    rest = max(0, int(seconds))
    parts = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if rest >= size:
            parts.append(f"{rest // size} {unit}")
            rest %= size
    return " ".join(parts[:2]) or "0 s"
