"""Watches one pilot while it runs: its log goes to the journal, its state and its end become events."""

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Optional

from ospool_ep.container.specification import PILOT_UID
from ospool_ep.engine.interface import Engine, EngineError, EngineUnreachable, NoSuchContainer
from ospool_ep.lifecycle.events import EngineLost, Event, LogRefused, Observed, PilotEnded, StopBegan, Unanswered
from ospool_ep.pilot.answers import read_probe
from ospool_ep.pilot.commands import PROBE_COMMAND
from ospool_ep.pilot.log import HINT, LAST_WORDS, LogLine
from ospool_ep.pilot.state import Job, Offer, PilotState, Pool, Startd
from ospool_ep.system.journal import Journal, JournalAway
from ospool_ep.wording import short_id

# Once the container has ended its log must end, too; an engine that leaves the stream open is not waited for
# longer than this after the last line.
LOG_QUIET_SECONDS = 5.0
# To find in it the line behind which it is to be copied takes seconds where it is long, and where many are missing.
LOG_SEARCH_SECONDS = 60.0
PROBE_TIMEOUT_SECONDS = 30.0
# A pilot that was made just now has nothing to say yet, and needs the CPUs for itself.
FIRST_SECONDS = 2.0

# How long an answer is believed when the log gives no hint that it has changed; hints come within seconds.
_JOINING_SECONDS = 2.0
_JOINS_WITHIN_SECONDS = 60.0
_SLOW_SECONDS = 10.0
_UNWELL_SECONDS = 15.0
_DRAINING_SECONDS = 10.0
_WELL_SECONDS = 120.0
# Somebody has stopped journald: how long between tries to write a line.
JOURNAL_SECONDS = 1.0
# A busy pilot hints at every job: between two probes there is always this much.
_LEAST_SECONDS = 2.0

# How often the log is asked for of an engine that refuses it.
_LOG_AGAIN_SECONDS = 60.0

_FIREWALL_ADVICE = (
    "Where firewalld was reloaded, the container has lost its network. Give it back: {command} network reload --all;"
    " at each reload: systemctl enable --now netavark-firewalld-reload"
)


def believed_for(state: PilotState) -> float:
    """For how many seconds an answer is good enough as long as the log gives no hint."""
    if state.startd in (Startd.DRAINING, Startd.GONE):
        return _DRAINING_SECONDS
    if state.startd is not Startd.READY or state.pool is Pool.UNKNOWN:
        return _JOINING_SECONDS
    takes_jobs = state.offer not in (Offer.UNVALIDATED, Offer.CLOSED) and not state.is_mute
    is_well = state.pool is Pool.ACCEPTS and takes_jobs
    return _WELL_SECONDS if is_well else _UNWELL_SECONDS


@dataclass(eq=False)
class PilotWatch:
    """Threads for the log, the end, the state, and what others do to the container; ``leave`` ends the watch."""

    engine: Engine
    journal: Journal
    container_id: str
    # Of the last line that is in the journal, empty for none. None: a process that crashed may have copied some.
    cursor: Optional[str]
    post: Callable[[Event], None]
    # As in Settings.
    advise: Callable[[PilotState], str]
    # Is called when the pilot is about to end, and when the container has, before the rest of its log is here.
    at_end: Callable[[], None]
    # The engine's own command line.
    command: str

    def __post_init__(self) -> None:
        self._last_stand = Pool.UNKNOWN, Offer.UNKNOWN, False
        self._begun_at = time.monotonic()
        self._left = False
        self._writing = threading.Lock()
        self._hinted = threading.Event()
        # The pilot has ended, or the watch was left: nothing is waited for any more.
        self._over = threading.Event()
        self._log = self._thread(self._copy_log, "pilot-log")
        self._answered = threading.Event()
        self._answered.set()
        self._unanswered = 0
        self._last_words_at = 0.0
        self._asks = True
        # The line behind which the log is copied.
        self._found = self.cursor == ""

    @staticmethod
    def _thread(target: Callable[[], None], name: str) -> threading.Thread:
        return threading.Thread(target=target, name=name, daemon=True)

    def start(self) -> None:
        """Begin to watch. A pilot that was made just now is asked when its log hints at news, or soon."""
        first_wait = FIRST_SECONDS if self.cursor == "" else 0.0
        self._log.start()
        self._thread(self._await_end, "pilot-end").start()
        self._thread(self._heed_others, "pilot-others").start()
        self._thread(lambda: self._observe(first_wait), "pilot-state").start()

    def leave(self) -> Optional[str]:
        """No line is written and no event is posted from now on.

        Returns the cursor of the last line; None where it was not found yet from which line on the log is to be copied.
        """
        with self._writing:
            self._left = True
        self._over.set()
        self._hinted.set()
        return self.cursor

    def look_again(self) -> None:
        """Ask the pilot for its state now and not only when it is due."""
        self._asks = True
        self._hinted.set()

    def ask_no_more(self) -> None:
        """The pilot is being stopped: lines that it logs from now on lead to no further question.

        Its end is not posted before ``stop_begins`` is called.
        """
        self._asks = False
        self._answered.clear()

    def stop_begins(self, jobs: Optional[tuple[Job, ...]]) -> None:
        """Post which jobs run now, None where the pilot did not say."""
        self._tell(StopBegan(jobs))
        self._answered.set()

    def _copy_log(self) -> None:
        refused = False
        if self.cursor is None:
            cursor = self.journal.last_pilot_cursor(self.container_id)
            with self._writing:
                self.cursor = cursor
        while not self._left:
            try:
                self._copy_lines()
                return
            except NoSuchContainer:
                return
            except EngineUnreachable as error:
                self._tell(EngineLost(str(error)))
                return
            except EngineError as error:
                if not refused:
                    self._tell(LogRefused(self.container_id, str(error)))
                refused = True
            self._over.wait(_LOG_AGAIN_SECONDS)

    def _copy_lines(self) -> None:
        for line in self.engine.logs(self.container_id, self.cursor or ""):
            self._found = True
            if HINT.search(line.text):
                self._hinted.set()
            while not self._written(line):
                # The engine keeps what follows meanwhile.
                time.sleep(JOURNAL_SECONDS)
            if self._left:
                return
            if LAST_WORDS.search(line.text):
                self._last_words_at = time.monotonic()
                self.at_end()

    def _written(self, line: LogLine) -> bool:
        """Whether the line needs no further try."""
        with self._writing:
            if not self._left:
                try:
                    self.journal.pilot_line(line, self.cursor or "")
                except JournalAway:
                    return False
                self.cursor = line.cursor
        return True

    def _await_end(self) -> None:
        ended = self._end_of_container()
        if ended is None:
            self._over.set()
            return
        if not ended.restarted:
            self.at_end()
            self._await_log()
            self._answered.wait()
        self._over.set()
        self._tell(ended)

    def _end_of_container(self) -> Optional[PilotEnded]:
        """How it has ended, once it has; None where the engine is gone, or the watch was left."""
        while not self._left:
            try:
                container = self.engine.wait(self.container_id)
            except NoSuchContainer:
                return PilotEnded(self.container_id, exit_code=-1, lived_seconds=0.0, removed=True)
            except EngineUnreachable as error:
                self._tell(EngineLost(str(error)))
                return None
            except EngineError:
                # Nothing else tells of the end: it is asked again.
                self._over.wait(_UNWELL_SECONDS)
                continue
            lived = max(0.0, container.finished_at - container.started_at)
            return PilotEnded(
                self.container_id, container.exit_code, lived, container.oom_killed, restarted=container.running
            )
        return None

    def _await_log(self) -> None:
        seen: Optional[str] = None
        search_until = time.monotonic() + LOG_SEARCH_SECONDS
        while self._log.is_alive() and (
            self.cursor is None or seen != self.cursor or (not self._found and time.monotonic() < search_until)
        ):
            seen = self.cursor
            self._log.join(LOG_QUIET_SECONDS)

    def _observe(self, first_wait: float) -> None:
        self._hinted.wait(first_wait)
        while not self._over.is_set():
            begun = time.monotonic()
            self._hinted.wait(self._ask())
            # Hints stand around its last words, too; after those it answers only if it does not end.
            self._over.wait(max(begun, self._last_words_at) + _LEAST_SECONDS - time.monotonic())
            self._hinted.clear()

    def _ask(self) -> float:
        """Post what the pilot answers; returns for how many seconds that is good enough."""
        if not self._asks:
            return _UNWELL_SECONDS
        try:
            done = self.engine.execute(
                self.container_id, PROBE_COMMAND, user=str(PILOT_UID), timeout_seconds=PROBE_TIMEOUT_SECONDS
            )
        except NoSuchContainer:
            # That is for the thread that waits for the end to say.
            return _UNWELL_SECONDS
        except EngineError as error:
            return self._note_silence(str(error))
        state = read_probe(done.output)
        self._unanswered = 0
        self._tell(Observed(state, self._advice(state)))
        # What is new is asked twice, as it may be a passing moment.
        stands = state.pool, state.offer, state.is_mute
        news, self._last_stand = stands != self._last_stand, stands
        if news:
            return _JOINING_SECONDS
        # A cold start takes minutes, and says in the log when it is through.
        is_new = time.monotonic() - self._begun_at < _JOINS_WITHIN_SECONDS
        return believed_for(state) if is_new else max(believed_for(state), _SLOW_SECONDS)

    def _advice(self, state: PilotState) -> str:
        if state.pool is Pool.REFUSES:
            return self.advise(state)
        # Docker hears of firewalld's reloads; Podman's helper for that is off as a rule.
        lost = state.pool is Pool.UNREACHABLE and self.command.startswith("podman")
        return _FIREWALL_ADVICE.format(command=self.command) if lost else ""

    def _note_silence(self, reason: str) -> float:
        """An engine that hangs, or a container that somebody has paused; once may be a passing moment."""
        self._unanswered += 1
        if self._unanswered == 1:
            return _JOINING_SECONDS
        self._tell(Unanswered(self._paused() or reason))
        return _UNWELL_SECONDS

    def _paused(self) -> str:
        """What is to be said where somebody has paused the container; empty where that is not so, or not known."""
        try:
            container = self.engine.container(self.container_id)
        except EngineError:
            return ""
        paused = container is not None and container.paused
        go_on = f"{self.command} unpause {short_id(self.container_id)}"
        return f"its container is paused. Let it go on: {go_on}" if paused else ""

    def _heed_others(self) -> None:
        """Somebody who pauses the container, or a limit that it runs into, gives no hint in the log."""
        # Whether the engine is gone is for the threads that wait for the container to say.
        with contextlib.suppress(EngineError):
            for _ in self.engine.happenings(self.container_id):
                if self._left:
                    return
                self._hinted.set()

    def _tell(self, event: Event) -> None:
        if not self._left:
            self.post(event)
