"""What the lifecycle remembers: where this host is, its pilot, and what is wanted of it."""

import enum
from dataclasses import dataclass, field
from typing import Optional

from ospool_ep.configuration.policy import Policy
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.pilot.state import UNKNOWN, Job, PilotState, Pool


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
    FOREIGN = "somebody else's container"
    IMAGE = "no image"
    LAUNCH = "the container can't be started"
    PILOT = "the pilot dies young"


@dataclass(frozen=True)
class Pilot:
    """The pilot that runs. ``standing`` is what the pool makes of it, once it has been seen twice.

    ``started_at`` is the engine's, in seconds since the epoch, ``since`` the same moment by the state's clock.
    ``token`` is a hash of the token that it was given. ``outdated`` says why it is not the pilot that the configuration
    asks for, ``silent`` why it does not answer.
    """

    container_id: str
    started_at: float
    since: float = 0.0
    image_id: str = ""
    image_digest: str = ""
    fingerprint: str = ""
    token: str = ""
    outdated_because: str = ""
    state: PilotState = UNKNOWN
    standing: Pool = Pool.UNKNOWN
    asked: bool = False
    was_in_pool: bool = False
    silent_because: str = ""

    @property
    def has_no_jobs(self) -> bool:
        """Whether it can have none: it never was in the pool, which is only known once it was asked."""
        return self.asked and not self.was_in_pool


@dataclass(frozen=True)
class Trial:
    """An image has to show that it works. ``control``: it is the last good one, after another one was rolled back."""

    image_id: str
    since: float
    deaths: int = 0
    control: bool = False


@dataclass(frozen=True)
class State:
    """All that is remembered. Times are seconds of a clock that never jumps; 0: nothing is due.

    ``fingerprint`` is that of the container which the configuration asks for. ``stop_asked`` once the service has to
    end, ``leaving`` where the pilot goes on without it. ``evicting`` are the jobs that ran when a stop began, None
    while that is not known; ``was_idle``: it seems that there were none. ``retry_at`` is when time by itself changes
    something, the earliest of ``again_at``, when an order that failed is tried again, ``limit_at``, when a drain has
    taken too long, and what ``replacement`` waits for. ``limited``: the drain that goes on has a limit, as no operator
    asked for it. ``pulled_at``: when the image was last known to be the registry's newest. ``token`` is a hash of the
    one on disk, empty where it can't be read, None before it was looked at.
    """

    phase: Phase
    since: float
    want: Want = Want.PILOTS
    policy: Policy = field(default_factory=Policy)
    fingerprint: str = ""
    images: ImageRecord = field(default_factory=ImageRecord)
    stop_asked: bool = False
    leaving: bool = False
    pilot: Optional[Pilot] = None
    trial: Optional[Trial] = None
    evicting: Optional[tuple[Job, ...]] = None
    was_idle: bool = False
    obstacle: Obstacle = Obstacle.NONE
    failures: int = 0
    wake_at: float = 0.0
    again_at: float = 0.0
    limited: bool = False
    limit_at: float = 0.0
    pulled_at: Optional[float] = None
    pulling: bool = False
    token: Optional[str] = None
    token_note: str = ""
    reason: str = ""
    percent: Optional[int] = None
