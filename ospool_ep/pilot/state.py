"""The words for a pilot: is its startd up, does the pool accept it, which jobs run."""

import enum
from dataclasses import dataclass
from typing import Optional


class Startd(enum.Enum):
    """The part of HTCondor that offers this host's slots."""

    NOT_UP = "not up"
    READY = "ready"
    DRAINING = "draining"
    GONE = "gone"


class Pool(enum.Enum):
    """What the pool's collector makes of the pilot's token."""

    UNKNOWN = "unknown"
    ACCEPTS = "accepts"
    REFUSES = "refuses"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True)
class Job:
    """A payload job that holds a slot of this pilot. ``started_at`` in seconds since the epoch, 0 where not known."""

    slot: str
    id: str
    started_at: float = 0.0


@dataclass(frozen=True)
class PilotState:
    """One answer of the pilot.

    ``jobs`` is None where it did not say; ``identity`` is how the pool names it; ``refusal`` is the pool's reason.
    """

    startd: Startd = Startd.NOT_UP
    pool: Pool = Pool.UNKNOWN
    jobs: Optional[tuple[Job, ...]] = None
    identity: str = ""
    refusal: str = ""


UNKNOWN = PilotState()
