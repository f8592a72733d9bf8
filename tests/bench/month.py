"""A month of one simulated host: its slots, its pilot, the faults that come, and where each slot-hour has gone.

All that is assumed stands in ``Assumptions`` and in ``schedule``.
"""

import heapq
import itertools
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Optional

HOUR, DAY = 3600.0, 86_400.0


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
    boot: float = 120.0
    a_person_comes: float = 12 * HOUR  # to a service that has given up
    pull: float = 170.0  # 2 GB at 100 Mbit/s
    joins: float = 5.0  # from the container's start to the pilot that takes jobs
    drained: float = 2.0  # from the last job's end to the container's
    launch: float = 0.5
    look: float = 0.02


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
    """Slot-hours: delivered by jobs that ended, and lost by cause, as jobs that were cut off or as empty slots."""

    possible: float
    delivered: float = 0.0
    lost: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @property
    def share(self) -> float:
        """Delivered, of what was possible."""
        return self.delivered / self.possible


@dataclass
class _Pilot:
    number: int
    accepts: bool = False
    why: str = "the pilot joins"
    jobs: dict[int, tuple[float, float]] = field(default_factory=dict)  # by slot: begin and end


class Host:
    """The slots, the pilot that fills them, and the clock. ``ended`` is called when a pilot has ended by itself."""

    def __init__(self, assumed: Assumptions, seed: int) -> None:
        self.assumed = assumed
        self.now = 0.0
        self.account = Account(assumed.slots * assumed.until / HOUR)
        self.pilot: Optional[_Pilot] = None
        self.ended: Callable[[], None] = lambda: None
        self.registry_up = True
        self.why_none = "the first start"
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
        if self.pilot:
            self.account.delivered += sum(self.assumed.until - begin for begin, _ in self.pilot.jobs.values()) / HOUR
        return self.account

    def _count(self, until: float) -> None:
        """Empty slots since the last time, by why they are empty."""
        empty = self.assumed.slots - len(self.pilot.jobs if self.pilot else ())
        why = self.why_none if self.pilot is None else "the next job" if self.pilot.accepts else self.pilot.why
        self.account.lost[f"empty: {why}"] += empty * (until - self._counted_until) / HOUR
        self._counted_until = until

    def begin_pilot(self) -> None:
        """A container starts."""
        assert self.pilot is None, "two pilots"
        made = self.pilot = _Pilot(next(self._numbers))
        self.after(self.assumed.joins, lambda: self._accept(made))
        self.after(self.assumed.accepts_jobs, lambda: self.drain("the pilot's end of life", made))
        self.after(
            self.assumed.accepts_jobs + self.assumed.retirement, lambda: self.end_pilot("the pilot's end of life", made)
        )

    def _accept(self, made: _Pilot) -> None:
        if made is self.pilot and made.why == "the pilot joins":
            made.accepts = True
            for slot in range(self.assumed.slots):
                self._fill(slot, made, self.assumed.first_job)

    def _fill(self, slot: int, made: _Pilot, within: float) -> None:
        length = job_length(self.assumed, self._chance)

        def begin() -> None:
            if made is self.pilot and made.accepts:
                made.jobs[slot] = self.now, self.now + length
                self.after(length, lambda: self._job_ends(slot, made))

        self.after(self._chance.uniform(0.0, within), begin)

    def _job_ends(self, slot: int, made: _Pilot) -> None:
        if made is not self.pilot:
            return
        begin, end = made.jobs.pop(slot)
        self.account.delivered += (end - begin) / HOUR
        if made.accepts:
            self._fill(slot, made, self.assumed.next_job)
        elif not made.jobs:
            self.after(self.assumed.drained, lambda: self.end_pilot(made.why, made))

    def drain(self, why: str, made: Optional[_Pilot] = None) -> None:
        """The pilot takes no more jobs, and ends after the last."""
        draining = self.pilot
        if draining is None or (made and made is not draining) or (not draining.accepts and draining.jobs):
            return
        draining.accepts, draining.why = False, why
        if not draining.jobs:
            self.after(self.assumed.drained, lambda: self.end_pilot(why, draining))

    def end_pilot(self, why: str, made: Optional[_Pilot] = None) -> None:
        """The container ends, and what runs in it is cut off."""
        if self.pilot is None or (made and made is not self.pilot):
            return
        cut = sum(self.now - begin for begin, _ in self.pilot.jobs.values()) / HOUR
        if cut:
            self.account.lost[f"cut off: {why}"] += cut
        self.pilot, self.why_none = None, why
        self.ended()
