"""The limits for all pilots of a service together, which are those of a slice of systemd's."""

import math
from pathlib import Path
from typing import Optional

from ospool_ep.system import systemctl

# Where systemd keeps what was set until the next boot. Source: systemd.unit(5).
RUN_TIME = Path("/run/systemd/system.control")
UNIFIED = Path("/sys/fs/cgroup/cgroup.controllers")
# Why pilots are in no slice of theirs, as clauses.
NOT_UNIFIED = "this host has cgroups of version 1"
NOT_BY_SYSTEMD = "the engine makes its cgroups by itself, and not by systemd (its cgroup driver)"


def cgroups_are_unified() -> bool:
    """Whether this host has cgroups of version 2 and no others. Source: cgroups(7)."""
    return UNIFIED.exists()


def set_limits(name: str, cpus: Optional[float], memory_bytes: Optional[int]) -> bool:
    """Limit what all in that slice use, until the next boot; None: no limit of ours. Returns whether systemd did.

    A limit that an administrator gave the slice holds where there is none of ours.
    Source: systemd.resource-control(5), CPUQuota=, MemoryMax=; an empty CPUQuota= is none.
    """
    wanted = {
        "CPUQuota": "" if cpus is None else f"{math.ceil(cpus * 100)}%",
        "MemoryMax": "infinity" if memory_bytes is None else str(memory_bytes),
    }
    without = {"CPUQuota": cpus is None, "MemoryMax": memory_bytes is None}
    # "No limit" would take the place of the administrator's; it is said only where an earlier one is to go.
    said = [
        f"{key}={value}" for key, value in wanted.items() if not without[key] or set_at_run_time(name, key).exists()
    ]
    return not said or systemctl.ask("set-property", "--runtime", name, *said) is not None


def set_at_run_time(name: str, key: str) -> Path:
    """Where systemd keeps that property of a unit, once ``systemctl set-property --runtime`` has set it."""
    return RUN_TIME / f"{name}.d" / f"50-{key}.conf"
