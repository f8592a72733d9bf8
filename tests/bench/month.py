"""A month of one simulated host: its cores, its pilots, the faults that come, and where each slot-hour has gone.

All that is assumed stands in ``Assumptions`` and in ``schedule``.
"""

import heapq
import itertools
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

HOUR, DAY = 3600.0, 86_400.0

# Why a core is empty, or a job cut off, where that is nobody's fault.
FIRST_START, NEXT_JOB, END_OF_LIFE = "the first start", "the next job", "the pilot's end of life"
# What a hand-over costs: the pool needs a while for the new slot, the next pilot is told a moment later, the old one
# takes no more jobs before there is a next one.
HANDED_OVER, NOT_OFFERED, DRAIN = "a core that was handed over", "a core that is not offered yet", "a drain"


@dataclass(frozen=True)
class Assumptions:
    """All in seconds, but for ``slots``. The last ones were measured; the others are what is usual in the pool."""

    slots: int = 8
    until: float = 30 * DAY
    job_median: float = 1.5 * HOUR  # log-normal,
    job_sigma: float = 1.0  # with this: 2.5 h in the mean,
    job_longest: float = 20 * HOUR  # cut at what the pool lets a job run
    first_job: float = 300.0  # a new slot gets its first job within so long, evenly distributed: a negotiation cycle
    next_job: float = 10.0  # and each further one within so long, in the same claim
    accepts_jobs: float = 62 * HOUR  # ACCEPT_JOBS_FOR_HOURS
    retirement: float = 10 * HOUR  # RETIREMENT_HOURS; what still runs then is cut off by the pilot
    idle: float = 1800.0  # ACCEPT_IDLE_MINUTES
    idle_beside_another: float = 24 * HOUR  # the same for a pilot that waits for its first core
    boot: float = 120.0
    a_person_comes: float = 12 * HOUR  # to a service that has given up
    pull: float = 170.0  # 2 GB at 100 Mbit/s
    joins: float = 60.0  # from the container's start until the pilot is in the pool,
    takes_jobs: float = 300.0  # and until it takes jobs, as its tests of the host have ended
    drained: float = 2.0  # from the last job's end to the container's
    launch: float = 0.5
    look: float = 0.02
    order: float = 0.5  # what a command in the pilot's container takes
    hint: float = 1.0  # from a line of the pilot's log to its answer


@dataclass(frozen=True)
class Fault:
    """Something that happens to the host at a moment; ``seconds`` where it lasts."""

    at: float
    kind: str
    seconds: float = 0.0


def schedule(days: int = 30) -> list[Fault]:
    """The month: an image every 3 days, a package every 14, and one each of what a month brings."""
    return sorted(
        [
            *(Fault(day * DAY + 5 * HOUR, "image") for day in range(3, days, 3)),
            *(Fault(day * DAY + 11 * HOUR, "upgrade") for day in range(14, days, 14)),
            Fault(4.5 * DAY, "crash"),
            Fault(10.3 * DAY, "engine restart"),
            Fault(17.6 * DAY, "registry outage", 6 * HOUR),
            Fault(22.4 * DAY, "reboot"),
        ],
        key=lambda fault: fault.at,
    )


def job_length(assumed: Assumptions, chance: random.Random) -> float:
    """How long the next job runs, in seconds."""
    return min(assumed.job_median * chance.lognormvariate(0.0, assumed.job_sigma), assumed.job_longest)


@dataclass
class Account:
    """Slot-hours: delivered by jobs that ended, and lost by cause, as jobs that were cut off or as empty slots.

    ``asked``: how often one of several pilots was asked something, or given an order, in ``beside`` hours.
    """

    possible: float
    delivered: float = 0.0
    asked: int = 0
    beside: float = 0.0
    lost: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @property
    def share(self) -> float:
        """Delivered, of what was possible."""
        return self.delivered / self.possible


@dataclass(eq=False)
class Pilot:
    """A pilot. ``others_hold``: so many cores, as it was told; ``coming``: jobs, and why the core of each is free."""

    number: int
    began: float
    closed: bool
    others_hold: int
    why_empty: str
    in_pool: bool = False
    validated: bool = False
    retired: bool = False
    drains: bool = False
    runs: bool = True
    jobs: dict[int, tuple[float, float]] = field(default_factory=dict)  # begin and end
    coming: dict[int, str] = field(default_factory=dict)
    last_job_at: float = 0.0

    @property
    def takes_jobs(self) -> bool:
        """Whether it would, had it the room."""
        return self.runs and self.validated and not self.retired and not self.drains


class Host:
    """The cores, the pilots that fill them, and the clock.

    ``changed`` is called for each hint that a pilot's log has, ``ended`` when its container has ended.
    """

    def __init__(self, assumed: Assumptions, seed: int) -> None:
        self.assumed = assumed
        self.now = 0.0
        self.account = Account(assumed.slots * assumed.until / HOUR)
        self.pilots: list[Pilot] = []
        self.changed: Callable[[Pilot], None] = lambda _pilot: None
        self.ended: Callable[[Pilot], None] = lambda _pilot: None
        self.registry_up = True
        self.why_none = FIRST_START
        self._chance = random.Random(seed)
        self._numbers = itertools.count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._counted_until = 0.0

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Do that then."""
        heapq.heappush(self._due, (self.now + seconds, next(self._numbers), act))

    def run(self) -> Account:
        """To the end; what still runs then has been delivered."""
        while self._due and self._due[0][0] <= self.assumed.until:
            at, _, act = heapq.heappop(self._due)
            self._count(at)
            self.now = at
            act()
        self._count(self.assumed.until)
        begun = [begin for pilot in self.pilots for begin, _ in pilot.jobs.values()]
        self.account.delivered += sum(self.assumed.until - begin for begin in begun) / HOUR
        return self.account

    def _count(self, until: float) -> None:
        """Empty cores since the last time, by why they are empty."""
        hours = (until - self._counted_until) / HOUR
        self._counted_until = until
        self.account.beside += hours if len(self.pilots) > 1 else 0.0
        if hours:
            for why in self._empty():
                self.account.lost[f"empty: {why}"] += hours

    def _empty(self) -> list[str]:
        free = self.assumed.slots - sum(len(pilot.jobs) for pilot in self.pilots)
        assert free >= 0, "more jobs than cores"
        awaited = [why for pilot in self.pilots for why in list(pilot.coming.values())[: self.room(pilot)]][:free]
        why = self.why_none
        if any(pilot.takes_jobs for pilot in self.pilots):
            why = NOT_OFFERED
        elif self.pilots:
            why = self.pilots[-1].why_empty
        return awaited + [why] * (free - len(awaited))

    def room(self, pilot: Pilot) -> int:
        """How many more jobs the pilot takes."""
        return max(0, self.assumed.slots - pilot.others_hold - len(pilot.jobs)) if pilot.takes_jobs else 0

    def begin_pilot(self, *, closed: bool = False, joins: bool = True) -> Pilot:
        """A container starts; a closed one takes nothing before it is told, and one that never joins takes nothing."""
        others = 10 * self.assumed.slots if closed else 0
        made = Pilot(next(self._numbers), self.now, closed, others, HANDED_OVER if closed else self.why_none)
        self.pilots.append(made)
        if joins:
            self.after(self.assumed.joins, lambda: self._set(made, in_pool=True))
            self.after(self.assumed.takes_jobs, lambda: self._set(made, validated=True))
        self.after(self.assumed.accepts_jobs, lambda: self._set(made, retired=True))
        self.after(self.assumed.accepts_jobs + self.assumed.retirement, lambda: self.end_pilot(made, END_OF_LIFE))
        self.after(self.assumed.idle_beside_another if closed else self.assumed.idle, lambda: self._idle(made))
        return made

    def _set(self, pilot: Pilot, **what: bool) -> None:
        for name, value in what.items():
            setattr(pilot, name, value)
        if pilot.retired:
            # With either service it ends after its last job; alone it would do so half an hour later.
            pilot.why_empty = pilot.why_empty if pilot.drains else END_OF_LIFE
            self._ends_without_jobs(pilot)
        self._fill(pilot, self.assumed.first_job, pilot.why_empty)
        self.changed(pilot)

    def _idle(self, pilot: Pilot) -> None:
        if pilot in self.pilots and not pilot.jobs and not pilot.last_job_at:
            self.end_pilot(pilot, "a pilot that had no job")

    def tell(self, pilot: Pilot, others_hold: int) -> None:
        """So many cores are held by the others."""
        pilot.others_hold = others_hold
        self._fill(pilot, self.assumed.first_job, HANDED_OVER)

    def _fill(self, pilot: Pilot, within: float, why: str) -> None:
        while len(pilot.coming) < self.room(pilot):
            self._send_job(pilot, within, why)

    def _send_job(self, pilot: Pilot, within: float, why: str) -> None:
        number, length = next(self._numbers), job_length(self.assumed, self._chance)

        def begin() -> None:
            del pilot.coming[number]
            if self.room(pilot):
                pilot.jobs[number] = self.now, self.now + length
                self.after(length, lambda: self._job_ends(number, pilot))
                self.changed(pilot)

        pilot.coming[number] = why
        self.after(self._chance.uniform(0.0, within), begin)

    def _job_ends(self, number: int, pilot: Pilot) -> None:
        if number not in pilot.jobs:
            return
        begin, end = pilot.jobs.pop(number)
        pilot.last_job_at = self.now
        self.account.delivered += (end - begin) / HOUR
        self._fill(pilot, self.assumed.next_job, NEXT_JOB)
        self._ends_without_jobs(pilot)
        self.changed(pilot)

    def drain(self, pilot: Pilot, why: str = DRAIN) -> None:
        """The pilot takes no more jobs, and ends after the last."""
        if pilot.runs and not pilot.drains:
            pilot.drains, pilot.why_empty = True, why
            self._ends_without_jobs(pilot)
            self.changed(pilot)

    def _ends_without_jobs(self, pilot: Pilot) -> None:
        if (pilot.drains or pilot.retired) and not pilot.jobs:
            self.after(self.assumed.drained, lambda: self.end_pilot(pilot, pilot.why_empty))

    def end_pilot(self, pilot: Pilot, why: str) -> None:
        """The container ends, and what runs in it is cut off."""
        if pilot not in self.pilots:
            return
        cut = sum(self.now - begin for begin, _ in pilot.jobs.values()) / HOUR
        if cut:
            self.account.lost[f"cut off: {why}"] += cut
        pilot.runs = False
        pilot.jobs.clear()
        self.pilots.remove(pilot)
        self.why_none = why
        self.ended(pilot)
