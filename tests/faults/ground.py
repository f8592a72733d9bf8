"""What all scenes of a run stand on: one host with the package, and a pool beside it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.faults.scene import Ground
from tests.support.endpoint import Endpoint
from tests.support.outer_pool import OuterPool
from tests.support.presence import Presence
from tests.world.engine import ensure_engine
from tests.world.hosts import boot_host, install_package


@contextmanager
def standing_ground(name: str, keep: Callable[[], bool] = lambda: False) -> Iterator[Ground]:
    """Boot it all; at the end it is removed, unless ``keep`` says so."""
    engine = ensure_engine()
    host = boot_host(name)
    pool = OuterPool(engine, host)
    # A run that was killed has left its own, in the network of its host.
    pool.close()
    install_package(host)
    pool.start()
    endpoint = Endpoint(host, pool)
    endpoint.remember_installed()
    presence = Presence(engine, host, pool)
    try:
        yield Ground(engine, endpoint, pool, presence)
    finally:
        presence.close()
        if not keep():
            pool.close()
            host.close()
