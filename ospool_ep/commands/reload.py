"""``ospool-ep reload``: have the running service read its configuration again, and wait for what comes of it."""

import argparse
import sys
import time

from ospool_ep import exit_codes
from ospool_ep.commands.service_reports import not_running
from ospool_ep.system.run_directory import RunDirectory
from ospool_ep.this_service import this_service

# Where a file system and the engine hang, the service checks a configuration for 20 s; another reload may be before it.
_RELOAD_SECONDS = 60.0


def run(options: argparse.Namespace) -> int:
    """Have the service read its configuration again. 0: done; 78: it has errors, and nothing changes; 3: none runs."""
    return Asked("", quiet=options.quiet).answered()


class Asked:
    """A reload that this process's service is asked for; ``mark`` is what each line about it begins with."""

    def __init__(self, mark: str, *, quiet: bool) -> None:
        self._mark, self._quiet = mark, quiet
        self._run_directory, self._at = RunDirectory(), time.monotonic()
        self._heard = self._run_directory.ask_reload()

    def answered(self) -> int:
        """Wait for what comes of it, and tell; returns the exit code."""
        if not self._heard:
            print(f"{self._mark}{not_running()}", file=sys.stderr)
            return exit_codes.NOT_RUNNING
        while time.monotonic() < self._at + _RELOAD_SECONDS:
            answer = self._run_directory.reload_answer()
            if answer.get("asked_at", 0.0) >= self._at:
                if not self._quiet:
                    print("\n".join(f"{self._mark}{line}" for line in answer["lines"]))
                return int(answer["code"])
            if self._run_directory.service_pid() is None:
                break
            time.sleep(0.05)
        print(f"{self._mark}The service has not answered. See: systemctl status {this_service().name}", file=sys.stderr)
        return exit_codes.FAILED
