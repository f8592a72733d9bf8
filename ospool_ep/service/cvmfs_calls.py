"""Gives a pilot its directories for CVMFS: what the helper processes of the service call (``service.cvmfs_places``)."""

from collections.abc import Sequence

from ospool_ep.checks import cvmfs_directories


def give(directory: str, target: str, used: Sequence[str]) -> str:
    """The path of the directory that the next pilot has as ``target``. HelperFailed."""
    return cvmfs_directories.give(directory, target, used)
