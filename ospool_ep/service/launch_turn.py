"""One service of this host at a time gives its next pilot what the next pilot of each of them may have.

Which directories pilots have, the engines and the processes of this host tell; between that question and the start of
the container another service could be told the same.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

# Beside the run directories of the services: none of them may take it along as it ends.
PLACE = Path("/run/ospool-ep-launch.lock")
# A helper process that looks at a hanging disk, and an engine that is busy, each have less than that.
_SECONDS = 180.0
_PAUSE_SECONDS = 0.2


class NoTurnError(Exception):
    """Another service of this host had the turn all the time, or this one ends."""


@contextlib.contextmanager
def launch_turn(ends: Callable[[], bool], seconds: float = _SECONDS) -> Iterator[None]:
    """Have the turn while the block runs; the kernel ends that of a process that dies.

    It is waited for so many seconds at most, and no longer than until ``ends``. NoTurnError; OSError.
    """
    handle = os.open(PLACE, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        until = time.monotonic() + seconds
        while not _has(handle):
            # The kernel waits without a bound, or not at all.
            if ends():
                raise NoTurnError("the service ends")
            if time.monotonic() > until:
                raise NoTurnError(f"another service of this host has been at it for {seconds:g} s")
            time.sleep(_PAUSE_SECONDS)
        yield
    finally:
        os.close(handle)


def _has(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
