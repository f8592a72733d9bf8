"""The directories for the caches and logs of CVMFSEXEC_REPOS: a few that pilots use one after the other, and never two.

They stay when a pilot ends, so that the next one finds what was fetched. Which of them pilots have is the caller's to
know. On a disk that may be several hosts' their names tell the host: a cache must not be used by two machines. Source:
cvmfsexec, README.
"""

import os
import re
import shlex
import time
from collections.abc import Collection, Iterator
from functools import partial

from ospool_ep.checks.copies import Copy
from ospool_ep.checks.permissions import PILOT_GID
from ospool_ep.checks.scratch_handles import below, entered, has_pilot, may_be_others, names_in
from ospool_ep.checks.scratch_marks import machine_number
from ospool_ep.container.specification import PILOT_UID
from ospool_ep.system.helper_program import HelperFailed
from ospool_ep.system.json_data import decode, encode
from ospool_ep.system.tree_removal import size

MODE = 0o755
# Three pilots at once, and containers that have ended and were not removed yet.
_MOST = 16
_SECONDS = 15.0
# A large cache on a slow disk is told of with what was seen of it by then.
_MEASURED_SECONDS = 10.0
_LONGEST_ANSWER = 1 << 16
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def give(directory: str, target: str, used: Collection[str]) -> str:
    """The path of the first that no pilot has, made where it is not there. For a helper process of root.

    ``target`` is where pilots have theirs, which also names them; ``used`` are the names of those that containers have.
    Takes 30 s at most. HelperFailed: there is none.
    """
    name, why = _asked(directory, partial(_given, directory, target, tuple(used)))
    if name and why:
        # In a directory of root's, root makes it.
        name, why = _asked(directory, partial(_given_by_root, directory, name))
    if why or not re.fullmatch("[a-z]+-(?:[0-9a-f]{8}-)?[0-9]{1,2}", name):
        raise HelperFailed(f"No directory for {target} of the pilot can be had in {directory}: {why or 'no answer'}.")
    return below(directory, name)


def held(directory: str, target: str) -> int:
    """How many bytes those of this host have on the disk, as far as it was seen in 10 s. HelperFailed."""
    until = time.monotonic() + _MEASURED_SECONDS
    answer = Copy(partial(_held, directory, target, until), _LONGEST_ANSWER).answer(until + _SECONDS)
    return int(answer) if answer and answer.isdigit() else 0


def _asked(directory: str, function: "partial[str]") -> tuple[str, str]:
    """A name, and why it can't be had; empty where it can. One with a reason is one that root may be able to make."""
    answer = Copy(function, _LONGEST_ANSWER).answer(time.monotonic() + _SECONDS)
    if answer is None:
        raise HelperFailed(f"{directory} does not answer.")
    try:
        return decode(tuple[str, str], answer)
    except ValueError:
        return "", "the process that does it gave no answer"


def _given(directory: str, target: str, used: Collection[str]) -> str:
    try:
        handle = entered(directory)
        for name in _names(handle, target):
            # A pilot may be in another engine than the one that told what is used.
            if name not in used and not has_pilot(handle, name, target):
                return encode(_taken(directory, handle, name))
    except OSError as error:
        return encode(("", error.strerror))
    return encode(("", f"pilots have all {_MOST} of them"))


def _given_by_root(directory: str, name: str) -> str:
    try:
        handle = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        return encode(("", error.strerror))
    return encode(_taken(directory, handle, name))


def _taken(directory: str, handle: int, name: str) -> tuple[str, str]:
    try:
        owner = _made(handle, name)
    except PermissionError as error:
        return name, error.strerror or "not permitted"
    except OSError as error:
        return "", f"{below(directory, name)}: {error.strerror}"
    if owner == PILOT_UID:
        return name, ""
    mend = f"chown -R {PILOT_UID}:{PILOT_GID} {shlex.quote(below(directory, name))}"
    return "", f"{below(directory, name)} belongs to uid {owner}; {mend} mends it"


def _names(handle: int, target: str) -> Iterator[str]:
    host = f"{machine_number(and_name=True)}-" if may_be_others(handle) else ""
    return (f"{_kind(target)}-{host}{number}" for number in range(1, _MOST + 1))


def _kind(target: str) -> str:
    return target.rpartition("-")[2]


def _made(handle: int, name: str) -> int:
    """Make it where it is not there; returns whose it is. OSError."""
    try:
        os.mkdir(name, MODE, dir_fd=handle)
    except FileExistsError:
        opened, is_new = os.open(name, _DIRECTORY, dir_fd=handle), False
    else:
        opened, is_new = os.open(name, _DIRECTORY, dir_fd=handle), True
    if is_new:
        # The umask is ours, and what is inherited is the directory's.
        os.fchmod(opened, MODE)
        if os.geteuid() != PILOT_UID:
            os.fchown(opened, PILOT_UID, PILOT_GID)
    return os.fstat(opened).st_uid


def _held(directory: str, target: str, until: float) -> str:
    try:
        handle = entered(directory)
        ours = set(_names(handle, target))
        return str(sum(size(handle, name, until) for name in names_in(handle) if name in ours))
    except OSError:
        return "0"
