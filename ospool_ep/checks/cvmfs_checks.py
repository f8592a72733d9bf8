"""Whether the host's CVMFS is mounted, and alive: a dead one is still in the table of mounts. Pure."""

import errno
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Optional

from ospool_ep.checks.mount_table import MountPoint
from ospool_ep.checks.path_sight import Sight
from ospool_ep.configuration.findings import Finding, Place, error, warning

# The pilot's entry point looks for the first one; a site with another default configuration has the second.
CVMFS_REPOSITORIES = ("config-osg.opensciencegrid.org", "oasis.opensciencegrid.org")

# Of a file system that is not there any more, ENOTCONN above all, which FUSE gives once its process has died.
_DEAD = (errno.ENOTCONN, errno.ESTALE, errno.EIO, errno.ESHUTDOWN, errno.ECONNABORTED)
# What is mounted and gives any other error than these has died, too.
_CLOSED = (0, errno.ENOENT, errno.EACCES, errno.EPERM)

_ANEW = "Mount it anew with 'cvmfs_config killall && cvmfs_config probe'"
_OWN = "let the pilot mount it: BIND_MOUNT_CVMFS=false and CVMFSEXEC_REPOS."


@dataclass(frozen=True)
class Cvmfs:
    """What is seen of the host's CVMFS: the repositories that a pilot looks for, and each that is mounted."""

    wanted: tuple[Sight, ...] = ()
    mounts: tuple[MountPoint, ...] = ()
    mounted: tuple[Sight, ...] = ()
    # The directory of all repositories, and what it is on in the host's name space; None where that is not known.
    directory: str = "/cvmfs"
    top: Optional[MountPoint] = None


def looked_at(mounts: tuple[MountPoint, ...]) -> tuple[str, ...]:
    """Which of the mounts are to be looked at: the automounter is there with no repository behind it, too."""
    return tuple(mount.path for mount in mounts if mount.kind != "autofs")


def check_cvmfs(cvmfs: Cvmfs, place: Place) -> Iterator[Finding]:
    """Whether there is CVMFS for a pilot that gets the host's. ``place`` is that of BIND_MOUNT_CVMFS."""
    dead = {sight.path: sight for sight in cvmfs.mounted if not sight.hangs and sight.error not in _CLOSED}
    dead.update((sight.path, sight) for sight in cvmfs.wanted if sight.error in _DEAD)
    hanging = {sight.path for sight in cvmfs.wanted if sight.hangs}
    # A repository that is mounted by itself, and anything else that somebody put there, is taken at its word.
    served = (any(sight.path not in dead for sight in cvmfs.mounted) and not hanging) or any(
        _is_well(sight) for sight in cvmfs.wanted
    )
    if dead and (not served or _needed(cvmfs) & set(dead)):
        message = f"CVMFS has died on this host, jobs that need it fail ({_deaths(dead.values())})."
        yield error("cvmfs-not-mounted", message, f"{_ANEW}, or {_OWN}", **place)
    elif dead:
        message = f"A CVMFS repository has died on this host, jobs that need it fail ({_deaths(dead.values())})."
        yield warning("cvmfs-repository-dead", message, f"{_ANEW}.", **place)
    elif not served:
        hint = f"Try 'cvmfs_config settings && cvmfs_config probe', or {_OWN}"
        yield error("cvmfs-not-mounted", _missing(cvmfs), hint, **place)
    for path in sorted({sight.path for sight in cvmfs.mounted if sight.hangs} - hanging):
        message = f"A CVMFS repository does not answer ({path}): jobs that need it hang."
        yield warning("cvmfs-hangs", message, "Try 'cvmfs_config stat' and 'cvmfs_config probe'.", **place)


def _needed(cvmfs: Cvmfs) -> set[str]:
    """What a pilot looks for, and the directory of all repositories."""
    paths = {sight.path for sight in cvmfs.wanted}
    return paths | {os.path.dirname(path) for path in paths}  # noqa: PTH120 - as a text


def _deaths(sights: Iterable[Sight]) -> str:
    return ", ".join(f"{sight.path}: {os.strerror(sight.error)}" for sight in sights)


def _is_well(sight: Sight) -> bool:
    return not sight.hangs and not sight.error


def _missing(cvmfs: Cvmfs) -> str:
    hanging = [sight.path for sight in cvmfs.wanted if sight.hangs]
    if hanging:
        return f"CVMFS does not answer ({hanging[0]})."
    if cvmfs.mounts:
        return f"CVMFS is set up, but mounts neither {' nor '.join(sight.path for sight in cvmfs.wanted)}."
    return "CVMFS is not mounted on this host."
