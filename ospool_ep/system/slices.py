"""The slice of systemd's in which the pilots of this host run, and the limits for all of them together."""

import math
from pathlib import Path
from typing import Optional

from ospool_ep.system import systemctl
from ospool_ep.this_service import this_service

UNIFIED = Path("/sys/fs/cgroup/cgroup.controllers")


def cgroups_are_unified() -> bool:
    """Whether this host has cgroups of version 2 and no others. Source: cgroups(7)."""
    return UNIFIED.exists()


def set_limits(cpus: Optional[float], memory_bytes: Optional[int]) -> bool:
    """Limit what all in the slice use, until the next boot; None: no limit. Returns whether systemd did.

    Source: systemd.resource-control(5), CPUQuota=, MemoryMax=; an empty CPUQuota= is none.
    """
    quota = "" if cpus is None else f"{math.ceil(cpus * 100)}%"
    memory = "infinity" if memory_bytes is None else memory_bytes
    return (
        systemctl.ask("set-property", "--runtime", this_service().slice, f"CPUQuota={quota}", f"MemoryMax={memory}")
        is not None
    )
