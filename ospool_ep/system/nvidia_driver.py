"""What the NVIDIA driver shows of itself on this host: its version, its GPUs, and their device nodes.

Source: NVIDIA driver README, "The /proc/driver/nvidia Interface".
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ospool_ep.pilot.gpus import CONTROL_NODE

_COMMON_NODES = (CONTROL_NODE, "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-modeset")

_VERSION = re.compile(r"\b\d{3,4}\.\d+(?:\.\d+)?\b")


@dataclass(frozen=True)
class Gpu:
    """A GPU: its number and UUID in NVIDIA's tools, and the number of its device node, which may be another one."""

    index: int
    uuid: str
    minor: Optional[int]

    @property
    def node(self) -> str:
        """Its device; empty where the driver does not say."""
        return "" if self.minor is None else f"/dev/nvidia{self.minor}"


def driver_version(root: str = "/") -> str:
    """The version of the driver that the kernel has loaded, as 580.65.06; empty where it has none."""
    found = _VERSION.search(_text(Path(root, "proc/driver/nvidia/version")))
    return found[0] if found else ""


def gpus(root: str = "/") -> Optional[tuple[Gpu, ...]]:
    """The GPUs that the driver has, in the order of NVIDIA's tools, which is that of the bus; None: it does not say."""
    directory = Path(root, "proc/driver/nvidia/gpus")
    try:
        places = sorted(place.name for place in directory.iterdir())
    except OSError:
        return None
    described = (dict(_fields(_text(directory / place / "information"))) for place in places)
    # One that an administrator has excluded is seen by no tool.
    usable = [about for about in described if about.get("GPU Excluded", "No") != "Yes"]
    return tuple(Gpu(index, about.get("GPU UUID", ""), _minor(about)) for index, about in enumerate(usable))


def device_nodes(chosen: Iterable[str], root: str = "/") -> tuple[str, ...]:
    """The device nodes on this host that those GPUs need; ``chosen`` are names as in ``ContainerSpec.gpus``.

    Of a part of a GPU that is named by a UUID of its own, the GPU is not known, and its node is not among them: with
    the node of another GPU the pilot would have that one, too.
    """
    names = tuple(chosen)
    nodes = (*_COMMON_NODES, *(gpu.node for gpu in gpus(root) or () if gpu.node and _is_meant(gpu, names)))
    return tuple(node for node in nodes if is_device(node, root))


def is_device(path: str, root: str = "/") -> bool:
    """Whether there is a device at that path of the host."""
    try:
        return Path(root, path.lstrip("/")).is_char_device()
    except OSError:
        return False


def _is_meant(gpu: Gpu, names: tuple[str, ...]) -> bool:
    # "0:1" and "MIG-GPU-UUID/1/0" are parts of one.
    wholes = {name.partition(":")[0].partition("/")[0] for name in names}
    return bool(wholes & {"all", str(gpu.index), gpu.uuid, f"MIG-{gpu.uuid}"})


def _minor(about: dict[str, str]) -> Optional[int]:
    text = about.get("Device Minor", "")
    return int(text) if text.isdecimal() else None


def _fields(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            yield name.strip(), value.strip()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
