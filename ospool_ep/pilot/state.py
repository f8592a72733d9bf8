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


class Gpus(enum.Enum):
    """Whether a pilot can use the NVIDIA GPUs that its container was given."""

    NONE = "none"  # it was given none, or that was not asked
    WELL = "well"
    UNSEEN = "unseen"  # its startd offers none of them
    CLOSED = "closed"  # they can't be opened


@dataclass(frozen=True)
class Job:
    """A payload job that holds a slot of this pilot. ``started_at`` in seconds since the epoch, 0 where not known."""

    slot: str
    id: str
    started_at: float = 0.0


@dataclass(frozen=True)
class Share:
    """A part of this host: cores, and memory in MB."""

    cpus: int = 0
    memory: int = 0

    def __add__(self, other: "Share") -> "Share":
        return Share(self.cpus + other.cpus, self.memory + other.memory)


# The attributes in a pilot's ad by which it knows what the other pilots of this host hold. The clause that it begins
# with goes by them, and so does the file of what it believes at first.
HELD_CPUS, HELD_MEMORY = "HeldCpus", "HeldMemory"

NOTHING = Share()
# More than any host has: a pilot that believes that others hold so much takes no job.
EVERYTHING = Share(100_000, 100_000_000)


@dataclass(frozen=True)
class PilotState:
    """One answer of the pilot.

    ``jobs`` is None where it did not say; ``identity`` is how the pool names it; ``refusal`` is the pool's reason.
    ``closed_because`` says which clauses of the machine's are ``unmet``, and how to mend it; with an OPEN offer, which
    jobs can't come all the same. ``offer`` is what it would be if no other pilot held anything.

    ``size`` is what its slots have in all, and ``holds`` what of that is taken: one that drains has said so after it
    said that it takes no claim any more. ``believes`` is what it takes the other pilots to hold, None where its ad has
    no such words, and ``heeds`` whether it would take no job if they held everything; it would where it has no such
    words. It accepts jobs until ``retires_at``, and ends at ``dies_at``, in seconds since the epoch.
    ``gpus_closed_because`` is what the kernel says where its GPUs can't be opened.
    """

    startd: Startd = Startd.NOT_UP
    pool: Pool = Pool.UNKNOWN
    jobs: Optional[tuple[Job, ...]] = None
    identity: str = ""
    refusal: str = ""
    offer: Offer = Offer.UNKNOWN
    closed_because: str = ""
    unmet: tuple[str, ...] = ()
    size: Optional[Share] = None
    holds: Optional[Share] = None
    believes: Optional[Share] = None
    heeds: Optional[bool] = None
    retires_at: Optional[float] = None
    dies_at: Optional[float] = None
    gpus: Gpus = Gpus.NONE
    gpus_closed_because: str = ""

    @property
    def is_mute(self) -> bool:
        """Whether the startd is up, as its master says, and does not answer itself."""
        return self.startd is Startd.READY and self.jobs is None


UNKNOWN = PilotState()
