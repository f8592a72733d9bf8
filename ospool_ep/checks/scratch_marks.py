"""Marks in the scratch directory by which two hosts that share it notice each other.

Each host has one file there, which its service touches while a pilot runs, and removes when it is stopped. All that
counts is how old the marks are beside each other, by the clock of the file server: those of the hosts may differ. They
are written and read as the pilot's user, as root may have no rights there (root_squash); so a job could write one, too,
and then keeps the next pilot away for as long as it runs.
"""

import contextlib
import hashlib
import os
import re
import stat
import time
from pathlib import Path
from typing import Optional

PREFIX = ".ospool-ep-host-"
# A mark that was not touched for so long is no host's any more; and how often it is touched.
FRESH_SECONDS = 20 * 60.0
TOUCH_SECONDS = 5 * 60.0
_FORGOTTEN_SECONDS = 30 * 86400.0

# What only this host has mounted; everything else may be another one's, too.
_OF_THIS_HOST = frozenset((
    "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "jfs", "nilfs2", "ntfs3", "overlay", "ramfs",
    "reiserfs", "tmpfs", "vfat", "xfs", "zfs",
))  # fmt: skip
MACHINE_ID = Path("/etc/machine-id")


def may_be_shared(file_system: str) -> bool:
    """Whether a file system of that type can be another host's, too; not where the type is not known."""
    return file_system not in _OF_THIS_HOST and file_system != ""


def own_mark() -> str:
    """The name of this host's file. The number in it tells hosts apart, from their machine ids: machine-id(5).

    A host may get its name late in a boot, or another one; it is shown, and counts only without a machine id.
    """
    name = os.uname().nodename
    return f"{PREFIX}{re.sub('[^A-Za-z0-9.-]', '-', name)[:64]}-{machine_number()}"


def machine_number(*, and_name: bool = False) -> str:
    """Eight digits that tell this host from others; ``and_name``: also from one that has its machine id, as a clone."""
    name = os.uname().nodename
    try:
        machine = MACHINE_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        machine = ""
    text = f"{machine} {name}" if and_name else machine or name
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def host_of(mark: str) -> str:
    """The host's name in the name of a mark."""
    return mark[len(PREFIX) :].rpartition("-")[0]


def _number(mark: str) -> str:
    return mark.rpartition("-")[2]


def others(directory: str, own: str, *, claim: bool) -> tuple[tuple[str, ...], bool]:
    """The marks of the other hosts that use the directory now, and whether one of them was there first.

    ``claim``: touch ours, unless that is so. As the pilot's user. OSError.
    """
    marks, ours = _marks(directory), _number(own)
    if all(_number(name) == ours for name in marks):
        if claim:
            _touch(directory, own)
            _forget(directory, [name for name in marks if name != own])
        return (), False
    now = _now(directory)
    fresh = sorted((name for name, touched in marks.items() if abs(now - touched) < FRESH_SECONDS), key=_number)
    found = tuple(name for name in fresh if _number(name) != ours)
    # Of two that came at the same moment, one has to be the first: both find the same one.
    first = bool(found) and (len(found) == len(fresh) or _number(found[0]) < ours)
    if claim and not first:
        _touch(directory, own)
        old = (name for name, touched in marks.items() if now - touched > _FORGOTTEN_SECONDS or _number(name) == ours)
        _forget(directory, [name for name in old if name != own])
    return found, first


def leave(directory: str, own: str) -> None:
    """Remove this host's marks: no pilot of it works there any more. As the pilot's user. OSError."""
    _forget(directory, [name for name in _marks(directory) if _number(name) == _number(own)])


def _marks(directory: str) -> dict[str, float]:
    """When each of the marks was touched."""
    names = (entry.name for entry in os.scandir(directory) if is_mark(entry.name))
    return {name: touched for name in names if (touched := _touched(directory, name)) is not None}


def is_mark(name: str) -> bool:
    """Whether it is the name of a mark."""
    return re.fullmatch(re.escape(PREFIX) + r"[A-Za-z0-9.-]{1,64}-[0-9a-f]{8}", name) is not None


def _touched(directory: str, name: str) -> Optional[float]:
    with contextlib.suppress(OSError):
        found = os.lstat(f"{directory}/{name}")
        return found.st_mtime if stat.S_ISREG(found.st_mode) else None
    return None


def _touch(directory: str, name: str) -> None:
    """On a disk that is full, say, nobody is told; what is found is."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with contextlib.suppress(OSError):
        handle = os.open(f"{directory}/{name}", flags, 0o644)
        os.utime(handle)
        os.close(handle)


def _now(directory: str) -> float:
    """The time by the clock of the one who keeps the files."""
    name = f"{directory}/.ospool-ep-now-{os.getpid()}"
    try:
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError:
        # A full disk, as a rule: the clocks of most hosts are set.
        return time.time()
    try:
        return os.fstat(handle).st_mtime
    finally:
        os.close(handle)
        os.unlink(name)  # noqa: PTH108 - as all names here


def _forget(directory: str, marks: list[str]) -> None:
    for name in marks:
        with contextlib.suppress(OSError):
            os.unlink(f"{directory}/{name}")  # noqa: PTH108
