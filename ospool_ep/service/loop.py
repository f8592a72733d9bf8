"""The service: one thread that owns the state, takes the events, decides, and reports.

A signal handler only puts a word into the queue of events.
"""

import contextlib
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import InitVar, dataclass, replace
from typing import Any, Optional, Union

from ospool_ep import exit_codes
from ospool_ep.configuration.findings import Checked, Finding
from ospool_ep.engine.interface import Engine
from ospool_ep.lifecycle import report, step
from ospool_ep.lifecycle.actions import Priority, Say
from ospool_ep.lifecycle.events import Asked, Began, Event, Looked, PilotEnded, StopAsked, TimeUp
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.lifecycle.start import STILL_SECONDS
from ospool_ep.lifecycle.state import Phase, Pilot, Want
from ospool_ep.service.file_watch import FileWatch
from ospool_ep.service.host_watch import HostWatch
from ospool_ep.service.last_words import begins_anew, crash
from ospool_ep.service.orders import Orders
from ospool_ep.service.settings import Settings, hindrance
from ospool_ep.service.stop_time import LAST_LINES_SECONDS, LONGEST_STOP_SECONDS
from ospool_ep.service.token_watch import TokenWatch
from ospool_ep.system.helper_program import HelperFailed
from ospool_ep.system.host_failures import is_no_process, why
from ospool_ep.system.image_store import ImageStore
from ospool_ep.system.journal import Journal
from ospool_ep.system.run_directory import AlreadyRunning, RunDirectory
from ospool_ep.system.systemd import notify

# SIGTERM and SIGINT: to end, and the pilot with it unless systemd starts another process. SIGUSR1: to look what is
# asked for in the run-time directory. SIGHUP: to read the configuration again.
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP)


@dataclass(eq=False)
class Service:
    """One run of the service, from its start to its end."""

    engine: Engine
    settings: InitVar[Settings]
    journal: Journal
    run_directory: RunDirectory
    store: ImageStore
    # The engine's own command line.
    command: str
    # Whether the next pilot belongs into another engine: for a value of OSPOOL_EP_ENGINE, and whether ours answers.
    has_moved: Callable[[str, bool], bool]
    # Takes the container of the pilot, for the process that follows: "" for none, None before one may be made.
    note_pilot: Callable[[Optional[str]], None]
    # Reads the configuration again, as ``reload.Reload.perform`` does.
    reload: Callable[[Orders, float], None]
    # Says whether a signal to end means the pilot, too.
    stop_is_wanted: Callable[[], bool]
    # What was found on this host a moment ago; and what of that is in the journal.
    checked: Optional[Checked] = None
    findings: Iterable[Finding] = ()
    # Starts an engine that has never answered, and does not run.
    start_engine_again: Callable[[], None] = lambda: None
    # Whether the configuration is another one than was read; each change is told once.
    file_has_changed: Callable[[], bool] = lambda: False
    # When a start began that somebody waits for; None where nobody does.
    start_began: Optional[float] = None

    def __post_init__(self, settings: Settings) -> None:
        self._events: queue.SimpleQueue[Union[Event, signal.Signals, None]] = queue.SimpleQueue()
        self._stop_by: Optional[float] = None
        self._end_by: Optional[float] = None
        self._reloading = threading.Lock()
        self._orders = Orders(
            self.engine, settings, self.journal, self.run_directory, self.store, self.command,
            post=self._events.put, stop_service=self.stop, state=lambda: self._state,
            has_moved=self.has_moved, checked=self.checked, findings=self.findings,
            start_engine_again=self.start_engine_again,
        )  # fmt: skip
        self._tokens = TokenWatch(lambda: self._orders.settings, self._events.put)
        self._host = HostWatch(
            self._look_at_host, lambda: self._state.host_note, self.run_directory.in_place, self._events.put
        )
        self._file = FileWatch(lambda: self._state.phase is Phase.WAITING, self.file_has_changed, self._read_changed)
        want, images = self.run_directory.want, self.store.load(settings.spec.image)
        self._state = step.initial(
            time.monotonic(), want, settings.policy, images, settings.fingerprint,
            hindrance=hindrance(self.findings),
            start_by=0.0 if self.start_began is None else self.start_began + STILL_SECONDS,
        )  # fmt: skip
        self._reported = ""
        self._ready = False
        self._unpublished = False

    def run(self) -> int:
        """Run until an operator stops the service, or another process follows.

        Returns the exit code: OK; LEFT, where another process follows; FAILED, where a start has failed that somebody
        waits for, or a stop was not through in time.
        """
        threading.excepthook = lambda failure: crash(failure, self.journal)
        for number in _SIGNALS:
            signal.signal(number, lambda number, _frame: self.heed(signal.Signals(number)))
        try:
            return self._run()
        except RuntimeError as error:
            if not is_no_process(error):
                raise
            self.journal.say(Priority.ERROR, begins_anew())
            return exit_codes.FAILED

    def _run(self) -> int:
        self._orders.start()
        self._tokens.start(self.checked)
        self._host.start()
        self._file.start()
        event: Optional[Event] = Began()
        while event is not None:
            self._take(event)
            event = self._next_event()
        if self._state.stop_asked:
            self._end_drain()
            self._leave_host()
        if self._state.phase is not Phase.ENDED or self._state.start_failed:
            return exit_codes.FAILED
        return exit_codes.LEFT if self._state.leaving else exit_codes.OK

    def _look_at_host(self) -> Optional[str]:
        settings = self._orders.settings
        # Without a pilot, what keeps one from running is looked for before each try.
        if self._state.pilot is None:
            return None
        return settings.look_at_host() if self._orders.host.may_fail(settings) else ""

    def _end_drain(self) -> None:
        """A stop ends a drain that was asked for: the next start of the service means pilots again."""
        try:
            self.run_directory.clear_drain()
        except OSError as error:
            self._warn("The drain was not taken back", error)

    def _leave_host(self) -> None:
        settings = self._orders.settings
        # Where the stop was not through the pilot may go on, and it is for time to tell.
        if self._state.phase is Phase.ENDED and self._orders.host.may_fail(settings):
            with contextlib.suppress(HelperFailed):
                settings.leave_host()

    def stop(self) -> None:
        """End, and the pilot with it, as at SIGTERM."""
        self.heed(signal.SIGTERM)

    def heed(self, number: signal.Signals) -> None:
        """Do as at that signal."""
        self._events.put(number)

    @property
    def begins_anew(self) -> bool:
        """Whether the next process has to be this one: a start that ends before it is up counts as failed."""
        return self._state.leaving and not self._ready and self._stop_by is None

    def _read_changed(self) -> None:
        self.journal.say(Priority.NOTICE, "The configuration has changed, and no pilot runs: it is read again.")
        self.heed(signal.SIGHUP)

    def _read_again(self) -> None:
        """Beside all else: to read and to check may take long where a file system hangs."""
        asked_at = time.monotonic()

        def read() -> None:
            with self._reloading:
                self.reload(self._orders, asked_at)

        threading.Thread(target=read, name="reload", daemon=True).start()

    def _next_event(self) -> Optional[Event]:
        """What happens next, at the latest when time by itself changes something; None at the end."""
        while True:
            moments = (self._state.wake_at, self._state.start_by, self._stop_by, self._end_by)
            due = min(filter(None, moments), default=None)
            try:
                event = self._events.get(timeout=None if due is None else max(0.0, due - time.monotonic()))
            except queue.Empty:
                if self._state.start_failed:
                    return None
                if self._stop_by is None or time.monotonic() < self._stop_by:
                    return TimeUp()
                text = f"The stop was not through after {LONGEST_STOP_SECONDS:.0f} s. If a pilot runs, it goes on."
                self.journal.say(Priority.ERROR, text)
                return None
            if not isinstance(event, signal.Signals):
                return event
            if event is signal.SIGUSR1:
                return Asked(self.run_directory.want)
            if event is not signal.SIGHUP:
                self._stop_by = self._stop_by or time.monotonic() + LONGEST_STOP_SECONDS
                # Asked of systemd here, and not when the signal comes: its answer may take a moment.
                return StopAsked(leaving=not self.stop_is_wanted())
            self._read_again()

    def _take(self, event: Event) -> None:
        before = self._state
        self._state, actions = step.step(before, event, time.monotonic())
        # Whether the image is here is found out anew by each process; to keep the rest takes the disk's time.
        if replace(self._state.images, here=before.images.here) != before.images:
            self._keep(self._state.images)
        self._note_drain(before.pilot)
        self._note_container(event)
        pilot = self._state.pilot or before.pilot
        for action in actions:
            if isinstance(action, Say):
                self.journal.say(action.priority, action.text)
            else:
                self._orders.give(action, pilot, self._state.images)
        self._report()
        if self._state.start_failed and not self._end_by:
            self._end_by = time.monotonic() + LAST_LINES_SECONDS

    def _keep(self, images: ImageRecord) -> None:
        try:
            self.store.save(images)
        except OSError as error:
            # What it costs is a trial of an image that was tried before, at the next start of this process.
            self._warn("What is known of the images was not kept", error)

    def _warn(self, what: str, error: OSError) -> None:
        self.journal.say(Priority.WARNING, f"{what}: {why(error)}")

    def _note_container(self, event: Event) -> None:
        """Before the orders: a launch may be the last that this process does."""
        if self._state.phase is Phase.LAUNCHING:
            self.note_pilot(None)
        elif self._state.pilot:
            self.note_pilot(self._state.pilot.container_id)
        elif isinstance(event, (Looked, PilotEnded)):
            self.note_pilot("")

    def _note_drain(self, before: Optional[Pilot]) -> None:
        pilot = self._state.pilot
        if pilot is None or pilot.draining_since is None:
            return
        if before and (before.draining_since, before.limited_since) == (pilot.draining_since, pilot.limited_since):
            return
        try:
            self.run_directory.note_drain(pilot.container_id, pilot.draining_since, pilot.limited_since)
        except OSError as error:
            self._warn("Since when the pilot drains was not kept, its limit begins anew with the next process", error)

    def _report(self) -> None:
        current = report.report(self._state, clock_offset=time.time() - time.monotonic())
        self._publish(current)
        lines = [f"STATUS={current['summary']}"] if current["summary"] != self._reported else []
        self._reported = current["summary"]
        # Where nobody waits for the start, systemd is told at once that the service is there, and looks after itself.
        up = self._state.phase in (Phase.RUNNING, Phase.DRAINING, Phase.IDLE)
        if not self._ready and (up or self.start_began is None):
            self._ready = True
            lines.append("READY=1")
        if self._state.stop_asked or self._state.leaving:
            lines.append("STOPPING=1")
        if lines:
            notify("\n".join(lines))

    def _publish(self, current: dict[str, Any]) -> None:
        try:
            if self.run_directory.hold_lock():
                self._restore()
            self.run_directory.write_status(current)
        except AlreadyRunning as error:
            self.journal.say(Priority.ERROR, str(error))
            os._exit(exit_codes.FAILED)
        except OSError as error:
            if not self._unpublished:
                text = f"'ospool-ep status' cannot tell how this host does, the pilot goes on: {why(error)}"
                self.journal.say(Priority.ERROR, text)
            self._unpublished = True
        else:
            self._unpublished = False

    def _restore(self) -> None:
        """Somebody has removed the run-time directory, and with it what an operator has asked for."""
        text = f"Somebody has removed {self.run_directory.path}; what the service keeps there is put back."
        self.journal.say(Priority.WARNING, text)
        pilot = self._state.pilot
        if self._state.want is not Want.PILOTS:
            self.run_directory.ask_drain(self._state.want)
        if pilot and pilot.draining_since is not None:
            self.run_directory.note_drain(pilot.container_id, pilot.draining_since, pilot.limited_since)
        self.note_pilot(None)
        if pilot or self._state.phase is Phase.IDLE:
            self.note_pilot(pilot.container_id if pilot else "")
