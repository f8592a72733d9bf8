"""What the lifecycle remembers: where this host is, its pilots, and what is wanted of them."""

import enum
from dataclasses import dataclass, field, replace
from typing import Any, Optional

from ospool_ep.configuration.policy import Policy
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.pilot.state import UNKNOWN, Gpus, Job, Offer, PilotState, Pool, Share


class Phase(str, enum.Enum):
    """Where this host is, exactly one at a time: how far its next pilot is, whether or not others run meanwhile."""

    LOOKING = "looking"  # the engine is asked which pilots there are
    PULLING = "pulling"  # no pilot runs, and the image comes
    LAUNCHING = "launching"  # the next one is being made
    RUNNING = "running"  # none is being made: one runs, or the last ones leave
    WAITING = "waiting"  # something keeps it from being made
    IDLE = "idle"  # none is wanted, and none runs
    STOPPING = "stopping"  # the service ends, and all pilots with it
    ENDED = "ended"


class Stage(str, enum.Enum):
    """Where a pilot is in its life."""

    FOUND = "found"  # it ran before our process, and has to say what it is
    CLOSED = "closed"  # it is the next one: it takes no job before it has shown that it works
    OPEN = "open"  # it takes jobs for all that no other pilot holds; at most one does
    LEAVING = "leaving"  # it was told to drain: it takes no new jobs, and ends after the last
    STOPPING = "stopping"  # it is being ended


class Want(str, enum.Enum):
    """What an operator wants of this host."""

    PILOTS = "pilots"
    IDLE = "idle"  # after the running pilot none
    START = "start"  # after the running pilot the next one at once
    STOP = "stop"  # after the running pilot the service ends, too

    @property
    def runs_pilots(self) -> bool:
        """Whether another pilot is to follow the running one."""
        return self in (Want.PILOTS, Want.START)


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
    """A pilot of this host. Times are seconds of the state's clock, unless said otherwise."""

    # What its container says.
    container_id: str
    started_at: float  # by the engine's clock, in seconds since the epoch
    since: float = 0.0  # the same moment
    image_id: str = ""
    image_digest: str = ""
    fingerprint: str = ""  # of the specification that its container was made from
    token: str = ""  # a hash of the token that it was given
    begins_closed: bool = False  # it can be told what the others hold
    named: bool = False  # its container has the known name, or is being given it
    name_again_at: float = 0.0  # when it is given that again, as that was refused
    unnamed_because: str = ""  # why that was refused last
    legacy: bool = False  # the package's earlier service has made it

    # Where it is in its life, and what of it is under way.
    stage: Stage = Stage.OPEN
    why: str = ""  # it is LEAVING, or STOPPING
    outdated_because: str = ""  # why it is not the pilot that the configuration asks for; empty: it is
    draining_since: Optional[float] = None  # when it was first told to drain, by this process or by one before
    limited_since: Optional[float] = None  # when a drain began that has a limit, as no operator asked for it
    again_at: float = 0.0  # when it is told again to drain, or what the others hold, unless it has heard; 0: never
    tried_since: Optional[float] = None  # when it began to be the next one, which has to show that it works
    undrainable: bool = False  # it refuses the order to drain for good
    telling: Optional[Share] = None  # it is being told so, and has not answered yet
    untold_because: str = ""  # why it has not taken what it was told last; empty: it has
    evicting: Optional[tuple[Job, ...]] = None  # the jobs that ran when its stop began; None: that is not known

    # What it has answered.
    state: PilotState = UNKNOWN  # its last answer
    holds: Optional[Share] = None  # what its jobs took when it last said so
    believes: Optional[Share] = None  # what it takes the others to hold, by its ad or as it was told since
    confirmed: bool = False  # it has said, since it was told to drain, that it takes no claim any more
    standing: Pool = Pool.UNKNOWN  # what the pool makes of it, once that has been seen twice
    back_since: float = 0.0  # when the pool accepted it again, or that was known again; 0: it always was
    offer: Offer = Offer.UNKNOWN  # whether it takes jobs; that it does not counts once it has been seen twice
    closed_because: str = ""  # why it takes none, or not all; empty: it does, or that is not known
    unmet: tuple[str, ...] = ()  # the clauses that bar them
    mute: bool = False  # its startd is up and has not answered, twice
    absent_since: Optional[float] = None  # since when it answers that its startd is not up
    had_gpus: bool = False  # it could use its GPUs once, or may have before our process began
    gpus_trouble: str = ""  # why it can't use them, once that has been seen twice; empty: it can, or has none
    asked: bool = False  # it has answered once at least
    was_in_pool: bool = False
    silent_because: str = ""  # why it does not answer; empty: it does
    dead_because: str = ""  # why it is being replaced; empty: it lives

    @property
    def lost_gpus(self) -> bool:
        """Whether it had GPUs, and has them no longer. Another pilot would not see those either that it never saw."""
        return self.had_gpus and bool(self.gpus_trouble) and self.state.gpus is not Gpus.UNSEEN

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
    spared_for: str = ""  # what is wrong with this host, to which it was left: its pilot makes room for another one


@dataclass(frozen=True)
class Hours:
    """Whether OSPOOL_EP_HOURS let jobs in now, and until when: in seconds since the epoch, by this host's clock.

    ``until`` is None where that never ends, above all where the configuration says nothing of it.
    """

    are_open: bool = True
    until: Optional[float] = None


@dataclass(frozen=True)
class Hindrance:
    """Why no pilot can be made on this host: ``reason``, in sentences, and the ``codes`` of what was found."""

    reason: str
    codes: tuple[str, ...]
    since: float = 0.0  # when it was last found


@dataclass(frozen=True)
class State:
    """All that the lifecycle remembers. Times are seconds of a clock that never jumps; 0: nothing is due."""

    phase: Phase
    since: float  # when the phase began
    pilots: tuple[Pilot, ...] = ()  # the oldest first
    ended: tuple[str, ...] = ()  # the containers of pilots that have ended, which are being removed
    unremoved: tuple[str, ...] = ()  # those whose removal was refused
    remove_again_at: float = 0.0  # when that is tried again

    # What is wanted.
    want: Want = Want.PILOTS
    want_since: float = 0.0  # when that was asked for
    hours: Hours = field(default_factory=Hours)
    policy: Policy = field(default_factory=Policy)
    fingerprint: str = ""  # of the container that the configuration asks for
    stop_asked: bool = False  # the service has to end, and its pilots with it
    leaving: bool = False  # our process has to end, and the pilots go on
    start_by: float = 0.0  # a start that somebody waits for has failed then, unless something moves; 0: nobody waits
    start_failed: bool = False  # it has

    # What is known of the images.
    images: ImageRecord = field(default_factory=ImageRecord)
    trial: Optional[Trial] = None
    pulled_at: Optional[float] = None  # when the image was last known to be the registry's newest
    pulling: str = ""  # the reference that is being pulled
    percent: Optional[int] = None  # how far the pull is that PULLING waits for
    heedless: frozenset[str] = frozenset()  # the ids of the images whose pilots take jobs though they are closed

    # What is known of this host.
    token: Optional[str] = None  # a hash of the one on disk; empty: it can't be read; None: it was not looked at yet
    token_note: str = ""  # what is wrong with it, or soon will be
    host_note: str = ""  # what has gone wrong with this host while a pilot runs
    hindrance: Optional[Hindrance] = None  # as it was last found
    trouble: str = ""  # what was wrong with it last, in sentences
    trouble_until: float = 0.0  # when that was last known to be so
    checked_at: float = 0.0  # when it was last looked at for a pilot
    check_asked_at: float = 0.0  # when it was last to be looked at for an image that is tried
    no_room: str = ""  # why a next pilot had no room on its disks beside the one that runs; empty: it had
    no_room_since: float = 0.0  # when that was found

    # What is waited for.
    obstacle: Obstacle = Obstacle.NONE  # of the last failure
    failures: int = 0  # of that kind, in a row
    wake_at: float = 0.0  # when time by itself changes something: the earliest of what is due
    waits_until: float = 0.0  # in WAITING
    again_at: float = 0.0  # when what was refused beside a pilot is tried again
    reason: str = ""  # for the phase
    said: str = ""  # in the journal, of the last failure

    @property
    def runs_pilots(self) -> bool:
        """Whether another pilot is to follow those that run, now: an operator wants it, and the hours let it."""
        return self.want.runs_pilots and self.hours.are_open

    @property
    def main(self) -> Optional[Pilot]:
        """The pilot that takes jobs, or is meant to: the open one, else the newest, of those that end only at last."""
        stay = [pilot for pilot in self.pilots if pilot.stage is not Stage.STOPPING]
        return self.at(Stage.OPEN) or next(reversed(stay or self.pilots), None)

    def at(self, stage: Stage) -> Optional[Pilot]:
        """The newest pilot at that stage."""
        return next((pilot for pilot in reversed(self.pilots) if pilot.stage is stage), None)

    def pilot(self, container_id: str) -> Optional[Pilot]:
        """The pilot in that container."""
        return next((pilot for pilot in self.pilots if pilot.container_id == container_id), None)

    def having(self, pilot: Pilot, **changes: Any) -> "State":
        """The same, with that pilot changed."""
        changed = replace(pilot, **changes)
        others = (changed if other.container_id == pilot.container_id else other for other in self.pilots)
        return replace(self, pilots=tuple(others))

    def without(self, pilot: Pilot) -> "State":
        """The same, with that pilot gone."""
        return replace(self, pilots=tuple(one for one in self.pilots if one.container_id != pilot.container_id))
