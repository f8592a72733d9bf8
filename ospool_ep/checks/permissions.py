"""Whom modes and POSIX ACLs let in, computed as the kernel does it, and the command that lets the pilot in."""

import shlex
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from ospool_ep.container.specification import PILOT_UID
from ospool_ep.this_service import this_service

# The image gives its user a group of the same number (useradd), and the engine takes the groups from the image.
PILOT_GID = PILOT_UID

# Bits as in one digit of a mode: to read a file, to pass through a directory, to work in one.
READ, PASS, WORK = 0o4, 0o1, 0o7

# The form of system.posix_acl_access, from the kernel's include/uapi/linux/posix_acl{,_xattr}.h.
_ACL_HEADER = struct.Struct("<I")
_ACL_ENTRY = struct.Struct("<HHI")
_USER, _GROUP_OBJECT, _GROUP, _MASK = 0x02, 0x04, 0x08, 0x10


@dataclass(frozen=True)
class Node:
    """A file or directory: who owns it, and whom it lets in. ``acl``: in the kernel's form, empty without one."""

    path: str
    uid: int
    gid: int
    mode: int
    acl: bytes = b""

    @property
    def described(self) -> str:
        """The owner and the mode, in numbers as ``ls -n`` shows them, in one phrase."""
        acl = ", with an ACL" if self.acl else ""
        return f"owner {self.uid}:{self.gid}, mode {stat.S_IMODE(self.mode):04o}{acl}"


def permits(node: Node, wanted: int, uid: int = PILOT_UID, gid: int = PILOT_GID) -> bool:
    """Whether a user of that one group gets all of the wanted bits. Algorithm: acl(5), ACCESS CHECK ALGORITHM."""
    if node.uid == uid:
        return _covers(node.mode >> 6, wanted)
    # Without group bits, which are the ACL's mask, Linux looks into no ACL (acl_permission_check in fs/namei.c).
    entries = list(_entries(node.acl)) if node.mode & 0o070 else []
    mask = next((bits for tag, bits, _ in entries if tag == _MASK), 0o7)
    for tag, bits, owner in entries:
        if tag == _USER and owner == uid:
            return _covers(bits & mask, wanted)
    groups = [
        bits & mask
        for tag, bits, owner in entries
        if (tag == _GROUP and owner == gid) or (tag == _GROUP_OBJECT and node.gid == gid)
    ]
    if not entries and node.gid == gid:
        groups = [node.mode >> 3]
    return any(_covers(bits, wanted) for bits in groups or [node.mode])


def _covers(bits: int, wanted: int) -> bool:
    return bits & wanted == wanted


def _entries(acl: bytes) -> Iterator[tuple[int, int, int]]:
    """Tag, bits and id of each entry; none for an ACL of a form that we don't know."""
    body = acl[_ACL_HEADER.size :]
    return iter(()) if len(body) % _ACL_ENTRY.size else _ACL_ENTRY.iter_unpack(body)


def let_through(directory: Node) -> str:
    """The command that lets the pilot pass through a directory, and gives it nothing else."""
    path = shlex.quote(directory.path)
    if directory.uid == PILOT_UID:
        return f"chmod u+x {path}"
    if directory.acl:
        return f"setfacl -m u:{PILOT_UID}:x {path}"
    return f"chmod {'g' if directory.gid == PILOT_GID else 'o'}+x {path}"


def let_read(file: Node) -> str:
    """The command after which the pilot, and nobody else but root, can read a file."""
    path = shlex.quote(file.path)
    chmod = f"chmod 600 {path}"
    return chmod if file.uid == PILOT_UID else f"chown {PILOT_UID}:{PILOT_GID} {path} && {chmod}"


def let_work(directory: Node) -> str:
    """The command that lets the pilot work in a directory; one that belongs to some other user stays theirs."""
    path = shlex.quote(directory.path)
    if directory.uid == PILOT_UID:
        return f"chmod u+rwx {path}"
    if directory.uid:
        return f"setfacl -m u:{PILOT_UID}:rwx {path}"
    return f"chown {PILOT_UID}:{PILOT_GID} {path} && chmod u+rwx {path}"


def as_root() -> str:
    """The mend where only root could look."""
    return f"Run {this_service().command('check')} as root."
