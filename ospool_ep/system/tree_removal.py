"""Removes a directory with all that is in it, by handles: it follows no link and enters no mount.

What lies there was made by jobs: it may be as deep, as wide and as closed as they like. The memory and the open files
that this takes are bounded, as it keeps no lists, and what lies too deep is moved up to the top and removed from there.
"""

import contextlib
import errno
import os
import stat
import time
from collections.abc import Callable, Iterator

_DIRECTORY = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# So many handles are open at once, two for each level: a process may have 1024 as a rule.
_DEEPEST = 64
# Somebody who goes on making files there does not keep us for ever.
_MOST_PASSES = 100_000
_NOT_EMPTY = (errno.ENOTEMPTY, errno.EEXIST)
# Of the kernel, and of some file systems, for a directory that is removed as a file, or the other way round.
_OTHER_KIND = (errno.ENOTDIR, errno.EISDIR, errno.EPERM)
_ALL = stat.S_IRWXU


def remove(parent: int, name: str) -> str:
    """Remove what has that name in the open directory ``parent``; gives the reason for what stays, empty for nothing.

    What is gone already is no failure. It does what its user may do: to remove as another one, become that before. A
    directory that is closed to its owner is opened up where he is that user. It takes as long as it takes.
    """
    removal = _Removal(parent)
    removal.gone(parent, name, is_directory=True)
    return removal.why


def size(parent: int, name: str, until: float) -> int:
    """How many bytes on the disk that has, as far as it can be read, and seen until that time of the monotonic clock.

    It enters no file system but its own, and not what lies deeper than any program would put it.
    """
    return sum(_sizes(parent, name, until, 0))


class _Removal:
    """One removal. ``why`` tells what failed first."""

    def __init__(self, top: int) -> None:
        self.why = ""
        # The directory that is removed, once it is open; and how often something was moved into it.
        self._top = top
        self._moved = 0

    def gone(self, parent: int, name: str, *, is_directory: bool, depth: int = 0) -> bool:
        """Remove one entry of a directory; returns whether it has gone from there."""
        try:
            self._remove(parent, name, is_directory)
        except FileNotFoundError:
            pass
        except OSError as error:
            # The kernel refuses to remove a directory on which something is mounted (EBUSY), before it looks whether
            # it is empty: rmdir(2). So nothing that is mounted is ever entered, be it of the same file system.
            if error.errno not in _NOT_EMPTY:
                return self._stays(name, error)
            return self._emptied(parent, name, depth)
        return True

    def _remove(self, parent: int, name: str, is_directory: bool) -> None:
        first, other = (os.rmdir, os.unlink) if is_directory else (os.unlink, os.rmdir)
        try:
            first(name, dir_fd=parent)
        except OSError as error:
            # It has become something else meanwhile.
            if error.errno not in _OTHER_KIND:
                raise
            try:
                other(name, dir_fd=parent)
            except OSError as second:
                raise (error if second.errno in _OTHER_KIND else second) from None

    def _emptied(self, parent: int, name: str, depth: int) -> bool:
        try:
            with _opened(parent, name) as directory:
                if depth > _DEEPEST:
                    return self._moved_up(parent, name)
                if depth == 0:
                    self._top = directory
                return self._without_entries(directory, lambda: self._remove(parent, name, True), depth)
        except FileNotFoundError:
            return True
        except OSError as error:
            return self._stays(name, error)

    def _without_entries(self, directory: int, remove_it: Callable[[], None], depth: int) -> bool:
        for _ in range(_MOST_PASSES):
            moved = self._moved
            met, left = self._pass(directory, depth)
            if depth == 0 and moved != self._moved:
                continue
            if left:
                return False
            try:
                remove_it()
                return True
            except OSError as error:
                # Some file systems leave entries out of a list while others are removed.
                if error.errno not in _NOT_EMPTY or not met:
                    raise
        return False

    def _pass(self, directory: int, depth: int) -> tuple[int, int]:
        """Go through the entries once; gives how many there were, and how many of them have stayed."""
        met = left = 0
        with os.scandir(directory) as entries:
            for entry in entries:
                met += 1
                left += not self.gone(
                    directory, entry.name, is_directory=entry.is_dir(follow_symlinks=False), depth=depth + 1
                )
        return met, left

    def _moved_up(self, parent: int, name: str) -> bool:
        self._moved += 1
        # Whatever has that name there is to be removed, too.
        os.rename(name, f".moved-{os.getpid()}-{self._moved}", src_dir_fd=parent, dst_dir_fd=self._top)
        return True

    def _stays(self, name: str, error: OSError) -> bool:
        self.why = self.why or f"{name}: {error.strerror}"
        return False


@contextlib.contextmanager
def _opened(parent: int, name: str) -> Iterator[int]:
    """A directory by a handle, opened up for its owner; whatever else has that name gives an OSError."""
    try:
        handle = os.open(name, os.O_RDONLY | _DIRECTORY, dir_fd=parent)
    except PermissionError:
        handle = _opened_up(parent, name)
    try:
        if stat.S_IMODE(os.fstat(handle).st_mode) & _ALL != _ALL:
            with contextlib.suppress(OSError):
                os.fchmod(handle, _ALL)
        yield handle
    finally:
        os.close(handle)


def _opened_up(parent: int, name: str) -> int:
    # A handle of this kind needs no right to the directory, and the kernel's link to it leads nowhere else: open(2).
    path_only = os.open(name, os.O_PATH | _DIRECTORY, dir_fd=parent)
    try:
        itself = f"/proc/self/fd/{path_only}"
        os.chmod(itself, _ALL)  # noqa: PTH101 - as all here: by handles
        return os.open(itself, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    finally:
        os.close(path_only)


def _sizes(parent: int, name: str, until: float, depth: int) -> Iterator[int]:
    with contextlib.suppress(OSError):
        seen = os.stat(name, dir_fd=parent, follow_symlinks=False)
        yield seen.st_blocks * 512
        if not stat.S_ISDIR(seen.st_mode) or depth > _DEEPEST or seen.st_dev != os.fstat(parent).st_dev:
            return
        directory = os.open(name, os.O_RDONLY | _DIRECTORY, dir_fd=parent)
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    if time.monotonic() > until:
                        return
                    yield from _sizes(directory, entry.name, until, depth + 1)
        finally:
            os.close(directory)
