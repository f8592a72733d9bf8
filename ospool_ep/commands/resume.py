"""``ospool-ep resume``: take a drain back."""

import argparse
import sys
from typing import Any

from ospool_ep import exit_codes
from ospool_ep.commands.service_reports import NOT_RUNNING, UNHEEDED, heeded, opens
from ospool_ep.lifecycle.state import Stage, Want
from ospool_ep.system import left_drain
from ospool_ep.system.run_directory import RunDirectory


def run(_options: argparse.Namespace) -> int:
    """Take a drain back: the next pilot starts at once, or after the one that drains where two can't run at a time.

    So is one that was kept as a wrong configuration has ended the service.
    1: the service does not answer; 3: none runs.
    """
    run_directory = RunDirectory()
    before = run_directory.want
    run_directory.clear_drain()
    left = left_drain.forget()
    if not run_directory.nudge():
        if (before, left) != (Want.PILOTS, Want.PILOTS):
            print("The drain is taken back: the service starts a pilot once it runs.")
        print(NOT_RUNNING, file=sys.stderr)
        return exit_codes.NOT_RUNNING
    current = heeded(run_directory)
    if current is None:
        print(UNHEEDED, file=sys.stderr)
        return exit_codes.FAILED
    print(_taken_back(current, before))
    return exit_codes.OK


def _taken_back(current: dict[str, Any], before: Want) -> str:
    if before is Want.PILOTS:
        return f"No drain was asked for. {current['summary']}"
    if when := opens(current):
        return f"The drain is taken back: pilots run here again {when}. Watch: ospool-ep status"
    if any(pilot["stage"] == Stage.LEAVING.value for pilot in current["pilots"]):
        how = "follows" if current["one_by_one"] else "starts, and takes over from"
        return f"The drain is taken back: the next pilot {how} the one that drains. Watch: ospool-ep status"
    return "The drain is taken back: pilots run here again as soon as they can. Watch: ospool-ep status"
