"""``ospool-ep drain``: ask the running service for a drain, and wait until it has come to what was asked for."""

import argparse
import math
import re
import sys
import time
from dataclasses import dataclass, field
from typing import Any, Optional

from ospool_ep import exit_codes
from ospool_ep.commands.service_reports import (
    POLL_SECONDS,
    current_report,
    end_of_unit,
    heeded,
    main_pilot,
    not_running,
    opens,
)  # fmt: skip
from ospool_ep.commands.status import jobs_text
from ospool_ep.lifecycle.state import Phase, Stage, Want
from ospool_ep.system.run_directory import RunDirectory
from ospool_ep.this_service import this_service
from ospool_ep.wording import sentence, short_id


def run(options: argparse.Namespace) -> int:
    """Ask for a drain, and wait for it unless the command line says otherwise.

    0: it has come to what was asked for, or nobody waits; 2: ``--timeout`` is no time; 3: no service runs (any more);
    4: ``--timeout`` has passed.
    """
    timeout = timeout_of(options)
    if timeout is None:
        return exit_codes.USAGE
    run_directory, then = RunDirectory(), Want(options.then)
    if then.takes_host_down:
        from ospool_ep.commands import drain_of_host  # noqa: PLC0415 - another kind of drain, of all services

        return drain_of_host.drain(then, options.instance, wait=options.wait, timeout_seconds=timeout)
    if run_directory.service_pid() is None:
        print(f"Nothing to drain. {not_running()}", file=sys.stderr)
        return exit_codes.NOT_RUNNING
    waiting = Waiting.for_drain(run_directory, then)
    print(begun(heeded(run_directory)), end="", flush=True)
    if not options.wait:
        print(f" Watch it: {this_service().command('status')}")
        return exit_codes.OK
    print(" Ctrl-C ends the waiting, not the drain.", flush=True)
    try:
        return _await(waiting, timeout)
    except KeyboardInterrupt:
        status, resume = (this_service().command(command) for command in ("status", "resume"))
        print(f"\nThe drain goes on. Watch it: {status}. Take it back: {resume}", file=sys.stderr)
        return exit_codes.INTERRUPTED


def timeout_of(options: argparse.Namespace) -> Optional[float]:
    """In seconds; None where that is no time, which is told."""
    timeout = _seconds(options.timeout)
    if timeout is None:
        text = f"{options.timeout!r} is no time; write seconds, or 10m, 2h, 1d"
        print(f"ospool-ep drain: argument --timeout: {text}", file=sys.stderr)
    return timeout


def begun(current: Optional[dict[str, Any]]) -> str:
    """What is said of a drain that was just asked for; None: the service does not heed it yet."""
    if current is None:
        return "A drain is asked for, and the service has not answered yet."
    if any(pilot["stage"] == Stage.LEAVING.value for pilot in current["pilots"]):
        return "Draining: no new jobs start, the running ones finish."
    return f"A drain is asked for. {sentence(current['summary'])}"


def _await(waiting: "Waiting", timeout_seconds: float) -> int:
    deadline = time.monotonic() + timeout_seconds
    while (code := waiting.look()) is None:
        if time.monotonic() >= deadline:
            text = "The time is up; the drain goes on. Watch it"
            print(f"{text}: {this_service().command('status')}", file=sys.stderr)
            return exit_codes.TIME_UP
        time.sleep(POLL_SECONDS)
    return code


@dataclass(eq=False)
class Waiting:
    """The wait for the end of a drain; ``before``: the pilots that were to be followed; ``mark`` begins each line."""

    run_directory: RunDirectory
    then: Want
    before: set[str]
    mark: str = ""
    _shown: str = ""
    _last: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def for_drain(cls, run_directory: RunDirectory, then: Want, mark: str = "") -> "Waiting":
        """Ask for a drain. Raises as ``RunDirectory.ask_drain`` does."""
        before = _containers(current_report(run_directory))
        run_directory.ask_drain(then)
        run_directory.nudge()
        return cls(run_directory, then, before, mark)

    def look(self) -> Optional[int]:
        """Tell what is new. The exit code where the drain is over; None while it goes on."""
        current = current_report(self.run_directory)
        if current is None:
            # One process that has ended may be followed by another one: that is for systemd to say.
            how = end_of_unit()
            return self._ended(how) if how else None
        if reached := _reached(current, self.then, self.before):
            print(f"{self.mark}{reached}", flush=True)
            return exit_codes.OK
        taken_back = self._last.get("wanted") == self.then.value and current["wanted"] == Want.PILOTS.value
        if taken_back and self.then is not Want.START:
            watch = f"Watch: {this_service().command('status')}"
            print(f"{self.mark}Somebody has taken the drain back. {watch}", file=sys.stderr)
            return exit_codes.FAILED
        self._last, line = current, _progress(current)
        if line != self._shown and (current["wanted"] != Want.PILOTS.value or opens(current)):
            self._shown = line
            print(f"{self.mark}{line}", flush=True)
        return None

    def _ended(self, how: str) -> int:
        code, text = _ended(self.then, how, self._last)
        print(f"{self.mark}{text}", file=sys.stderr if code else sys.stdout)
        return code


def _ended(then: Want, how: str, last: dict[str, Any]) -> tuple[int, str]:
    """What is said of a service that has ended; ``how`` as ``end_of_unit`` says it, ``last`` is its last report."""
    name = this_service().name
    if last.get("phase") == Phase.STOPPING.value and last.get("stop_asked"):
        text = "Somebody has stopped the service before the drain was through. The jobs that were evicted"
        return exit_codes.NOT_RUNNING, f"{text}: journalctl -u {name}"
    if then is Want.STOP and how == "inactive":
        text = "Drained: no pilot runs any more, and the service has ended. Start it"
        return exit_codes.OK, f"{text}: systemctl start {name}"
    return exit_codes.NOT_RUNNING, f"The service has ended meanwhile. {not_running()}"


def _reached(current: dict[str, Any], then: Want, before: set[str]) -> str:
    if then is Want.IDLE and current["phase"] == Phase.IDLE.value:
        return f"Drained: no pilot runs any more. Start the next one: {this_service().command('resume')}"
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
