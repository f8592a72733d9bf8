"""``ospool-ep resume``: take a drain back."""

import argparse
import sys
from typing import Any

from ospool_ep import exit_codes
from ospool_ep.commands.resume_of_host import take_back_elsewhere
from ospool_ep.commands.service_reports import current_report, heeded, not_running, opens, unheeded
from ospool_ep.lifecycle.state import Stage, Want
from ospool_ep.system import host_power, left_drain
from ospool_ep.system.run_directory import RunDirectory
from ospool_ep.this_service import this_service


def run(options: argparse.Namespace) -> int:
    """Take a drain back: the next pilot starts at once, or after the one that drains where two can't run at a time.

    So is one that was kept as a wrong configuration has ended the service. A drain of all services before a reboot of
    the host is taken back for all of them, unless one is named. 1: the service does not answer; 3: none runs.
    """
    others = () if options.instance else take_back_elsewhere()
    if others:
        print(f"The host stays up, and the drain is taken back for {' and '.join(others)}, too.")
    return resume(others_are=bool(others))


def resume(mark: str = "", *, others_are: bool = False) -> int:
    """The same for this process's service alone; each line begins with ``mark``.

    ``others_are``: for other services it is taken back already, and there need be nothing to do here.
    """
    run_directory = RunDirectory()
    before = run_directory.want
    if _is_too_late(run_directory):
        print("The order that this host goes down was given already: it may do so all the same.", file=sys.stderr)
    run_directory.clear_drain()
    if others_are or before.takes_host_down:
        host_power.forget_order()
    left = left_drain.forget()
    if not run_directory.nudge():
        if (before, left) != (Want.PILOTS, Want.PILOTS):
            print(f"{mark}The drain is taken back: the service starts a pilot once it runs.")
        if others_are:
            return exit_codes.OK
        print(f"{mark}{not_running()}", file=sys.stderr)
        return exit_codes.NOT_RUNNING
    current = heeded(run_directory)
    if current is None:
        print(f"{mark}{unheeded()}", file=sys.stderr)
        return exit_codes.FAILED
    print(f"{mark}{_taken_back(current, before)}")
    return exit_codes.OK


def _is_too_late(run_directory: RunDirectory) -> bool:
    current = current_report(run_directory)
    return bool(((current or {}).get("down") or {}).get("given"))


def _taken_back(current: dict[str, Any], before: Want) -> str:
    if before is Want.PILOTS:
        return f"No drain was asked for. {current['summary']}"
    watch = f"Watch: {this_service().command('status')}"
    if when := opens(current):
        return f"The drain is taken back: pilots run here again {when}. {watch}"
    if any(pilot["stage"] == Stage.LEAVING.value for pilot in current["pilots"]):
        how = "follows" if current["one_by_one"] else "starts, and takes over from"
        return f"The drain is taken back: the next pilot {how} the one that drains. {watch}"
    return f"The drain is taken back: pilots run here again as soon as they can. {watch}"
