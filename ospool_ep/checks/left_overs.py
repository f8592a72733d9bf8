"""What pilots of earlier releases, and of the script before, have left at the top of the scratch directory.

They had all of it. Nobody clears that away any more: the image, which did, sees its own directory and nothing else.
"""

import contextlib
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from ospool_ep.checks.copies import Copy
from ospool_ep.checks.scratch_handles import below, entered, is_in_use, may_be_others, names_in
from ospool_ep.checks.scratch_names import Removed
from ospool_ep.configuration.findings import Finding, info
from ospool_ep.system.json_data import decode, encode
from ospool_ep.system.tree_removal import remove, size

# Source: osgvo-docker-pilot, 10-setup-htcondor.sh. A pilot that starts removes the two others itself, before all else.
_PILOTS, _LOGS = "osgvo-pilot-", ("rsyslog", "log")
_IN_LOG = ("MasterLog", "StartLog", ".startd_address")
_SECONDS = 15.0
_LONGEST_ANSWER = 1 << 20
# A tree of millions of files is told of with what was seen of it by then.
_MEASURED_SECONDS = 60.0


@dataclass(frozen=True)
class LeftOvers:
    """Their names, and their size in bytes as far as it was seen; whether some pilot has the whole, or others may."""

    names: tuple[str, ...] = ()
    bytes: int = 0
    in_use: bool = False
    may_be_others: bool = False


def removed(handle: int, scratch: str) -> Removed:
    """Remove them from the open directory, as the pilot's user, unless another host or a process may need them."""
    left = _left(handle, _MEASURED_SECONDS)
    paths = tuple(below(scratch, name) for name in left.names)
    if left.in_use or not paths:
        return Removed()
    if left.may_be_others:
        return Removed((), paths, left.bytes, left_stay=True)
    stays = tuple((below(scratch, name), why) for name in left.names if (why := remove(handle, name)))
    return Removed(stays, paths, left.bytes)


def check_left_overs(scratch: str) -> Iterator[Finding]:
    """What there is, and what becomes of it. Takes 15 s at most. HelperFailed."""
    answer = Copy(partial(_seen, scratch), _LONGEST_ANSWER).answer(time.monotonic() + _SECONDS)
    with contextlib.suppress(ValueError):
        if answer and (left := decode(LeftOvers, answer)).names:
            message = f"Pilots of earlier releases have left {left.bytes / 2**30:.1f} GiB in {scratch}: "
            yield info("scratch-left-overs", f"{message}{', '.join(left.names)}.", _what_becomes_of(left, scratch))


def _what_becomes_of(left: LeftOvers, scratch: str) -> str:
    if left.in_use:
        return "A pilot that works in it still has all of it: this goes once that one has ended."
    if left.may_be_others:
        return f"If they are no other host's, remove them in {scratch}: rm -rf {' '.join(left.names)}"
    return "The service removes that once no container has all of the directory."


def _seen(scratch: str) -> str:
    return encode(_left(entered(scratch), _SECONDS / 2))


def _left(handle: int, seconds: float) -> LeftOvers:
    names, until = tuple(_names(handle)), time.monotonic() + seconds
    if not names:
        return LeftOvers()
    occupied = sum(size(handle, name, until) for name in names)
    return LeftOvers(names, occupied, is_in_use(handle, "."), may_be_others(handle))


def _names(handle: int) -> Iterator[str]:
    """Of others' directories that happen to have such names none: they are not the pilot's user's, or look unlike."""
    pilots = sorted(name for name in names_in(handle) if name.startswith(_PILOTS) and _is_own(handle, name))
    if pilots or any(_is_there(handle, f"log/{name}") for name in _IN_LOG):
        yield from pilots
        yield from (name for name in _LOGS if _is_own(handle, name))


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
