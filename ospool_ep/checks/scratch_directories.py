"""The directories of the pilots in the scratch directory: one for each, made and removed as the pilot's user.

What another host or another service has made is never touched, nor is anything in which a process of this host works.
"""

import contextlib
import math
import os
import secrets
import stat
import time
from collections.abc import Iterable, Iterator
from functools import partial

from ospool_ep.checks.copies import Copy, become_the_pilot
from ospool_ep.checks.mount_table import file_system
from ospool_ep.checks.scratch_marks import machine_number, may_be_shared
from ospool_ep.checks.scratch_names import IN_USE, Removed, beginning, is_of, is_one
from ospool_ep.container.specification import SCRATCH_TARGET
from ospool_ep.system.helper_program import HelperFailed
from ospool_ep.system.json_data import decode, encode
from ospool_ep.system.tree_removal import remove, size

MODE = 0o755

_SECONDS = 15.0
_LONGEST_ANSWER = 1 << 20
# What earlier releases and the script have left at the top: theirs were mounted as a whole. Source: osgvo-docker-pilot.
_PILOTS = "osgvo-pilot-"
_LOGS = ("rsyslog", "log")
_IN_LOG = ("MasterLog", "StartLog", ".startd_address")


def make(scratch: str, instance: str) -> str:
    """Make a directory for the next pilot in the scratch directory, and give its path. For a helper process of root.

    It is the scratch directory itself where root can't reach what is in it: then the engine could not, either. Takes
    30 s at most. HelperFailed: it can't be made.
    """
    try:
        name, why = decode(tuple[str, str], _answer(scratch, partial(_made, scratch, instance)))
    except ValueError:
        name, why = "", "the process that does it gave no answer"
    if why or not is_one(name):
        raise HelperFailed(f"No directory for the pilot can be made in {scratch}: {why}.")
    path = _below(scratch, name)
    if _answer(scratch, partial(_reached, path)):
        return path
    _answer(scratch, partial(_unmade, scratch, name))
    return scratch


def _answer(scratch: str, function: "partial[str]") -> bytes:
    answer = Copy(function, _LONGEST_ANSWER).answer(time.monotonic() + _SECONDS)
    if answer is None:
        raise HelperFailed(f"{scratch} does not answer.")
    return answer


def _made(scratch: str, instance: str) -> str:
    try:
        handle = _entered(scratch)
        name = f"{_ours(handle, instance)}{secrets.token_hex(4)}"
        os.mkdir(name, MODE, dir_fd=handle)
        made = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle)
        # The umask is ours, and what is inherited is the directory's.
        os.fchmod(made, MODE)
    except OSError as error:
        return encode(("", error.strerror))
    return encode((name, ""))


def _unmade(scratch: str, name: str) -> str:
    with contextlib.suppress(OSError):
        os.rmdir(name, dir_fd=_entered(scratch))
    return ""


def _reached(path: str) -> str:
    with contextlib.suppress(OSError):
        os.stat(path)  # noqa: PTH116
        return "yes"
    return ""


def found(scratch: str, instance: str) -> tuple[str, ...]:
    """The names of the directories of this service's pilots. For a helper process of root. HelperFailed."""
    try:
        return decode(tuple[str, ...], _answer(scratch, partial(_found, scratch, instance)))
    except ValueError:
        return ()


def _found(scratch: str, instance: str) -> str:
    handle = _entered(scratch)
    ours = _ours(handle, instance)
    return encode([name for name in _names(handle) if is_of(ours, name)])


def remove_all(scratch: str, instance: str, names: Iterable[str], *, top: bool) -> Removed:
    """Remove the directories of this service's pilots that have these names. Changes the user of this process.

    ``top``: no container has the scratch directory itself, so what earlier releases left there is to go, too. It takes
    as long as it takes. OSError: the scratch directory can't be entered.
    """
    handle = _entered(scratch)
    ours = _ours(handle, instance)
    stays = [(_below(scratch, name), why) for name in names if is_of(ours, name) and (why := _removed(handle, name))]
    return _without_left_overs(handle, scratch, tuple(stays)) if top else Removed(tuple(stays))


def left_overs(handle: int) -> tuple[str, ...]:
    """The names of what pilots of earlier releases, and of the script before, have left in the open directory.

    Of others' directories that happen to have such names, it is none: they are not the pilot's user's, or look unlike.
    """
    pilots = sorted(name for name in _names(handle) if name.startswith(_PILOTS) and _is_own(handle, name))
    if not pilots and not any(_is_there(handle, f"log/{name}") for name in _IN_LOG):
        return ()
    return (*pilots, *(name for name in _LOGS if _is_own(handle, name)))


def before_it_goes(directory: int, name: str) -> None:
    """A pilot has ended, and its directory is there for the last time: what is to be read of it is read here."""


def _removed(handle: int, name: str) -> str:
    if _in_use(handle, name):
        return IN_USE
    before_it_goes(handle, name)
    return remove(handle, name)


def _without_left_overs(handle: int, scratch: str, stays: tuple[tuple[str, str], ...]) -> Removed:
    names = left_overs(handle)
    if not names or _in_use(handle, "."):
        return Removed(stays)
    paths, occupied = (
        tuple(_below(scratch, name) for name in names),
        sum(size(handle, name, math.inf) for name in names),
    )
    if may_be_shared(_kind(handle)):
        return Removed(stays, paths, occupied, left_stay=True)
    left = tuple((_below(scratch, name), why) for name in names if (why := remove(handle, name)))
    return Removed((*stays, *left), paths, occupied)


def _below(scratch: str, name: str) -> str:
    return f"{scratch.rstrip('/')}/{name}"


def _ours(handle: int, instance: str) -> str:
    # On a disk that may be several hosts', a clone with the same machine id must not take ours for its own.
    return beginning(machine_number(and_name=may_be_shared(_kind(handle))), instance)


def _kind(handle: int) -> str:
    return file_system(os.readlink(f"/proc/self/fd/{handle}"))  # noqa: PTH115 - as all here: by handles


def _entered(scratch: str) -> int:
    """The scratch directory, which is opened with all rights; then this process is the pilot's user for good."""
    path_only = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
    handle = -1
    # Its user may be kept from the way to it; and root from the directory, by a server that trusts it less.
    with contextlib.suppress(OSError):
        handle = os.open(scratch, path_only)
    become_the_pilot()
    return handle if handle >= 0 else os.open(scratch, path_only)


def _names(handle: int) -> Iterator[str]:
    directory = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=handle)
    try:
        with os.scandir(directory) as entries:
            yield from (entry.name for entry in entries)
    finally:
        os.close(directory)


def _is_own(handle: int, name: str) -> bool:
    with contextlib.suppress(OSError):
        seen = os.stat(name, dir_fd=handle, follow_symlinks=False)
        return stat.S_ISDIR(seen.st_mode) and seen.st_uid == os.geteuid()
    return False


def _is_there(handle: int, name: str) -> bool:
    with contextlib.suppress(OSError):
        os.stat(name, dir_fd=handle, follow_symlinks=False)
        return True
    return False


def _in_use(handle: int, name: str) -> bool:
    """Whether a process of the pilot's user has that directory as a pilot has its own: in whatever engine it is."""
    with contextlib.suppress(OSError):
        seen = os.stat(name, dir_fd=handle, follow_symlinks=False)
        return any(_is_pilot_in(process, seen) for process in os.listdir("/proc") if process.isdigit())  # noqa: PTH208
    return False


def _is_pilot_in(process: str, directory: os.stat_result) -> bool:
    # In its own name space; of one that ends meanwhile, or is not the same user's, nothing is seen: proc(5).
    with contextlib.suppress(OSError):
        return os.path.samestat(os.stat(f"/proc/{process}/root{SCRATCH_TARGET}"), directory)  # noqa: PTH116
    return False
