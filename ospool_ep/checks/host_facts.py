"""Gathers the facts about this host that decide whether a pilot can run and get jobs. It judges nothing.

What can hang is asked with a deadline: file systems by copies of this process, the engine
with a timeout (``engine_facts``).
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ospool_ep.checks.engine_facts import EngineFacts
from ospool_ep.checks.path_probe import look
from ospool_ep.checks.path_sight import Sight
from ospool_ep.configuration.contents import Configuration
from ospool_ep.system.host_capacity import capacity

# Long enough for the automounter to mount a CVMFS repository over a slow line.
PATH_SECONDS = 15.0

# The pilot's entry point looks for the first one; a site with another default configuration has the second.
CVMFS_REPOSITORIES = ("config-osg.opensciencegrid.org", "oasis.opensciencegrid.org")


@dataclass(frozen=True)
class Places:
    """Where things are on a host."""

    cvmfs: str = "/cvmfs"
    fuse: str = "/dev/fuse"
    opencl_vendors: str = "/etc/OpenCL/vendors"
    mounts: str = "/proc/self/mountinfo"
    user_namespaces: str = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
    cdi: tuple[str, ...] = ("/etc/cdi", "/var/run/cdi")


@dataclass(frozen=True)
class HostFacts:
    """The facts; None or empty where the configuration does not ask for one.

    ``cpus`` as the engine counts them; ``memory_bytes`` is all memory; ``cvmfs_mounts`` are the types of
    the file systems mounted on /cvmfs and below it. ``no_user_namespaces``: AppArmor bars users from making any.
    """

    root: bool
    cpus: int
    memory_bytes: int
    token: Optional[Sight]
    scratch: Optional[Sight]
    fuse: Sight
    cvmfs: tuple[Sight, ...]
    opencl_vendors: Optional[Sight]
    engine: EngineFacts
    no_user_namespaces: bool
    cvmfs_mounts: tuple[str, ...] = ()


def gather(configuration: Configuration, places: Places, ask_engine: Callable[[str], EngineFacts]) -> HostFacts:
    """Look at everything that this configuration needs of this host. Raises HelperFailed, see ``path_probe``.

    ``ask_engine`` gives the facts about the engine for a value of OSPOOL_EP_ENGINE.
    """
    token, scratch = configuration.text("TOKEN_LOCATION"), configuration.text("WORKER_TEMP_DIR")
    asks_cvmfs = configuration.truth("BIND_MOUNT_CVMFS")
    cvmfs = [f"{places.cvmfs}/{repository}" for repository in CVMFS_REPOSITORIES] if asks_cvmfs else []
    purposes = dict.fromkeys((places.fuse, *cvmfs), "look")
    if configuration.truth("PROVIDE_NVIDIA_GPU"):
        purposes[places.opencl_vendors] = "look"
    # A path without a leading slash is no path for the engine; the configuration's own checks say so.
    if scratch.startswith("/"):
        purposes[scratch] = "write"
    if token.startswith("/"):
        purposes[token] = "read"
    seen, here = look(purposes, PATH_SECONDS), capacity()
    return HostFacts(
        root=os.geteuid() == 0,
        cpus=here.cpus,
        memory_bytes=here.memory_bytes,
        token=seen.get(token),
        scratch=seen.get(scratch),
        fuse=seen[places.fuse],
        cvmfs=tuple(seen[path] for path in cvmfs),
        cvmfs_mounts=tuple(_mounted_under(places.cvmfs, places.mounts)) if cvmfs else (),
        opencl_vendors=seen.get(places.opencl_vendors),
        no_user_namespaces=_says_yes(places.user_namespaces),
        engine=ask_engine(configuration.engine),
    )


def _mounted_under(directory: str, mounts: str) -> Iterator[str]:
    """The types of the file systems mounted on a directory or below it. Source: proc(5), /proc/PID/mountinfo."""
    for line in Path(mounts).read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        fields, _, rest = line.partition(" - ")
        point = fields.split()[4]
        if point == directory or point.startswith(f"{directory}/"):
            yield rest.split()[0]


def _says_yes(switch: str) -> bool:
    """Whether a switch of the kernel is on; one that it does not have is off."""
    try:
        return Path(switch).read_text(encoding="ascii").strip() == "1"
    except OSError:
        return False
