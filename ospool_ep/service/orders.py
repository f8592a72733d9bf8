"""Performs what the lifecycle asks for of this host: each order is a few calls to the engine and brings an event back.

The look for pilots and the making of one follow each other: one thread performs them in their row. So do the last
orders of all. Others have a thread of their own, so that nobody who stops the service waits for a download. What is
done to one pilot is in ``pilot_orders``.
"""

import contextlib
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from typing import Optional

from ospool_ep.configuration.findings import Checked, Finding
from ospool_ep.engine.interface import Container, Engine, EngineError, EngineUnreachable
from ospool_ep.lifecycle import events as ev
from ospool_ep.lifecycle.actions import Do, Order, Priority, Verb
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.lifecycle.state import Pilot, State, Want
from ospool_ep.service.find_pilot import find, is_legacy, look, pilots_in
from ospool_ep.service.guard import guarded
from ospool_ep.service.host_check import HostCheck
from ospool_ep.service.image_orders import ImageOrders
from ospool_ep.service.launch import Launcher
from ospool_ep.service.missed_engine import MissedEngine
from ospool_ep.service.pilot_orders import PilotOrders
from ospool_ep.service.scratch import Scratch
from ospool_ep.service.settings import Settings, hindrance
from ospool_ep.service.stop_time import SCRATCH_SECONDS
from ospool_ep.service.sum_limit import SumLimit
from ospool_ep.system import systemd
from ospool_ep.system.host_failures import why
from ospool_ep.system.image_store import ImageStore
from ospool_ep.system.journal import Journal
from ospool_ep.system.run_directory import RunDirectory

# Each of these has a thread of its own. What is not named here follows each other.
_BESIDE = (Order.PULL, Order.FIND_IMAGE, Order.CHECK_HOST, Order.TIDY)


@dataclass(eq=False)
class Orders:
    """The hands of the service."""

    engine: Engine
    # May be replaced at any time.
    settings: Settings
    journal: Journal
    run_directory: RunDirectory
    store: ImageStore
    # The engine's own command line.
    command: str
    # Takes what comes of an order, and None at the end.
    post: Callable[[Optional[ev.Event]], None]
    # Is called where systemd does not stop us.
    stop_service: Callable[[], None]
    # Tells how things stand now.
    state: Callable[[], State]
    # Whether that value of OSPOOL_EP_ENGINE stands for another engine; and whether ours has just answered.
    has_moved: Callable[[str, bool], bool]
    # What was found on this host a moment ago; and what of that is in the journal.
    checked: Optional[Checked] = None
    findings: Iterable[Finding] = ()
    # Starts an engine that has never answered, and does not run.
    start_engine_again: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self._images = ImageOrders(self.engine, self.store, self.post, lambda: self.state().start_by > 0)
        self._row: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.host = HostCheck(self.settings, self.checked, self.findings, self.journal)
        self.sums = SumLimit(self.engine)
        self._scratch = Scratch(lambda: self.settings.spec, self.journal.say)
        self._launcher = Launcher(self.engine, self.journal, self._scratch, self.sums, self.run_directory, self._ends)
        self._pilots = PilotOrders(
            self.engine, lambda: self.settings, self.journal, self.command, self.post, self.state, self._removed,
            self.run_directory.take_cursors(),
        )  # fmt: skip
        self._missed = MissedEngine()

    def start(self) -> None:
        """Begin to perform."""
        threading.Thread(target=self._work, name="orders", daemon=True).start()

    def give(self, order: Order, images: ImageRecord) -> None:
        """Have an order performed."""
        reference, only_missing = images.reference, self.settings.only_missing
        # What performs it, and the event that says that the engine refuses.
        performers: dict[Order, tuple[Callable[[], None], Optional[Callable[[str], ev.Event]]]] = {
            Order.LOOK: (self._look, ev.LookRefused),
            Order.PULL: (lambda: self._images.pull(reference, only_missing), partial(ev.PullRefused, reference)),
            Order.FIND_IMAGE: (lambda: self._images.find(reference), partial(ev.FindImageRefused, reference)),
            Order.CHECK_HOST: (self._check_host, None),
            Order.LAUNCH: (lambda: self._launch(images, beside=False), ev.LaunchRefused),
            Order.LAUNCH_CLOSED: (lambda: self._launch(images, beside=True), ev.LaunchRefused),
            Order.TIDY: (lambda: self._images.tidy(images), None),
            Order.FORGET_DRAIN: (self._forget_drain, None),
            Order.END_SERVICE: (self._end_service, None),
            Order.EXIT: (self._exit, None),
        }
        perform, refused = performers[order]
        if refused:
            perform = guarded(perform, refused, self.post)
        if order in _BESIDE:
            threading.Thread(target=perform, name=order.name, daemon=True).start()
        else:
            self._row.put(perform)

    def do(self, order: Do) -> None:
        """Have an order about one pilot performed."""
        if self._another_follows() and _ends_soon(self.state().pilots, order.verb):
            # The next one is made as soon as this one has ended, and finds what was found.
            threading.Thread(target=self.host.result, args=(self.settings,), name="early check", daemon=True).start()
        self._pilots.give(order)

    def _work(self) -> None:
        while True:
            self._row.get()()

    def _look(self) -> None:
        self._pilots.await_removals()
        try:
            found = find(self.engine, self.settings.spec.name)
            running, ended = (self._pilots_in(containers) for containers in (found.running, found.ended))
        except EngineUnreachable:
            if not self.has_moved(self.settings.engine, False):
                self._missed.missed(self.start_engine_again)
                raise
            self.post(ev.Looked(command=self.command, elsewhere=True))
            return
        self._missed.answered()
        self._pilots.watches.keep_only({pilot.container_id for pilot in (*running, *ended)})
        nothing = not (found.ours or found.foreign)
        elsewhere = nothing and self.has_moved(self.settings.engine, True)
        if nothing and not elsewhere and self._another_follows():
            self._check_host()
        self.post(ev.Looked(running, ended, found.foreign, self.command, elsewhere))
        self._make_room(found.ours)

    def _pilots_in(self, containers: Iterable[Container]) -> tuple[Pilot, ...]:
        """The pilots in them, ready to be watched: what the service says of them carries their fields."""
        containers = tuple(containers)
        for container in containers:
            if is_legacy(container) and not self._pilots.watches.knows_cursor(container.id):
                # The earlier service has printed its pilot's log itself, up to now.
                now = datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")
                self._pilots.watches.copied_to(container.id, self.journal.last_pilot_cursor(container.id) or now)
        pilots = pilots_in(containers, self.engine, self.settings.spec.name, self.run_directory.noted_drain)
        for pilot in pilots:
            self.journal.describe_pilot(pilot.container_id, pilot.image_digest)
        return pilots

    def _another_follows(self) -> bool:
        return not self._ends() and self.state().runs_pilots

    def _ends(self) -> bool:
        return self.state().stop_asked or self.state().leaving

    def _check_host(self) -> None:
        checked = self.host.result(self.settings)
        self.post(ev.HostChecked(hindrance(checked.findings), checked.is_full))

    def _launch(self, images: ImageRecord, *, beside: bool) -> None:
        if not beside:
            self._pilots.await_removals()
        settings = self.settings
        checked = self.host.result(settings)
        self.host.forget()
        event = self._launcher.launch(settings, checked, images, beside=beside)
        if isinstance(event, ev.Launched):
            self._pilots.watches.copied_to(event.pilot.container_id, "")
            self.journal.describe_pilot(event.pilot.container_id, event.pilot.image_digest)
        self.post(event)

    def _removed(self, place: str) -> None:
        """A container is gone, which had that scratch directory."""
        if place:
            self._scratch.gone(place)
        # Where the engine is gone, nobody knows what others have.
        with contextlib.suppress(EngineError):
            self._make_room(look(self.engine, self.settings.spec.name).ours)
        if not self._ends():
            # Its image may have been kept for this container only.
            self._images.tidy(self.state().images)

    def _make_room(self, ours: Iterable[Container]) -> None:
        """Give free what no pilot has any more; ``ours`` are the containers that the engine has just told."""
        self.sums.after_change()
        self._scratch.sweep(source for container in ours for source in container.mounts.values())

    def _exit(self) -> None:
        self._pilots.await_removals()
        cursors = self._pilots.watches.end()
        if self.state().stop_asked:
            self._scratch.through(SCRATCH_SECONDS)
        try:
            self.run_directory.keep_cursors(cursors)
        except OSError as error:
            # After a stop nobody needs it.
            if self.state().leaving:
                text = f"How far the pilots' logs were copied was not kept, the journal is asked for it: {why(error)}"
                self.journal.say(Priority.WARNING, text)
        self.post(None)

    def _forget_drain(self) -> None:
        try:
            self.run_directory.clear_drain(Want.START)
        except OSError as error:
            self.journal.say(Priority.WARNING, f"The drain that is done was not forgotten: {why(error)}")

    def _end_service(self) -> None:
        if not systemd.end_service():
            self.stop_service()


def _ends_soon(pilots: Sequence[Pilot], verb: Verb) -> bool:
    """Whether that order ends the only pilot in a few seconds."""
    return len(pilots) == 1 and (verb is Verb.STOP or (verb is Verb.DRAIN and not pilots[0].state.jobs))
