"""The slice of systemd's for pilots that are guests of this host, and how much it weighs beside the host's own work."""

from ospool_ep.system import systemctl
from ospool_ep.this_service import this_service

# Source: systemd.resource-control(5), CPUWeight= and IOWeight=: from 1 to 10000, and 100 by itself.
LEAST_WEIGHT, USUAL_WEIGHT = 1, 100


def set_guest(is_guest: bool) -> bool:
    """Let the pilots of this service that lie there have what is idle, or as much as one more slice of this host.

    It holds until the next boot. Returns whether systemd did; it need not have made the slice yet.
    """
    weight, name = LEAST_WEIGHT if is_guest else USUAL_WEIGHT, this_service().guest_slice
    return systemctl.ask("set-property", "--runtime", name, f"CPUWeight={weight}", f"IOWeight={weight}") is not None
