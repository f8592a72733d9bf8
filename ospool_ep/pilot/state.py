"""The words for a pilot: is its startd up, does the pool accept it, does it take jobs, which jobs run."""

import enum
from dataclasses import dataclass
from typing import Optional


class Startd(enum.Enum):
    """The part of HTCondor that offers this host's slots."""

    NOT_UP = "not up"  # or that is not known
    MISSING = "missing"  # it is meant to run, and is not there
    STARTING = "starting"  # the master says that it is not up yet
    READY = "ready"
    DRAINING = "draining"
    GONE = "gone"


class Pool(enum.Enum):
    """What the pool's collector makes of the pilot's token."""

    UNKNOWN = "unknown"
    ACCEPTS = "accepts"
    REFUSES = "refuses"
    UNREACHABLE = "unreachable"


class Offer(enum.Enum):
    """Whether the startd, as it stands, takes a usual job: what its own START says of one."""

    UNKNOWN = "unknown"
    OPEN = "open"
    UNVALIDATED = "unvalidated"  # the pilot's own tests of this host have not ended yet
    OWN = "own"  # a clause of this host's configuration lets only other jobs in
    RETIRED = "retired"  # its time for new jobs is over
    CLOSED = "closed"


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
    ``closed_because`` says which clauses of the machine's are ``unmet``, and how to mend it; with an OPEN offer, which
    jobs can't come all the same.
    """

    startd: Startd = Startd.NOT_UP
    pool: Pool = Pool.UNKNOWN
    jobs: Optional[tuple[Job, ...]] = None
    identity: str = ""
    refusal: str = ""
    offer: Offer = Offer.UNKNOWN
    closed_because: str = ""
    unmet: tuple[str, ...] = ()

    @property
    def is_mute(self) -> bool:
        """Whether the startd is up, as its master says, and does not answer itself."""
        return self.startd is Startd.READY and self.jobs is None


UNKNOWN = PilotState()
