"""Holds a shutdown of this host back while jobs run: an inhibitor lock of logind's, which a child process keeps.

The child is systemd-inhibit with a program that reads a pipe of ours: it ends with our process, however that ends, and
the lock with it. Where nothing is held there is no child.
"""

import subprocess
import time
from collections.abc import Callable
from typing import Optional

from ospool_ep.lifecycle.actions import Priority
from ospool_ep.lifecycle.holding import holds
from ospool_ep.lifecycle.state import State
from ospool_ep.system.host_failures import not_started
from ospool_ep.system.systemctl import environment
from ospool_ep.this_service import this_service

# It stands in the answer to "systemctl reboot", whatever the number of jobs is by then.
WHY = (
    "Jobs of the Open Science Pool run. Without loss: ospool-ep drain --then reboot (or poweroff)."
    " At once: systemctl reboot -i (or poweroff -i)"
)
# After a lock was refused, or was lost.
AGAIN_SECONDS = 300.0

_WITHOUT = (
    "A shutdown of this host is not held back (OSPOOL_EP_HOLD_SHUTDOWN): {reason} It evicts the jobs that run."
    " To lose none: ospool-ep drain --then reboot"
)


def command(program: str = "/usr/bin/systemd-inhibit") -> list[str]:
    """What takes the lock, and keeps it until its standard input ends."""
    who = f"--who={this_service().name}"
    return [program, "--what=shutdown", "--mode=block", who, f"--why={WHY}", "cat"]


class ShutdownHold:
    """The lock of this service, or none. For one thread."""

    def __init__(self, say: Callable[[Priority, str], None]) -> None:
        self._say = say
        self._child: Optional[subprocess.Popen[str]] = None
        self._again_at = 0.0
        self._said = ""

    @property
    def is_held(self) -> bool:
        """Whether a child is there to hold it."""
        return self._child is not None

    def follow(self, state: State) -> None:
        """Take the lock, give it back, or leave it as it is."""
        self._see_end()
        wanted = holds(state)
        if wanted and self._child is None and time.monotonic() >= self._again_at:
            self._take()
        elif wanted is False:
            self.release()

    def release(self) -> None:
        """Give the lock back, if it is held; it is free on return."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.communicate()

    def _take(self) -> None:
        try:
            self._child = subprocess.Popen(
                command(), env=environment(), text=True, errors="replace",
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            )  # fmt: skip
        except OSError as error:
            self._failed(not_started(error))

    def _see_end(self) -> None:
        """A child that has ended by itself: the lock was refused, or somebody has ended it."""
        if self._child is None or self._child.poll() is None:
            return
        child, self._child = self._child, None
        said = " ".join(child.communicate()[1].split()).rstrip(".")
        self._failed(f"{said or 'somebody has ended the process that held the lock'}.")

    def _failed(self, reason: str) -> None:
        self._again_at = time.monotonic() + AGAIN_SECONDS
        if reason != self._said:
            self._said = reason
            self._say(Priority.WARNING, _WITHOUT.format(reason=reason))
