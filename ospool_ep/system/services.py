"""The services of this host, ospool-ep itself and its instances: which run, which are enabled, which have a file.

For the commands: a process that is a service would give up its own lock by looking at it.
"""

from collections.abc import Iterable
from pathlib import Path

from ospool_ep.system.run_directory import RunDirectory
from ospool_ep.this_service import ServiceName, is_instance


def runs(service: ServiceName) -> bool:
    """Whether a process of it runs. Only root sees its lock; for all others its report stands for it."""
    directory = RunDirectory(service.run_directory)
    try:
        return directory.service_pid() is not None
    except PermissionError:
        return directory.read_status() is not None
    except OSError:
        # Something else has that name.
        return False


def running() -> tuple[ServiceName, ...]:
    """Those that run, ospool-ep itself first."""
    place = ServiceName().run_directory
    found = (path.name.partition("@")[2] for path in place.parent.glob(f"{place.name}@*"))
    return tuple(filter(runs, _sorted(found)))


def with_file(config_path: str) -> tuple[ServiceName, ...]:
    """Those instances that have a configuration of their own over the common one at ``config_path``."""
    place = Path(ServiceName("NAME").own_file(config_path)).parent
    return _sorted(path.stem for path in place.glob("*.cfg"))[1:]


def running_or_enabled(config_path: str) -> tuple[ServiceName, ...]:
    """Those that run, and those that systemd runs or starts at boot; where it does not answer, those that run."""
    from ospool_ep.system import systemctl  # noqa: PLC0415 - 'ospool-ep status' does not need it

    at_work = running()
    known = _sorted(service.instance for service in (*at_work, *with_file(config_path)))
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
    known = [known.instance for known in (*with_file(config_path), *running()) if known.instance]
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
