"""The scratch directory by a handle, as the pilot's user; and who has it, or a directory in it."""

import contextlib
import os
import time
from collections.abc import Iterator

from ospool_ep.checks.copies import Copy, become_the_pilot
from ospool_ep.checks.mount_table import file_system
from ospool_ep.checks.scratch_marks import may_be_shared
from ospool_ep.container.specification import SCRATCH_TARGET

_SECONDS = 15.0


def entered(scratch: str) -> int:
    """The scratch directory, opened with all rights; then this process is the pilot's user for good. OSError."""
    path_only = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
    handle = -1
    # Its user may be kept from the way to it; and root from the directory, by a server that trusts it less.
    with contextlib.suppress(OSError):
        handle = os.open(scratch, path_only)
    become_the_pilot()
    return handle if handle >= 0 else os.open(scratch, path_only)


def names_in(handle: int) -> Iterator[str]:
    """The names of what is in an open directory, of whatever kind. OSError."""
    directory = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=handle)
    try:
        with os.scandir(directory) as entries:
            yield from (entry.name for entry in entries)
    finally:
        os.close(directory)


def may_be_others(handle: int) -> bool:
    """Whether the file system of an open directory can be another host's, too."""
    return may_be_shared(file_system(os.readlink(f"/proc/self/fd/{handle}")))  # noqa: PTH115 - by handles


def below(scratch: str, name: str) -> str:
    """The path of what has that name in the scratch directory."""
    return f"{scratch.rstrip('/')}/{name}"


def is_in_use(handle: int, name: str) -> bool:
    """Whether a process of the pilot's user has that directory as a pilot has its own: in whatever engine it is.

    So it is where that can't be told in time. HelperFailed: no process can be started that looks.
    """
    # What is looked at is in the hands of jobs.
    copy = Copy(lambda: "no" if not has_pilot(handle, name, SCRATCH_TARGET) else "yes", 16)
    return copy.answer(time.monotonic() + _SECONDS) != b"no"


def has_pilot(handle: int, name: str, target: str) -> bool:
    """Whether a process of this process's user has that directory as ``target``; it may take long."""
    try:
        seen = os.stat(name, dir_fd=handle, follow_symlinks=False)
    except OSError:
        return False
    return any(_is_pilot_in(process, seen, target) for process in os.listdir("/proc") if process.isdigit())  # noqa: PTH208


def _is_pilot_in(process: str, directory: os.stat_result, target: str) -> bool:
    # In its own name space; of one that ends meanwhile, or is another user's, nothing is seen: proc(5).
    with contextlib.suppress(OSError):
        return os.path.samestat(os.stat(f"/proc/{process}/root{target}"), directory)  # noqa: PTH116
    return False
