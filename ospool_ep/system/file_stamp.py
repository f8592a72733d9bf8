"""Whether a file is still the one that was looked at before."""

from collections.abc import Iterable
from pathlib import Path


def stamps(paths: Iterable[str]) -> str:
    """One text for several files, which is another one where one of theirs is."""
    return str([stamp(path) for path in paths])


def stamp(path: str) -> object:
    """Another file, other content or other rights give another one; so does a file that cannot be looked at."""
    try:
        found = Path(path).stat()
    except OSError as error:
        return error.errno
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size
