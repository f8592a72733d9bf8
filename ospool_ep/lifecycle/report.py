"""What is reported: the line for ``systemctl status``, and the report that ``ospool-ep status`` shows."""

import time
from collections.abc import Sequence
from typing import Any, Optional

from ospool_ep.lifecycle import replacement
from ospool_ep.lifecycle.due import limit_at
from ospool_ep.lifecycle.next_pilot import one_by_one
from ospool_ep.lifecycle.state import Phase, Pilot, Stage, State
from ospool_ep.pilot.state import NOTHING, Job, Offer, Pool, Share, Startd
from ospool_ep.wording import weekday_and_time

_NOT_UP = (Startd.NOT_UP, Startd.MISSING, Startd.STARTING)

_PLAIN = {
    Phase.LOOKING: "Asking the engine what runs",
    Phase.LAUNCHING: "Starting the pilot",
    Phase.IDLE: "Idle: drained, no pilot runs; start one with: ospool-ep resume",
    Phase.ENDED: "Ended",
}
# In the report, of a host whose last pilots leave while none follows yet.
DRAINING = "draining"


def summary(state: State, clock_offset: float) -> str:
    """One line that says how this host does. ``clock_offset``: wall clock minus the state's clock, in seconds."""
    parts = [_of_pilots(state, clock_offset) if _is_about_pilots(state) else _phase(state, clock_offset)]
    parts.append(_hours(state))
    if state.pilots and state.phase in (Phase.WAITING, Phase.LAUNCHING):
        parts.append(_next(state, clock_offset))
    plan = replacement.plan(state)
    if plan and state.at(Stage.OPEN) and state.phase is Phase.RUNNING and not state.at(Stage.CLOSED):
        parts.append(f"planned: {plan.what}{_by(plan.until, clock_offset)}")
    if state.images.rolled_back and state.images.failed:
        parts.append(f"the image {state.images.failed.image.name} was rolled back")
    return "; ".join(filter(None, (*parts, state.token_note, state.host_note)))


def _hours(state: State) -> str:
    """Until when jobs are accepted, or are not, where OSPOOL_EP_HOURS say so and an operator says nothing else."""
    if state.hours.until is None or not state.want.runs_pilots or state.phase in (Phase.STOPPING, Phase.ENDED):
        return ""
    until, pilot = weekday_and_time(state.hours.until), state.at(Stage.OPEN)
    if not state.hours.are_open:
        return f"no new jobs until {until}"
    return f"jobs are accepted until {until}" if pilot and pilot.standing is Pool.ACCEPTS else ""


def _is_about_pilots(state: State) -> bool:
    return bool(state.pilots) and state.phase in (Phase.RUNNING, Phase.WAITING, Phase.LAUNCHING)


def _phase(state: State, clock_offset: float) -> str:
    if state.phase is Phase.PULLING:
        return "Pulling the image" if state.percent is None else f"Pulling the image: {state.percent} %"
    if state.phase is Phase.STOPPING:
        return "Stopping the pilot" if len(state.pilots) < 2 else f"Stopping {len(state.pilots)} pilots"
    if state.phase is Phase.WAITING:
        until = time.strftime("%H:%M:%S", time.localtime(state.waits_until + clock_offset))
        return f"Waiting to retry until {until} (attempt {state.failures} failed): {state.reason}"
    if state.phase is Phase.IDLE and state.want.runs_pilots:
        return "Idle: no pilot runs outside of OSPOOL_EP_HOURS"
    return _PLAIN.get(state.phase, "")


def _next(state: State, clock_offset: float) -> str:
    if state.phase is Phase.LAUNCHING:
        return "the next one starts"
    until = time.strftime("%H:%M:%S", time.localtime(state.waits_until + clock_offset))
    return f"the next one is tried at {until} (attempt {state.failures} failed): {state.reason}"


def _by(until: Optional[float], clock_offset: float) -> str:
    """Until when something happens at the latest; a date is needed, as it may be days away."""
    if until is None:
        return ""
    return time.strftime(", by %Y-%m-%d %H:%M at the latest", time.localtime(until + clock_offset))


def _of_pilots(state: State, clock_offset: float) -> str:
    before, following = state.at(Stage.OPEN), state.at(Stage.CLOSED)
    leaving = [pilot for pilot in state.pilots if pilot.stage is Stage.LEAVING]
    parts = [_running(before)] if before else [_draining(state, pilot, clock_offset) for pilot in leaving]
    if following and before:
        parts.append("the next pilot is on trial")
    elif following:
        ready = following.standing is Pool.ACCEPTS
        parts.append("the next pilot is ready to take over" if ready else _STARTING)
    if before:
        parts += [f"the pilot before leaves, {_left(state, pilot, clock_offset)}" for pilot in leaving]
    stopping = [pilot for pilot in state.pilots if pilot.stage is Stage.STOPPING]
    which = "another pilot is being stopped" if parts else "Stopping the pilot"
    parts += [f"{which}{f': {pilot.why}' if pilot.why else ''}" for pilot in stopping]
    return "; ".join(parts) or "Asking the pilots what they do"


def _draining(state: State, pilot: Pilot, clock_offset: float) -> str:
    # It may leave for another reason already.
    why = (pilot.why or "it was told to drain before") if state.runs_pilots else replacement.why_none_follows(state)
    return f"Draining, {_left(state, pilot, clock_offset)}: {why}"


def _left(state: State, pilot: Pilot, clock_offset: float) -> str:
    return _jobs(pilot, left=True) + _by(limit_at(state, pilot) or None, clock_offset)


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
    if pilot.gpus_trouble:
        return f"In the pool, {_jobs(pilot)}, but without GPUs: {pilot.gpus_trouble}"
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
    pilot = state.main
    if pilot is None or not _is_about_pilots(state):
        return state.phase is Phase.IDLE
    in_pool = pilot.standing is Pool.ACCEPTS and not pilot.silent_because
    if pilot.stage is Stage.LEAVING:
        return in_pool
    takes_jobs = pilot.offer not in (Offer.UNVALIDATED, Offer.CLOSED) and not pilot.mute and not pilot.gpus_trouble
    stays = pilot.stage is not Stage.STOPPING
    return in_pool and takes_jobs and stays and pilot.state.startd not in _NOT_UP


def report(state: State, clock_offset: float) -> dict[str, Any]:
    """The report that the service keeps in its run-time directory. Times are seconds since the epoch."""

    def moment(when: Optional[float]) -> Optional[float]:
        return round(when + clock_offset, 3) if when else None

    plan, failed = replacement.plan(state), state.images.failed if state.images.rolled_back else None
    return {
        "summary": summary(state, clock_offset),
        "well": is_well(state),
        "phase": DRAINING if _drains(state) else state.phase.value,
        "since": moment(state.since),
        "wanted": state.want.value,
        "stop_asked": state.stop_asked,
        "hours": {"open": state.hours.are_open, "until": state.hours.until} if _has_hours(state) else None,
        "reason": state.reason,
        "failures": state.failures,
        "retry_at": moment(state.waits_until) if state.phase is Phase.WAITING else None,
        "image": state.images.reference,
        "update": state.policy.update.value,
        "one_by_one": one_by_one(state),
        "plan": plan and {"what": plan.what, "since": moment(plan.since), "until": moment(plan.until)},
        "rolled_back": failed
        and {"digest": failed.image.digest or failed.image.id, "why": failed.why, "since": moment(failed.since)},
        "token": state.token_note,
        "host": state.host_note,
        "pilots": [_pilot_report(state, pilot, moment) for pilot in state.pilots],
    }


def _has_hours(state: State) -> bool:
    return state.hours.until is not None or not state.hours.are_open


def _drains(state: State) -> bool:
    leave = bool(state.pilots) and all(pilot.stage is Stage.LEAVING for pilot in state.pilots)
    return leave and state.phase is Phase.RUNNING


def _pilot_report(state: State, pilot: Pilot, moment: Any) -> dict[str, Any]:
    jobs = None if pilot.silent_because else pilot.state.jobs
    hands_over = replacement.hands_over_at(state, pilot) if pilot.stage is Stage.OPEN else 0.0
    return {
        "container": pilot.container_id,
        "stage": pilot.stage.value,
        "why": pilot.why,
        "image_digest": pilot.image_digest,
        "started_at": pilot.started_at,
        "leaves_since": moment(pilot.draining_since),
        "leaves_until": moment(limit_at(state, pilot)),
        "hands_over_at": moment(hands_over),
        "startd": pilot.state.startd.value,
        "pool": pilot.standing.value,
        "offer": pilot.offer.value,
        "takes_no_jobs_because": pilot.closed_because,
        "identity": pilot.state.identity,
        "refusal": pilot.state.refusal,
        "silent": pilot.silent_because,
        "gpus": pilot.gpus_trouble,
        "outdated": pilot.outdated_because,
        "holds": _share(pilot.holds),
        "offers": _share(_offered(pilot)),
        "jobs": None
        if jobs is None
        else [{"slot": job.slot, "id": job.id, "started_at": job.started_at or None} for job in jobs],
    }


def _share(share: Optional[Share]) -> Optional[dict[str, int]]:
    return None if share is None else {"cpus": share.cpus, "memory": share.memory}


def _offered(pilot: Pilot) -> Optional[Share]:
    """What it has for new jobs, beside those that run; None where that is not known."""
    size, holds = pilot.state.size, pilot.holds
    if pilot.stage is not Stage.OPEN:
        return NOTHING
    if size is None or holds is None or pilot.silent_because:
        return None
    held = (pilot.believes or NOTHING) if pilot.begins_closed else NOTHING
    return Share(max(0, size.cpus - holds.cpus - held.cpus), max(0, size.memory - holds.memory - held.memory))
