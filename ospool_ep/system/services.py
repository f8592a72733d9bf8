"""The services of this host, ospool-ep itself and its instances: which run, which are enabled, which have a file.

For the commands: a process that is a service would give up its own lock by looking at it.
"""

from collections.abc import Iterable
from pathlib import Path

from ospool_ep.system.services_here import directory_of, has_process, services_here, with_directory
from ospool_ep.this_service import ServiceName, is_instance

_ENDING = ".cfg"


def runs(service: ServiceName) -> bool:
    """Whether a process of it runs. Only root sees its lock; for all others its report stands for it."""
    try:
        return has_process(service)
    except PermissionError:
        return directory_of(service).read_status() is not None
    except OSError:
        # Something else has that name.
        return False


def running() -> tuple[ServiceName, ...]:
    """Those that run, ospool-ep itself first."""
    try:
        return services_here()
    except PermissionError:
        return tuple(filter(runs, with_directory()))


def service_files(config_path: str) -> tuple[tuple[ServiceName, ...], tuple[str, ...]]:
    """The services that have a file beside the common one, and the files by whose names no service can be called.

    Both are empty on a host with ospool-ep alone. They lie beside the configuration, which is read without a deadline.
    """
    directory = Path(ServiceName("any").own_file(config_path)).parent
    try:
        names = sorted(path.name for path in directory.iterdir() if path.name.endswith(_ENDING))
    except OSError:
        return (), ()
    instances = [name[: -len(_ENDING)] for name in names]
    services = tuple(ServiceName(instance) for instance in instances if is_instance(instance))
    return services, tuple(str(directory / f"{one}{_ENDING}") for one in instances if not is_instance(one))


def running_or_enabled(config_path: str) -> tuple[ServiceName, ...]:
    """Those that run, and those that systemd runs or starts at boot; where it does not answer, those that run."""
    from ospool_ep.system import systemctl  # noqa: PLC0415 - 'ospool-ep status' does not need it

    at_work = running()
    known = _sorted(service.instance for service in (*at_work, *service_files(config_path)[0]))
    states = systemctl.unit_states([service.unit for service in known]) or {}
    meant = {unit for unit, state in states.items() if state.runs or state.enabled}
    return tuple(service for service in known if service.unit in meant or service in at_work)


def unknown(service: ServiceName, config_path: str) -> str:
    """What is said of an instance that is none of this host's; empty where it has a file, or runs."""
    own = Path(service.own_file(config_path))
    try:
        own.lstat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError:
        # It can't be seen from here.
        return ""
    else:
        return ""
    if runs(service):
        return ""
    known = [known.instance for known in (*service_files(config_path)[0], *running()) if known.instance]
    return f"There is no service {service.name}: it does not run, and {own} is not there. {_others(service, known)}"


def _others(service: ServiceName, known: list[str]) -> str:
    if not known:
        return "No service of this host has such a NAME. To set one up, make that file; else leave --instance out."
    from difflib import SequenceMatcher  # noqa: PLC0415 - only a wrong name needs it

    likeness = {name: SequenceMatcher(None, name, service.instance).ratio() for name in known}
    names = ", ".join(sorted(likeness, key=lambda name: (-likeness[name], name)))
    return f"The names that there are: {names}. To set up another one, make that file."


def _sorted(instances: Iterable[str]) -> tuple[ServiceName, ...]:
    """Each once, in the order of the names; ospool-ep itself comes first, and is always among them."""
    return tuple(ServiceName(name) for name in ("", *sorted(set(filter(is_instance, instances)))))
