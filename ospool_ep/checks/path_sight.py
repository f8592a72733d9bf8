"""What was seen of a path, and what the pilot's user may do with it; ``path_probe`` finds that out."""

import errno
import stat
from dataclasses import dataclass, field
from typing import Optional

from ospool_ep.checks.permissions import Node


@dataclass(frozen=True)
class Sight:
    """What was seen of a path. An error is an errno, 0 where it worked."""

    path: str
    # Whether nothing answered in time; then there is nothing else.
    hangs: bool = False
    # Ours, when we looked at it.
    error: int = 0
    item: Optional[Node] = None
    # Its file system's; the bytes are what users other than root may still write.
    free_bytes: Optional[int] = None
    free_files: Optional[int] = None
    read_only: bool = False
    no_exec: bool = False
    # Ours, when we read it; and what was read, by us or by the pilot's user. It may be secret.
    read_error: int = 0
    content: Optional[bytes] = field(default=None, repr=False)
    # Whether the rest was tried as the pilot's user; else it is computed from modes and ACLs.
    tried: bool = False
    # The pilot's: with the thing itself, without the way to it; and by the whole path.
    item_error: int = 0
    path_error: int = 0
    # Its file system's numbers, by which it is known under other paths, too; 0 where it could not be looked at.
    device: int = 0
    inode: int = 0
    # Where symbolic links lead; empty where there are none on the way.
    leads_to: str = ""
    # Its file system's type, where the pilot is to write.
    file_system: str = ""
    # Whether we, with all our rights, may not look into the directory that the pilot is to write in.
    closed_to_us: bool = False
    # The marks of other hosts that use the directory now, and whether one of those was there first.
    others: tuple[str, ...] = ()
    others_first: bool = False
    # The directories on the way that do not let it through.
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
    def kind_of_no_file(self) -> str:
        """What to call it where it is no regular file."""
        return "a directory" if self.is_directory else "no regular file"

    @property
    def is_device(self) -> bool:
        """Whether it is a character device."""
        return self.item is not None and stat.S_ISCHR(self.item.mode)
