"""What the commands that talk to the running service share: its report, and what is said where none runs."""

import time
from collections.abc import Callable
from typing import Any, Optional

from ospool_ep.lifecycle.state import Stage
from ospool_ep.system.run_directory import RunDirectory
from ospool_ep.this_service import this_service
from ospool_ep.wording import listed, weekday_and_time

POLL_SECONDS = 0.2
# The service answers at once, unless it asks systemd or the engine just then.
ANSWER_SECONDS = 10.0


def not_running() -> str:
    """What is said where this process's service does not run; those that do run are named in place of ospool-ep."""
    from ospool_ep.system.services import running  # noqa: PLC0415 - where it runs, nobody asks for others

    service, others = this_service(), running()
    if others and not service.instance:
        names = listed([one.name for one in others])
        there = f"{names} {'does' if len(others) == 1 else 'do'}: --instance NAME is for one of those, --all for all."
        return f"The service {service.name} does not run here, {there} Start it: systemctl start {service.name}"
    mend = f"What is wrong, if anything: {service.command('check')}. Start it: systemctl start {service.name}"
    return f"The service {service.name} does not run here. {mend}"


def unheeded() -> str:
    """What is said where the service does not do within ANSWER_SECONDS what it was asked for."""
    return f"The service has not answered yet; what was asked for stands. Watch: {this_service().command('status')}"


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
    text = f"The service runs, and has written no report. If that lasts: journalctl -u {this_service().name}"
    return {"summary": text, "well": False, "phase": "unknown", **texts,
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


def heeded(run_directory: RunDirectory, seconds: float = ANSWER_SECONDS) -> Optional[dict[str, Any]]:
    """The report of a service that does what is asked for; None where none does within that time."""

    def heeds() -> Optional[dict[str, Any]]:
        current = current_report(run_directory)
        return current if current and current["wanted"] == run_directory.want.value else None

    return _first(heeds, seconds)


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
