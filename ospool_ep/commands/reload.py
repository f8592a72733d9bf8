"""``ospool-ep reload``: have the running service read its configuration again, and wait for what comes of it."""

import argparse
import sys
import time

from ospool_ep import exit_codes
from ospool_ep.commands.service_reports import NOT_RUNNING
from ospool_ep.system.run_directory import RunDirectory

# Where a file system and the engine hang, the service checks a configuration for 20 s; another reload may be before it.
_RELOAD_SECONDS = 60.0


def run(options: argparse.Namespace) -> int:
    """Have the service read its configuration again. 0: done; 78: it has errors, and nothing changes; 3: none runs."""
    run_directory, asked_at = RunDirectory(), time.monotonic()
    if not run_directory.ask_reload():
        print(NOT_RUNNING, file=sys.stderr)
        return exit_codes.NOT_RUNNING
    while time.monotonic() < asked_at + _RELOAD_SECONDS:
        answer = run_directory.reload_answer()
        if answer.get("asked_at", 0.0) >= asked_at:
            if not options.quiet:
                print("\n".join(answer["lines"]))
            return int(answer["code"])
        if run_directory.service_pid() is None:
            break
        time.sleep(0.05)
    print("The service has not answered. See: systemctl status ospool-ep", file=sys.stderr)
    return exit_codes.FAILED
