"""What a process of ours was told on a host that is played, by which it may act."""

from dataclasses import dataclass
from typing import Optional

from ospool_ep.configuration.values import UpdatePolicy
from ospool_ep.lifecycle import events as ev
from ospool_ep.lifecycle.events import Event
from ospool_ep.lifecycle.image_record import KnownImage
from ospool_ep.lifecycle.state import Want
from tests.pure.lifecycle.played.container import Container
from tests.pure.lifecycle.played.world import UNTELLABLE, World

NO_PILOT = (Want.IDLE, Want.STOP)


@dataclass
class Told:
    """What a process of ours was told, by which it may act."""

    goes_by: ev.Reconfigured
    want: Want
    are_open: bool = True  # the hours
    image: Optional[KnownImage] = None  # what the configured reference names here
    to_stop: bool = False
    could_not_stop: bool = False
    host_is_unwell: bool = False

    @property
    def wants_none(self) -> bool:
        """Whether no pilot is to follow: so an operator says, or the hours."""
        return self.want in NO_PILOT or not self.are_open

    def hear(self, event: Event, world: World) -> None:
        """The process takes an event."""
        if isinstance(event, (ev.Reconfigured, ev.HostChecked)):
            self.host_is_unwell = event.hindrance is not None
        if isinstance(event, ev.Reconfigured):
            self.image = self.image if event.reference == self.goes_by.reference else None
            self.goes_by = event
        elif isinstance(event, ev.Asked):
            self.want = event.want
            self._lift_limits(world)
        elif isinstance(event, ev.HoursSeen):
            self.are_open = event.hours.are_open
            self._lift_limits(world)
        elif isinstance(event, ev.StopAsked):
            self.to_stop |= not event.leaving
        elif isinstance(event, (ev.EngineLost, ev.LookRefused, ev.StopRefused)):
            self.could_not_stop |= self.to_stop
        elif isinstance(event, (ev.ImageFound, ev.Pulled)) and event.reference == self.goes_by.reference:
            self.image = event.image
        elif isinstance(event, ev.Launched) and event.pilot.fingerprint == self.goes_by.fingerprint:
            made = world.standing(event.pilot.container_id)
            self.image = made.image if made else self.image

    def _lift_limits(self, world: World) -> None:
        """A drain that an operator asks for has no limit, nor has that at the end of the hours."""
        for container in world.containers if self.wants_none else ():
            container.limit_from = None

    def may_evict(self, world: World, pilot: Container) -> bool:
        """Whether an operator has given up the jobs of that pilot, or its image takes jobs that it may not take."""
        policy = self.goes_by.policy
        limited = pilot.limit_from is not None and policy.drain_seconds is not None
        limit_is_over = limited and world.now >= (pilot.limit_from or 0.0) + (policy.drain_seconds or 0.0)
        outdated = pilot.fingerprint != self.goes_by.fingerprint
        new_image = self.image is not None and self.image.id != pilot.image.id and not outdated
        now = new_image and policy.update is UpdatePolicy.NOW
        return self.to_stop or limit_is_over or now or (pilot.closed and world.is_a(pilot, *UNTELLABLE))
