"""The commands that talk to the running service: status, drain and resume."""

import json
import sys
import time
from typing import Any, Optional

from ospool_ep import exit_codes, status
from ospool_ep.events import Phase
from ospool_ep.run_directory import RunDirectory

_NOT_RUNNING = "The service ospool-ep does not run here. Start it: systemctl start ospool-ep"
_POLL_SECONDS = 0.5


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


def drain(run_directory: RunDirectory) -> int:
    """Ask for a drain and wait until the pilot is gone. 0: it is; 3: the service does not run (any more)."""
    if run_directory.service_pid() is None:
        print(f"Nothing to drain. {_NOT_RUNNING}", file=sys.stderr)
        return exit_codes.NOT_RUNNING
    run_directory.ask_drain()
    run_directory.nudge()
    print("Draining: no new jobs start, the running ones finish. Ctrl-C ends the waiting, not the drain.", flush=True)
    try:
        return _await_idle(run_directory)
    except KeyboardInterrupt:
        print("\nThe drain goes on. Watch it: ospool-ep status. Take it back: ospool-ep resume", file=sys.stderr)
        return exit_codes.INTERRUPTED


def _await_idle(run_directory: RunDirectory) -> int:
    shown = ""
    while True:
        current = _current(run_directory)
        if current is None:
            print(f"The service has ended meanwhile. {_NOT_RUNNING}", file=sys.stderr)
            return exit_codes.NOT_RUNNING
        if current["phase"] == Phase.IDLE.value:
            print("Drained: the pilot is gone. Start the next one: ospool-ep resume")
            return exit_codes.OK
        if current["summary"] != shown and not current["wanted"]:
            shown = current["summary"]
            print(shown, flush=True)
        time.sleep(_POLL_SECONDS)


def resume(run_directory: RunDirectory) -> int:
    """Take a drain back: the next pilot starts, at once or after the one that still drains. 0, or 3 as above."""
    run_directory.clear_drain()
    if not run_directory.nudge():
        print(_NOT_RUNNING, file=sys.stderr)
        return exit_codes.NOT_RUNNING
    print("Pilots run here again. Watch: ospool-ep status")
    return exit_codes.OK


def _current(run_directory: RunDirectory) -> Optional[dict[str, Any]]:
    """The report of the service that runs; what one that has ended left behind does not count."""
    return run_directory.read_status() if run_directory.service_pid() is not None else None
