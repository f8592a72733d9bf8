"""Which pilots there are on this host: found by their labels under any name, and by the known name."""

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Optional

from ospool_ep.container.specification import (
    CLOSED_LABEL,
    FINGERPRINT_LABEL,
    TOKEN_LABEL,
    is_of_earlier_service,
    is_this_services,
)
from ospool_ep.engine.interface import Container, Engine, EngineError, EngineUnreachable
from ospool_ep.lifecycle.state import Pilot, Stage


@dataclass(frozen=True)
class Found:
    """The containers of our pilots, the oldest first; ``foreign`` is somebody else's that has the known name."""

    ours: tuple[Container, ...] = ()
    foreign: str = ""

    @property
    def running(self) -> tuple[Container, ...]:
        """Those that run."""
        return tuple(container for container in self.ours if container.running)

    @property
    def ended(self) -> tuple[Container, ...]:
        """Those that have run."""
        return tuple(container for container in self.ours if not container.running)


def find(engine: Engine, name: str) -> Found:
    """The pilots of this service, whose open one has that name. What was created and never started is removed.

    Raises EngineError.
    """
    found = look(engine, name)
    started = tuple(container for container in found.ours if container.running or container.started_at)
    # An earlier process was interrupted between the two.
    for container in found.ours:
        if container not in started:
            engine.remove(container.id)
    return replace(found, ours=started)


def look(engine: Engine, name: str) -> Found:
    """The same, without a change. Raises EngineError."""
    ours = tuple(filter(is_ours, engine.labelled(FINGERPRINT_LABEL, ended=True)))
    named = engine.container(name)
    if named is None or named.id in {container.id for container in ours}:
        return Found(ours)
    # One of ours may have been made, or have got the name, a moment ago.
    if is_ours(named) or is_legacy(named):
        return Found(tuple(sorted((named, *ours), key=lambda container: container.created_at)))
    return Found(ours, named.id)


def is_ours(container: Container) -> bool:
    """Whether this service has made it; those of release 25.1.0 do not say which one it was."""
    return is_this_services(container.labels)


def is_legacy(container: Container) -> bool:
    """Whether the package's earlier service has made it: it has no label, and is known by its name."""
    return is_of_earlier_service(container.labels, container.mount_targets)


def name_beside(name: str, mark: str = "") -> str:
    """A name for a pilot beside the one that has that name. ``mark`` tells it from others; empty: a random one."""
    return f"{name}-{mark or os.urandom(4).hex()}"


def pilot_in(container: Container, engine: Engine, name: str, stage: Stage) -> Pilot:
    """The pilot in a container, at that stage; ``name`` is that of the open one's. Raises EngineUnreachable."""
    try:
        image = engine.image(container.image_id)
    except EngineUnreachable:
        raise
    except EngineError:
        # What runs is known, and only its digest is not.
        image = None
    age = max(0.0, time.time() - container.started_at)
    return Pilot(
        container_id=container.id,
        started_at=container.started_at,
        since=time.monotonic() - age,
        image_id=container.image_id,
        image_digest=image.digest if image else "",
        fingerprint=container.labels.get(FINGERPRINT_LABEL, ""),
        token=container.labels.get(TOKEN_LABEL, ""),
        begins_closed=CLOSED_LABEL in container.labels,
        named=container.name == name,
        legacy=is_legacy(container),
        stage=stage,
    )


def pilots_in(
    containers: Iterable[Container],
    engine: Engine,
    name: str,
    noted_drain: Callable[[str], tuple[Optional[float], Optional[float]]],
) -> tuple[Pilot, ...]:
    """The pilots that were found, with what an earlier process has noted of their drains. Raises EngineUnreachable."""
    found = (pilot_in(container, engine, name, Stage.FOUND) for container in containers)
    return tuple(
        replace(pilot, draining_since=since, limited_since=limited)
        for pilot in found
        for since, limited in (noted_drain(pilot.container_id),)
    )
