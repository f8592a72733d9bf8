"""A lifecycle to feed with events, and the words that its tests share."""

from dataclasses import replace
from typing import Optional

from ospool_ep.configuration.policy import Policy
from ospool_ep.lifecycle.actions import Order, Say
from ospool_ep.lifecycle.events import Began, Event, ImageFound, Launched, Looked, Observed, PilotEnded, Pulled
from ospool_ep.lifecycle.image_record import ImageRecord, KnownImage
from ospool_ep.lifecycle.state import Found, Pilot, Want
from ospool_ep.lifecycle.step import initial, step
from ospool_ep.pilot.state import Job, PilotState, Pool, Startd

CONTAINER = "c" * 64
OTHER = "d" * 64
REFERENCE = "registry.example/pilot:1"
FINGERPRINT = "as configured"
FIRST = KnownImage("sha256:image-1", "sha256:digest-1")
NEXT = KnownImage("sha256:image-2", "sha256:digest-2")
THIRD = KnownImage("sha256:image-3", "sha256:digest-3")
IN_POOL = PilotState(Startd.READY, Pool.ACCEPTS, jobs=(), identity="ep@flock.opensciencegrid.org")
BUSY = replace(IN_POOL, jobs=(Job("slot1_1", "12.0"),))
REFUSED = PilotState(Startd.READY, Pool.REFUSES, refusal="Failed to authenticate using IDTOKENS")
AWAY = PilotState(Startd.READY, Pool.UNREACHABLE)
NOTHING = Looked(Found.NOTHING)
PULLED = Pulled(REFERENCE, FIRST)


class Host:
    """A lifecycle to feed with events; remembers what it ordered and said."""

    def __init__(
        self, want: Want = Want.PILOTS, policy: Optional[Policy] = None, images: Optional[ImageRecord] = None
    ) -> None:
        self.now = 1000.0
        self.state = initial(self.now, want, policy or Policy(), images or ImageRecord(REFERENCE), FINGERPRINT)
        self.orders: list[Order] = []
        self.said: list[Say] = []

    def feed(self, *events: Event) -> "Host":
        """Feed events; ``orders`` and ``said`` are those of the last one."""
        for event in events:
            self.state, actions = step(self.state, event, self.now)
            self.orders = [action for action in actions if isinstance(action, Order)]
            self.said = [action for action in actions if isinstance(action, Say)]
        return self

    def later(self, seconds: float) -> "Host":
        self.now += seconds
        return self

    def launched(self, image: KnownImage = FIRST, container: str = CONTAINER) -> Launched:
        """A pilot of that image has just begun."""
        return Launched(pilot(image, container, since=self.now))

    @property
    def text(self) -> str:
        return " ".join(say.text for say in self.said)


def pilot(
    image: KnownImage = FIRST, container: str = CONTAINER, since: float = 0.0, fingerprint: str = FINGERPRINT
) -> Pilot:
    """As it comes from the engine."""
    return Pilot(container, 1.0, since, image.id, image.digest, fingerprint, token="token 1")  # noqa: S106 - a hash


def ours(running: bool = True, fingerprint: str = FINGERPRINT) -> Looked:
    """A pilot of ours was found."""
    return Looked(Found.OURS, pilot(fingerprint=fingerprint), running)


def launched(**kinds: object) -> Host:
    """The first pilot has just begun."""
    host = Host(**kinds)  # type: ignore[arg-type]
    return host.feed(Began(), NOTHING, PULLED, host.launched())


def running(state: PilotState = IN_POOL, **kinds: object) -> Host:
    """The first pilot runs, and has been seen twice."""
    return launched(**kinds).feed(Observed(state), Observed(state))


def found(image: Optional[KnownImage]) -> ImageFound:
    """What the reference names now."""
    return ImageFound(REFERENCE, image)


def ended(lived: float = 4000.0, code: int = 0, container: str = CONTAINER) -> PilotEnded:
    """The pilot's container has ended."""
    return PilotEnded(container, code, lived)
