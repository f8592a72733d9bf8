"""The slice of systemd's in which the pilots of this host run, and the limits for all of them together."""

import math
from pathlib import Path
from typing import Optional

from ospool_ep.system import systemctl

# Below system.slice, as are Docker's containers by themselves: together the pilots have the share of one service when
# CPUs are scarce. A dash would stand for one more slice in between, which is stopped at shutdown: systemd.slice(5).
SLICE = "system-ospool_ep.slice"

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
    return systemctl.ask("set-property", "--runtime", SLICE, f"CPUQuota={quota}", f"MemoryMax={memory}") is not None
