"""Whether two names of NVIDIA's GPUs stand for one, or for a part of one and the whole. Pure."""

import enum
from collections.abc import Sequence
from typing import Optional

from ospool_ep.configuration.gpu_choice import ALL
from ospool_ep.system.nvidia_driver import Gpu


class Sameness(enum.Enum):
    """What can be said of two names."""

    SAME = "same"
    OTHER = "other"
    NOT_KNOWN = "not known"


def sameness(one: str, other: str, gpus: Optional[Sequence[Gpu]]) -> Sameness:
    """Of two names as in ``configuration.gpu_choice``. ``gpus`` translate numbers into UUIDs; None: nothing does."""
    if one.lower() == other.lower() or ALL in (one, other):
        return Sameness.SAME
    alone = [_is_part_by_itself(one), _is_part_by_itself(other)]
    if any(alone):
        # Which GPU it is a part of is in no file of the driver's. Two such parts have a UUID each.
        return Sameness.OTHER if all(alone) else Sameness.NOT_KNOWN
    (gpu, part), (other_gpu, other_part) = _split(one, gpus), _split(other, gpus)
    if gpu != other_gpu:
        # A number that nothing translates may be any UUID.
        return Sameness.NOT_KNOWN if gpu.isdecimal() != other_gpu.isdecimal() else Sameness.OTHER
    # The number in 0:1 counts parts, and those in MIG-GPU-UUID/1/0 are of another kind.
    if part and other_part and ("/" in part) != ("/" in other_part):
        return Sameness.NOT_KNOWN
    return Sameness.SAME if not (part and other_part) or part == other_part else Sameness.OTHER


def _is_part_by_itself(name: str) -> bool:
    return name.startswith("MIG-") and not name.startswith("MIG-GPU-")


def _split(name: str, gpus: Optional[Sequence[Gpu]]) -> tuple[str, str]:
    """The GPU, as its UUID where that can be told, and the part of it; empty for the whole."""
    if name.startswith("MIG-GPU-"):
        gpu, _, part = name.removeprefix("MIG-").partition("/")
        return gpu.lower(), part
    gpu, _, part = name.partition(":")
    known = {str(one.index): one.uuid for one in gpus or () if one.uuid}
    return known.get(gpu, gpu).lower(), part
