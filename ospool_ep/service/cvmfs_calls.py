"""Gives a pilot its directories for CVMFS: what the helper processes of the service call (``service.cvmfs_places``)."""

from collections.abc import Sequence

from ospool_ep.checks import cvmfs_directories
from ospool_ep.checks.path_probe import look

_SECONDS = 15.0


def give(directory: str, target: str, used: Sequence[str]) -> str:
    """The path of the directory that the next pilot has as ``target``. HelperFailed."""
    return cvmfs_directories.give(directory, target, used)


def files(paths: Sequence[str]) -> tuple[str, ...]:
    """Those of the paths at which a file is; one on a file system that hangs is none. HelperFailed."""
    return tuple(path for path, sight in look(dict.fromkeys(paths, "look"), _SECONDS).items() if sight.is_file)
