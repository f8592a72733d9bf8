"""Performs what the lifecycle asks for: each order is a few calls to the engine and brings an event back.

The orders of a pilot's life, from the look for one to its removal, follow each other: one thread performs them in their
row. All others have a thread of their own, so that nobody who stops the service waits for a download, for a pilot that
does not answer, or for a removal.
"""

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from typing import Optional

from ospool_ep.configuration.findings import Checked, Finding
from ospool_ep.container.specification import PILOT_UID
from ospool_ep.engine.interface import Engine, EngineError, EngineUnreachable, NoSuchContainer
from ospool_ep.lifecycle import events as ev
from ospool_ep.lifecycle.actions import Order, Priority
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.lifecycle.state import Found, Pilot, State, Want
from ospool_ep.pilot.answers import last_line
from ospool_ep.pilot.commands import DRAIN_COMMAND
from ospool_ep.service.find_pilot import find, pilot_in, recognize
from ospool_ep.service.image_orders import ImageOrders
from ospool_ep.service.launch import HostCheck, launch
from ospool_ep.service.leaving import let_leave
from ospool_ep.service.missed_engine import MissedEngine
from ospool_ep.service.pilot_watch import PilotWatch
from ospool_ep.service.settings import Settings, hindrance
from ospool_ep.system import systemd
from ospool_ep.system.host_failures import why
from ospool_ep.system.image_store import ImageStore
from ospool_ep.system.journal import Journal
from ospool_ep.system.run_directory import RunDirectory

DRAIN_TIMEOUT_SECONDS = 60.0
# A shell's exit code for a command that a signal has ended is larger than this; then its container may be ending.
_KILLED = 128
_ENDS_WITHIN_SECONDS = 5.0

# Each of these has a thread of its own. What is not named here follows each other.
_BESIDE = (Order.PULL, Order.FIND_IMAGE, Order.CHECK_HOST, Order.DRAIN, Order.TIDY)


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
        self._watch: Optional[PilotWatch] = None
        self._missed = MissedEngine()
        # How far the log of the container that ran last was copied. Only the journal knows it after a crash.
        self._cursors = self.run_directory.take_cursors()

    def start(self) -> None:
        """Begin to perform."""
        threading.Thread(target=self._work, name="orders", daemon=True).start()

    def give(self, order: Order, pilot: Optional[Pilot], images: ImageRecord) -> None:
        """Have an order performed; ``pilot`` is the one that it is about, where there is one."""
        container_id, reference = pilot.container_id if pilot else "", images.reference
        only_missing = self.settings.only_missing
        # What performs it, and the event that says that the engine refuses.
        performers: dict[Order, tuple[Callable[[], None], Optional[Callable[[str], ev.Event]]]] = {
            Order.LOOK: (self._look, ev.LookRefused),
            Order.PULL: (lambda: self._images.pull(reference, only_missing), partial(ev.PullRefused, reference)),
            Order.FIND_IMAGE: (lambda: self._images.find(reference), partial(ev.FindImageRefused, reference)),
            Order.CHECK_HOST: (self._check_host, None),
            Order.LAUNCH: (lambda: self._launch(images), ev.LaunchRefused),
            Order.DRAIN: (lambda: self._drain(container_id), partial(ev.DrainRefused, container_id)),
            Order.STOP: (lambda: self._stop(container_id), partial(ev.StopRefused, container_id)),
            Order.FOLLOW: (lambda: self._follow(container_id), None),
            Order.REMOVE: (lambda: self._remove(container_id), None),
            Order.TIDY: (lambda: self._images.tidy(images), None),
            Order.FORGET_DRAIN: (self._forget_drain, None),
            Order.END_SERVICE: (self._end_service, None),
            Order.EXIT: (self._exit, None),
        }
        perform, refused = performers[order]
        if refused:
            perform = partial(self._guarded, perform, refused)
        if order in _BESIDE:
            threading.Thread(target=perform, name=order.name, daemon=True).start()
        else:
            self._row.put(perform)

    def _work(self) -> None:
        while True:
            self._row.get()()

    def _guarded(self, perform: Callable[[], None], refused: Callable[[str], ev.Event]) -> None:
        try:
            perform()
        except EngineUnreachable as error:
            self.post(ev.EngineLost(str(error)))
        except EngineError as error:
            self.post(refused(str(error)))

    def _look(self) -> None:
        try:
            container = find(self.engine, self.settings.spec.name)
        except EngineUnreachable:
            if not self.has_moved(self.settings.engine, False):
                self._missed.missed(self.start_engine_again)
                raise
            self.post(ev.Looked(Found.NOTHING, command=self.command, elsewhere=True))
            return
        self._missed.answered()
        if container is None:
            self._found_nothing()
            return
        found = recognize(container)
        if found is Found.LEGACY:
            # The earlier service has printed its pilot's log itself, up to now.
            self._cursors = {container.id: datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")}
        pilot = pilot_in(container, self.engine)
        if found is not Found.FOREIGN:
            self._describe(pilot)
            if container.running:
                draining_since, limited_since = self.run_directory.noted_drain(pilot.container_id)
                pilot = replace(pilot, draining_since=draining_since, limited_since=limited_since)
        self.post(ev.Looked(found, pilot, container.running, command=self.command))

    def _found_nothing(self) -> None:
        elsewhere = self.has_moved(self.settings.engine, True)
        if self._another_follows() and not elsewhere:
            self._check_host()
        self.post(ev.Looked(Found.NOTHING, elsewhere=elsewhere))

    def _check_host(self) -> None:
        self.post(ev.HostChecked(hindrance(self.host.result(self.settings).findings)))

    def _describe(self, pilot: Pilot) -> None:
        """Before the event: what the service says of it carries the fields, too."""
        self.journal.describe_pilot(pilot.container_id, pilot.image_digest)

    def _launch(self, images: ImageRecord) -> None:
        settings = self.settings
        checked = self.host.result(settings)
        self.host.forget()
        if self.state().stop_asked or self.state().leaving:
            self.post(ev.LaunchRefused("The service ends."))
            return
        event = launch(self.engine, settings, checked, images, self.journal)
        if isinstance(event, ev.Launched):
            self._cursors = {event.pilot.container_id: ""}
            self._describe(event.pilot)
        self.post(event)

    def _follow(self, container_id: str) -> None:
        self._leave_watch()
        cursor = self._cursors.get(container_id)
        self._watch = PilotWatch(
            self.engine,
            self.journal,
            container_id,
            cursor,
            self.post,
            self.settings.advise,
            at_end=self._prepare,
            command=self.command,
        )
        self._watch.start()

    def _prepare(self) -> None:
        """Where the next pilot follows soon, find out beside the orders what would keep it from getting jobs."""
        if self._another_follows():
            self.host.begin(self.settings)

    def _another_follows(self) -> bool:
        state = self.state()
        return not (state.stop_asked or state.leaving) and state.want in (Want.PILOTS, Want.START)

    def _leave_watch(self) -> None:
        watch, self._watch = self._watch, None
        if watch:
            cursor = watch.leave()
            self._cursors = {} if cursor is None else {watch.container_id: cursor}

    def _exit(self) -> None:
        self._leave_watch()
        try:
            self.run_directory.keep_cursors(self._cursors)
        except OSError as error:
            # After a stop nobody needs it.
            if self.state().leaving:
                text = f"How far the pilot's log was copied was not kept, the journal is asked for it: {why(error)}"
                self.journal.say(Priority.WARNING, text)
        self.post(None)

    def _forget_drain(self) -> None:
        try:
            self.run_directory.clear_drain(Want.START)
        except OSError as error:
            self.journal.say(Priority.WARNING, f"The drain that is done was not forgotten: {why(error)}")

    def _drain(self, container_id: str) -> None:
        try:
            done = self.engine.execute(
                container_id, DRAIN_COMMAND, user=str(PILOT_UID), timeout_seconds=DRAIN_TIMEOUT_SECONDS
            )
        except NoSuchContainer:
            return
        if done.exit_code and self._goes_on(container_id, killed=done.exit_code > _KILLED):
            self.post(ev.DrainRefused(container_id, last_line(done.output) or f"exit code {done.exit_code}"))
        elif watch := self._watch:
            watch.look_again()

    def _goes_on(self, container_id: str, *, killed: bool) -> bool:
        """Whether it still runs. ``killed``: its end may have taken the command with it, and come in a moment."""
        deadline = time.monotonic() + (_ENDS_WITHIN_SECONDS if killed else 0.0)
        while self._runs(container_id):
            if time.monotonic() >= deadline:
                return True
            time.sleep(_ENDS_WITHIN_SECONDS / 20)
        return False

    def _runs(self, container_id: str) -> bool:
        container = self.engine.container(container_id)
        return container is not None and container.running

    def _stop(self, container_id: str) -> None:
        watch, seconds = self._watch, self.settings.spec.stop_timeout_seconds
        if watch:
            watch.ask_no_more()
            seconds = let_leave(self.engine, container_id, seconds, watch.stop_begins)
        try:
            self.engine.stop(container_id, seconds)
        except NoSuchContainer:
            return
        except EngineError:
            if watch:
                watch.look_again()
            raise

    def _remove(self, container_id: str) -> None:
        self._leave_watch()
        self.journal.describe_pilot("", "")
        try:
            self.engine.remove(container_id)
        except EngineError as error:
            with contextlib.suppress(EngineError):
                if self._runs(container_id):
                    self.post(ev.RunsAgain())
                    return
            self.journal.say(Priority.WARNING, f"The container that has ended was not removed: {error}")

    def _end_service(self) -> None:
        if not systemd.end_service():
            self.stop_service()
