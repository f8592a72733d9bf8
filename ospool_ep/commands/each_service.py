"""A command for all services of this host: which those are, and speaking for one of them after the other."""

import contextlib
from collections.abc import Iterator

from ospool_ep.this_service import ServiceName, become, this_service


@contextlib.contextmanager
def acting_for(service: ServiceName) -> Iterator[None]:
    """Meanwhile this process belongs to that service: its directories, its configuration, its name in what is said."""
    before = this_service().instance
    become(service.instance)
    try:
        yield
    finally:
        become(before)


def those_that_run() -> tuple[ServiceName, ...]:
    """All services that run here."""
    from ospool_ep.system import services  # noqa: PLC0415 - a command for one service does not need it

    return services.running()


def those_that_count(config_path: str) -> tuple[ServiceName, ...]:
    """All services that run here or are enabled; where there is none, ospool-ep itself."""
    from ospool_ep.system import services  # noqa: PLC0415 - as above

    return services.running_or_enabled(config_path) or (ServiceName(),)
