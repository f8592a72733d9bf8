"""Copies the log of one pilot into the journal, each line once, and hears what it hints at."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Optional

from ospool_ep.engine.interface import Engine, EngineError, EngineUnreachable, NoSuchContainer
from ospool_ep.lifecycle.events import EngineLost, Event, LogRefused
from ospool_ep.pilot.log import HINT, LAST_WORDS, LogLine
from ospool_ep.system.journal import Journal, JournalAway

# Once the container has ended its log must end, too; an engine that leaves the stream open is not waited for
# longer than this after the last line.
LOG_QUIET_SECONDS = 5.0
# To find in it the line behind which it is to be copied takes seconds where it is long, and where many are missing.
LOG_SEARCH_SECONDS = 60.0
# Somebody has stopped journald: how often it is looked for.
JOURNAL_SECONDS = 1.0
# How often the log is asked for of an engine that refuses it.
_LOG_AGAIN_SECONDS = 60.0


@dataclass(eq=False)
class LogCopy:
    """A thread that copies until the log ends, or until it is left."""

    engine: Engine
    journal: Journal
    container_id: str
    # Of the last line that is in the journal, empty for none. None: a process that crashed may have copied some.
    cursor: Optional[str]
    tell: Callable[[Event], None]
    # Is called where a line says that the pilot's state may have changed.
    hinted: Callable[[], None]
    # The pilot has ended, or is not watched any more.
    over: threading.Event

    def __post_init__(self) -> None:
        # When the startd has logged its end, by the monotonic clock.
        self.last_words_at = 0.0
        self._left = self._away = False
        self._writing = threading.Lock()
        self._thread = threading.Thread(target=self._copy, name="pilot-log", daemon=True)
        # The line behind which the log is copied.
        self._found = self.cursor == ""

    def start(self) -> None:
        """Begin to copy."""
        self._thread.start()

    def leave(self) -> Optional[str]:
        """No line is written from now on.

        Returns the cursor of the last line; None where it was not found yet from which line on the log is to be copied.
        """
        with self._writing:
            self._left = True
        return self.cursor

    def await_end(self) -> None:
        """Until the lines of a container that has ended are in the journal."""
        seen: Optional[str] = "none yet"
        search_until = time.monotonic() + LOG_SEARCH_SECONDS
        while self._thread.is_alive() and (seen != self.cursor or self._searches(search_until)):
            seen = self.cursor
            self._thread.join(LOG_QUIET_SECONDS)

    def _searches(self, until: float) -> bool:
        if self._away:
            return False
        return self.cursor is None or (not self._found and time.monotonic() < until)

    def _copy(self) -> None:
        refused, known = False, ""
        while not self._left:
            if self.cursor is None:
                cursor = self.journal.last_pilot_cursor(self.container_id) or known
                with self._writing:
                    self.cursor = cursor
            try:
                self._copy_lines()
                return
            except NoSuchContainer:
                return
            except JournalAway:
                # What journald had not read is lost with its socket, so the log is copied behind what is in its files.
                with self._writing:
                    known, self.cursor, self._found = self.cursor or known, None, False
                self._await_journal()
                continue
            except EngineUnreachable as error:
                self.tell(EngineLost(str(error)))
                return
            except EngineError as error:
                if not refused:
                    self.tell(LogRefused(self.container_id, str(error)))
                refused = True
            self.over.wait(_LOG_AGAIN_SECONDS)

    def _copy_lines(self) -> None:
        for line in self.engine.logs(self.container_id, self.cursor or ""):
            self._found = True
            if HINT.search(line.text):
                self.hinted()
            self._write(line)
            if self._left:
                return
            if LAST_WORDS.search(line.text):
                self.last_words_at = time.monotonic()

    def _write(self, line: LogLine) -> None:
        with self._writing:
            if not self._left:
                self.journal.pilot_line(self.container_id, line, self.cursor or "")
                self.cursor = line.cursor

    def _await_journal(self) -> None:
        """The engine keeps what follows meanwhile."""
        self._away = True
        time.sleep(JOURNAL_SECONDS)
        while not (self._left or self.journal.answers()):
            time.sleep(JOURNAL_SECONDS)
        self._away = False
