"""Which pilot runs on this host: found by our container's name, or by its label under any other name."""

import time
from typing import Optional

from ospool_ep.container.specification import FINGERPRINT_LABEL, TOKEN_LABEL, TOKEN_TARGET
from ospool_ep.engine.interface import Container, Engine, EngineError, EngineUnreachable
from ospool_ep.lifecycle.state import Found, Pilot


def find(engine: Engine, name: str) -> Optional[Container]:
    """The container of that name, or a pilot's that runs under another one. Raises EngineError."""
    container = engine.container(name)
    if container and FINGERPRINT_LABEL in container.labels and not container.started_at:
        # Ours, created and never started: an earlier process was interrupted between the two.
        engine.remove(container.id)
        container = None
    # Somebody may have given it another name; a second pilot would share its scratch directory.
    return container or next(iter(engine.labelled(FINGERPRINT_LABEL)), None)


def recognize(container: Container) -> Found:
    """Whose container it is that stands under our name."""
    if FINGERPRINT_LABEL in container.labels:
        return Found.OURS
    return Found.LEGACY if TOKEN_TARGET in container.mount_targets else Found.FOREIGN


def pilot_in(container: Container, engine: Engine) -> Pilot:
    """The pilot in a container. Raises EngineUnreachable."""
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
    )
