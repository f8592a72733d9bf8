"""The names of the pilots' directories in the scratch directory, and what comes of a removal (``scratch_directories``).

They tell whose a directory is, and are none of those that the image clears away by itself (``osgvo-pilot-*`` and
``glide_*``; source: osg-flock, tools/garbage_collection).
"""

import re
from dataclasses import dataclass

_PREFIX = "ospool-ep-pilot-"
# Why a directory stays that is some pilot's after all.
IN_USE = "a process works in it"


@dataclass(frozen=True)
class Removed:
    """What came of a removal. ``stays``: the paths of what could not be removed, each with the reason.

    ``left_overs`` of earlier releases were found, ``left_bytes`` on the disk; ``left_stay``: they have to, as another
    host may use them.
    """

    stays: tuple[tuple[str, str], ...] = ()
    left_overs: tuple[str, ...] = ()
    left_bytes: int = 0
    left_stay: bool = False


def beginning(machine: str, instance: str) -> str:
    """What the names of one service's directories begin with; eight hexadecimal digits follow.

    ``machine`` are eight digits that tell the host, ``instance`` tells services of one host apart.
    """
    return f"{_PREFIX}{machine}-{instance}-"


def is_of(beginning: str, name: str) -> bool:
    """Whether it is the name of one of that service's directories."""
    return re.fullmatch(re.escape(beginning) + "[0-9a-f]{8}", name) is not None


def is_one(name: str) -> bool:
    """Whether it is the name of a pilot's directory, of any host and service."""
    return re.fullmatch(re.escape(_PREFIX) + "[0-9a-f]{8}-.+-[0-9a-f]{8}", name) is not None
