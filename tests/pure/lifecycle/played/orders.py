"""The orders of our process that are about no certain pilot: to look, to pull, and to make the next one.

The engine may be away, may refuse, and takes its time.
"""

from dataclasses import replace

from ospool_ep.lifecycle import events as ev
from ospool_ep.lifecycle.actions import Order
from ospool_ep.lifecycle.image_events import is_fresh
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.lifecycle.state import Pilot, Stage, Want
from tests.pure.lifecycle.played.container import KNOWN_NAME, Container
from tests.pure.lifecycle.played.process import PlayedProcess, Step
from tests.pure.lifecycle.played.world import MOST_BESIDE, Configuration

_BESIDE = (Order.PULL, Order.FIND_IMAGE, Order.CHECK_HOST, Order.TIDY)


class PlayedOrders(PlayedProcess):
    """What the engine, the registry and the host do when they are asked."""

    def give(self, order: Order) -> None:
        images = self.state.images
        if order in (Order.LAUNCH, Order.LAUNCH_CLOSED):
            assert not self.told.wants_none, "no pilot follows a drain, and none begins outside of the hours"
        elif order is Order.FORGET_DRAIN:
            self.told.want = Want.PILOTS
        performers: dict[Order, Step] = {
            Order.LOOK: self._look,
            Order.PULL: lambda: self._pull(images.reference),
            Order.FIND_IMAGE: lambda: self._find_image(images.reference),
            Order.CHECK_HOST: self._check_host,
            Order.LAUNCH: lambda: self._launch(images, Order.LAUNCH),
            Order.LAUNCH_CLOSED: lambda: self._launch(images, Order.LAUNCH_CLOSED),
            Order.TIDY: lambda: None,
            Order.FORGET_DRAIN: self._forget_drain,
            Order.END_SERVICE: lambda: self.systemctl(stop=True),
        }
        self.queue(f"{order.name} {self.life}" if order in _BESIDE else "row", performers[order])

    def _look(self) -> None:
        life = self.life
        for lane in [lane for lane in self.lanes if lane.startswith("removal")]:
            self.perform(lane)
        if life != self.life or self.fails(Order.LOOK, ev.LookRefused("no.")):
            return
        # It takes a moment.
        self.now += 0.001
        known = {container.id for container in self.containers}
        self.watches = {one: watch for one, watch in self.watches.items() if one in known}
        self.sweep()
        if not self.running and self.want in (Want.PILOTS, Want.START) and self.told.are_open:
            self._check_host()
        running = tuple(self._found(container) for container in self.containers if container.running)
        ended = tuple(self._found(container) for container in self.containers if not container.running)
        self.inbox.append(ev.Looked(running, ended, self.stranger))

    def _found(self, container: Container) -> Pilot:
        since, limited_since = self.drains.get(container.id, (None, None))
        return replace(container.as_pilot(Stage.FOUND), draining_since=since, limited_since=limited_since)

    def _check_host(self) -> None:
        self.inbox.append(ev.HostChecked(self.found, self.no_room))

    def _pull(self, reference: str) -> None:
        if self.fails(Order.PULL, ev.PullRefused(reference, "no.")):
            return
        image, pulled_at = self.here.get(reference), self.pulled.get(reference)
        if image and is_fresh(pulled_at, self.now):
            self.inbox.append(ev.Pulled(reference, image, pulled_at=pulled_at))
        else:
            self.pulls.append(reference)

    def pull_ends(self, index: int, *, registry_answers: bool) -> None:
        """One of the pulls that go on has come to its end."""
        reference = self.pulls.pop(index)
        if registry_answers:
            self.image_comes(reference)
            self.inbox.append(ev.Pulled(reference, self.here[reference]))
        elif reference in self.here:
            self.inbox.append(ev.Pulled(reference, self.here[reference], "No registry: going on with the old image."))
        else:
            self.inbox.append(ev.PullRefused(reference, "no registry."))

    def _find_image(self, reference: str) -> None:
        if not self.fails(Order.FIND_IMAGE, ev.FindImageRefused(reference, "no.")):
            self.inbox.append(ev.ImageFound(reference, self.here.get(reference), self.pulled.get(reference)))

    def _launch(self, images: ImageRecord, order: Order) -> None:
        if self.state.stop_asked or self.state.leaving:
            self.inbox.append(ev.LaunchRefused("The service ends."))
            return
        settings, token = self.settings, self.token
        if self.found or (self.no_room and order is Order.LAUNCH_CLOSED):
            self._check_host()
            return
        self.next_directory = f"directory {self.life} {self.now} {len(self.directories)} {self.made}"
        self.directories.add(self.next_directory)
        self.makes_next = True
        # The engine takes its time: what happens meanwhile comes too late for this container.
        self.lanes.setdefault("row", []).insert(0, lambda: self._start_container(settings, token, images, order))

    def _start_container(self, settings: Configuration, token: str, images: ImageRecord, order: Order) -> None:
        good = images.stand_in(settings.reference)
        image = good if good and good.id in self.stored else self.here.get(settings.reference)
        directory, self.next_directory, self.makes_next = self.next_directory, "", False
        self.now += 1.0
        if self.fails(order, ev.LaunchRefused("no.")):
            if self.engine_answers:
                self.directories.discard(directory)
            return
        taken = order is Order.LAUNCH and (self.stranger or any(one.name == KNOWN_NAME for one in self.containers))
        if image is None or taken:
            self.directories.discard(directory)
            self.engine_says(ev.LaunchRefused("There is no such image, or the name is taken."))
            return
        closed = order is Order.LAUNCH_CLOSED
        assert closed or not self.running, "never a second pilot that takes all"
        # One that somebody starts again after its end is found only when it is to be removed.
        beside = [one for one in self.running if self.state.pilot(one.id)]
        assert not closed or len(beside) <= MOST_BESIDE, "one is open and two leave, at most"
        made = self.make_container(image, settings, directory, token, closed=closed)
        self.engine_says(ev.Launched(made.as_pilot(Stage.CLOSED if closed else Stage.OPEN)))

    def _forget_drain(self) -> None:
        # An operator may have asked for another one meanwhile.
        if self.want is Want.START:
            self.want, self.want_since = Want.PILOTS, 0.0
