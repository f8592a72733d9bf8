"""Whether a file is still the one that was looked at before."""

from pathlib import Path


def stamp(path: str) -> object:
    """Another file, other content or other rights give another one; so does a file that cannot be looked at."""
    try:
        found = Path(path).stat()
    except OSError as error:
        return error.errno
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size
