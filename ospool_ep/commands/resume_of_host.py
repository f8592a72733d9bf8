"""``ospool-ep resume`` where all services of this host were drained for its reboot, or for its power-off."""

from ospool_ep.system.services_here import directory_of, others_here


def take_back_elsewhere() -> tuple[str, ...]:
    """Take such a drain back for each other service that was asked for it; returns their names.

    PermissionError for all but root.
    """
    taken_back = []
    for name in others_here():
        directory = directory_of(name)
        if directory.want.takes_host_down:
            directory.clear_drain()
            directory.nudge()
            taken_back.append(name.name)
    return tuple(taken_back)
