"""The directories of the pilots in the scratch directory: one for each, made and removed as the pilot's user.

What another host or another service has made is never touched, nor is anything in which a process of this host works.
"""

import contextlib
import os
import time
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from ospool_ep.checks.copies import Copy
from ospool_ep.checks.scratch_handles import below, entered, is_in_use, may_be_others, names_in
from ospool_ep.checks.scratch_marks import machine_number
from ospool_ep.checks.scratch_names import IN_USE, Removed, beginning, is_of, is_one
from ospool_ep.system.helper_program import HelperFailed
from ospool_ep.system.json_data import decode, encode
from ospool_ep.system.tree_removal import remove

MODE = 0o755

_SECONDS = 15.0
_LONGEST_ANSWER = 1 << 20


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
    path = below(scratch, name)
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
        handle = entered(scratch)
        name = f"{_ours(handle, instance)}{os.urandom(4).hex()}"
        os.mkdir(name, MODE, dir_fd=handle)
        made = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle)
        # The umask is ours, and what is inherited is the directory's.
        os.fchmod(made, MODE)
    except OSError as error:
        return encode(("", error.strerror))
    return encode((name, ""))


def _unmade(scratch: str, name: str) -> str:
    with contextlib.suppress(OSError):
        os.rmdir(name, dir_fd=entered(scratch))
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
    handle = entered(scratch)
    ours = _ours(handle, instance)
    return encode([name for name in names_in(handle) if is_of(ours, name)])


def remove_all(scratch: str, instance: str, names: Iterable[str], *, top: bool) -> Removed:
    """Remove the directories of this service's pilots that have these names. Changes the user of this process.

    ``top``: no container has the scratch directory itself, so what earlier releases left there is to go, too. It takes
    as long as it takes. OSError: the scratch directory can't be entered.
    """
    from ospool_ep.checks import left_overs  # noqa: PLC0415 - a launch waits for the rest of this module

    handle = entered(scratch)
    ours = _ours(handle, instance)
    stays = [(below(scratch, name), why) for name in names if is_of(ours, name) and (why := _removed(handle, name))]
    left = left_overs.removed(handle, scratch) if top else Removed()
    return replace(left, stays=(*stays, *left.stays))


def before_it_goes(directory: int, name: str) -> None:
    """A pilot has ended, and its directory is there for the last time: what is to be read of it is read here."""


def _removed(handle: int, name: str) -> str:
    if is_in_use(handle, name):
        return IN_USE
    before_it_goes(handle, name)
    return remove(handle, name)


def _ours(handle: int, instance: str) -> str:
    # On a disk that may be several hosts', a clone with the same machine id must not take ours for its own.
    return beginning(machine_number(and_name=may_be_others(handle)), instance)
