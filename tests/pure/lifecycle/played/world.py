"""What is true on a host that is played: its engine, registry, images and pilots.

It is no kinder than a real one: a startd takes a job in the very moment in which its own rules allow that.
"""

from dataclasses import dataclass, field, replace
from typing import Optional, Union

from ospool_ep.configuration.policy import Policy
from ospool_ep.lifecycle import events as ev
from ospool_ep.lifecycle.actions import Order, Verb
from ospool_ep.lifecycle.image_record import FailedImage, KnownImage
from ospool_ep.lifecycle.state import Hindrance
from ospool_ep.pilot.state import NOTHING, Offer, PilotState, Pool, Share, Startd
from tests.pure.lifecycle.host import FIRST, IN_POOL, REFERENCE, REFUSED
from tests.pure.lifecycle.played.container import KNOWN_NAME, Container

REFERENCES = (REFERENCE, "registry.example/pilot:2", "registry.example/pilot:3")
SIZES = {"8 CPUs": Share(8, 16000), "4 CPUs": Share(4, 16000), "half the memory": Share(8, 8000)}
# What is wrong with an image's pilots. Those of the first three never get better.
QUALITIES = ("heedless", "ignorant", "denied", "never joins", "never validated", "dies")
LASTING = QUALITIES[:3]
# The last one is a good one in the end.
TOKENS = ("token 1", "token 2", GOOD_TOKEN := "token 3")
# They take jobs whatever they are told that others hold.
UNTELLABLE = ("heedless", "ignorant")
# So many pilots leave at most, beside the one that comes.
MOST_BESIDE = 2

_NO_TOKEN = Hindrance("No token.", ("token-missing",))


def fits(part: Share, whole: Share) -> bool:
    return part.cpus <= whole.cpus and part.memory <= whole.memory


@dataclass(frozen=True)
class Configuration:
    """What the operator's file says; ``variant`` is what its pilots offer."""

    reference: str = REFERENCE
    variant: str = "8 CPUs"
    policy: Policy = field(default_factory=Policy)

    @property
    def fingerprint(self) -> str:
        return f"{self.reference} with {self.variant}"

    @property
    def size(self) -> Share:
        return SIZES[self.variant]

    def as_event(self) -> ev.Reconfigured:
        return ev.Reconfigured(self.policy, self.reference, self.fingerprint, "the configuration has changed")


class World:
    """All but our process."""

    def __init__(self, configured: Configuration) -> None:
        self.now = 1000.0
        self.configured = configured
        self.registry = dict.fromkeys(REFERENCES, FIRST)
        self.here: dict[str, KnownImage] = {}
        self.stored: set[str] = set()
        # What is wrong with the pilots of which image.
        self.qualities: dict[str, str] = {}
        # When a pull was noted, for the last reference that was pulled.
        self.pulled: dict[str, float] = {}
        # The references that somebody pulled since the service, or an update, did.
        self.pulled_by_hand: set[str] = set()
        # All that each reference ever named here.
        self.named: dict[str, set[str]] = {reference: set() for reference in REFERENCES}
        # Since when the images are used that have yet to show that they work.
        self.on_trial: dict[str, float] = {}
        self.containers: list[Container] = []
        # The scratch directories of our pilots.
        self.directories: set[str] = set()
        self.made = 0
        # Somebody else's container takes the known name as soon as it is free.
        self.stranger_comes = False
        # How it goes: the engine is away, or refuses an order; the registry takes its time; such jobs wait in the pool.
        self.engine_answers, self.registry_is_slow, self.no_room = True, False, ""
        # What keeps the next pilot from being made.
        self.hindrance: Optional[Hindrance] = None
        # The jobs of those that leave come to their end by themselves.
        self.jobs_end = False
        self.waiting: Optional[Share] = Share(1, 1000)
        self.refuses: Optional[Union[Order, Verb]] = None
        # What the pool makes of all pilots, and whether they answer.
        self.answer: Optional[PilotState] = IN_POOL
        # The token on disk, none where it is empty; and those that the pool refuses.
        self.token = TOKENS[0]
        self.refused_tokens: frozenset[str] = frozenset()

    @property
    def running(self) -> list[Container]:
        return [container for container in self.containers if container.running]

    def standing(self, container_id: str) -> Optional[Container]:
        return next((one for one in self.containers if one.id == container_id), None)

    @property
    def found(self) -> Optional[Hindrance]:
        """What a look at this host finds that keeps the next pilot from being made."""
        return self.hindrance or (None if self.token else _NO_TOKEN)

    def is_a(self, container: Container, *qualities: str) -> bool:
        return self.qualities.get(container.image.id) in qualities

    # --- containers ---

    def make_container(
        self, image: KnownImage, by: Configuration, directory: str, token: str, *, closed: bool
    ) -> Container:
        self.made += 1
        name = f"{KNOWN_NAME}-{self.made}" if closed else KNOWN_NAME
        container = Container(
            f"container {self.made}", image, by.fingerprint, by.size, closed, directory, token, self.now, name
        )
        self.containers.append(container)
        self.on_trial.setdefault(image.id, self.now)
        return container

    def accepted(self, pilot: Container, late: Optional[FailedImage]) -> None:
        """The pilot was seen in the pool; ``late`` is the image that was given up before."""
        pilot.accepted = True
        if pilot.validated and not (late and late.image.id == pilot.image.id):
            self.on_trial.pop(pilot.image.id, None)

    def name_it(self, container: Container) -> None:
        for other in self.containers:
            if other.name == KNOWN_NAME:
                other.name = f"{KNOWN_NAME}-{other.id}"
        container.name = KNOWN_NAME

    @property
    def stranger(self) -> str:
        """Somebody else's container that has the known name; empty: there is none."""
        taken = any(one.name == KNOWN_NAME for one in self.containers)
        return "stranger" if self.stranger_comes and not taken else ""

    def sweep(self, *keep: str) -> None:
        """What no container has, and is not meant for the next one, is removed."""
        self.directories &= {*keep, *(container.directory for container in self.containers)}

    # --- jobs ---

    def could_take(self, pilot: Container) -> bool:
        """Whether its startd takes any job at all."""
        bars = pilot.drains or pilot.stopping or pilot.dead or pilot.gone or pilot.retired or pilot.paused or pilot.slow
        joins = not (pilot.spoiled or self.is_a(pilot, "never joins"))
        return pilot.running and pilot.accepted and pilot.validated and joins and not bars

    def takes(self, pilot: Container, job: Share) -> bool:
        """Whether its startd takes that job now, by all that it knows itself."""
        told = pilot.closed and not self.is_a(pilot, *UNTELLABLE)
        held = pilot.holds + job + (pilot.believes if told else NOTHING)
        return self.could_take(pilot) and fits(held, pilot.size)

    def jobs_begin(self) -> None:
        """All that wait and that a startd takes."""
        job = self.waiting
        for pilot in self.containers if job else ():
            while job and self.takes(pilot, job):
                pilot.jobs.append(job)
                self.check_sum(pilot)

    def check_sum(self, taker: Container) -> None:
        """It has just taken a job."""
        if self.is_a(taker, *UNTELLABLE) and taker.closed:
            # It is found by asking its startd, and stopped.
            return
        assert not taker.has_left, "a pilot that leaves gets no new job"
        counted = [one for one in self.running if not (one.closed and self.is_a(one, *UNTELLABLE))]
        held = sum((one.holds for one in counted), NOTHING)
        assert fits(held, taker.size), f"never more than the offer: {[(one.id, one.holds) for one in counted]}"

    def job_ends(self, pilot: Container) -> None:
        if pilot.jobs and not pilot.paused:
            pilot.jobs.pop()

    # --- what a pilot answers ---

    def startd(self, pilot: Container) -> Startd:
        if pilot.gone:
            return Startd.GONE
        if pilot.dead:
            return Startd.MISSING
        return Startd.DRAINING if pilot.drains else Startd.READY

    def answer_of(self, pilot: Container) -> Optional[PilotState]:
        """What the pool makes of it; None where it does not answer."""
        own = REFUSED if pilot.token in self.refused_tokens and pilot.answer == IN_POOL else pilot.answer
        return own if self.answer == IN_POOL else self.answer

    def says(self, pilot: Container, startd: Startd, *, held_only: bool = False) -> Optional[PilotState]:
        """What it answers, to a question that has found its startd so; None where it does not."""
        answer = self.answer_of(pilot)
        if answer is None or pilot.paused or not pilot.running:
            return None
        if startd in (Startd.MISSING, Startd.GONE):
            return PilotState(startd, jobs=())
        told = pilot.closed and not self.is_a(pilot, "ignorant")
        known = replace(
            answer, startd=startd, jobs=pilot.running_jobs, size=pilot.size, holds=pilot.holds,
            pool=self._pool(pilot, answer.pool), believes=pilot.shown if told else None,
        )  # fmt: skip
        if held_only:
            return replace(known, pool=Pool.UNKNOWN, identity="")
        offer = Offer.RETIRED if pilot.retired else Offer.OPEN if pilot.validated else Offer.UNVALIDATED
        heeds = not self.is_a(pilot, "heedless") if told else None
        dies = pilot.dies_at
        return replace(known, offer=offer, heeds=heeds, dies_at=dies, retires_at=dies and dies - 24 * 3600.0)

    def _pool(self, pilot: Container, asked: Pool) -> Pool:
        return Pool.UNREACHABLE if pilot.spoiled or self.is_a(pilot, "never joins") else asked

    # --- images ---

    def image_comes(self, reference: str) -> None:
        """The registry's image is here, and that is noted."""
        self.here[reference] = replace(self.registry[reference], since=self.now)
        self.named[reference].add(self.here[reference].id)
        self.stored.add(self.here[reference].id)
        self.pulled = {reference: self.now}
        self.pulled_by_hand.discard(reference)

    def somebody_pulls(self) -> None:
        """Nobody notes that, and nobody tells the service."""
        noted = self.pulled
        self.image_comes(self.configured.reference)
        self.pulled = noted
        self.pulled_by_hand.add(self.configured.reference)

    def somebody_prunes(self) -> None:
        """No image stays but those of the containers."""
        used = {container.image.id for container in self.containers}
        self.here = {reference: image for reference, image in self.here.items() if image.id in used}
        self.stored &= used
