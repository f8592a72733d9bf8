"""Looks at paths as ourselves, and tries them as the pilot's user: truly where we may, else by computation.

Each path is looked at by a copy of this process, as all of them may hang, and as what is tried takes another user.
"""

import contextlib
import errno
import os
import stat
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Optional

from ospool_ep.checks.copies import Copy, become_the_pilot
from ospool_ep.checks.mount_table import file_system
from ospool_ep.checks.path_sight import Sight
from ospool_ep.checks.permissions import PASS, READ, WORK, Node, permits
from ospool_ep.checks.scratch_marks import is_mark, leave, may_be_shared, others, own_mark
from ospool_ep.checks.turns import wait_for_turn
from ospool_ep.system.helper_program import HelperFailed
from ospool_ep.system.json_data import decode, encode

# Far more than any token; nobody who names a huge file by mistake should wait for it to be read.
READ_LIMIT = 64 * 1024

_WANTED = {"read": READ, "list": READ | PASS, "write": WORK, "claim": WORK, "leave": WORK, "look": 0}
_WORKS = ("write", "claim", "leave")
# As JSON, content takes six characters a byte at most; the rest are paths and numbers.
_LONGEST_ANSWER = 8 * READ_LIMIT


def look(purposes: Mapping[str, str], deadline_seconds: float) -> dict[str, Sight]:
    """Look at paths, all at once. ``purposes``: path to "read", "list", "write" or "look", what the pilot does with it.

    "list" is to look into a directory. "claim" is "write", and says to other hosts that this one does it; "leave" that
    it does so no longer.

    Takes hardly longer than the deadline, also where a file system hangs. For a process that has no other thread.
    Raises HelperFailed where no copy can be made, or one dies.
    """
    copies = {path: Copy(partial(_answer, path, purpose), _LONGEST_ANSWER) for path, purpose in purposes.items()}
    until = time.monotonic() + deadline_seconds
    return {path: _sight(path, copy.answer(until)) for path, copy in copies.items()}


def _answer(path: str, purpose: str) -> str:
    wait_for_turn(path)
    return encode(see(path, purpose))


def _sight(path: str, answer: Optional[bytes]) -> Sight:
    return Sight(path, hangs=True) if answer is None else _believed(path, answer)


def _believed(path: str, answer: bytes) -> Sight:
    try:
        sight = decode(Sight, answer)
        errors = (sight.error, sight.read_error, sight.item_error, sight.path_error)
        modes = [node.mode for node in (sight.item, *sight.blocking) if node]
        # An errno and a mode have 16 bits; what has more would end in a traceback where it is shown.
        if sight.path != path or not all(0 <= number < 1 << 16 for number in (*errors, *modes)):
            raise ValueError("what cannot be was not seen")
        if not all(map(is_mark, sight.others)):
            raise ValueError("what cannot be was not seen")
    except ValueError:
        raise HelperFailed(f"The process that looked at {path} gave no answer that can be believed.") from None
    return sight


def see(path: str, purpose: str) -> Sight:
    """Look at one path and try it, which may change the user of this process for good."""
    whole = os.path.abspath(path)  # noqa: PTH100 - pathlib leaves ".." as it is
    real = os.path.realpath(whole)
    directories = _directories(whole, real)
    seen = Sight(path, leads_to="" if real == whole else real)
    handle = -1
    try:
        handle = os.open(whole, os.O_PATH | os.O_CLOEXEC)
        status = os.fstat(handle)
        seen = replace(seen, item=_node(whole, status), device=status.st_dev, inode=status.st_ino)
        system = os.statvfs(whole)
        seen = replace(
            seen,
            free_bytes=system.f_bavail * system.f_frsize,
            # Where the file system sets no limit, it counts none.
            free_files=system.f_favail if system.f_files else None,
            read_only=bool(system.f_flag & os.ST_RDONLY),
            no_exec=bool(system.f_flag & os.ST_NOEXEC),
        )
    except OSError as error:
        seen = replace(seen, error=error.errno or errno.EIO)
        handle = -1
    if purpose == "read":
        read_error, content = _read(whole)
        seen = replace(seen, read_error=read_error, content=content)
    if purpose in _WORKS:
        seen = replace(seen, closed_to_us=_is_closed(whole))
    if purpose != "look" and become_the_pilot():
        return _tried(seen, purpose, whole, handle, directories)
    return _computed(seen, purpose, [node for node, _ in directories])


def _directories(path: str, real: str) -> list[tuple[Node, int]]:
    """Every directory on the way, also on the way that symbolic links lead to ``real``, as far as we get ourselves."""
    found: dict[str, tuple[Node, int]] = {}
    for route in (path, real):
        parents = route.split("/")[:-1]
        for depth in range(len(parents)):
            name = "/".join(parents[: depth + 1]) or "/"
            if name not in found:
                try:
                    handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
                    # A file system that has died lets us open, and no more.
                    found[name] = _node(name, os.fstat(handle)), handle
                except OSError:
                    break
    return list(found.values())


def _is_closed(directory: str) -> bool:
    """Whether its server keeps root out (root_squash), whom nothing else keeps out of a directory."""
    try:
        os.stat(f"{directory}/{own_mark()}")  # noqa: PTH116
    except PermissionError:
        return os.geteuid() == 0
    except OSError:
        pass
    return False


def _node(path: str, status: os.stat_result) -> Node:
    acl = b""
    with contextlib.suppress(OSError):
        acl = os.getxattr(path, "system.posix_acl_access")
    return Node(path, status.st_uid, status.st_gid, status.st_mode, acl)


def _tried(seen: Sight, purpose: str, path: str, handle: int, directories: Sequence[tuple[Node, int]]) -> Sight:
    """With what comes of truly trying it; ``handle`` is the open item, or -1."""
    path_error, content = _try(path, purpose)
    item_error, item_content = _try(f"/proc/self/fd/{handle}", purpose) if handle >= 0 else (seen.error, None)
    # A server that trusts root less than the pilot's user (root_squash) gives the content only here.
    content = next((got for got in (item_content, content, seen.content) if got is not None), None)
    if purpose in _WORKS and not (item_error and path_error):
        seen = _with_others(seen, path if not path_error else f"/proc/self/fd/{handle}", purpose)
    return replace(
        seen,
        tried=True,
        path_error=path_error,
        item_error=item_error,
        content=content,
        blocking=tuple(node for node, opened in directories if not os.access(".", os.X_OK, dir_fd=opened)),
    )


def _with_others(seen: Sight, directory: str, purpose: str) -> Sight:
    """With the other hosts that work there, too."""
    kind = file_system(os.path.realpath(directory))
    marks: tuple[str, ...] = ()
    first = False
    # What is written there meanwhile makes no difference: it is looked at again.
    with contextlib.suppress(OSError):
        if purpose == "leave":
            leave(directory, own_mark())
        marks, first = others(directory, own_mark(), claim=purpose == "claim" and may_be_shared(kind))
    return replace(seen, file_system=kind, others=marks, others_first=first)


def _computed(seen: Sight, purpose: str, directories: Sequence[Node]) -> Sight:
    """With what modes and ACLs say that would come of it."""
    blocking = tuple(node for node in directories if not permits(node, PASS))
    item_error = 0
    if seen.item and not seen.error:
        if purpose in _WORKS and seen.read_only:
            item_error = errno.EROFS
        elif not permits(seen.item, _WANTED[purpose]):
            item_error = errno.EACCES
    path_error = item_error or (errno.EACCES if blocking else 0)
    return replace(seen, path_error=path_error, item_error=item_error, blocking=blocking)


def _try(path: str, purpose: str) -> tuple[int, Optional[bytes]]:
    if purpose == "list":
        return 0 if os.access(path, os.R_OK | os.X_OK) else errno.EACCES, None
    return _read(path) if purpose == "read" else (_write(path), None)


def _read(path: str) -> tuple[int, Optional[bytes]]:
    try:
        # A pipe or a device must not be opened: that alone can block, or do something.
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116
            return errno.EINVAL, None
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        content = os.read(handle, READ_LIMIT + 1)
        os.close(handle)
    except OSError as error:
        return error.errno or errno.EIO, None
    return 0, content


def _write(path: str) -> int:
    """Write a block into a file without a name: it leaves no trace, and meets quotas and full disks, too."""
    if not os.access(path, os.R_OK | os.X_OK):
        return errno.EACCES
    try:
        handle = os.open(path, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        os.write(handle, bytes(4096))
        os.close(handle)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR):
            return error.errno or errno.EIO
        # Not every file system knows files without a name.
        return 0 if os.access(path, os.W_OK) else errno.EACCES
    return 0
