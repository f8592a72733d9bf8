"""``ospool-ep drain --then reboot`` and ``poweroff``: all services of this host drain, and the last one takes it down.

The services do so by themselves: this only asks them, and shows how far they are.
"""

import contextlib
import sys
import time
from collections.abc import Collection, Mapping
from typing import Any, Optional

from ospool_ep import exit_codes
from ospool_ep.commands.service_reports import ANSWER_SECONDS, POLL_SECONDS, current_report, heeded
from ospool_ep.lifecycle.state import Want
from ospool_ep.system import host_power
from ospool_ep.system.services_here import directory_of, services_here
from ospool_ep.this_service import ServiceName

_WATCH, _TAKE_BACK = "Watch it: ospool-ep status --all", "ospool-ep resume"

Reports = Mapping[ServiceName, dict[str, Any]]


def drain(then: Want, instance: Optional[str], *, wait: bool, timeout_seconds: float) -> int:
    """Ask all services of this host, and wait until it goes down unless ``wait`` is false.

    0: the host goes down, or nobody waits; 1: somebody has taken it back, or takes the host down before; 2: one service
    was named; 3: none runs (any more); 4: the time is up. PermissionError for all but root.
    """
    if instance:
        text = f"{then.value} ends the jobs of all services of this host, and so drains all of them: without --instance"
        print(f"ospool-ep drain: argument --then: {text}", file=sys.stderr)
        return exit_codes.USAGE
    asked = [name for name in services_here() if _ask(name, then)]
    if not asked:
        text = f"Nothing to drain: no service ospool-ep runs here. The host goes down with: systemctl {then.value}"
        print(text, file=sys.stderr)
        return exit_codes.NOT_RUNNING
    until = time.monotonic() + ANSWER_SECONDS
    for name in asked:
        heeded(directory_of(name), max(0.0, until - time.monotonic()))
    print(
        f"Draining {' and '.join(name.name for name in asked)}: no new jobs start, the running ones finish. Then the"
        f" host {then.host_does}. To take it back until then: {_TAKE_BACK}",
        flush=True,
    )
    if not wait:
        print(_WATCH)
        return exit_codes.OK
    print("Ctrl-C ends the waiting, not the drain.", flush=True)
    try:
        return _await(then, time.monotonic() + timeout_seconds)
    except KeyboardInterrupt:
        print(f"\nThe drain goes on, and then the host {then.host_does}. Take it back: {_TAKE_BACK}", file=sys.stderr)
        return exit_codes.INTERRUPTED


def _ask(name: ServiceName, then: Want) -> bool:
    """Returns whether the service is still there."""
    directory = directory_of(name)
    with contextlib.suppress(FileNotFoundError):
        directory.ask_drain(then)
        directory.nudge()
        return True
    return False


def _await(then: Want, deadline: float) -> int:
    shown: dict[ServiceName, str] = {}
    heard: set[ServiceName] = set()
    last: Reports = {}
    while True:
        reports = _reports()
        if any((report.get("down") or {}).get("given") for report in reports.values()):
            return _goes_down(then, {})
        if not reports or any(report.get("stop_asked") for report in reports.values()):
            if host_power.is_going_down():
                return _goes_down(then, last)
            if not reports:
                print("The services have ended meanwhile; the host stays up.", file=sys.stderr)
                return exit_codes.NOT_RUNNING
        last = reports
        # One that has not answered yet still says what it wanted before.
        heard |= {name for name, report in reports.items() if report["wanted"] == then.value}
        if back := [name.name for name in heard & set(reports) if directory_of(name).want is not then]:
            print(
                f"Somebody has taken the drain back: {' and '.join(sorted(back))}. Watch: ospool-ep status --all",
                file=sys.stderr,
            )
            return exit_codes.FAILED
        _show(reports, shown)
        if time.monotonic() >= deadline:
            text = f"The time is up; the drain goes on, and then the host {then.host_does}."
            print(f"{text} {_WATCH}. Take it back: {_TAKE_BACK}", file=sys.stderr)
            return exit_codes.TIME_UP
        time.sleep(POLL_SECONDS)


def _goes_down(then: Want, last: Reports) -> int:
    """``last``: what was reported before somebody else may have given the order."""
    if any(pilot["jobs"] for report in last.values() for pilot in report["pilots"]):
        text = "Somebody takes the host down before the drain was through. The jobs that were evicted, after the boot:"
        print(f"{text} journalctl -b -1 -u 'ospool-ep*'", file=sys.stderr)
        return exit_codes.FAILED
    print(f"Drained: no pilot runs any more. The host {then.host_does} now.")
    return exit_codes.OK


def _reports() -> Reports:
    found = {name: current_report(directory_of(name)) for name in services_here()}
    return {name: report for name, report in found.items() if report is not None}


def _show(reports: Reports, shown: dict[ServiceName, str]) -> None:
    for name, report in reports.items():
        line = _line(name, report["summary"], reports)
        if shown.get(name) != line:
            shown[name] = line
            print(line, flush=True)


def _line(name: ServiceName, summary: str, all_of_them: Collection[ServiceName]) -> str:
    return f"{name.name}: {summary}" if len(all_of_them) > 1 else summary
