"""The slice of systemd's for pilots that are guests of this host, and how much it weighs beside the host's own work.

It lies in ``ospool_ep.slice``, beside system.slice and user.slice: a weight counts among neighbours only. The units of
the package give both the least weight, and an administrator's drop-in can give another one. Of pilots that are guests
at some hours only the weights are set at run time.
"""

from pathlib import Path

from ospool_ep.system import spared_memory, systemctl
from ospool_ep.system.slices import set_at_run_time
from ospool_ep.this_service import GUESTS, this_service

# Source: systemd.resource-control(5), CPUWeight= and IOWeight=: from 1 to 10000, and 100 by itself. The least one is
# also in the units, systemd/ospool_ep.slice and systemd/ospool_ep-.slice.d.
LEAST_WEIGHT, USUAL_WEIGHT = 1, 100
CGROUPS = Path("/sys/fs/cgroup")
# Two services of this host may pass a border of their hours at once; more of them do not change it three times.
_TURNS = 3


def set_guest(is_guest: bool) -> bool:
    """Let the pilots of this service that lie there have what is idle, or as much as one more slice of this host.

    While all guests of this host have what is idle, the memory of its own work is spared. It holds until the next boot.
    Returns whether systemd set the weights; it need not have made the slice yet.
    """
    weight = LEAST_WEIGHT if is_guest else USUAL_WEIGHT
    return _weigh(this_service().guest_slice, weight) and _settle(weight)


def guest_comes(*, backfill: bool) -> bool:
    """A pilot of this service that is a guest will be made; ``backfill``: it is one at all hours.

    Returns whether systemd did what was to do.
    """
    if backfill:
        return set_guest(True)
    # As was last set for it. What holds for all guests may have changed since its last pilot has gone.
    return _settle(USUAL_WEIGHT if _has_usual_weight() else LEAST_WEIGHT)


def last_has_gone() -> bool:
    """No pilot of this service is a guest any more: what is set for all of them together is what others need.

    Returns whether systemd did.
    """
    if not _others():
        spared_memory.spare_no_longer()
        return _weigh(GUESTS, LEAST_WEIGHT)
    return _settle(LEAST_WEIGHT)


def _settle(own: int) -> bool:
    """Give all guests together the weight of the heaviest service that has some; ``own`` is that of this one."""
    for _turn in range(_TURNS):
        weight = max([own, *_others()])
        if not _weigh(GUESTS, weight):
            return False
        # Another service of this host may have changed its own meanwhile, and have set this before us.
        if max([own, *_others()]) == weight:
            break
    if weight == LEAST_WEIGHT:
        spared_memory.spare()
    else:
        spared_memory.spare_no_longer()
    return True


def _weigh(name: str, weight: int) -> bool:
    if weight == LEAST_WEIGHT and not set_at_run_time(name, "CPUWeight").exists():
        # So its unit says, or an administrator has said otherwise.
        return True
    return systemctl.ask("set-property", "--runtime", name, f"CPUWeight={weight}", f"IOWeight={weight}") is not None


def _has_usual_weight() -> bool:
    try:
        return f"CPUWeight={USUAL_WEIGHT}\n" in set_at_run_time(this_service().guest_slice, "CPUWeight").read_text()
    except OSError:
        return False


def _others() -> list[int]:
    """The weights of the other services of this host that have guests."""
    ours = this_service().guest_slice
    return [_weight(one) for one in (CGROUPS / GUESTS).glob("*.slice") if one.name != ours and _populated(one)]


def _weight(cgroup: Path) -> int:
    try:
        return int((cgroup / "cpu.weight").read_text())
    except (OSError, ValueError):
        # It has just gone.
        return LEAST_WEIGHT


def _populated(cgroup: Path) -> bool:
    """Whether a process is in it or below. A slice of systemd's stays when the last one has gone."""
    try:
        return "populated 1" in (cgroup / "cgroup.events").read_text()
    except OSError:
        return False
