"""How much this host has of what a container may be given."""

import os
import resource
from dataclasses import dataclass


@dataclass(frozen=True)
class Capacity:
    """``memory_bytes`` is all memory; ``open_files`` how many of them a process of ours can be allowed."""

    cpus: int
    memory_bytes: int
    open_files: int


def capacity() -> Capacity:
    """What there is now, for a container that this process makes."""
    # An engine that was started beside us can't go beyond our hard limit without CAP_SYS_RESOURCE, which it lacks where
    # it runs in a container itself. systemd gives services 524288. Sources: getrlimit(2), systemd-system.conf(5).
    _, open_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    memory_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Capacity(cpus=_cpus(), memory_bytes=memory_bytes, open_files=open_files)


def _cpus() -> int:
    """The engine counts the CPUs that it may use; it gets them from PID 1, where ours may be restricted further."""
    try:
        return len(os.sched_getaffinity(1))
    except OSError:
        return len(os.sched_getaffinity(0))
