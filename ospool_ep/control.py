"""The commands that talk to the running service: status, drain, resume and reload."""

import json
import sys
import time
from typing import Any, Optional

from ospool_ep import exit_codes, status
from ospool_ep.run_directory import RunDirectory
from ospool_ep.states import Phase, Want

_NOT_RUNNING = (
    "The service ospool-ep does not run here. What is wrong, if anything: ospool-ep check. Start it: systemctl start"
    " ospool-ep"
)
_POLL_SECONDS = 0.5
# A file system or an engine that hangs keeps the check of a configuration for 20 s, and an order before it for more.
_RELOAD_SECONDS = 180.0


def show_status(run_directory: RunDirectory, as_json: bool) -> int:
    """Print what the service reports. 0: well; 1: it runs, but is not in the pool; 3: it does not run."""
    current = _current(run_directory)
    if as_json:
        print(json.dumps(current or {"summary": _NOT_RUNNING, "well": False, "phase": "not running", "pilot": None}))
    else:
        print(status.as_text(current, time.time()) if current else _NOT_RUNNING)
    if current is None:
        return exit_codes.NOT_RUNNING
    return exit_codes.OK if current["well"] else exit_codes.FAILED


def drain(run_directory: RunDirectory, then: Want, *, wait: bool, timeout_seconds: Optional[float]) -> int:
    """Ask for a drain, and wait until it has come to what was asked for.

    0: it has, or nobody waits; 3: the service does not run (any more); 4: ``timeout_seconds`` have passed.
    """
    if run_directory.service_pid() is None:
        print(f"Nothing to drain. {_NOT_RUNNING}", file=sys.stderr)
        return exit_codes.NOT_RUNNING
    before = _container(_current(run_directory))
    run_directory.ask_drain(then)
    run_directory.nudge()
    print("Draining: no new jobs start, the running ones finish.", end="", flush=True)
    if not wait:
        print(" Watch it: ospool-ep status")
        return exit_codes.OK
    print(" Ctrl-C ends the waiting, not the drain.", flush=True)
    try:
        return _await(run_directory, then, before, timeout_seconds)
    except KeyboardInterrupt:
        print("\nThe drain goes on. Watch it: ospool-ep status. Take it back: ospool-ep resume", file=sys.stderr)
        return exit_codes.INTERRUPTED


def _await(run_directory: RunDirectory, then: Want, before: str, timeout_seconds: Optional[float]) -> int:
    shown, deadline = "", None if timeout_seconds is None else time.monotonic() + timeout_seconds
    while True:
        current = _current(run_directory)
        if current is None:
            if then is Want.STOPPED:
                print("Drained: the pilot is gone, and the service has ended. Start it: systemctl start ospool-ep")
                return exit_codes.OK
            print(f"The service has ended meanwhile. {_NOT_RUNNING}", file=sys.stderr)
            return exit_codes.NOT_RUNNING
        reached = _reached(current, then, before)
        if reached:
            print(reached)
            return exit_codes.OK
        line = _progress(current)
        if line != shown and current["wanted"] != Want.PILOTS.value:
            shown = line
            print(line, flush=True)
        if deadline is not None and time.monotonic() >= deadline:
            print("The time is up; the drain goes on. Watch it: ospool-ep status", file=sys.stderr)
            return exit_codes.TIME_UP
        time.sleep(_POLL_SECONDS)


def _reached(current: dict[str, Any], then: Want, before: str) -> str:
    if then is Want.IDLE and current["phase"] == Phase.IDLE.value:
        return "Drained: the pilot is gone. Start the next one: ospool-ep resume"
    now = _container(current)
    if then is Want.NEXT and now and now != before and current["wanted"] == Want.PILOTS.value:
        return f"Drained: the next pilot runs, in container {now[:12]}."
    return ""


def _progress(current: dict[str, Any]) -> str:
    """How far the drain is; each minute the jobs have run for a minute longer."""
    jobs = current["pilot"]["jobs"] if current["pilot"] else None
    minute = time.time() // 60 * 60
    return f"{current['summary']}{f' [{status.jobs_text(jobs, minute)}]' if jobs else ''}"


def resume(run_directory: RunDirectory) -> int:
    """Take a drain back: the next pilot starts, at once or after the one that still drains. 0, or 3 as above."""
    run_directory.clear_drain()
    if not run_directory.nudge():
        print(_NOT_RUNNING, file=sys.stderr)
        return exit_codes.NOT_RUNNING
    print("Pilots run here again. Watch: ospool-ep status")
    return exit_codes.OK


def reload(run_directory: RunDirectory, *, quiet: bool) -> int:
    """Have the service read its configuration again. 0: done; 78: it has errors, and nothing changes; 3 as above."""
    asked_at = time.monotonic()
    if not run_directory.ask_reload():
        print(_NOT_RUNNING, file=sys.stderr)
        return exit_codes.NOT_RUNNING
    while time.monotonic() < asked_at + _RELOAD_SECONDS:
        answer = run_directory.reload_answer()
        if answer.get("asked_at", 0.0) >= asked_at:
            if not quiet:
                print("\n".join(answer["lines"]))
            return int(answer["code"])
        if run_directory.service_pid() is None:
            break
        time.sleep(0.05)
    print("The service has not answered. See: systemctl status ospool-ep", file=sys.stderr)
    return exit_codes.FAILED


def _container(current: Optional[dict[str, Any]]) -> str:
    return str(current["pilot"]["container"]) if current and current["pilot"] else ""


def _current(run_directory: RunDirectory) -> Optional[dict[str, Any]]:
    """The report of the service that runs; what one that has ended left behind does not count."""
    return run_directory.read_status() if run_directory.service_pid() is not None else None
