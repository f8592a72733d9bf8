"""What keeps the pilot from its token file and its scratch directory, and the command that mends it. Pure."""

import errno
import os
import shlex
from collections.abc import Iterator
from typing import Optional

from ospool_ep.checks import permissions
from ospool_ep.checks.path_sight import Sight
from ospool_ep.checks.scratch_marks import host_of
from ospool_ep.configuration.findings import Finding, about, error, warning
from ospool_ep.configuration.options import OPTIONS
from ospool_ep.container.specification import PILOT_UID
from ospool_ep.this_service import this_service

LOW_SPACE_BYTES = 10 * 2**30

_TOKEN_PATH = OPTIONS["TOKEN_LOCATION"].default
_OTHER_TOKEN_PATH = "/var/lib/ospool-ep.tkn"  # noqa: S105 - a path, no password
_KEEP_LOCAL = "Keep the token on a local disk: "
OUT_OF_ROOM = {
    errno.ENOSPC: "the file system is full (df -h, df -i)",
    errno.EDQUOT: "the disk quota of uid 1000 is used up",
}


def check_token_file(sight: Sight, line: Optional[int]) -> Iterator[Finding]:
    """Whether there is a token file that the pilot, and preferably nobody else, can read."""
    return about("TOKEN_LOCATION", line, _token_file(sight))


def _token_file(sight: Sight) -> Iterator[Finding]:
    path = sight.path
    if sight.hangs:
        yield error("token-unreadable-by-pilot", f"{path} does not answer.", file_system_hint(path))
    elif sight.missing:
        put = _install("TOKEN", path, with_directory=True)
        yield error("token-missing", f"There is no file {path}.", f"Put the token there: {put}")
    elif sight.error:
        yield from _unseen_token(sight)
    elif not sight.is_file:
        yield error("token-not-a-file", f"{path} is {sight.kind_of_no_file}.", _not_a_file_mend(sight))
    elif sight.path_error:
        # An engine with all of root's rights gets past a closed directory, one in a user namespace does not; the
        # documentation asks that uid 1000 can read the file, and so do we.
        yield error("token-unreadable-by-pilot", _cannot("read", sight), _token_mend(sight))
    elif sight.item and sight.item.mode & 0o006:
        do = "read" if sight.item.mode & 0o004 else "write"
        message = f"Everybody on this host can {do} {path} ({sight.item.described})."
        yield warning("token-too-open", message, f"Keep it to the pilot: {permissions.let_read(sight.item)}")


def _unseen_token(sight: Sight) -> Iterator[Finding]:
    if sight.blocking:
        steps = " && ".join(map(permissions.let_through, sight.blocking))
        message = f"The pilot (uid {PILOT_UID}) cannot reach {sight.path}: {_blocked(sight)}."
        yield error("token-unreadable-by-pilot", message, f"Let it through: {steps}")
    elif sight.tried:
        yield error("token-unreadable-by-pilot", _unreached(sight), f"{_KEEP_LOCAL}{_elsewhere(sight)}")
    else:
        yield warning("token-not-examined", _unseen("read", sight), permissions.as_root())


def _not_a_file_mend(sight: Sight) -> str:
    if not sight.is_directory:
        return f"Name the file: TOKEN_LOCATION={_TOKEN_PATH}"
    # An engine that is told to mount a file which is not there makes an empty directory in its place.
    replace = f"rmdir {shlex.quote(sight.path)} && {_install('TOKEN', sight.path)}"
    return f"Name the file in it, or, if it is empty, put the file in its place: {replace}"


def _token_mend(sight: Sight) -> str:
    if sight.item is None or (sight.item_error and permissions.permits(sight.item, permissions.READ)):
        # Mode and ACL allow it, and yet it fails: a rule of the file system's server, or of a security module.
        return f"{_KEEP_LOCAL}{_elsewhere(sight)}"
    if sight.read_error and sight.tried:
        return f"Its server does not trust this root (root_squash): do it there: {permissions.let_read(sight.item)}"
    steps = [permissions.let_read(sight.item)] if sight.item_error else []
    steps += [permissions.let_through(directory) for directory in sight.blocking]
    if sight.item_error and sight.read_only:
        return f"The file system is read-only, so put a copy elsewhere: {_elsewhere(sight)}"
    return f"Let it: {' && '.join(steps)}"


def _elsewhere(sight: Sight) -> str:
    target = _OTHER_TOKEN_PATH if sight.path == _TOKEN_PATH else _TOKEN_PATH
    return f"{_install(shlex.quote(sight.path), target)}, with TOKEN_LOCATION={target}"


def _install(source: str, target: str, *, with_directory: bool = False) -> str:
    leading = "-D " if with_directory else ""
    return f"install {leading}-o {PILOT_UID} -g {permissions.PILOT_GID} -m 600 {source} {shlex.quote(target)}"


def check_scratch(sight: Sight, stamp: Optional[Sight], line: Optional[int]) -> Iterator[Finding]:
    """Whether there is a scratch directory in which the pilot can work, with room for jobs, and alone.

    ``stamp`` is what was seen of the file there that keeps a pilot from taking jobs which has all of the directory.
    """
    found = [*_scratch(sight), *check_sharing(sight), *(_stamp(stamp, whole=sight.closed_to_us) if stamp else ())]
    return about("WORKER_TEMP_DIR", line, found)


def _stamp(stamp: Sight, *, whole: bool) -> Iterator[Finding]:
    """``whole``: the next pilot has all of the directory. As a rule it has one of its own, and does not see that."""
    # Where the server trusts root less, only the pilot's user sees it. What is no regular file gives EINVAL.
    if stamp.item is None and not (stamp.tried and stamp.path_error in (0, errno.EINVAL)):
        return
    remove = f"remove it: rm {shlex.quote(stamp.path)}"
    if whole:
        message = f"{stamp.path} is there: a pilot that sees it takes no jobs."
        yield error("scratch-stop-stamp", message, f"If it was left over, {remove}")
        return
    message = f"{stamp.path} stops no pilot that starts now, as each has a directory of its own; only one from before."
    drain = this_service().command("drain")
    yield warning("scratch-stop-stamp", message, f"What lets no jobs come here is {drain}; {remove}")


def check_sharing(sight: Sight) -> Iterator[Finding]:
    """Whether another host's pilot works in the scratch directory, too."""
    if not sight.others:
        return
    names = ", ".join(map(host_of, sight.others))
    paths = " ".join(shlex.quote(f"{sight.path}/{mark}") for mark in sight.others)
    message = f"{sight.path} is the scratch directory of {names}, too: their pilots remove each other's files."
    hint = "Give each host a directory of its own. One that uses it no longer is forgotten after 20 minutes, or by: "
    found = error if sight.others_first else warning
    yield found("scratch-shared", message, f"{hint}rm {paths}")


def _scratch(sight: Sight) -> Iterator[Finding]:
    path = sight.path
    make = f"install -d -o {PILOT_UID} -g {permissions.PILOT_GID} -m 755 {shlex.quote(path)}"
    if sight.hangs:
        yield error("scratch-not-writable-by-pilot", f"{path} does not answer.", file_system_hint(path))
    elif sight.missing:
        yield error("scratch-missing", f"There is no directory {path}.", f"Make it: {make}")
    elif sight.error:
        if sight.tried:
            yield error("scratch-not-writable-by-pilot", _unreached(sight), "Use a directory on a local disk.")
        else:
            yield warning("scratch-not-examined", _unseen("work in", sight), permissions.as_root())
    elif not sight.is_directory:
        yield error("scratch-not-a-directory", f"{path} is no directory.", "Name a directory, or leave the key empty.")
    else:
        yield from _scratch_access(sight)
        if sight.free_bytes is not None and sight.free_bytes < LOW_SPACE_BYTES:
            message = f"Only {sight.free_bytes / 2**30:.1f} GiB are free in {path}: few jobs fit."
            yield warning("scratch-low-space", message, "Make room, or use a larger disk.")


def _scratch_access(sight: Sight) -> Iterator[Finding]:
    code = "scratch-not-writable-by-pilot"
    if sight.item_error:
        yield error(code, _cannot("work in", sight), _scratch_mend(sight))
    elif sight.path_error:
        # Pilots work there today, because the engine mounts the directory past the closed one above it.
        steps = " && ".join(map(permissions.let_through, sight.blocking))
        message = f"The pilot (uid {PILOT_UID}) can work in {sight.path}, but not reach it on this host: "
        yield warning(code, f"{message}{_blocked(sight)}.", f"Let it through: {steps}")
    if sight.no_exec:
        message = f"{sight.path} is mounted noexec: no job can start there."
        yield error("scratch-noexec", message, f"Allow it: {remount(sight.path, 'exec')}")


def _scratch_mend(sight: Sight) -> str:
    if sight.item_error in OUT_OF_ROOM:
        return "Make room."
    if sight.read_only:
        return f"Mount it for writing: {remount(sight.path, 'rw')}"
    if sight.item is None or permissions.permits(sight.item, permissions.WORK):
        return (
            "Mode and ACL allow it, so the file system or a security module refuses: use a directory on a local disk."
        )
    steps = [permissions.let_work(sight.item), *map(permissions.let_through, sight.blocking)]
    return f"Let it: {' && '.join(steps)}"


def _cannot(do: str, sight: Sight) -> str:
    reasons = []
    if sight.item_error in OUT_OF_ROOM:
        reasons.append(OUT_OF_ROOM[sight.item_error])
    elif sight.item_error == errno.EROFS:
        reasons.append("the file system is read-only")
    elif sight.item_error and sight.item:
        reasons.append(sight.item.described)
    if sight.blocking:
        reasons.append(_blocked(sight))
    why = "; ".join(reasons) or os.strerror(sight.path_error)
    return f"The pilot (uid {PILOT_UID}) cannot {do} {sight.path}: {why}."


def _unreached(sight: Sight) -> str:
    # As root: the engine, which mounts it into the container, fares no better.
    return f"Root cannot reach {sight.path}, nor can the engine ({os.strerror(sight.error)})."


def _unseen(do: str, sight: Sight) -> str:
    return f"Only root can see whether the pilot can {do} {sight.path} ({os.strerror(sight.error)})."


def _blocked(sight: Sight) -> str:
    return "; ".join(f"{node.path} does not let it through ({node.described})" for node in sight.blocking)


def remount(path: str, option: str) -> str:
    """The command that mounts the file system of a path anew, with that option."""
    return f'mount -o remount,{option} "$(findmnt -n -o TARGET -T {shlex.quote(path)})"'


def file_system_hint(path: str) -> str:
    """How to mend a path that does not answer."""
    return f"Mend its file system (findmnt -T {shlex.quote(path)}), or use a local disk."
