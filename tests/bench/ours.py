"""Our service on the simulated host: the real lifecycle, whose orders take their time, and what its pilots answer."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Optional

from ospool_ep.configuration.policy import Policy
from ospool_ep.lifecycle import events as ev
from ospool_ep.lifecycle import state as words
from ospool_ep.lifecycle.actions import Do, Order, Verb
from ospool_ep.lifecycle.events import Event
from ospool_ep.lifecycle.image_record import ImageRecord, KnownImage
from ospool_ep.lifecycle.state import Stage, Want
from ospool_ep.lifecycle.step import initial, step
from ospool_ep.pilot.state import EVERYTHING, PilotState
from tests.bench.answers import EPOCH, answer
from tests.bench.month import DAY, HOUR, Fault, Host, Pilot

REFERENCE, FINGERPRINT = "registry.example/pilot:1", "as configured"
_FRESH_SECONDS = 25 * HOUR

# After how many seconds a pilot is asked again: once something is new, until it has confirmed its drain, beside others,
# and at rest. (In truth that is every two minutes; nothing is new then.)
_TWICE, _UNTIL_CONFIRMED, _BESIDE_OTHERS, _AT_REST = 2.0, 2.0, 60.0, 900.0


@dataclass
class Container:
    """What the engine has of a pilot; it stays until it is removed."""

    pilot: Pilot
    image: KnownImage
    heard: Optional[PilotState] = None  # what it last answered to this process
    asked_at: float = -1.0  # when it is asked next


class Ours:
    """The orders of the lifecycle, and what follows from them."""

    def __init__(self, host: Host, policy: Policy) -> None:
        self.host = host
        self._policy = policy
        self._images = ImageRecord(REFERENCE)
        self._offered, self._here = 1, 0
        self._bad: set[str] = set()
        self._process = 0
        self._wakes_at = 0.0
        self._pulled_at = -DAY
        self._containers: dict[str, Container] = {}
        self._watched: set[str] = set()
        self._named = ""
        self._drains: dict[str, tuple[Optional[float], Optional[float]]] = {}
        host.ended, host.changed = self._pilot_ended, self._hint
        self.begin()
        # The timer has a moment of its own for each host.
        host.after(7 * HOUR, self._timer)

    def begin(self) -> None:
        """A new process; what the one before had in hand is forgotten."""
        self._process += 1
        self._wakes_at = 0.0
        self._watched.clear()
        kept = replace(self._images, here=False)
        self._state = initial(self.host.now, Want.PILOTS, self._policy, kept, FINGERPRINT)
        self._take(ev.Began())

    def _take(self, event: Event) -> None:
        self._state, actions = step(self._state, event, self.host.now)
        self._images = self._state.images
        for known in self._state.pilots:
            self._drains[known.container_id] = known.draining_since, known.limited_since
        for action in actions:
            if isinstance(action, Do):
                self._VERBS[action.verb](self, action)
            elif isinstance(action, Order) and action in self._ORDERS:
                self._ORDERS[action](self)
        if self._state.wake_at and self._state.wake_at != self._wakes_at:
            self._wakes_at = self._state.wake_at
            self._later(max(0.0, self._wakes_at - self.host.now), self._wake)

    def _wake(self) -> Optional[Event]:
        due = self._wakes_at <= self.host.now
        self._wakes_at = 0.0 if due else self._wakes_at
        return ev.TimeUp() if due else None

    def _later(self, seconds: float, what: Callable[[], Optional[Event]]) -> None:
        process = self._process

        def act() -> None:
            event = what() if process == self._process else None
            if event:
                self._take(event)

        self.host.after(seconds, act)

    # --- this host ---------------------------------------------------------------------------------------------------

    def _image(self) -> KnownImage:
        return KnownImage(f"image {self._here}", f"digest {self._here}", self.host.now)

    def _as_found(self, container_id: str) -> words.Pilot:
        container = self._containers[container_id]
        pilot, (draining, limited) = container.pilot, self._drains.get(container_id, (None, None))
        return words.Pilot(
            container_id, EPOCH + pilot.began, pilot.began, container.image.id, container.image.digest, FINGERPRINT,
            begins_closed=pilot.closed, named=container_id == self._named, draining_since=draining,
            limited_since=limited, stage=Stage.FOUND,
        )  # fmt: skip

    def _look(self) -> None:
        def looked() -> Event:
            by_end: dict[bool, list[words.Pilot]] = {True: [], False: []}
            for container_id, container in self._containers.items():
                by_end[container.pilot.runs].append(self._as_found(container_id))
            return ev.Looked(tuple(by_end[True]), tuple(by_end[False]))

        self._later(self.host.assumed.look, looked)

    def _pull(self) -> None:
        fresh = self._here and self.host.now - self._pulled_at < _FRESH_SECONDS

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

    def _find(self) -> None:
        self._later(self.host.assumed.look, lambda: ev.ImageFound(REFERENCE, self._image() if self._here else None))

    def _check_host(self) -> None:
        self._later(self.host.assumed.order, lambda: ev.HostChecked(None))

    def _launch(self, *, closed: bool = False) -> None:
        def launched() -> Event:
            image = self._images.stand_in(REFERENCE) or self._image()
            pilot = self.host.begin_pilot(closed=closed, joins=image.id not in self._bad)
            container_id = f"container {pilot.number}"
            self._containers[container_id] = Container(pilot, image)
            self._named = self._named if closed else container_id
            stage = Stage.CLOSED if closed else Stage.OPEN
            return ev.Launched(replace(self._as_found(container_id), stage=stage))

        self._later(self.host.assumed.launch, launched)

    def _exit(self) -> None:
        self._process += 1

    _ORDERS: ClassVar[dict[Order, Callable[["Ours"], None]]] = {
        Order.LOOK: _look,
        Order.PULL: _pull,
        Order.FIND_IMAGE: _find,
        Order.CHECK_HOST: _check_host,
        Order.LAUNCH: _launch,
        Order.LAUNCH_CLOSED: lambda self: self._launch(closed=True),
        Order.EXIT: _exit,
    }

    # --- its pilots --------------------------------------------------------------------------------------------------

    def _follow(self, do: Do) -> None:
        self._watched.add(do.container_id)
        container = self._containers.get(do.container_id)
        if container is None or not container.pilot.runs:
            self._tell_end(do.container_id)
            return
        container.heard, container.asked_at = None, -1.0
        self._hint(container.pilot)

    def _hint(self, pilot: Pilot) -> None:
        """Its log says something: it is asked soon."""
        container_id = f"container {pilot.number}"
        container = self._containers.get(container_id)
        if container and container_id in self._watched:
            asked_at = self.host.now + self.host.assumed.hint
            if not self.host.now <= container.asked_at <= asked_at:
                self._ask_at(container_id, container, asked_at)

    def _ask_at(self, container_id: str, container: Container, moment: float) -> None:
        container.asked_at = moment

        def ask() -> Optional[Event]:
            due = container.asked_at == moment and container_id in self._watched and container.pilot.runs
            return self._ask(container_id, container) if due else None

        self._later(moment - self.host.now, ask)

    def _ask(self, container_id: str, container: Container) -> Event:
        self._count()
        heard = answer(container.pilot, self.host.assumed)
        known = self._state.pilot(container_id)
        unconfirmed = known is not None and known.stage is Stage.LEAVING and not known.confirmed
        pause = _BESIDE_OTHERS if len(self._state.pilots) > 1 else _AT_REST
        if heard != container.heard:
            pause = _TWICE
        elif unconfirmed:
            pause = _UNTIL_CONFIRMED
        container.heard = heard
        self._ask_at(container_id, container, self.host.now + pause)
        return ev.Observed(container_id, heard)

    def _count(self) -> None:
        self.host.account.asked += len(self.host.pilots) > 1

    def _drain(self, do: Do) -> None:
        self._ordered(do, self.host.drain)

    def _tell(self, do: Do) -> None:
        def tell(pilot: Pilot) -> Event:
            others = 10 * self.host.assumed.slots if do.share == EVERYTHING else do.share.cpus
            self.host.tell(pilot, others)
            return ev.Told(do.container_id, do.share)

        self._ordered(do, tell)

    def _name(self, do: Do) -> None:
        self._named = do.container_id

    def _stop(self, do: Do) -> None:
        def stop(pilot: Pilot) -> Event:
            why = "reboot" if self._state.stop_asked else "a stop"
            self.host.after(self.host.assumed.drained, lambda: self.host.end_pilot(pilot, why))
            return ev.StopBegan(do.container_id, answer(pilot, self.host.assumed).jobs)

        self._ordered(do, stop)

    def _ordered(self, do: Do, act: Callable[[Pilot], Optional[Event]]) -> None:
        """What that does to the pilot, unless it has ended before."""

        def perform() -> Optional[Event]:
            self._count()
            container = self._containers.get(do.container_id)
            return act(container.pilot) if container and container.pilot.runs else None

        self._later(self.host.assumed.order, perform)

    def _remove(self, do: Do) -> None:
        self._watched.discard(do.container_id)
        self._containers.pop(do.container_id, None)

    _VERBS: ClassVar[dict[Verb, Callable[["Ours", Do], None]]] = {
        Verb.FOLLOW: _follow,
        Verb.DRAIN: _drain,
        Verb.TELL: _tell,
        Verb.NAME: _name,
        Verb.STOP: _stop,
        Verb.REMOVE: _remove,
    }

    def _pilot_ended(self, pilot: Pilot) -> None:
        if f"container {pilot.number}" in self._watched:
            self._tell_end(f"container {pilot.number}")

    def _tell_end(self, container_id: str) -> None:
        container = self._containers.get(container_id)
        self._watched.discard(container_id)
        lived = self.host.now - container.pilot.began if container else 0.0
        self._later(self.host.assumed.look, lambda: ev.PilotEnded(container_id, 0, lived, removed=container is None))

    # --- the timer, and what happens ----------------------------------------------------------------------------------

    def _timer(self) -> None:
        if self.host.registry_up:
            self.host.after(DAY, self._timer)
            new = self._offered != self._here
            self.host.after(self.host.assumed.pull if new else 1.0, self._updated)
        else:
            self.host.after(HOUR, self._timer)

    def _updated(self) -> None:
        if self._pulls():
            self._take(ev.Asked(Want.PILOTS, self.host.now))

    def suffer(self, fault: Fault) -> None:
        """What that fault means for this service."""
        if fault.kind in ("image", "image that never joins"):
            self._offered += 1
            self._bad |= {f"image {self._offered}"} if fault.kind != "image" else set()
        elif fault.kind == "update":
            self.host.after(self.host.assumed.pull, self._updated)
        elif fault.kind == "reboot":
            self._take(ev.StopAsked())
            self.host.after(self.host.assumed.boot, self.begin)
        elif fault.kind == "engine restart":
            self._watched.clear()
            self._take(ev.EngineLost("The engine restarts."))
        elif fault.kind == "upgrade":
            self._take(ev.StopAsked(leaving=True))
            self.begin()
        elif fault.kind == "crash":
            self.begin()
