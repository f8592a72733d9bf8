"""The words of the lifecycle: what is remembered, what can happen, what can be done about it."""

import enum
from dataclasses import dataclass
from typing import Optional, Union

from ospool_ep.pilot_state import UNKNOWN, Job, PilotState, Pool


class Priority(enum.IntEnum):
    """The journal's priorities that we use (syslog's numbers)."""

    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6


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
    CURRENT = "made from this configuration"
    OUTDATED = "made from another configuration"
    LEGACY = "a pilot of the package's earlier service"
    FOREIGN = "somebody else's container"


@dataclass(frozen=True)
class Pilot:
    """The pilot that runs. ``standing`` is what the pool makes of it, once it has been seen twice.

    ``started_at`` is the engine's, in seconds since the epoch.
    """

    container_id: str
    started_at: float
    state: PilotState = UNKNOWN
    standing: Pool = Pool.UNKNOWN
    was_in_pool: bool = False


@dataclass(frozen=True)
class State:
    """All that is remembered. Times are seconds of a clock that never jumps; ``retry_at`` 0: nothing is due.

    ``wanted`` is False after a drain that an operator asked for; ``stop_asked`` once the service has to end.
    ``evicting`` are the jobs that ran when the stop began, None while that is not known.
    """

    phase: Phase
    since: float
    wanted: bool = True
    stop_asked: bool = False
    pilot: Optional[Pilot] = None
    evicting: Optional[tuple[Job, ...]] = None
    failures: int = 0
    retry_at: float = 0.0
    reason: str = ""
    percent: Optional[int] = None


# --- events: what happened ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Began:
    """The service has started."""


@dataclass(frozen=True)
class Looked:
    """The engine said what stands under our name."""

    found: Found
    container_id: str = ""
    started_at: float = 0.0
    running: bool = False


@dataclass(frozen=True)
class EngineLost:
    """The engine does not answer."""

    reason: str


@dataclass(frozen=True)
class PullProgressed:
    """So much of the image is here, in percent."""

    percent: int


@dataclass(frozen=True)
class Pulled:
    """The image is here. ``warning`` tells when it is an older local one, because the registry failed."""

    warning: str = ""


@dataclass(frozen=True)
class PullRefused:
    """There is no image, not even an old one."""

    reason: str


@dataclass(frozen=True)
class Launched:
    """The container runs."""

    container_id: str
    started_at: float


@dataclass(frozen=True)
class LaunchRefused:
    """The container could not be started; ``reason`` says why and how to mend it."""

    reason: str


@dataclass(frozen=True)
class Observed:
    """The pilot answered. ``advice`` says what to do where the pool refuses it."""

    state: PilotState
    advice: str = ""


@dataclass(frozen=True)
class PilotEnded:
    """The container has ended, and all that it wrote is in the journal. ``removed``: by somebody else."""

    container_id: str
    exit_code: int
    lived_seconds: float
    oom_killed: bool = False
    removed: bool = False


@dataclass(frozen=True)
class DrainRefused:
    """The pilot's HTCondor did not take the order to drain."""

    reason: str


@dataclass(frozen=True)
class WantChanged:
    """An operator asked for a drain (False) or for pilots again (True)."""

    wanted: bool


@dataclass(frozen=True)
class StopAsked:
    """The service has to end, and the pilot with it."""


@dataclass(frozen=True)
class StopBegan:
    """The pilot is about to get its SIGTERM; ``jobs`` run, None where the pilot did not say."""

    jobs: Optional[tuple[Job, ...]]


@dataclass(frozen=True)
class StopRefused:
    """The engine did not stop the container."""

    reason: str


@dataclass(frozen=True)
class TimeUp:
    """The time in ``retry_at`` has come."""


Event = Union[
    Began, Looked, EngineLost, PullProgressed, Pulled, PullRefused, Launched, LaunchRefused, Observed,
    PilotEnded, DrainRefused, WantChanged, StopAsked, StopBegan, StopRefused, TimeUp,
]  # fmt: skip


# --- actions: what is to be done, in this order ------------------------------------------------------------


class Do(enum.Enum):
    """What the service does next; each brings an event, but for REMOVE and EXIT."""

    LOOK = "look what stands under our name"
    PULL = "pull the image"
    LAUNCH = "create and start the container"
    FOLLOW = "copy its log into the journal and wait for its end"
    DRAIN = "tell its HTCondor to take no new jobs and to end after the last"
    STOP = "stop it, bounded"
    REMOVE = "remove the container that has ended"
    EXIT = "end the service"


@dataclass(frozen=True)
class Say:
    """A message for the journal."""

    priority: Priority
    text: str


Action = Union[Do, Say]
Outcome = tuple[State, tuple[Action, ...]]
