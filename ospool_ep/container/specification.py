"""The container that the configuration asks for: one immutable specification, from which all else is made.

The engine adapter creates it and ``ospool-ep render docker`` prints it as a command line.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Optional

from ospool_ep.this_service import ServiceName, this_service

# Of a container whose label does not say which service made it.
FIRST_INSTANCE = "ospool-ep"
PILOT_UID = 1000
# Where a pilot has its scratch directory. Source: the image's working directory.
SCRATCH_TARGET = "/pilot"
# How long a pilot that is stopped may take to evict its jobs, before the engine kills it.
STOP_TIMEOUT_SECONDS = 120
# HTCondor keeps to the MEMORY it was told; the processes that manage the jobs need some room beside them.
MEMORY_MARGIN_BYTES = 100 << 20
TOKEN_TARGET = "/etc/condor/tokens-orig.d/flock.opensciencegrid.org"  # noqa: S105 - where it lies, not what it is
# The image makes attributes of the startd's slots of it. Source: sbin/add-extra-attributes of the pilot's image.
ATTRIBUTES_TARGET = "/etc/osg/extra-attributes.cfg"

_SECCOMP = "seccomp="

_LABEL_PREFIX = "org.osg-htc.ospool-ep"
FINGERPRINT_LABEL = f"{_LABEL_PREFIX}.fingerprint"
# Which service of this host made it; those of release 25.1.0 have none.
INSTANCE_LABEL = f"{_LABEL_PREFIX}.instance"
# It begins closed, and is told what the other pilots of this host hold; else it takes all that it can.
CLOSED_LABEL = f"{_LABEL_PREFIX}.begins-closed"
VERSION_LABEL = f"{_LABEL_PREFIX}.version"
TOKEN_LABEL = f"{_LABEL_PREFIX}.token"  # a hash of it, which tells one from another and gives nothing away


def made_by(labels: Mapping[str, str]) -> str:
    """The service whose pilot has these labels; the container is one of ours, with or without a label that says so."""
    return labels.get(INSTANCE_LABEL, FIRST_INSTANCE)


def is_this_services(labels: Mapping[str, str]) -> bool:
    """Whether the service of this process has made the container with these labels, and no other one of this host."""
    return FINGERPRINT_LABEL in labels and made_by(labels) == this_service().name


def is_of_earlier_service(labels: Mapping[str, str], targets: Collection[str]) -> bool:
    """Whether the package's earlier service has made the container that has this service's known name.

    It has no label. ``targets``: where it has mounts. That service was ospool-ep itself, and no instance of it.
    """
    return FINGERPRINT_LABEL not in labels and TOKEN_TARGET in targets and this_service() == ServiceName()


@dataclass(frozen=True)
class Mount:
    """A bind mount from the host. One that ``may_be_missing`` there keeps no container from starting.

    ``only_if_there``: it is left out of a container that is made while no such file is there.
    """

    source: str
    target: str
    read_only: bool = False
    propagation: str = ""
    may_be_missing: bool = False
    only_if_there: bool = False


@dataclass(frozen=True)
class ContainerSpec:
    """Everything the engine is told about the pilot's container.

    ``cpus`` is in CPUs, ``memory_bytes`` in bytes; None sets no limit. ``shm_bytes`` is the size of /dev/shm; None: the
    engine's own. ``open_files`` a process may have, and can raise to ``most_open_files``. ``gpus`` are NVIDIA's, by the
    names that its tools give them; "all" is one. ``gpus_by_cdi``: Docker gives them by the Container Device Interface,
    and not by NVIDIA's runtime; ``gpus_by_libpod``: Podman does so only over its own API. ``log_max_bytes`` bounds the
    copy of the log that the engine keeps on disk so that no line is lost while nobody of ours is reading.
    ``cgroup_parent`` is the slice of systemd's whose limits it shares with other containers; empty: the engine's own.
    ``guest``: it belongs into the slice for guests, and its processes are the first that an OOM kill takes;
    ``backfill``: it is a guest at all hours, and so it has the least share of the CPUs whatever its slice is.
    ``security_options`` are in the words of the command line. ``capabilities`` are all that the container has; none
    named: the engine's own. ``network`` is "host" or the name of one of the engine's; empty: the engine's own.
    """

    image: str
    name: str
    user: str
    environment: tuple[tuple[str, str], ...]
    mounts: tuple[Mount, ...]
    devices: tuple[str, ...]
    security_options: tuple[str, ...]
    unmasked_system_paths: bool
    open_files: int
    most_open_files: int
    pids_limit: int
    stop_timeout_seconds: int
    labels: tuple[tuple[str, str], ...]
    log_max_bytes: int
    cpus: Optional[int] = None
    memory_bytes: Optional[int] = None
    shm_bytes: Optional[int] = None
    gpus: tuple[str, ...] = ()
    gpus_by_cdi: bool = False
    gpus_by_libpod: bool = False
    cgroup_parent: str = ""
    guest: bool = False
    backfill: bool = False
    capabilities: tuple[str, ...] = ()
    network: str = ""

    @property
    def seccomp_profile(self) -> str:
        """The path of its own seccomp profile on this host; empty: it has none."""
        given = [option[len(_SECCOMP) :] for option in self.security_options if option.startswith(f"{_SECCOMP}/")]
        return given[-1] if given else ""
