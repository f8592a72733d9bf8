"""A file that is replaced in one step: a reader finds the old text or the new one, and never half of one."""

import contextlib
import os
from pathlib import Path


def replace(path: Path, text: str, *, mode: int = 0o644, owner: int = -1, durable: bool = False) -> None:
    """Write the file anew, of that user and group (-1: ours). ``durable``: also after a loss of power.

    OSError, which names the file, where that fails: then the file is as it was.
    """
    fresh = path.with_name(f".{path.name}.new")
    try:
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()
        _write(fresh, text, mode, owner, durable=durable)
        fresh.replace(path)
    except OSError as error:
        # Half a file would keep what little room there is.
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_over(path: Path, text: str) -> None:
    """Replace the file in the room that it takes already, which nobody else gets meanwhile; for a moment there is none.

    OSError, which names the file: then there is none any more.
    """
    old = path.with_name(f".{path.name}.old")
    try:
        path.replace(old)
        with old.open("r+", encoding="utf-8") as file:
            file.write(text)
            file.truncate()
        old.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            old.unlink()
        raise OSError(error.errno, error.strerror, str(path)) from error


def _write(path: Path, text: str, mode: int, owner: int, *, durable: bool) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, mode)
        # The sandbox of the timer's unit knows no such call.
        if owner != -1:
            os.fchown(descriptor, owner, owner)
        file.write(text)
        file.flush()
        if durable:
            os.fsync(descriptor)
