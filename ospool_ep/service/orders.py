"""Performs what the lifecycle asks for: each order is a few calls to the engine and brings an event back.

One thread performs the orders in their row. What may take long, or is not urgent, has a thread of its own: a pull, the
removal of old images, and the watch over the running pilot.
"""

import queue
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Optional

from ospool_ep.configuration.findings import Checked
from ospool_ep.container.specification import FINGERPRINT_LABEL, PILOT_UID
from ospool_ep.engine.interface import Container, Engine, EngineError, NoSuchContainer
from ospool_ep.lifecycle.actions import Order, Priority
from ospool_ep.lifecycle.events import DrainRefused, EngineLost, Event, Looked, RunsAgain, StopAsked, StopRefused
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.lifecycle.state import Found, Pilot
from ospool_ep.pilot.condor import DRAIN_COMMAND
from ospool_ep.service.image_orders import ImageOrders
from ospool_ep.service.launch import EarlyCheck, launch, pilot_in, recognize
from ospool_ep.service.pilot_watch import PilotWatch
from ospool_ep.service.settings import Settings
from ospool_ep.system import systemd
from ospool_ep.system.image_store import ImageStore
from ospool_ep.system.journal import Journal
from ospool_ep.system.run_directory import RunDirectory

DRAIN_TIMEOUT_SECONDS = 60.0

Post = Callable[[Optional[Event]], None]


class Orders:
    """The hands of the service. ``post`` takes the events, and None for the end; ``settings`` may be replaced.

    ``another_follows`` says, when a pilot ends, whether there will be a next one. ``checked`` is what was found on this
    host a moment ago.
    """

    def __init__(  # noqa: PLR0913 - each is a different door to the outside
        self,
        engine: Engine,
        settings: Settings,
        journal: Journal,
        run_directory: RunDirectory,
        store: ImageStore,
        *,
        post: Post,
        another_follows: Callable[[], bool],
        checked: Optional[Checked] = None,
    ) -> None:
        self._engine = engine
        self.settings = settings
        self._journal = journal
        self._run_directory = run_directory
        self._post = post
        self._images = ImageOrders(engine, store, post)
        self._row: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._check = EarlyCheck(settings, checked)
        self._watch: Optional[PilotWatch] = None
        self._another_follows = another_follows
        self._cursors: dict[str, str] = {}

    def start(self) -> None:
        """Begin to perform."""
        threading.Thread(target=self._work, name="orders", daemon=True).start()

    def give(self, order: Order, pilot: Optional[Pilot], images: ImageRecord) -> None:
        """Perform an order after the earlier ones; ``pilot`` is the one that it is about, where there is one."""
        container_id = pilot.container_id if pilot else ""
        beside: dict[Order, Callable[[], None]] = {
            # Not in the row of orders: nobody who drains or stops should wait for a download, or a removal.
            Order.PULL: lambda: self._images.pull(self.settings),
            Order.TIDY: lambda: self._images.tidy(images),
        }
        if order in beside:
            threading.Thread(target=self._guarded, args=(beside[order],), name=order.name, daemon=True).start()
            return
        perform: dict[Order, Callable[[], None]] = {
            Order.LOOK: self._look,
            Order.FIND_IMAGE: lambda: self._images.find(self.settings),
            Order.LAUNCH: lambda: self._launch(images),
            Order.FOLLOW: lambda: self._follow(container_id),
            Order.DRAIN: lambda: self._drain(container_id),
            Order.STOP: lambda: self._stop(container_id, never_in_pool=pilot is not None and pilot.has_no_jobs),
            Order.REMOVE: lambda: self._remove(container_id),
            Order.FORGET_DRAIN: self._run_directory.clear_drain,
            Order.END_SERVICE: self._end_service,
            Order.EXIT: lambda: self._post(None),
        }
        self.perform(perform[order])

    def _prepare(self) -> None:
        """Where the next pilot follows soon, find out beside the orders what would keep it from getting jobs."""
        if self._another_follows():
            self._check.begin(self.settings)

    def perform(self, what: Callable[[], None]) -> None:
        """Do something after the orders that were given before."""
        self._row.put(what)

    def _work(self) -> None:
        while True:
            self._guarded(self._row.get())

    def _guarded(self, perform: Callable[[], None]) -> None:
        try:
            perform()
        except EngineError as error:
            self._post(EngineLost(str(error)))

    def _look(self) -> None:
        container = self._engine.container(self.settings.spec.name)
        if container and FINGERPRINT_LABEL in container.labels and not container.started_at:
            # Ours, created and never started: an earlier process was interrupted between the two.
            self._engine.remove(container.id)
            container = None
        if container is None:
            # Somebody may have given it another name; a second pilot would share its scratch directory.
            container = next(iter(self._engine.labelled(FINGERPRINT_LABEL)), None)
        if container is None:
            self._post(Looked(Found.NOTHING))
            return
        found = recognize(container)
        if found is Found.LEGACY:
            # The earlier service has printed its pilot's log itself, up to now.
            self._cursors = {container.id: datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")}
        self._post(Looked(found, self._described(container, found), container.running))

    def _described(self, container: Container, found: Found) -> Pilot:
        pilot = pilot_in(container, self._engine)
        if found is not Found.FOREIGN:
            # Before the event: what the service says of it carries the fields, too.
            self._journal.describe_pilot(pilot.container_id, pilot.image_digest)
        return pilot

    def _launch(self, images: ImageRecord) -> None:
        event, container = launch(self._engine, self.settings, self._check.result(self.settings), images, self._journal)
        if container:
            self._cursors = {container.id: ""}
            self._described(container, Found.OURS)
        self._post(event)

    def _follow(self, container_id: str) -> None:
        self._leave_watch()
        cursor = self._cursors.get(container_id)
        self._watch = PilotWatch(
            self._engine,
            container_id,
            # Without one of our own, an earlier process may have copied a part of the log.
            self._journal.last_pilot_cursor(container_id) if cursor is None else cursor,
            post=self._post,
            write=self._journal.pilot_line,
            advise=self.settings.advise,
            at_end=self._prepare,
        )
        self._watch.start(ask_at_once=cursor != "")

    def _leave_watch(self) -> None:
        watch, self._watch = self._watch, None
        if watch:
            self._cursors = {watch.container_id: watch.leave()}

    def _drain(self, container_id: str) -> None:
        try:
            done = self._engine.execute(
                container_id, DRAIN_COMMAND, user=str(PILOT_UID), timeout_seconds=DRAIN_TIMEOUT_SECONDS
            )
        except NoSuchContainer:
            return
        if done.exit_code and self._runs(container_id):
            lines = done.output.strip().splitlines() or [f"exit code {done.exit_code}"]
            self._post(DrainRefused(lines[-1]))
        elif self._watch:
            self._watch.look_again()

    def _runs(self, container_id: str) -> bool:
        container = self._engine.container(container_id)
        return container is not None and container.running

    def _stop(self, container_id: str, *, never_in_pool: bool) -> None:
        if self._watch:
            self._watch.ask_a_last_time(never_in_pool=never_in_pool)
        try:
            self._engine.stop(container_id, self.settings.spec.stop_timeout_seconds)
        except NoSuchContainer:
            return
        except EngineError as error:
            if self._watch:
                self._watch.look_again()
            self._post(StopRefused(str(error)))

    def _remove(self, container_id: str) -> None:
        self._leave_watch()
        self._journal.describe_pilot("", "")
        try:
            self._engine.remove(container_id)
        except EngineError as error:
            if self._runs(container_id):
                self._post(RunsAgain())
            else:
                self._journal.say(Priority.WARNING, f"The container that has ended was not removed: {error}")

    def _end_service(self) -> None:
        if not systemd.end_service():
            self._post(StopAsked())
