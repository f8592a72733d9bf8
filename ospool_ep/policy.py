"""What an operator wants to be done to a running pilot for the sake of a newer image, as the configuration says it."""

import enum
from dataclasses import dataclass
from typing import Optional


class UpdatePolicy(str, enum.Enum):
    """What becomes of the running pilot once a new image is here; the words of OSPOOL_EP_UPDATE."""

    DRAIN = "drain"
    RETIRE = "retire"
    NOW = "now"
    OFF = "off"


@dataclass(frozen=True)
class Policy:
    """How pilots are replaced, and how long that may take; all times in seconds.

    ``drain_seconds`` bounds a drain that the service began by itself: after that the jobs that still run are evicted.
    None leaves it to the pilot's own end of life. ``retire_seconds`` is how long RETIRE waits for that end before it
    drains, and ``rollback_seconds`` in how much time the first pilot of a new image has to be in the pool.
    """

    update: UpdatePolicy = UpdatePolicy.DRAIN
    drain_seconds: Optional[float] = None
    retire_seconds: float = 72 * 3600.0
    rollback_seconds: float = 15 * 60.0
