"""Slot-hours delivered in 30 simulated days: the pure lifecycle on a simulated host, beside the plain unit's rules.

What is delivered is the run time of the jobs that came to their end; a job that is cut off has delivered nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import ClassVar, Optional

from ospool_ep.configuration.policy import Policy
from ospool_ep.configuration.values import UpdatePolicy
from ospool_ep.lifecycle import events as ev
from ospool_ep.lifecycle.actions import Order
from ospool_ep.lifecycle.events import Event
from ospool_ep.lifecycle.image_record import ImageRecord, KnownImage
from ospool_ep.lifecycle.state import Found, Want
from ospool_ep.lifecycle.step import initial, step
from tests.bench.figures import Figure, Goal
from tests.bench.month import DAY, HOUR, Account, Assumptions, Fault, Host, schedule
from tests.pure.lifecycle.host import FINGERPRINT, IN_POOL, REFERENCE, pilot

SEEDS = range(20)


class Ours:
    """Our service on that host: the real lifecycle, whose orders take their time."""

    def __init__(self, host: Host, policy: Policy) -> None:
        self.host = host
        self._policy = policy
        self._images = ImageRecord(REFERENCE)
        self._offered, self._here = 1, 0
        self._runs = KnownImage("", "")
        self._process = 0
        self._pulled_at = -DAY
        host.ended = self._pilot_ended
        self.begin()
        # The timer has a moment of its own for each host.
        host.after(7 * HOUR, self._timer)

    def begin(self) -> None:
        """A new process; what the one before had in hand is forgotten."""
        self._process += 1
        kept = replace(self._images, here=False)
        self._state = initial(self.host.now, Want.PILOTS, self._policy, kept, FINGERPRINT)
        self._take(ev.Began())

    def _take(self, event: Event) -> None:
        self._state, actions = step(self._state, event, self.host.now)
        self._images = self._state.images
        for action in actions:
            if isinstance(action, Order) and action in self._ORDERS:
                self._ORDERS[action](self)
        if self._state.wake_at:
            self._later(max(0.0, self._state.wake_at - self.host.now), ev.TimeUp)

    def _later(self, seconds: float, what: Callable[[], Optional[Event]]) -> None:
        process = self._process

        def act() -> None:
            event = what() if process == self._process else None
            if event:
                self._take(event)

        self.host.after(seconds, act)

    def _image(self) -> KnownImage:
        return KnownImage(f"image {self._here}", f"digest {self._here}", self.host.now)

    def _name(self) -> str:
        return f"container {self.host.pilot.number}" if self.host.pilot else ""

    def _look(self) -> None:
        def looked() -> Event:
            if self.host.pilot is None:
                return ev.Looked(Found.NOTHING)
            found = pilot(self._runs, self._name(), since=self.host.now)
            return ev.Looked(Found.OURS, found, running=True)

        self._later(self.host.assumed.look, looked)

    def _pull(self) -> None:
        fresh = self._here and self.host.now - self._pulled_at < 25 * HOUR

        def pulled() -> Event:
            if not fresh and not self._pulls():
                old = ev.Pulled(REFERENCE, self._image(), "Cannot pull.")
                return old if self._here else ev.PullRefused(REFERENCE, "Cannot pull.")
            return ev.Pulled(REFERENCE, self._image())

        new = self._offered != self._here
        self._later(0.0 if fresh else self.host.assumed.pull if new else 1.0, pulled)

    def _pulls(self) -> bool:
        if self.host.registry_up:
            self._here, self._pulled_at = self._offered, self.host.now
        return self.host.registry_up

    def _launch(self) -> None:
        def launched() -> Event:
            self._runs = self._image()
            self.host.begin_pilot()
            return ev.Launched(pilot(self._runs, self._name(), since=self.host.now))

        self._later(self.host.assumed.launch, launched)

    def _follow(self) -> None:
        def joined() -> Optional[Event]:
            return ev.Observed(IN_POOL) if self.host.pilot else None

        for seconds in (1.0, 3.0):
            self._later(self.host.assumed.joins + seconds, joined)

    def _stop(self) -> None:
        self._take(ev.StopBegan(None))
        self.host.end_pilot("reboot")

    def _find(self) -> None:
        self._later(self.host.assumed.look, lambda: ev.ImageFound(REFERENCE, self._image() if self._here else None))

    def _drain(self) -> None:
        self.host.drain("a drain for a new image")

    _ORDERS: ClassVar[dict[Order, Callable[["Ours"], None]]] = {
        Order.LOOK: _look,
        Order.PULL: _pull,
        Order.LAUNCH: _launch,
        Order.FOLLOW: _follow,
        Order.STOP: _stop,
        Order.DRAIN: _drain,
        Order.FIND_IMAGE: _find,
    }

    def _pilot_ended(self) -> None:
        if self._state.pilot:
            self._take(ev.PilotEnded(self._state.pilot.container_id, 0, 4000.0))

    def _timer(self) -> None:
        if self.host.registry_up:
            self.host.after(DAY, self._timer)
            new = self._offered != self._here
            self.host.after(self.host.assumed.pull if new else 1.0, self._updated)
        else:
            self.host.after(HOUR, self._timer)

    def _updated(self) -> None:
        if self._pulls():
            self._take(ev.Asked(Want.PILOTS))

    def suffer(self, fault: Fault) -> None:
        """What that fault means for this service."""
        if fault.kind == "image":
            self._offered += 1
        elif fault.kind == "update":
            self.host.after(self.host.assumed.pull, self._updated)
        elif fault.kind == "reboot":
            self._take(ev.StopAsked())
            self.host.why_none = "reboot"
            self.host.after(self.host.assumed.boot, self.begin)
        elif fault.kind == "engine restart":
            self._take(ev.EngineLost("The engine restarts."))
        elif fault.kind == "upgrade":
            self._take(ev.StopAsked(leaving=True))
            self.begin()
        elif fault.kind == "crash":
            self.begin()


class Plain:
    """The plain unit: it pulls at each start, and what happens to its main process happens to the pilot."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._new = True
        host.ended = self._start
        self._start()

    def _start(self) -> None:
        if not self.host.registry_up:
            # Three failed starts within seconds, and systemd gives it up.
            self.host.why_none = "the registry was down at a start"
            self.host.after(self.host.assumed.a_person_comes, self._start)
            return
        pull, self._new = self.host.assumed.pull if self._new else 1.0, False
        self.host.after(pull + self.host.assumed.launch, self._begin)

    def _begin(self) -> None:
        if self.host.pilot is None:
            self.host.begin_pilot()

    def suffer(self, fault: Fault) -> None:
        """What that fault means for this service."""
        if fault.kind == "image":
            # In use from the next start on, as its documentation has it; nobody restarts it for that.
            self._new = True
        elif fault.kind in ("crash", "engine restart"):
            self.host.end_pilot(fault.kind)
        elif fault.kind == "reboot":
            self.host.ended = lambda: None
            self.host.end_pilot(fault.kind)
            self.host.ended = self._start
            self.host.after(self.host.assumed.boot, self._start)


def simulate(make: Callable[[Host], "Ours | Plain"], assumed: Assumptions, faults: list[Fault], seed: int) -> Account:
    """One month of one host."""
    host = Host(assumed, seed)
    service = make(host)

    def registry(up: bool) -> None:
        host.registry_up = up

    for fault in faults:
        if fault.kind == "registry outage":
            host.after(fault.at, lambda: registry(False))
            host.after(fault.at + fault.seconds, lambda: registry(True))
        else:
            host.after(fault.at, lambda fault=fault: service.suffer(fault))  # type: ignore[misc]
    return host.run()


SIDES: dict[str, Callable[[Host], "Ours | Plain"]] = {
    "ours": lambda host: Ours(host, Policy()),
    "ours, OSPOOL_EP_UPDATE=retire": lambda host: Ours(host, Policy(update=UpdatePolicy.RETIRE)),
    "plain": Plain,
}


def accounts(assumed: Optional[Assumptions] = None) -> dict[str, list[Account]]:
    """Of each side, one for each seed."""
    return {
        name: [simulate(make, assumed or Assumptions(), schedule(), seed) for seed in SEEDS]
        for name, make in SIDES.items()
    }


def figures() -> Iterator[Figure]:
    """The shares of what was possible, for each policy."""
    found = accounts()
    for ours, name in (("ours", "drain, the default"), ("ours, OSPOOL_EP_UPDATE=retire", "retire")):
        figure = Figure(f"goodput of 30 simulated days, {name}", "% of slot-hours", Goal())
        for account in found[ours]:
            figure.add("ours", 100 * account.share)
        for account in found["plain"]:
            figure.add("plain", 100 * account.share)
        yield figure


def by_cause(found: dict[str, list[Account]]) -> str:
    """What was lost, by cause, in slot-hours of a month, as a table in Markdown."""
    causes = sorted({cause for each in found.values() for account in each for cause in account.lost})
    lines = [f"| lost slot-hours | {' | '.join(found)} |", "|---" * (len(found) + 1) + "|"]
    for cause in causes:
        means = [sum(account.lost[cause] for account in each) / len(each) for each in found.values()]
        if max(means) >= 0.05:
            lines.append(f"| {cause} | {' | '.join(f'{mean:.1f}' for mean in means)} |")
    return "\n".join(lines) + "\n"
