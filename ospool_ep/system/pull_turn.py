"""Pulls of one image take turns on this host: the lock, and what those who wait see of the pull that goes on.

The kernel gives the lock back when its process has died. Its file is there only while somebody pulls.
"""

import contextlib
import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Optional


@dataclass(frozen=True)
class Seen:
    """What another one has told of its pull: who it is, how far it is in percent, and a number that says when."""

    who: str
    percent: int
    stamp: int


class PullTurn:
    """The turn for one image in one engine. ``path`` is the file of the lock, ``who`` what others read in it."""

    def __init__(self, path: Path, who: str) -> None:
        self._path = path
        self._who = who
        self._held: Optional[int] = None

    def take(self, *, wait: bool = False) -> bool:
        """Whether the turn is ours now. ``wait``: until it may be. OSError where its file can't be made."""
        self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            # Another user could lock a file that he may read, too.
            os.fchmod(descriptor, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The one before removes the file as it gives the turn back: then the lock on it is worth nothing.
            if self._in_place(descriptor):
                os.ftruncate(descriptor, 0)
                self._held, descriptor = descriptor, -1
        except BlockingIOError:
            return False
        finally:
            if descriptor != -1:
                os.close(descriptor)
        if self._held is not None:
            self.tell(0)
        return self._held is not None

    def tell(self, percent: int) -> None:
        """Let those who wait know that the pull moves. Where there is no room for that it seems to hang."""
        if self._held is not None:
            with contextlib.suppress(OSError):
                os.pwrite(self._held, f"{percent:3d} {self._who}\n".encode(), 0)

    def seen(self) -> Optional[Seen]:
        """What goes on while the turn is another one's; None where that can't be told."""
        try:
            with self._path.open("rb") as file:
                percent, _, who = file.read(200).decode("utf-8", "replace").strip().partition(" ")
                return Seen(who, int(percent), os.fstat(file.fileno()).st_mtime_ns)
        except (OSError, ValueError):
            return None

    def give_back(self) -> None:
        """Let the next one pull. Nothing happens where the turn is not ours."""
        if self._held is not None:
            with contextlib.suppress(OSError):
                if self._in_place(self._held):
                    self._path.unlink()
            os.close(self._held)
            self._held = None

    def _in_place(self, descriptor: int) -> bool:
        try:
            return self._path.stat().st_ino == os.fstat(descriptor).st_ino
        except FileNotFoundError:
            return False
