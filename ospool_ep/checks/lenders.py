"""A service of this host as others have to know it: how it stands, and what its pilots may take. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Optional

from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.gpu_choice import chosen_gpus
from ospool_ep.container.specification import MEMORY_MARGIN_BYTES
from ospool_ep.system.nvidia_driver import Gpu
from ospool_ep.this_service import ServiceName

# What the container of a service gets on top of MEMORY.
MARGIN_MB = MEMORY_MARGIN_BYTES >> 20


@dataclass(frozen=True)
class Standing:
    """How a service stands. ``wanted``: systemd starts it at boot, or it runs.

    ``has_place``: it runs, and its pilots have, or had before the next one, what they may take of this host.
    """

    service: ServiceName
    wanted: bool = False
    has_place: bool = False


@dataclass(frozen=True)
class Directory:
    """A scratch directory: its path, where that leads, and the file system's numbers for it, None where not known."""

    path: str
    real: str
    inode: Optional[tuple[int, int]] = None


@dataclass(frozen=True)
class Host:
    """What there is to lend; ``gpus`` are those of NVIDIA's driver, None where it does not say."""

    cpus: int
    memory_mb: int
    gpus: Optional[tuple[Gpu, ...]] = None


@dataclass(frozen=True)
class Lender:
    """What the pilots of a service may take. None stands for all that this host has.

    ``file`` is what it has for itself, as the operator set it. ``memory`` is in MB, with what the container gets on
    top. ``scratch`` is None for the engine's own disk.
    """

    service: ServiceName
    file: str
    cpus: Optional[int]
    memory: Optional[int]
    gpus: tuple[str, ...] = ()
    scratch: Optional[Directory] = None


@dataclass(frozen=True)
class Beside:
    """The other services of this host. ``lenders`` are those that count.

    ``not_counted`` are those whose configuration is of no use, with the reason as a clause. ``no_services`` are files
    by whose names no service can be called. ``is_wanted``: systemd starts this service at boot, or it runs.
    """

    lenders: tuple[Lender, ...] = ()
    not_counted: Mapping[ServiceName, str] = field(default_factory=dict)
    no_services: tuple[str, ...] = ()
    is_wanted: bool = True


def lender(service: ServiceName, configuration: Configuration, scratch: Optional[Directory]) -> Lender:
    """What the pilots of a configuration may take."""
    memory = configuration.number("MEMORY")
    return Lender(
        service,
        service.own_file(configuration.path) or configuration.path,
        configuration.number("NUM_CPUS"),
        None if memory is None else memory + MARGIN_MB,
        chosen_gpus(configuration),
        scratch,
    )


def wanted_ones(others: Iterable[Standing]) -> tuple[ServiceName, ...]:
    """Whom a person's check counts: each that systemd starts, or that runs."""
    return tuple(other.service for other in others if other.wanted or other.has_place)


def those_before(ours: Standing, others: Iterable[Standing]) -> tuple[ServiceName, ...]:
    """Whom a service that runs counts, so that one that is added wrongly gives way, and no other one.

    Who has its place keeps it against all that have none. Of those that have none, the first one is right:
    ospool-ep itself, and then by name.
    """

    def comes_first(other: Standing) -> bool:
        return not ours.has_place and other.wanted and other.service.instance < ours.service.instance

    return tuple(other.service for other in others if other.has_place or comes_first(other))
