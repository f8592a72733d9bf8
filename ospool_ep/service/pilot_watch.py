"""Watches one pilot while it runs: its log goes to the journal, its state and its end become events."""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Optional

from ospool_ep.engine.interface import Engine, EngineError, EngineUnreachable, NoSuchContainer
from ospool_ep.lifecycle.events import EngineLost, Event, PilotEnded, StopBegan
from ospool_ep.lifecycle.state import State
from ospool_ep.pilot.state import Job, PilotState
from ospool_ep.service.pilot_log import LogCopy
from ospool_ep.service.pilot_questions import PilotQuestions
from ospool_ep.system.journal import Journal

# A pilot that was made just now has nothing to say yet, and needs the CPUs for itself.
FIRST_SECONDS = 2.0
# How long between tries where the engine does not say whether it has ended.
_AGAIN_SECONDS = 15.0


@dataclass(eq=False)
class PilotWatch:
    """Threads for the log, the end, the state, and what others do to the container; ``leave`` ends the watch."""

    engine: Engine
    journal: Journal
    container_id: str
    # Of the last line that is in the journal, empty for none. None: a process that crashed may have copied some.
    cursor: Optional[str]
    post: Callable[[Event], None]
    # Tells how things stand now.
    state: Callable[[], State]
    # As in Settings.
    advise: Callable[[PilotState], str]
    # The engine's own command line.
    command: str

    def __post_init__(self) -> None:
        self._left = False
        # The pilot has ended, or the watch was left: nothing is waited for any more.
        self._over = threading.Event()
        self._stop_has_begun = threading.Event()
        self._stop_has_begun.set()
        self.questions = PilotQuestions(
            self.engine, self.container_id, self.state, self._tell, self.advise, self.command,
            last_words_at=lambda: self._log.last_words_at, over=self._over,
        )  # fmt: skip
        self._log = LogCopy(
            self.engine, self.journal, self.container_id, self.cursor, self._tell,
            hinted=self.questions.hint, over=self._over,
        )  # fmt: skip

    def start(self) -> None:
        """Begin to watch. A pilot that was made just now is asked when its log hints at news, or soon."""
        self._log.start()
        for target, name in ((self._await_end, "pilot-end"), (self._heed_others, "pilot-others")):
            threading.Thread(target=target, name=name, daemon=True).start()
        self.questions.start(FIRST_SECONDS if self.cursor == "" else 0.0)

    def leave(self) -> Optional[str]:
        """No line is written and no event is posted from now on; returns what ``LogCopy.leave`` does."""
        cursor = self._log.leave()
        self._left = True
        self._over.set()
        self.questions.hint()
        return cursor

    def stop_comes(self) -> None:
        """The pilot is asked no more, and its end is not posted before ``stop_begins`` is called."""
        self.questions.end()
        self._stop_has_begun.clear()

    def stop_begins(self, jobs: Optional[tuple[Job, ...]]) -> None:
        """Post which jobs run now, None where the pilot did not say."""
        self._tell(StopBegan(self.container_id, jobs))
        self._stop_has_begun.set()

    def _await_end(self) -> None:
        ended = self._end_of_container()
        if ended is None:
            self._over.set()
            return
        if not ended.restarted:
            self._log.await_end()
            self._stop_has_begun.wait()
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
                self._over.wait(_AGAIN_SECONDS)
                continue
            lived = max(0.0, container.finished_at - container.started_at)
            return PilotEnded(
                self.container_id, container.exit_code, lived, container.oom_killed, restarted=container.running
            )
        return None

    def _heed_others(self) -> None:
        """Somebody who pauses the container, or a limit that it runs into, gives no hint in the log."""
        # Whether the engine is gone is for the threads that wait for the container to say.
        with contextlib.suppress(EngineError):
            for _ in self.engine.happenings(self.container_id):
                if self._left:
                    return
                self.questions.hint()

    def _tell(self, event: Event) -> None:
        if not self._left:
            self.post(event)
