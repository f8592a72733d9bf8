"""What the pilot's user may do with a path: by truly trying where we may, by computation where we may not."""

import errno
import stat
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from ospool_ep.checks.permissions import PASS, PILOT_GID, READ, WORK, Node, permits
from ospool_ep.container.specification import PILOT_UID
from ospool_ep.system.helper_process import Call, Overdue

_WANTED = {"read": READ, "write": WORK, "look": 0}


@dataclass(frozen=True)
class Space:
    """The file system under a path. ``free_bytes`` is what users other than root may still write."""

    free_bytes: int
    read_only: bool
    no_exec: bool


@dataclass(frozen=True)
class Sight:
    """What was seen of a path. The errors are errno, 0 where it worked.

    ``error``: ours, when we looked at it. ``item_error``: the pilot's, with the thing itself, wherever it lies;
    ``path_error``: the pilot's, by the whole path; ``blocking``: the directories that do not let it through.
    ``tried`` is False where these are computed from modes and ACLs. ``hangs``: nothing answered in time.
    ``content`` is None where it could not be read, and never shown in a repr: it may be secret.
    """

    path: str
    hangs: bool = False
    error: int = 0
    item: Optional[Node] = None
    space: Optional[Space] = None
    read_error: int = 0
    content: Optional[bytes] = field(default=None, repr=False)
    tried: bool = False
    item_error: int = 0
    path_error: int = 0
    blocking: tuple[Node, ...] = ()

    @property
    def missing(self) -> bool:
        """Whether there is nothing by that path."""
        return self.error in (errno.ENOENT, errno.ENOTDIR)

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return self.item is not None and stat.S_ISREG(self.item.mode)

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory."""
        return self.item is not None and stat.S_ISDIR(self.item.mode)

    @property
    def is_device(self) -> bool:
        """Whether it is a character device."""
        return self.item is not None and stat.S_ISCHR(self.item.mode)


def look(
    purposes: Mapping[str, str], deadline_seconds: float, meanwhile: Callable[[], None] = lambda: None
) -> dict[str, Sight]:
    """Look at paths, all at once. ``purposes``: path to "read", "write" or "look", what the pilot does with it.

    Takes hardly longer than the deadline, whatever becomes of the file systems. ``meanwhile`` is done while they are
    looked at. For a process that has no other thread: each path is looked at by a copy of it. Raises NoResult where
    no copy can be made.
    """
    probes = {
        path: Call("checks.path_probe:probe", path, purpose, PILOT_UID, PILOT_GID, fork=True)
        for path, purpose in purposes.items()
    }
    meanwhile()
    until = time.monotonic() + deadline_seconds
    return {path: _finish(path, purposes[path], call, until) for path, call in probes.items()}


def _finish(path: str, purpose: str, call: Call, until: float) -> Sight:
    try:
        return _sight(path, purpose, call.value(until))
    except Overdue:
        return Sight(path, hangs=True)


def _sight(path: str, purpose: str, seen: Mapping[str, Any]) -> Sight:
    item = _node(seen["item"]) if "item" in seen else None
    space = Space(**seen["space"]) if "space" in seen else None
    nodes = [(_node(node), node.get("passable")) for node in seen["directories"]]
    blocking = tuple(node for node, tried in nodes if not (tried if seen["tried"] else permits(node, PASS)))
    item_error = seen["item_error"] if seen["tried"] else _computed_error(item, space, purpose)
    return Sight(
        path,
        error=seen["error"],
        item=item,
        space=space,
        read_error=seen.get("read_error", 0),
        content=seen.get("content"),
        tried=seen["tried"],
        item_error=item_error,
        path_error=seen["path_error"] if seen["tried"] else item_error or (errno.EACCES if blocking else 0),
        blocking=blocking,
    )


def _computed_error(item: Optional[Node], space: Optional[Space], purpose: str) -> int:
    if item is None or space is None:
        return 0
    if purpose == "write" and space.read_only:
        return errno.EROFS
    return 0 if permits(item, _WANTED[purpose]) else errno.EACCES


def _node(seen: Mapping[str, Any]) -> Node:
    return Node(seen["path"], seen["uid"], seen["gid"], seen["mode"], seen["acl"])
