"""Looks at one path as ourselves and tries it as the pilot's user; for a process of its own.

Of its own, because a dead network file system holds whoever touches it, and because a process changes its user for
good and with all its threads.
"""

import contextlib
import errno
import os
import stat
from typing import Any, Optional

# Far more than any token; whoever names a huge file by mistake should not wait for it to be read.
READ_LIMIT = 64 * 1024


def probe(path: str, purpose: str, uid: int, gid: int) -> dict[str, Any]:
    """What ``look`` does, for a process that may never end: nobody waits for what it would hold open, or be in."""
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    return look(path, purpose, uid, gid)


def look(path: str, purpose: str, uid: int, gid: int) -> dict[str, Any]:
    """Look and try. ``purpose``: "read" a file, "write" into a directory, or just "look". Errors are errno."""
    path = os.path.abspath(path)  # noqa: PTH100 - pathlib leaves ".." as it is
    directories = _directories(path)
    answer: dict[str, Any] = {"tried": False, "error": 0, "directories": [node for node, _ in directories]}
    try:
        item = os.open(path, os.O_PATH | os.O_CLOEXEC)
        answer["item"] = _node(path, os.fstat(item))
        answer["space"] = _space(path)
    except OSError as error:
        answer["error"] = error.errno
        item = -1
    if purpose == "read":
        answer["read_error"], content = _read(path)
        _keep(answer, content)
    if purpose != "look" and _become(uid, gid):
        answer["tried"] = True
        answer["path_error"] = _try(path, purpose, answer)
        answer["item_error"] = _try(f"/proc/self/fd/{item}", purpose, answer) if item >= 0 else answer["error"]
        for node, handle in directories:
            node["passable"] = os.access(".", os.X_OK, dir_fd=handle)
    return answer


def _directories(path: str) -> list[tuple[dict[str, Any], int]]:
    """Every directory on the way, also on the way that symbolic links lead, as far as we get ourselves."""
    found: dict[str, int] = {}
    for route in (path, os.path.realpath(path)):
        parents = route.split("/")[:-1]
        for depth in range(len(parents)):
            name = "/".join(parents[: depth + 1]) or "/"
            if name not in found:
                try:
                    found[name] = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
                except OSError:
                    break
    return [(_node(name, os.fstat(handle)), handle) for name, handle in found.items()]


def _node(path: str, status: os.stat_result) -> dict[str, Any]:
    acl = b""
    with contextlib.suppress(OSError):
        acl = os.getxattr(path, "system.posix_acl_access")
    return {
        "path": path,
        "uid": status.st_uid,
        "gid": status.st_gid,
        "mode": status.st_mode,
        "acl": acl,
    }


def _space(path: str) -> dict[str, Any]:
    status = os.statvfs(path)
    return {
        "free_bytes": status.f_bavail * status.f_frsize,
        "read_only": bool(status.f_flag & os.ST_RDONLY),
        "no_exec": bool(status.f_flag & os.ST_NOEXEC),
    }


def _become(uid: int, gid: int) -> bool:
    """Become the pilot's user, as the engine makes it: its own group, and no other."""
    if os.geteuid():
        return False
    try:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    except PermissionError:
        return False
    return True


def _try(path: str, purpose: str, answer: dict[str, Any]) -> int:
    if purpose == "write":
        return _write(path)
    error, content = _read(path)
    # A server that trusts root less than the pilot's user (root_squash) gives the content only here.
    _keep(answer, content)
    return error


def _keep(answer: dict[str, Any], content: Optional[bytes]) -> None:
    if content is not None:
        answer["content"] = content


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
