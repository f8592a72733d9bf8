"""What there is of NVIDIA's on this host: driver, GPUs, container toolkit, specifications. It judges nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ospool_ep.checks.cdi_specifications import Specification, specifications
from ospool_ep.pilot.gpus import CONTROL_NODE
from ospool_ep.system.nvidia_driver import Gpu, driver_version, gpus, is_device

# Either of them is the toolkit: newer releases make specifications with the one, and Docker starts the other.
_PROGRAMS = ("nvidia-ctk", "nvidia-container-runtime")
# Where an engine that systemd runs looks for programs. Source: systemd.exec(5), "$PATH".
_ENGINES_PATH = ("usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin")


@dataclass(frozen=True)
class GpuFacts:
    """The facts. ``driver`` is the version of the one that the kernel has loaded, empty where it has none.

    ``control`` is whether /dev/nvidiactl is there, ``gpus`` what the driver has, None where it does not say. In
    ``missing`` are the files that a specification gives and that are not there.
    """

    driver: str
    control: bool
    gpus: Optional[tuple[Gpu, ...]]
    toolkit: bool
    specifications: tuple[Specification, ...] = ()
    missing: frozenset[str] = frozenset()


def gather_gpus(root: str, directories: Iterable[str]) -> GpuFacts:
    """Look for it. ``root`` holds the host's files, but for the specifications, which are in the ``directories``."""
    found = specifications(directories)
    named = {path for one in found for path in one.host_paths}
    return GpuFacts(
        driver=driver_version(root),
        control=is_device(CONTROL_NODE, root),
        gpus=gpus(root),
        toolkit=any(_is_there(f"{place}/{program}", root) for place in _ENGINES_PATH for program in _PROGRAMS),
        specifications=found,
        missing=frozenset(path for path in named if not _is_there(path, root)),
    )


def _is_there(path: str, root: str) -> bool:
    try:
        return Path(root, path.lstrip("/")).exists()
    except OSError:
        return False
