"""Which services of this package run on this host: ospool-ep itself, and each ospool-ep@NAME.

Each that runs has a run-time directory, in which its process holds a lock. systemd keeps that directory while one
process follows the other, and removes it with the end of the service.
"""

from collections.abc import Iterable

from ospool_ep.system.run_directory import RunDirectory
from ospool_ep.this_service import ServiceName, is_instance, this_service


def services_here() -> tuple[ServiceName, ...]:
    """Those that run, in the order of their names; one that systemd just restarts does, too.

    PermissionError for all but root. Not for a service: to look at its own lock here would give that up.
    """
    return _running(with_directory())


def others_here() -> tuple[ServiceName, ...]:
    """The same without the service of this process."""
    return _running(name for name in with_directory() if name != this_service())


def directory_of(name: ServiceName) -> RunDirectory:
    """The run-time directory of that service."""
    return RunDirectory(name.run_directory)


def has_process(name: ServiceName) -> bool:
    """Whether a process of that service holds its lock. PermissionError for all but root."""
    return directory_of(name).service_pid() is not None


def with_directory() -> tuple[ServiceName, ...]:
    """Those that have a run-time directory, ospool-ep itself first; a few of them may not run."""
    place = ServiceName().run_directory
    found = (path.name.partition("@")[2] for path in place.parent.glob(f"{place.name}@*"))
    names = [ServiceName(), *map(ServiceName, sorted(filter(is_instance, found)))]
    return tuple(name for name in names if name.run_directory.is_dir())


def _running(names: Iterable[ServiceName]) -> tuple[ServiceName, ...]:
    there = {name: has_process(name) for name in names}
    between = [name for name, locked in there.items() if not locked]
    if not between:
        return tuple(there)
    from ospool_ep.system import systemctl  # noqa: PLC0415 - as a rule nobody has to be asked

    states = systemctl.unit_states([name.unit for name in between])
    # Where systemd does not answer, it is better to wait for a service in vain than to take it for one that has ended.
    down = {name for name in between if states is not None and states[name.unit].active in ("inactive", "failed", "")}
    return tuple(name for name in there if name not in down)
