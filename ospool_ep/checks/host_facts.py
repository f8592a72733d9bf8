"""Gathers the facts about this host that decide whether a pilot can run and get jobs. It judges nothing.

What can hang is asked with a deadline: file systems by copies of this process, the engine
with a timeout (``engine_facts``).
"""

import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from ospool_ep.checks.cvmfs_checks import CVMFS_REPOSITORIES, Cvmfs, looked_at
from ospool_ep.checks.cvmfsexec_facts import Cvmfsexec, CvmfsexecPlaces
from ospool_ep.checks.engine_facts import EngineFacts
from ospool_ep.checks.lent_places import Lent, LentPlaces
from ospool_ep.checks.mount_table import FSTAB, HOSTS_MOUNTS, MOUNTS, mount_of, mounted_under
from ospool_ep.checks.name_space_checks import SWITCHES
from ospool_ep.checks.path_probe import look
from ospool_ep.checks.path_sight import Sight
from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.options import OPTIONS
from ospool_ep.container.privileges import SECCOMP_PROFILE
from ospool_ep.system.host_capacity import capacity
from ospool_ep.this_service import this_service

if TYPE_CHECKING:
    from ospool_ep.checks.gpu_facts import GpuFacts

# Long enough for the automounter to mount a CVMFS repository over a slow line.
PATH_SECONDS = 15.0

# In the scratch directory: the pilot's own validation takes no jobs where it is. Source: osg-flock, advertise-base.
STOP_STAMP = "stop-glidein.stamp"


@dataclass(frozen=True)
class Places:
    """Where things are on a host."""

    cvmfs: str = "/cvmfs"
    fuse: str = "/dev/fuse"
    opencl_vendors: str = "/etc/OpenCL/vendors"
    mounts: str = MOUNTS
    fstab: str = FSTAB
    hosts_mounts: str = HOSTS_MOUNTS
    switches: str = "/proc/sys"
    apparmor: str = "/sys/module/apparmor/parameters/enabled"
    # What the service keeps; where it has not run yet, the directory above.
    kept: tuple[str, ...] = field(default_factory=lambda: this_service().directories)
    # What NVIDIA's driver and toolkit have is looked for below this.
    nvidia: str = "/"
    cdi: tuple[str, ...] = ("/etc/cdi", "/var/run/cdi")
    seccomp_profile: str = SECCOMP_PROFILE


@dataclass(frozen=True)
class HostFacts:
    """The facts; None or empty where the configuration does not ask for one.

    ``cpus`` as the engine counts them; ``memory_bytes`` is all memory; ``stamp`` is the file that keeps a pilot from
    taking jobs; ``kept`` are the directories of the service; ``switches`` are the kernel's, by their names;
    ``apparmor`` is whether the kernel has it on; ``attributes`` is the operator's file of them; ``gpus`` is what there
    is of NVIDIA's.
    """

    root: bool
    cpus: int
    memory_bytes: int
    token: Optional[Sight]
    scratch: Optional[Sight]
    fuse: Sight
    cvmfs: Cvmfs
    opencl_vendors: Optional[Sight]
    engine: EngineFacts
    stamp: Optional[Sight] = None
    kept: tuple[Sight, ...] = ()
    switches: Mapping[str, int] = field(default_factory=dict)
    apparmor: bool = False
    lent: Lent = field(default_factory=Lent)
    attributes: Optional[Sight] = None
    gpus: Optional["GpuFacts"] = None
    cvmfsexec: Optional[Cvmfsexec] = None


def gather(configuration: Configuration, places: Places, ask_engine: Callable[[str], EngineFacts]) -> HostFacts:
    """Look at everything that this configuration needs of this host. Raises HelperFailed, see ``path_probe``.

    ``ask_engine`` gives the facts about the engine for a value of OSPOOL_EP_ENGINE.
    """
    token, scratch = configuration.text("TOKEN_LOCATION"), configuration.text("WORKER_TEMP_DIR")
    stamp = f"{scratch}/{STOP_STAMP}"
    cvmfs, cvmfsexec = CvmfsPlaces(configuration, places), CvmfsexecPlaces(configuration)
    lent = LentPlaces(configuration, places.mounts, places.fstab)
    kept = {path: os.path.dirname(path) for path in places.kept}  # noqa: PTH120 - as a text
    purposes = dict.fromkeys((places.fuse, *cvmfs.paths, *kept, *kept.values()), "look")
    if configuration.truth("PROVIDE_NVIDIA_GPU"):
        purposes[places.opencl_vendors] = "look"
    attributes = attributes_path(configuration)
    if attributes:
        purposes[attributes] = "read"
    purposes.update(cvmfsexec.purposes)
    # A path without a leading slash is no path for the engine; the configuration's own checks say so.
    if scratch.startswith("/"):
        purposes[scratch] = "write"
        purposes[stamp] = "read"
    if token.startswith("/"):
        purposes[token] = "read"
    purposes = {**lent.purposes, **purposes}
    seen, here = look(purposes, PATH_SECONDS), capacity()
    return HostFacts(
        root=os.geteuid() == 0,
        cpus=here.cpus,
        memory_bytes=here.memory_bytes,
        token=seen.get(token),
        scratch=seen.get(scratch),
        fuse=seen[places.fuse],
        cvmfs=cvmfs.facts(seen),
        opencl_vendors=seen.get(places.opencl_vendors),
        stamp=seen.get(stamp),
        kept=tuple(seen[above] if seen[path].missing else seen[path] for path, above in kept.items()),
        switches=_numbers(places.switches),
        apparmor=_is_on(places.apparmor),
        lent=lent.facts(seen),
        attributes=seen.get(attributes),
        gpus=_gpus(places) if configuration.truth("PROVIDE_NVIDIA_GPU") else None,
        engine=ask_engine(configuration.engine),
        cvmfsexec=cvmfsexec.facts(seen),
    )


def attributes_path(configuration: Configuration) -> str:
    """Where to look for the operator's file of attributes; empty where there is nothing to look for.

    The usual file need not be there. It lies beside the configuration, which is read without a deadline, too.
    """
    path, usual = configuration.text("OSPOOL_EP_EXTRA_ATTRIBUTES"), OPTIONS["OSPOOL_EP_EXTRA_ATTRIBUTES"].default
    wanted = os.path.lexists(path) if path == usual else path.startswith("/")
    return path if wanted else ""


def _gpus(places: Places) -> "GpuFacts":
    from ospool_ep.checks.gpu_facts import gather_gpus  # noqa: PLC0415 - only where there are some

    return gather_gpus(places.nvidia, places.cdi)


class CvmfsPlaces:
    """Where to look for CVMFS; nowhere where the pilot does not get the host's."""

    def __init__(self, configuration: Configuration, places: Places) -> None:
        asked, self._directory = configuration.truth("BIND_MOUNT_CVMFS"), places.cvmfs
        self._wanted = [f"{places.cvmfs}/{repository}" for repository in CVMFS_REPOSITORIES] if asked else []
        self._mounts = mounted_under(places.cvmfs, places.mounts) if asked else ()
        self._mounted = looked_at(self._mounts)
        self._top = mount_of(places.cvmfs, places.hosts_mounts) if asked else None
        self.paths = (*self._wanted, *self._mounted)

    def facts(self, seen: Mapping[str, Sight]) -> Cvmfs:
        """What was seen there."""
        wanted, mounted = (tuple(map(seen.__getitem__, paths)) for paths in (self._wanted, self._mounted))
        return Cvmfs(wanted, self._mounts, mounted, self._directory, self._top)


def _numbers(directory: str) -> dict[str, int]:
    """What the switches of the kernel are set to; one that it does not have is missing. Source: sysctl(8)."""
    found = {}
    for name in SWITCHES:
        # That of the user name space that we are in: a service that systemd runs is in the host's.
        with contextlib.suppress(OSError, ValueError):
            found[name] = int(Path(directory, name.replace(".", "/")).read_text(encoding="ascii"))
    return found


def _is_on(parameter: str) -> bool:
    """Whether a truth value of a module of the kernel's is true; a kernel without the module has no such file."""
    with contextlib.suppress(OSError):
        return Path(parameter).read_bytes().strip() == b"Y"
    return False
