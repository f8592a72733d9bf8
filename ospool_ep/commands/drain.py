"""``ospool-ep drain``: ask the running service for a drain, and wait until it has come to what was asked for."""

import argparse
import math
import re
import sys
import time
from typing import Any, Optional

from ospool_ep import exit_codes
from ospool_ep.commands.service_reports import (
    NOT_RUNNING,
    POLL_SECONDS,
    current_report,
    end_of_unit,
    heeded,
    main_pilot,
    opens,
)  # fmt: skip
from ospool_ep.commands.status import jobs_text
from ospool_ep.lifecycle.state import Phase, Stage, Want
from ospool_ep.system.run_directory import RunDirectory
from ospool_ep.wording import sentence, short_id


def run(options: argparse.Namespace) -> int:
    """Ask for a drain, and wait for it unless the command line says otherwise.

    0: it has come to what was asked for, or nobody waits; 2: ``--timeout`` is no time; 3: no service runs (any more);
    4: ``--timeout`` has passed.
    """
    timeout = _seconds(options.timeout)
    if timeout is None:
        text = f"{options.timeout!r} is no time; write seconds, or 10m, 2h, 1d"
        print(f"ospool-ep drain: argument --timeout: {text}", file=sys.stderr)
        return exit_codes.USAGE
    run_directory, then = RunDirectory(), Want(options.then)
    if run_directory.service_pid() is None:
        print(f"Nothing to drain. {NOT_RUNNING}", file=sys.stderr)
        return exit_codes.NOT_RUNNING
    before = _containers(current_report(run_directory))
    run_directory.ask_drain(then)
    run_directory.nudge()
    print(_begun(heeded(run_directory)), end="", flush=True)
    if not options.wait:
        print(" Watch it: ospool-ep status")
        return exit_codes.OK
    print(" Ctrl-C ends the waiting, not the drain.", flush=True)
    try:
        return _await(run_directory, then, before, timeout)
    except KeyboardInterrupt:
        print("\nThe drain goes on. Watch it: ospool-ep status. Take it back: ospool-ep resume", file=sys.stderr)
        return exit_codes.INTERRUPTED


def _begun(current: Optional[dict[str, Any]]) -> str:
    if current is None:
        return "A drain is asked for, and the service has not answered yet."
    if any(pilot["stage"] == Stage.LEAVING.value for pilot in current["pilots"]):
        return "Draining: no new jobs start, the running ones finish."
    return f"A drain is asked for. {sentence(current['summary'])}"


def _await(run_directory: RunDirectory, then: Want, before: set[str], timeout_seconds: float) -> int:
    shown, last, deadline = "", dict[str, Any](), time.monotonic() + timeout_seconds
    while True:
        current = current_report(run_directory)
        # One process that has ended may be followed by another one: that is for systemd to say.
        if current is None and (how := end_of_unit()):
            return _ended(then, how, last)
        if current is not None:
            if reached := _reached(current, then, before):
                print(reached)
                return exit_codes.OK
            if last.get("wanted") == then.value and current["wanted"] == Want.PILOTS.value and then is not Want.START:
                print("Somebody has taken the drain back. Watch: ospool-ep status", file=sys.stderr)
                return exit_codes.FAILED
            last, line = current, _progress(current)
            if line != shown and (current["wanted"] != Want.PILOTS.value or opens(current)):
                shown = line
                print(line, flush=True)
        if time.monotonic() >= deadline:
            print("The time is up; the drain goes on. Watch it: ospool-ep status", file=sys.stderr)
            return exit_codes.TIME_UP
        time.sleep(POLL_SECONDS)


def _ended(then: Want, how: str, last: dict[str, Any]) -> int:
    """What is said of a service that has ended; ``how`` as ``end_of_unit`` says it, ``last`` is its last report."""
    if last.get("phase") == Phase.STOPPING.value and last.get("stop_asked"):
        text = "Somebody has stopped the service before the drain was through. The jobs that were evicted: "
        print(f"{text}journalctl -u ospool-ep", file=sys.stderr)
        return exit_codes.NOT_RUNNING
    if then is Want.STOP and how == "inactive":
        print("Drained: no pilot runs any more, and the service has ended. Start it: systemctl start ospool-ep")
        return exit_codes.OK
    print(f"The service has ended meanwhile. {NOT_RUNNING}", file=sys.stderr)
    return exit_codes.NOT_RUNNING


def _reached(current: dict[str, Any], then: Want, before: set[str]) -> str:
    if then is Want.IDLE and current["phase"] == Phase.IDLE.value:
        return "Drained: no pilot runs any more. Start the next one: ospool-ep resume"
    is_forgotten = then is Want.START and current["wanted"] == Want.PILOTS.value
    if is_forgotten and current["phase"] == Phase.IDLE.value and (when := opens(current)):
        return f"Drained: no pilot runs any more; the next one starts {when}."
    pilot = main_pilot(current) if is_forgotten else None
    if pilot is None or pilot["container"] in before or pilot["stage"] != Stage.OPEN.value:
        return ""
    now = f"the next pilot runs, in container {short_id(pilot['container'])}"
    left = len(current["pilots"]) - 1
    return f"Handed over: {now}; the one before ends after its last job." if left else f"Drained: {now}."


def _progress(current: dict[str, Any]) -> str:
    """How far the drain is; each minute the jobs have run for a minute longer."""
    jobs = [job for pilot in current["pilots"] for job in pilot["jobs"] or []]
    minute = time.time() // 60 * 60
    return f"{current['summary']}{f' [{jobs_text(jobs, minute)}]' if jobs else ''}"


def _containers(current: Optional[dict[str, Any]]) -> set[str]:
    """Those of the pilots that are to be followed: one that takes no job yet is the next one already."""
    pilots = current["pilots"] if current else []
    return {pilot["container"] for pilot in pilots if pilot["stage"] != Stage.CLOSED.value}


def _seconds(text: Optional[str]) -> Optional[float]:
    """What ``--timeout`` says; without it there is no end. None for what is no time."""
    if text is None:
        return math.inf
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]] if found else None
