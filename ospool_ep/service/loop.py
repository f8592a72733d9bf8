"""The service: one thread that owns the state, takes the events, decides, and reports.

A signal only puts an event into the queue, as everything else does.
"""

import os
import queue
import signal
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Optional, Protocol

from ospool_ep import exit_codes
from ospool_ep.configuration.findings import Checked
from ospool_ep.engine.interface import Engine
from ospool_ep.lifecycle import report, step
from ospool_ep.lifecycle.actions import Priority, Say
from ospool_ep.lifecycle.events import Asked, Began, Event, StopAsked, TimeUp
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.lifecycle.state import Phase, Want
from ospool_ep.service.orders import Orders
from ospool_ep.service.settings import Settings
from ospool_ep.service.token_watch import TokenWatch
from ospool_ep.system.image_store import ImageStore
from ospool_ep.system.journal import Journal, notify
from ospool_ep.system.run_directory import AlreadyRunning, RunDirectory


class Reloader(Protocol):
    """Reads the configuration again, as ``reload.Reload`` does."""

    def perform(self, orders: Orders, post: Callable[[Optional[Event]], None], asked_at: float) -> None:
        """Do it, and post what follows."""


class Service:
    """One run of the service, from its start to its end.

    ``checked`` is what was found on this host a moment ago. ``reload`` reads the configuration again;
    ``stop_is_wanted`` says whether a signal to end means the pilot, too.
    """

    def __init__(  # noqa: PLR0913 - each is a different door to the outside
        self,
        engine: Engine,
        settings: Settings,
        journal: Journal,
        run_directory: RunDirectory,
        store: ImageStore,
        *,
        reload: Reloader,
        stop_is_wanted: Callable[[], bool],
        checked: Optional[Checked] = None,
    ) -> None:
        self._journal = journal
        self._run_directory = run_directory
        self._store = store
        self._reload = reload
        self._stop_is_wanted = stop_is_wanted
        self._events: queue.SimpleQueue[Optional[Event]] = queue.SimpleQueue()
        self._checked = checked
        self._orders = Orders(
            engine, settings, journal, run_directory, store,
            post=self._events.put, another_follows=self._another_follows, checked=checked,
        )  # fmt: skip
        self._tokens = TokenWatch(lambda: self._orders.settings, self._events.put)
        self._state = step.initial(
            time.monotonic(), run_directory.want, settings.policy, store.load(settings.spec.image), settings.fingerprint
        )
        self._reported = ""
        self._ready = False
        self._unpublished = False

    def run(self) -> int:
        """Run until an operator stops the service, or another process follows. Returns the exit code: OK, or LEFT."""
        threading.excepthook = self._crash
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._events.put(StopAsked()))
        signal.signal(signal.SIGUSR1, lambda *_: self._events.put(Asked(self._run_directory.want)))
        signal.signal(signal.SIGHUP, lambda *_: self._read_again())
        self._orders.start()
        self._tokens.start(self._checked)
        event: Optional[Event] = Began()
        while event is not None:
            self._take(event)
            event = self._next_event()
        if self._state.stop_asked:
            # A stop ends a drain that was asked for: the next start of the service means pilots again.
            self._run_directory.clear_drain()
        return exit_codes.LEFT if self._state.leaving else exit_codes.OK

    def stop(self) -> None:
        """End, and the pilot with it: what ``run`` then does first."""
        self._events.put(StopAsked())

    def _read_again(self) -> None:
        began = time.monotonic()
        self._orders.perform(lambda: self._reload.perform(self._orders, self._events.put, began))

    def _next_event(self) -> Optional[Event]:
        retry_at = self._state.wake_at
        try:
            event = self._events.get(timeout=max(0.0, retry_at - time.monotonic()) if retry_at else None)
        except queue.Empty:
            return TimeUp()
        if isinstance(event, StopAsked):
            # Asked of systemd here, and not when the signal comes: its answer may take a moment.
            return StopAsked(leaving=not self._stop_is_wanted())
        return event

    def _take(self, event: Event) -> None:
        before = self._state
        self._state, actions = step.step(before, event, time.monotonic())
        # Whether the image is here is found out anew by each process; to keep the rest takes the disk's time.
        if replace(self._state.images, here=before.images.here) != before.images:
            self._keep(self._state.images)
        pilot = self._state.pilot or before.pilot
        for action in actions:
            if isinstance(action, Say):
                self._journal.say(action.priority, action.text)
            else:
                self._orders.give(action, pilot, self._state.images)
        self._report()

    def _another_follows(self) -> bool:
        """Whether the next pilot comes once this one has ended."""
        return not self._state.stop_asked and self._state.want in (Want.PILOTS, Want.START)

    def _keep(self, images: ImageRecord) -> None:
        try:
            self._store.save(images)
        except OSError as error:
            # What it costs is a trial of an image that was tried before, at the next start of this process.
            self._journal.say(Priority.WARNING, f"What is known of the images was not kept: {error}.")

    def _report(self) -> None:
        clock_offset = time.time() - time.monotonic()
        current = report.report(self._state, clock_offset)
        self._publish(current)
        lines = [f"STATUS={current['summary']}"] if current["summary"] != self._reported else []
        self._reported = current["summary"]
        if not self._ready and self._state.phase in (Phase.RUNNING, Phase.DRAINING, Phase.IDLE):
            self._ready = True
            lines.append("READY=1")
        if self._state.stop_asked or self._state.leaving:
            lines.append("STOPPING=1")
        if lines:
            notify("\n".join(lines))

    def _publish(self, current: dict[str, Any]) -> None:
        try:
            self._run_directory.hold_lock()
            self._run_directory.write_status(current)
        except AlreadyRunning as error:
            self._journal.say(Priority.ERROR, str(error))
            os._exit(exit_codes.FAILED)
        except OSError as error:
            if not self._unpublished:
                self._journal.say(Priority.ERROR, f"The report for 'ospool-ep status' cannot be written: {error}.")
            self._unpublished = True
        else:
            self._unpublished = False

    def _crash(self, failure: threading.ExceptHookArgs) -> None:
        try:
            trace = "".join(traceback.format_exception(failure.exc_type, failure.exc_value, failure.exc_traceback))
            text = f"A bug of ospool-ep; the service starts anew, the pilot goes on.\n{trace}"
            self._journal.say(Priority.ERROR, text)
        finally:
            os._exit(exit_codes.BUG)
