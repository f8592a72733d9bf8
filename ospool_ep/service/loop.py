"""The service: one thread that owns the state, takes the events, decides, and reports.

A signal is an event as all others are.
"""

import contextlib
import queue
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import InitVar, dataclass
from typing import TYPE_CHECKING, Optional, Union

from ospool_ep import exit_codes
from ospool_ep.configuration.findings import Checked, Finding
from ospool_ep.engine.interface import Engine
from ospool_ep.lifecycle import report, step
from ospool_ep.lifecycle.actions import Do, Priority, Say
from ospool_ep.lifecycle.events import Asked, Began, Event, Launched, Looked, Reconfigured, StopAsked, TimeUp
from ospool_ep.lifecycle.start import STILL_SECONDS
from ospool_ep.lifecycle.state import Phase
from ospool_ep.service.file_watch import FileWatch
from ospool_ep.service.host_watch import HostWatch
from ospool_ep.service.hours_watch import HoursWatch, hours_now
from ospool_ep.service.kept import KeptFiles
from ospool_ep.service.last_words import begins_anew, crash
from ospool_ep.service.orders import Orders
from ospool_ep.service.settings import Settings, hindrance
from ospool_ep.service.signals import heard
from ospool_ep.service.stop_time import LAST_LINES_SECONDS, LONGEST_STOP_SECONDS
from ospool_ep.service.token_watch import TokenWatch
from ospool_ep.system.helper_program import HelperFailed
from ospool_ep.system.host_failures import is_no_process
from ospool_ep.system.image_store import ImageStore
from ospool_ep.system.journal import Journal
from ospool_ep.system.run_directory import RunDirectory
from ospool_ep.system.systemd import notify

if TYPE_CHECKING:
    from ospool_ep.service.shutdown_hold import ShutdownHold

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
    # Takes the containers of the pilots, for the process that follows; None before one may be made.
    note_pilots: Callable[[Optional[Collection[str]]], None]
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
        self._kept = KeptFiles(self.run_directory, self.store, self.journal, self.note_pilots)
        self._orders = Orders(
            self.engine, settings, self.journal, self.run_directory, self.store, self.command,
            post=self._events.put, stop_service=self.stop, state=lambda: self._state,
            has_moved=self.has_moved, checked=self.checked, findings=self.findings,
            start_engine_again=self.start_engine_again,
        )  # fmt: skip
        # The watches end with the service.
        self._over = threading.Event()
        self._tokens = TokenWatch(lambda: self._orders.settings, self._events.put, self._over)
        self._host = HostWatch(
            self._look_at_host, lambda: self._state.host_note, self.run_directory.in_place, self._events.put, self._over
        )
        self._file = FileWatch(self._waits_without_pilot, self.file_has_changed, self._read_changed, self._over)
        hours = hours_now(settings.hours)
        self._hours = HoursWatch(lambda: self._orders.settings, hours, self._events.put)
        images, asked = self.store.load(settings.spec.image), self._asked()
        self._state = step.initial(
            time.monotonic(), asked.want, settings.policy, images, settings.fingerprint,
            want_since=asked.since, hours=hours, hindrance=hindrance(self.findings),
            start_by=0.0 if self.start_began is None else self.start_began + STILL_SECONDS,
        )  # fmt: skip
        # What holds a shutdown back, where that was ever asked for.
        self._hold: Optional[ShutdownHold] = None
        self._reported = ""
        self._ready = False

    def run(self, earlier: Callable[[], Iterable[signal.Signals]] = tuple) -> int:
        """Run until an operator stops the service, or another process follows.

        ``earlier`` tells the signals that somebody else has heard, until this one hears them. Returns the exit code:
        OK; LEFT, where another process follows; FAILED, where a start has failed that somebody waits for, or a stop was
        not through in time.
        """
        threading.excepthook = lambda failure: crash(failure, self.journal)
        try:
            with heard(_SIGNALS, self.heed):
                for number in earlier():
                    self.heed(number)
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
        try:
            while event is not None:
                self._take(event)
                event = self._next_event()
        finally:
            self._over.set()
            self._hours.end()
        if self._state.stop_asked:
            self._kept.end_drain()
            self._leave_host()
        if self._state.phase is not Phase.ENDED or self._state.start_failed:
            return exit_codes.FAILED
        return exit_codes.LEFT if self._state.leaving else exit_codes.OK

    def _look_at_host(self) -> Optional[str]:
        settings = self._orders.settings
        # Without a pilot, what keeps one from running is looked for before each try.
        if not self._state.pilots:
            return None
        return settings.look_at_host() if self._orders.host.may_fail(settings) else ""

    def _waits_without_pilot(self) -> bool:
        return self._state.phase is Phase.WAITING and not self._state.pilots

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
                return self._asked()
            if event is not signal.SIGHUP:
                self._stop_by = self._stop_by or time.monotonic() + LONGEST_STOP_SECONDS
                # Asked of systemd here, and not when the signal comes: its answer may take a moment.
                return StopAsked(leaving=not self.stop_is_wanted())
            self._read_again()

    def _asked(self) -> Asked:
        """What is asked for in the run-time directory, and since when, by the state's clock."""
        want, since, now = self.run_directory.want, self.run_directory.wanted_since, time.monotonic()
        return Asked(want, 0.0 if since is None else now - max(0.0, time.time() - since))

    def _take(self, event: Event) -> None:
        before = self._state
        self._state, actions = step.step(before, event, time.monotonic())
        self._kept.keep(before, self._state, event)
        if self._hold or self._state.policy.hold_shutdown:
            self._hold_shutdown()
        for action in actions:
            if isinstance(action, Say):
                self.journal.say(action.priority, action.text, action.container_id)
            elif isinstance(action, Do):
                self._orders.do(action)
            else:
                self._orders.give(action, self._state.images)
        self._report()
        if isinstance(event, (Began, Looked, Launched, Reconfigured)):
            self._hours.look()
        if self._state.start_failed and not self._end_by:
            self._end_by = time.monotonic() + LAST_LINES_SECONDS

    def _hold_shutdown(self) -> None:
        """While jobs run. Before the orders: that of a reboot must not be held back by our own lock."""
        if self._hold is None:
            from ospool_ep.service.shutdown_hold import ShutdownHold  # noqa: PLC0415 - few ask for it

            self._hold = ShutdownHold(self.journal.say)
        self._hold.follow(self._state)

    def _report(self) -> None:
        current = report.report(self._state, clock_offset=time.time() - time.monotonic())
        current["sum_limit"] = self._orders.sums.note
        self._kept.publish(current, self._state)
        lines = [f"STATUS={current['summary']}"] if current["summary"] != self._reported else []
        self._reported = current["summary"]
        # Where nobody waits for the start, systemd is told at once that the service is there, and looks after itself.
        up = self._state.pilots or self._state.phase is Phase.IDLE
        if not self._ready and (up or self.start_began is None):
            self._ready = True
            lines.append("READY=1")
        if self._state.stop_asked or self._state.leaving:
            lines.append("STOPPING=1")
        if lines:
            notify("\n".join(lines))
