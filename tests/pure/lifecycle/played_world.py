"""What is true on a host that is played: its engine, registry, images and pilot, and what our process was told."""

from dataclasses import dataclass, field, replace
from typing import Optional

from ospool_ep.configuration.policy import Policy
from ospool_ep.configuration.values import UpdatePolicy
from ospool_ep.lifecycle import events as ev
from ospool_ep.lifecycle.actions import Order
from ospool_ep.lifecycle.events import Event
from ospool_ep.lifecycle.image_record import KnownImage
from ospool_ep.lifecycle.state import Pilot, Want
from ospool_ep.pilot.state import Job, PilotState
from tests.pure.lifecycle.host import FIRST, IN_POOL, REFERENCE

REFERENCES = (REFERENCE, "registry.example/pilot:2", "registry.example/pilot:3")


@dataclass(frozen=True)
class Configuration:
    """What the operator's file says; ``variant`` is the rest of what makes another container."""

    reference: str = REFERENCE
    variant: str = "8 CPUs"
    policy: Policy = field(default_factory=Policy)

    @property
    def fingerprint(self) -> str:
        return f"{self.reference} with {self.variant}"

    def as_event(self) -> ev.Reconfigured:
        return ev.Reconfigured(self.policy, self.reference, self.fingerprint, "the configuration has changed")


@dataclass
class Container:
    """A pilot's container, and the pilot in it."""

    id: str
    image: KnownImage
    fingerprint: str
    started_at: float
    running: bool = True
    accepted: bool = False  # a process of ours has seen it in the pool; before that it gets no job here
    told_to_drain: bool = False
    drains: bool = False  # it has heard that
    limit_from: Optional[float] = None  # when the service began to drain it of its own accord
    stopping: bool = False  # the order to stop it was given: it gets no job any more
    jobs: int = 0
    dead: bool = False  # no HTCondor runs in it any more
    retired: bool = False  # it takes no new jobs by itself

    def as_pilot(self) -> Pilot:
        """As the engine describes it."""
        return Pilot(self.id, self.started_at, self.started_at, self.image.id, self.image.digest, self.fingerprint)

    @property
    def running_jobs(self) -> tuple[Job, ...]:
        return tuple(Job(f"slot1_{number}", f"{number}.0") for number in range(1, self.jobs + 1))


@dataclass
class Told:
    """What a process of ours was told, by which it may act."""

    goes_by: ev.Reconfigured
    want: Want
    image: Optional[KnownImage] = None  # what the configured reference names here
    to_stop: bool = False
    could_not_stop: bool = False

    def hear(self, event: Event, pilot: Optional[Container]) -> None:
        """The process takes an event; ``pilot`` is the one that it knows of."""
        if isinstance(event, ev.Reconfigured):
            self.image = self.image if event.reference == self.goes_by.reference else None
            self.goes_by = event
        elif isinstance(event, ev.Asked):
            self.want = event.want
            if pilot and event.want is not Want.PILOTS:
                pilot.limit_from = None
        elif isinstance(event, ev.StopAsked):
            self.to_stop |= not event.leaving
        elif isinstance(event, (ev.EngineLost, ev.LookRefused, ev.StopRefused)):
            self.could_not_stop |= self.to_stop
        elif isinstance(event, (ev.ImageFound, ev.Pulled)) and event.reference == self.goes_by.reference:
            self.image = event.image
        elif isinstance(event, ev.Launched) and pilot and pilot.fingerprint == self.goes_by.fingerprint:
            self.image = pilot.image

    def may_evict(self, pilot: Container, now: float) -> bool:
        """Whether an operator has given up the jobs of that pilot."""
        policy = self.goes_by.policy
        if pilot.limit_from is not None and policy.drain_seconds is not None:
            limit_is_over = now >= pilot.limit_from + policy.drain_seconds
        else:
            limit_is_over = False
        outdated = pilot.fingerprint != self.goes_by.fingerprint
        new_image = self.image is not None and self.image.id != pilot.image.id and not outdated
        return self.to_stop or limit_is_over or (new_image and policy.update is UpdatePolicy.NOW)


class World:
    """All but our process."""

    def __init__(self, configured: Configuration) -> None:
        self.now = 1000.0
        self.configured = configured
        self.registry = dict.fromkeys(REFERENCES, FIRST)
        self.here: dict[str, KnownImage] = {}
        self.stored: set[str] = set()
        # When a pull was noted, for the last reference that was pulled.
        self.pulled: dict[str, float] = {}
        # The references that somebody pulled since the service, or an update, did.
        self.pulled_by_hand: set[str] = set()
        # All that each reference ever named here.
        self.named: dict[str, set[str]] = {reference: set() for reference in REFERENCES}
        # Since when the images are used that have yet to show that they work.
        self.on_trial: dict[str, float] = {}
        self.container: Optional[Container] = None
        self.made = 0
        # How it goes: the engine is away, or refuses an order; the registry takes its time; jobs wait in the pool.
        self.engine_answers, self.registry_is_slow, self.jobs_wait = True, False, True
        self.refuses: Optional[Order] = None
        self.answer: Optional[PilotState] = IN_POOL

    @property
    def pilot_runs(self) -> bool:
        return self.container is not None and self.container.running

    def standing(self, container_id: str) -> Optional[Container]:
        return self.container if self.container and self.container.id == container_id else None

    def make_container(self, image: KnownImage, fingerprint: str) -> Container:
        self.made += 1
        self.container = Container(f"container {self.made}", image, fingerprint, self.now)
        self.on_trial.setdefault(image.id, self.now)
        return self.container

    def accepted(self, pilot: Container, rollback_seconds: float) -> None:
        """The pilot was seen in the pool; that comes too late where its image was given up by then."""
        pilot.accepted = True
        began = self.on_trial.get(pilot.image.id, 0.0)
        if not pilot.told_to_drain or self.now < began + rollback_seconds:
            self.on_trial.pop(pilot.image.id, None)

    def a_job_comes(self) -> bool:
        """Whether one begins now, as one waits and the pilot has none."""
        pilot = self.container
        if not pilot or pilot.jobs or not self.jobs_wait:
            return False
        takes_jobs = pilot.accepted and not (pilot.drains or pilot.stopping or pilot.dead or pilot.retired)
        pilot.jobs = int(takes_jobs)
        return bool(pilot.jobs)

    def jobs_end(self, *, others_wait: bool) -> None:
        self.jobs_wait = others_wait
        if self.container:
            self.container.jobs = 0

    def dies_inside(self) -> None:
        """HTCondor is gone, and the container stays up."""
        if self.container:
            self.container.dead, self.container.jobs = True, 0

    def retires(self) -> None:
        """Its time for new jobs is over."""
        if self.container:
            self.container.retired = True

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
        """No image stays but that of the container."""
        used = self.container.image.id if self.container else ""
        self.here = {reference: image for reference, image in self.here.items() if image.id == used}
        self.stored &= {used}
