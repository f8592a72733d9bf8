"""A lifecycle to feed with events, and the words that its tests share."""

from dataclasses import replace
from typing import Any, Optional, Union

from ospool_ep.configuration.policy import Policy
from ospool_ep.lifecycle.actions import Do, Order, Say, Verb
from ospool_ep.lifecycle.due import limit_at
from ospool_ep.lifecycle.events import (
    Began,
    Event,
    HostChecked,
    ImageFound,
    Launched,
    Looked,
    Observed,
    PilotEnded,
    Pulled,
    Told,
    Unanswered,
)
from ospool_ep.lifecycle.image_record import ImageRecord, KnownImage
from ospool_ep.lifecycle.state import Pilot, Stage, Want
from ospool_ep.lifecycle.step import initial, step
from ospool_ep.pilot.state import EVERYTHING, NOTHING, Job, Offer, PilotState, Pool, Share, Startd

CONTAINER = "c" * 64
OTHER = "d" * 64
THIRD_CONTAINER = "e" * 64
REFERENCE = "registry.example/pilot:1"
OTHER_REFERENCE = "registry.example/other:1"
FINGERPRINT = "as configured"
FIRST = KnownImage("sha256:image-1", "sha256:digest-1")
NEXT = KnownImage("sha256:image-2", "sha256:digest-2")
THIRD = KnownImage("sha256:image-3", "sha256:digest-3")
KNOWN = ImageRecord(REFERENCE, newest=FIRST, here=True, good=FIRST)
IN_POOL = PilotState(Startd.READY, Pool.ACCEPTS, jobs=(), identity="ep@flock.opensciencegrid.org")
BUSY = replace(IN_POOL, jobs=(Job("slot1_1", "12.0"),))
REFUSED = PilotState(Startd.READY, Pool.REFUSES, refusal="Failed to authenticate using IDTOKENS")
AWAY = PilotState(Startd.READY, Pool.UNREACHABLE)
EMPTY = Looked()
PULLED = Pulled(REFERENCE, FIRST)
WELL = HostChecked(None)

# The answers of pilots that hand over, on a host of 8 cores.
SIZE = Share(8, 16000)
TAKES_JOBS = replace(BUSY, offer=Offer.OPEN, size=SIZE, holds=Share(8, 8000))
WAITS = replace(IN_POOL, offer=Offer.OPEN, size=SIZE, holds=NOTHING, believes=EVERYTHING, heeds=True)


def drains(cpus: int) -> PilotState:
    """It takes no claim any more, and its jobs hold so many cores; nothing is said of the pool."""
    return PilotState(Startd.DRAINING, jobs=BUSY.jobs, size=SIZE, holds=Share(cpus, cpus * 1000))


def believing(cpus: int, state: PilotState = TAKES_JOBS) -> PilotState:
    """It takes jobs, and takes the others to hold so many cores."""
    return replace(state, believes=Share(cpus, cpus * 1000), heeds=True)


GONE = PilotState(Startd.GONE, jobs=(), holds=NOTHING)


class Host:
    """A lifecycle to feed with events; remembers what it ordered and said."""

    def __init__(
        self, want: Want = Want.PILOTS, policy: Optional[Policy] = None, images: Optional[ImageRecord] = None
    ) -> None:
        self.now = 1000.0
        self.state = initial(self.now, want, policy or Policy(), images or ImageRecord(REFERENCE), FINGERPRINT)
        self.orders: list[Union[Order, Verb]] = []
        self.did: list[Do] = []
        self.said: list[Say] = []

    def feed(self, *events: Event) -> "Host":
        """Feed events; ``orders``, ``did`` (those about one pilot) and ``said`` are those of the last one."""
        for event in events:
            self.state, actions = step(self.state, event, self.now)
            self.did = [action for action in actions if isinstance(action, Do)]
            self.orders = [
                action.verb if isinstance(action, Do) else action for action in actions if not isinstance(action, Say)
            ]
            self.said = [action for action in actions if isinstance(action, Say)]
            assert self.state.wake_at == 0.0 or self.state.wake_at >= self.now, "it is due since a while"
        return self

    def later(self, seconds: float) -> "Host":
        self.now += seconds
        return self

    def launched(self, image: KnownImage = FIRST, container: str = CONTAINER, **more: Any) -> Launched:
        """A pilot of that image has just begun."""
        return Launched(pilot(image, container, since=self.now, **more))

    def launched_closed(self, image: KnownImage = FIRST, container: str = OTHER, **more: Any) -> Launched:
        """The next pilot has just begun, beside others."""
        return Launched(closed(image, container, since=self.now, **more))

    def stage(self, container: str) -> Optional[Stage]:
        """Where that pilot is in its life; None: there is none."""
        found = self.state.pilot(container)
        return found.stage if found else None

    def told(self, container: str) -> list[Share]:
        """What that pilot was told by the last event."""
        return [do.share for do in self.did if do.verb is Verb.TELL and do.container_id == container]

    def done_to(self, container: str) -> list[Verb]:
        """What the last event did to that pilot."""
        return [do.verb for do in self.did if do.container_id == container]

    @property
    def text(self) -> str:
        return " ".join(say.text for say in self.said)


def pilot(
    image: KnownImage = FIRST,
    container: str = CONTAINER,
    since: float = 0.0,
    fingerprint: str = FINGERPRINT,
    **more: Any,
) -> Pilot:
    """As it comes from the engine, made alone."""
    kinds: dict[str, Any] = {"named": True, "token": "token 1", **more}
    return Pilot(container, 1.0, since, image.id, image.digest, fingerprint, **kinds)


def closed(image: KnownImage = FIRST, container: str = OTHER, since: float = 0.0, **more: Any) -> Pilot:
    """As it comes from the engine, made beside others."""
    kinds: dict[str, Any] = {"stage": Stage.CLOSED, "named": False, "begins_closed": True, **more}
    return pilot(image, container, since, **kinds)


def as_found(*pilots: Pilot) -> Looked:
    """These run, and were found."""
    return Looked(tuple(replace(one, stage=Stage.FOUND) for one in pilots))


def ours(fingerprint: str = FINGERPRINT) -> Looked:
    """A pilot of ours was found running."""
    return as_found(pilot(fingerprint=fingerprint))


def ours_ended() -> Looked:
    """A pilot of ours was found that had ended."""
    return Looked(ended=(pilot(stage=Stage.FOUND),))


def seen(state: PilotState, container: str = CONTAINER, advice: str = "") -> Observed:
    """That pilot answered."""
    return Observed(container, state, advice)


def silent(reason: str = "It is paused.", container: str = CONTAINER) -> Unanswered:
    """That pilot does not answer."""
    return Unanswered(container, reason)


def took(cpus: int, container: str = OTHER) -> Told:
    """That pilot has taken that the others hold so many cores."""
    return Told(container, Share(cpus, cpus * 1000))


LAUNCHED = Launched(pilot())


def launched(**kinds: Any) -> Host:
    """The first pilot has just begun."""
    host = Host(**kinds)
    return host.feed(Began(), EMPTY, PULLED, host.launched())


def running(state: PilotState = IN_POOL, **kinds: Any) -> Host:
    """The first pilot runs, and has been seen twice."""
    return launched(**kinds).feed(seen(state), seen(state))


def trying(image: KnownImage = NEXT, **kinds: Any) -> Host:
    """The first pilot takes jobs, and the next one, of a new image, has just begun beside it."""
    host = running(TAKES_JOBS, **kinds).later(3600).feed(found(image))
    assert host.orders == [Order.LAUNCH_CLOSED, Order.TIDY]
    return host.feed(host.launched_closed(image))


def handing_over(cpus: int = 8, image: KnownImage = NEXT, **kinds: Any) -> Host:
    """The first pilot was told to drain, and has confirmed that; its jobs hold so many cores. The next one is told."""
    host = trying(image, **kinds).later(300).feed(seen(WAITS, OTHER), seen(WAITS, OTHER))
    assert host.stage(CONTAINER) is Stage.LEAVING
    return host.later(2).feed(seen(drains(cpus)))


def found(image: Optional[KnownImage]) -> ImageFound:
    """What the reference names now."""
    return ImageFound(REFERENCE, image)


def ended(lived: float = 4000.0, code: int = 0, container: str = CONTAINER) -> PilotEnded:
    """The pilot's container has ended."""
    return PilotEnded(container, code, lived)


def limit_of(host: Host) -> float:
    """When the drain of the pilot is over at the latest; 0: it has no limit."""
    assert host.state.main is not None
    return limit_at(host.state, host.state.main)
