"""What the lifecycle remembers: where this host is, its pilot, and what is wanted of it."""

import enum
from dataclasses import dataclass, field
from typing import Optional

from ospool_ep.configuration.policy import Policy
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.pilot.state import UNKNOWN, Job, Offer, PilotState, Pool


class Phase(str, enum.Enum):
    """Where this host is; exactly one at a time."""

    LOOKING = "looking"
    PULLING = "pulling"
    LAUNCHING = "launching"
    RUNNING = "running"
    DRAINING = "draining"
    STOPPING = "stopping"
    WAITING = "waiting"
    IDLE = "idle"
    ENDED = "ended"


class Found(enum.Enum):
    """What stands under our container's name."""

    NOTHING = "nothing"
    OURS = "a pilot of ours"
    LEGACY = "a pilot of the package's earlier service"
    FOREIGN = "somebody else's container"


class Want(str, enum.Enum):
    """What an operator wants of this host."""

    PILOTS = "pilots"
    IDLE = "idle"  # after the running pilot none
    START = "start"  # after the running pilot the next one at once
    STOP = "stop"  # after the running pilot the service ends, too


class Obstacle(enum.Enum):
    """What keeps a pilot from running. Only failures of one kind, in a row, make the waits longer."""

    NONE = "none"
    ENGINE = "the engine does not answer"
    HOST = "this host is not ready"
    FOREIGN = "somebody else's container"
    IMAGE = "no image"
    LAUNCH = "the container can't be started"
    PILOT = "the pilot dies young"


@dataclass(frozen=True)
class Pilot:
    """The pilot that runs. Times are seconds of the state's clock, unless said otherwise."""

    container_id: str
    started_at: float  # by the engine's clock, in seconds since the epoch
    since: float = 0.0  # the same moment
    image_id: str = ""
    image_digest: str = ""
    fingerprint: str = ""  # of the specification that its container was made from
    token: str = ""  # a hash of the token that it was given
    outdated_because: str = ""  # why it is not the pilot that the configuration asks for; empty: it is
    state: PilotState = UNKNOWN  # its last answer
    standing: Pool = Pool.UNKNOWN  # what the pool makes of it, once that has been seen twice
    offer: Offer = Offer.UNKNOWN  # whether it takes jobs; that it does not counts once it has been seen twice
    closed_because: str = ""  # why it takes none, or not all; empty: it does, or that is not known
    unmet: tuple[str, ...] = ()  # the clauses that bar them
    mute: bool = False  # its startd is up and has not answered, twice
    absent_since: Optional[float] = None  # since when it answers that its startd is not up
    dead_because: str = ""  # why it is being replaced; empty: it lives
    asked: bool = False  # it has answered once at least
    was_in_pool: bool = False
    silent_because: str = ""  # why it does not answer; empty: it does
    draining_since: Optional[float] = None  # when it was first told to drain, by this process or by one before
    limited_since: Optional[float] = None  # when a drain began that has a limit, as no operator asked for it

    @property
    def has_no_jobs(self) -> bool:
        """Whether it can have none: it never was in the pool, which is only known once it was asked."""
        return self.asked and not self.was_in_pool


@dataclass(frozen=True)
class Trial:
    """An image has to show that it works."""

    image_id: str
    since: float
    deaths: int = 0  # of its pilots that died young
    control: bool = False  # it is the last good one, after another one was rolled back


@dataclass(frozen=True)
class Hindrance:
    """Why no pilot can be made on this host: ``reason`` with what mends it, and the ``codes`` of what was found."""

    reason: str
    codes: tuple[str, ...]
    since: float = 0.0  # when it was last found


@dataclass(frozen=True)
class State:
    """All that the lifecycle remembers. Times are seconds of a clock that never jumps; 0: nothing is due."""

    phase: Phase
    since: float  # when the phase began
    want: Want = Want.PILOTS
    policy: Policy = field(default_factory=Policy)
    fingerprint: str = ""  # of the container that the configuration asks for
    images: ImageRecord = field(default_factory=ImageRecord)
    stop_asked: bool = False  # the service has to end, and its pilot with it
    leaving: bool = False  # our process has to end, and the pilot goes on
    start_by: float = 0.0  # a start that somebody waits for has failed then, unless something moves; 0: nobody waits
    start_failed: bool = False  # it has
    pilot: Optional[Pilot] = None  # in RUNNING, DRAINING and STOPPING
    ended: str = ""  # the container of the pilot that has ended last, which is to be removed
    trial: Optional[Trial] = None
    evicting: Optional[tuple[Job, ...]] = None  # the jobs that ran when a stop began; None: that is not known
    obstacle: Obstacle = Obstacle.NONE  # of the last failure
    failures: int = 0  # of that kind, in a row
    wake_at: float = 0.0  # when time by itself changes something: the earliest of what is due
    again_at: float = 0.0  # when an order that was refused is given again
    limit_at: float = 0.0  # when the drain that goes on has taken too long
    pulled_at: Optional[float] = None  # when the image was last known to be the registry's newest
    pulling: str = ""  # the reference that is being pulled
    token: Optional[str] = None  # a hash of the one on disk; empty: it can't be read; None: it was not looked at yet
    token_note: str = ""  # what is wrong with it, or soon will be
    host_note: str = ""  # what has gone wrong with this host while its pilot runs
    hindrance: Optional[Hindrance] = None  # as it was last found
    reason: str = ""  # for the phase
    said: str = ""  # in the journal, of the last failure
    percent: Optional[int] = None  # how far the pull is that PULLING waits for
