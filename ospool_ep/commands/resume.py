"""``ospool-ep resume``: take a drain back."""

import argparse
import sys

from ospool_ep import exit_codes
from ospool_ep.commands.service_reports import NOT_RUNNING
from ospool_ep.system.run_directory import RunDirectory


def run(_options: argparse.Namespace) -> int:
    """Take a drain back: the next pilot starts, at once or after the one that still drains. 3: no service runs."""
    run_directory = RunDirectory()
    run_directory.clear_drain()
    if not run_directory.nudge():
        print(NOT_RUNNING, file=sys.stderr)
        return exit_codes.NOT_RUNNING
    print("Pilots run here again. Watch: ospool-ep status")
    return exit_codes.OK
