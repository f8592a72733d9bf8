"""One process at a time looks at a path: one that sits in the kernel cannot be killed, and no others join it there.

The kernel gives a lock back when its process is gone at last; who waits for one can be killed. Each service of this
host has locks of its own: at most one process for each of them looks.
"""

import contextlib
import fcntl
import hashlib
import os

from ospool_ep.this_service import this_service


def place() -> str:
    """The directory of the locks."""
    return str(this_service().run_directory)


def wait_for_turn(path: str) -> None:
    """Until no other process looks at that path; the turn ends with this process.

    At once where no service runs, or for another user than root: there is no place for the lock.
    """
    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    with contextlib.suppress(OSError):
        fcntl.flock(os.open(f"{place()}/look-{name}.lock", flags, 0o600), fcntl.LOCK_EX)
