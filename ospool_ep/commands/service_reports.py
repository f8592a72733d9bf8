"""What the commands that talk to the running service share: its report, and what is said where none runs."""

import time
from collections.abc import Callable
from typing import Any, Optional

from ospool_ep.lifecycle.state import Stage
from ospool_ep.system.run_directory import RunDirectory
from ospool_ep.this_service import this_service
from ospool_ep.wording import weekday_and_time

NOT_RUNNING = (
    "The service ospool-ep does not run here. What is wrong, if anything: ospool-ep check. Start it: systemctl start"
    " ospool-ep"
)
_NOT_REPORTED = "The service runs, and has written no report. If that lasts: journalctl -u ospool-ep"
UNHEEDED = "The service has not answered yet; what was asked for stands. Watch: ospool-ep status"

POLL_SECONDS = 0.2
# The service answers at once, unless it asks systemd or the engine just then.
ANSWER_SECONDS = 10.0


def current_report(run_directory: RunDirectory) -> Optional[dict[str, Any]]:
    """The report of the service that runs; what one that has ended left behind does not count.

    For root, the lock tells of one that cannot write a report, too: its directory may be full, or be gone.
    """
    try:
        if run_directory.service_pid() is None:
            return None
    except PermissionError:
        # Only root sees the lock. For all others it counts that systemd removes the report as it ends the service.
        return _of_this_version(run_directory.read_status())
    return _of_this_version(run_directory.read_status()) or _unknown()


def _of_this_version(current: Optional[dict[str, Any]]) -> Optional[dict[str, Any]]:
    """A service of an earlier version, in the moment before its restart, knows one pilot."""
    return {**_unknown(), "summary": current["summary"]} if current and "pilots" not in current else current


def _unknown() -> dict[str, Any]:
    texts = dict.fromkeys(("wanted", "reason", "image", "update", "token", "host"), "")
    return {"summary": _NOT_REPORTED, "well": False, "phase": "unknown", **texts,
            **dict.fromkeys(("since", "retry_at", "plan", "rolled_back")), "failures": 0, "pilots": []}  # fmt: skip


def main_pilot(current: Optional[dict[str, Any]]) -> Optional[dict[str, Any]]:
    """The pilot that takes jobs, else the newest, of those that end only at last; None where none runs."""
    pilots: list[dict[str, Any]] = current["pilots"] if current else []
    stay = [pilot for pilot in pilots if pilot["stage"] != Stage.STOPPING.value]
    is_open = (pilot for pilot in stay if pilot["stage"] == Stage.OPEN.value)
    return next(is_open, next(reversed(stay or pilots), None))


def opens(current: dict[str, Any]) -> str:
    """When the hours of OSPOOL_EP_HOURS begin, outside of them, as the end of a sentence; empty: they do not bar jobs.

    A service of an earlier version knows no hours.
    """
    hours = current.get("hours")
    if not hours or hours["open"]:
        return ""
    when = f"on {weekday_and_time(hours['until'])}" if hours["until"] else "later"
    return f"{when}, when the hours of OSPOOL_EP_HOURS begin"


def heeded(run_directory: RunDirectory) -> Optional[dict[str, Any]]:
    """The report of a service that does what is asked for; None where none does within ANSWER_SECONDS."""

    def heeds() -> Optional[dict[str, Any]]:
        current = current_report(run_directory)
        return current if current and current["wanted"] == run_directory.want.value else None

    return _first(heeds, ANSWER_SECONDS)


def _first(ask: Callable[[], Optional[dict[str, Any]]], seconds: float) -> Optional[dict[str, Any]]:
    until = time.monotonic() + seconds
    while (answer := ask()) is None and time.monotonic() < until:
        time.sleep(POLL_SECONDS / 4)
    return answer


def end_of_unit() -> str:
    """How systemd has ended the unit, "inactive" or "failed"; empty where it has not yet, or starts another process.

    It is "inactive" where systemd does not say, or has no such unit.
    """
    from ospool_ep.system.systemctl import unit_states  # noqa: PLC0415 - 'ospool-ep status' does not need it

    unit = this_service().unit
    states = unit_states([unit])
    active = states[unit].active if states else ""
    return active if active in ("inactive", "failed") else "" if active else "inactive"
