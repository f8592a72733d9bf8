"""Makes and removes the directories of pilots for the service: what its helper processes call (``service.scratch``)."""

import contextlib
import os
from collections.abc import Sequence

from ospool_ep.checks import scratch_directories
from ospool_ep.checks.scratch_names import Removed
from ospool_ep.system.helper_program import HelperFailed


def make(scratch: str, instance: str) -> str:
    """Make a directory for the next pilot, and give its path. HelperFailed."""
    return scratch_directories.make(scratch, instance)


def found(scratch: str, instance: str) -> tuple[str, ...]:
    """The names of the directories that there are. HelperFailed."""
    return scratch_directories.found(scratch, instance)


def remove(scratch: str, instance: str, names: Sequence[str], top: bool) -> Removed:
    """Remove those of these names, and what earlier releases left where ``top``. HelperFailed."""
    # Whoever has work for the CPUs and the disk comes first: with this policy the kernel counts the disk as idle time,
    # too. Source: sched(7); the kernel's include/linux/ioprio.h, task_nice_ioclass.
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    try:
        return scratch_directories.remove_all(scratch, instance, names, top=top)
    except OSError as error:
        raise HelperFailed(f"{scratch} can't be entered: {error.strerror}.") from error
