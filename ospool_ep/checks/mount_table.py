"""What is mounted where, as the kernel lists it. Source: proc(5), /proc/PID/mountinfo."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

MOUNTS = "/proc/self/mountinfo"
FSTAB = "/etc/fstab"
# The engine's own, as a rule: the service has a name space of its own (PrivateMounts=), which is no peer of this one.
HOSTS_MOUNTS = "/proc/1/mountinfo"


@dataclass(frozen=True)
class MountPoint:
    """A directory on which a file system of that type is mounted; ``shared``: with its peers, it gets what they get."""

    path: str
    kind: str
    read_only: bool = False
    shared: bool = True


def mounted_under(directory: str, mounts: str = MOUNTS) -> tuple[MountPoint, ...]:
    """What is mounted on a directory and below it, in the order in which that was done; a path twice counts once."""
    found = {
        point.path: point
        for point in _table(mounts)
        if point.path == directory or point.path.startswith(f"{directory.rstrip('/')}/")
    }
    return tuple(found.values())


def file_system(path: str, mounts: str = MOUNTS) -> str:
    """The type of the file system that a path without links is on; empty where that is not known."""
    mount = mount_of(path, mounts)
    return mount.kind if mount else ""


def mount_of(path: str, mounts: str = MOUNTS) -> Optional[MountPoint]:
    """What a path without links is on; None where that is not known."""
    holding = [point for point in _table(mounts) if f"{path}/".startswith(f"{point.path.rstrip('/')}/")]
    # Of two on one directory it is the later one that is seen.
    return max(enumerate(holding), key=lambda item: (len(item[1].path), item[0]))[1] if holding else None


def awaited(fstab: str = FSTAB) -> tuple[str, ...]:
    """The directories on which something is mounted as the host comes up, or later. Source: fstab(5)."""
    try:
        text = Path(fstab).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ()
    lines = (line.split() for line in text.splitlines() if not line.lstrip().startswith("#"))
    entries = [fields for fields in lines if len(fields) > 3 and "noauto" not in fields[3].split(",")]
    return tuple(_unescaped(fields[1]).rstrip("/") for fields in entries if fields[1].strip("/"))


def _table(mounts: str) -> Iterator[MountPoint]:
    try:
        text = Path(mounts).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    for line in text.splitlines():
        fields, _, rest = line.partition(" - ")
        _, _, _, _, path, options, *shares = fields.split()
        # After the options of the mount come those that tell what it shares.
        shared = any(word.startswith("shared:") for word in shares)
        yield MountPoint(_unescaped(path), rest.split()[0], "ro" in options.split(","), shared)


def _unescaped(path: str) -> str:
    """Blanks and the like are written as three octal digits."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path)
