"""Which services have a configuration of their own on this host: the files beside the common one."""

from pathlib import Path

from ospool_ep.this_service import ServiceName, is_instance

_ENDING = ".cfg"


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
