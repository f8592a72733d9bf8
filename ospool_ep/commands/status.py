"""``ospool-ep status``: what the running service reports, for a person or for a program."""

import argparse
import json
import time
from typing import Any, Optional

from ospool_ep import exit_codes
from ospool_ep.commands.service_reports import current_report, not_running
from ospool_ep.lifecycle.state import Stage
from ospool_ep.system.run_directory import RunDirectory
from ospool_ep.this_service import this_service
from ospool_ep.wording import duration, short_id


def run(options: argparse.Namespace) -> int:
    """Print what the service reports. 0: well; 1: it runs, but is not in the pool; 3: it does not run."""
    current = current_report(RunDirectory())
    if options.json:
        print(json.dumps(as_data(current)))
    else:
        print(as_text(current, time.time()) if current else not_running())
    return exit_code(current)


def as_data(current: Optional[dict[str, Any]]) -> dict[str, Any]:
    """The report for a program."""
    return current or {"summary": not_running(), "well": False, "phase": "not running", "pilots": []}


def exit_code(current: Optional[dict[str, Any]]) -> int:
    """As ``run`` says."""
    if current is None:
        return exit_codes.NOT_RUNNING
    return exit_codes.OK if current["well"] else exit_codes.FAILED


def as_text(current: dict[str, Any], now: float, width: int = 10) -> str:
    """The report for a person at a terminal. ``now`` in seconds since the epoch; ``width``: of the first column."""
    rows = [(this_service().name, current["summary"])]
    if current["since"]:
        rows.append(("since", _ago(current["since"], now)))
    for pilot in reversed(current["pilots"]):
        rows += _rows_of(pilot, now)
    if current["pilots"]:
        rows.append(("image", current["image"]))
    if plan := current["plan"]:
        until = f", until {_stamp(plan['until'])} at the latest" if plan["until"] else ""
        rows.append(("plan", f"{plan['what']}, since {_ago(plan['since'], now)}{until}"))
    if failed := current["rolled_back"]:
        rows.append(("not used", f"{failed['digest']}, {_ago(failed['since'], now)}: {failed['why']}"))
    if current["token"]:
        rows.append(("token", current["token"]))
    if current["host"]:
        rows.append(("host", current["host"]))
    if current["pilots"] and current.get("sum_limit"):
        rows.append(("limits", current["sum_limit"]))
    if current["pilots"] and current["one_by_one"]:
        rows.append(("one by one", f"the next pilot starts when the running one has ended: {current['one_by_one']}"))
    width = max(width, len(rows[0][0]))
    return "\n".join(f"{name:>{width}}: {value}" for name, value in rows)


def _rows_of(pilot: dict[str, Any], now: float) -> list[tuple[str, str]]:
    """A line or two for each pilot: what it is, and its jobs; the open one's standing in the pool, too."""
    container = f"container {short_id(pilot['container'])} {pilot['image_digest'][:19]}".rstrip()
    parts = [_STAGES[Stage(pilot["stage"])], container, f"started {_ago(pilot['started_at'], now)}"]
    if pilot["leaves_since"]:
        why = f": {pilot['why']}" if pilot["why"] else ""
        parts.append(f"leaves since {_ago(pilot['leaves_since'], now)}{why}")
    rows = [("pilot", ", ".join(parts))]
    if pilot["stage"] != Stage.LEAVING.value:
        rows.append(("pool", f"{pilot['pool']} {pilot['identity']}".rstrip()))
    share = [f"{word} {_share_text(pilot[word])}" for word in ("holds", "offers") if pilot[word]]
    rows.append(("jobs", "; ".join([jobs_text(pilot["jobs"], now), *share])))
    return rows


def _share_text(share: dict[str, int]) -> str:
    return f"{share['cpus']} core{'' if share['cpus'] == 1 else 's'} and {share['memory']} MB"


_STAGES = {
    Stage.FOUND: "found running",
    Stage.CLOSED: "the next one, which takes no jobs yet",
    Stage.OPEN: "open",
    Stage.LEAVING: "leaving, takes no new jobs",
    Stage.STOPPING: "being stopped",
}


def jobs_text(jobs: Optional[list[dict[str, Any]]], now: float) -> str:
    """Each job with its slot and for how long it has run; ``now`` in seconds since the epoch."""
    return "not known" if jobs is None else ", ".join(_job_text(job, now) for job in jobs) or "none"


def _job_text(job: dict[str, Any], now: float) -> str:
    began = job["started_at"]
    return f"{job['id']} on {job['slot']}" + (f" for {duration(now - began)}" if began else "")


def _ago(moment: float, now: float) -> str:
    return f"{_stamp(moment)} ({duration(now - moment)} ago)"


def _stamp(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))
