"""One pilot on a host that is played, as it truly is: its container, and the HTCondor in it."""

from dataclasses import dataclass, field
from typing import Optional

from ospool_ep.lifecycle.image_record import KnownImage
from ospool_ep.lifecycle.state import Pilot, Stage
from ospool_ep.pilot.state import EVERYTHING, NOTHING, Job, PilotState, Share
from tests.pure.lifecycle.host import IN_POOL

KNOWN_NAME = "ospool-ep-container"


@dataclass(eq=False)
class Container:
    """A pilot's container, and the pilot in it."""

    id: str
    image: KnownImage
    fingerprint: str
    size: Share
    closed: bool  # it has the clause, and the closed start values
    directory: str
    token: str
    started_at: float
    name: str = KNOWN_NAME
    running: bool = True
    exit_code: int = 0
    oom_killed: bool = False
    paused: bool = False

    # Its HTCondor.
    dead: bool = False  # no HTCondor runs in it any more
    gone: bool = False  # its startd has drained, and has left
    drains: bool = False
    retired: bool = False  # it takes no new jobs by itself
    validated: bool = False
    believes: Share = NOTHING  # what it goes by
    shown: Share = NOTHING  # what its ad says of that
    jobs: list[Share] = field(default_factory=list)
    dies_at: Optional[float] = None

    # What the pool makes of it, and whether it answers, by a fault that it alone has.
    answer: Optional[PilotState] = IN_POOL

    # What became of it.
    accepted: bool = False  # a process of ours has seen it in the pool; before that it gets no job here
    spoiled: bool = False  # a trouble of the host keeps it out of the pool, also once that is mended
    slow: bool = False  # its startd has begun anew, and is not in the pool before our process has come to rest
    had_to_go: bool = False  # somebody has told it to drain, or its time was over
    to_drain: bool = False  # we have told it to drain
    has_left: bool = False  # a process of ours was told that it takes no claim any more
    limit_from: Optional[float] = None  # when the service began to drain it of its own accord
    stopping: bool = False  # the order to stop it was given: it gets no job any more

    def __post_init__(self) -> None:
        self.starts(self.started_at)

    def starts(self, now: float) -> None:
        """Its HTCondor begins, and knows nothing of what was before."""
        self.started_at, self.running, self.paused, self.jobs = now, True, False, []
        self.dead = self.gone = self.drains = self.retired = self.validated = self.accepted = self.stopping = False
        self.spoiled = False
        self.believes = self.shown = EVERYTHING if self.closed else NOTHING
        # What somebody has drained by hand is another pilot now; what we have told to drain is told again.
        self.has_left &= self.to_drain

    def crashes(self) -> None:
        """Its startd does, and its master starts another one."""
        self.jobs, self.drains = [], False
        self.believes = self.shown = EVERYTHING if self.closed else NOTHING
        self.slow = not self.closed

    def ends(self, exit_code: int, *, oom_killed: bool) -> None:
        self.exit_code, self.oom_killed = exit_code, oom_killed
        self.running, self.drains, self.gone, self.paused, self.jobs = False, False, False, False, []

    @property
    def holds(self) -> Share:
        return sum(self.jobs, NOTHING)

    @property
    def running_jobs(self) -> tuple[Job, ...]:
        return tuple(Job(f"slot1_{number}", f"{number}.0") for number in range(1, len(self.jobs) + 1))

    def as_pilot(self, stage: Stage) -> Pilot:
        """As the engine describes it."""
        return Pilot(
            self.id, self.started_at, self.started_at, self.image.id, self.image.digest, self.fingerprint,
            token=self.token, begins_closed=self.closed, named=self.name == KNOWN_NAME, stage=stage,
        )  # fmt: skip
