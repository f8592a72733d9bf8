"""What keeps the service itself from beginning, and may pass: it is waited for as the lifecycle waits for all else."""

import contextlib
import signal
import time
from dataclasses import dataclass

from ospool_ep import exit_codes
from ospool_ep.configuration.policy import Policy
from ospool_ep.lifecycle import report, retries, step
from ospool_ep.lifecycle.actions import Say
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.lifecycle.state import Obstacle, Want
from ospool_ep.system.journal import Journal
from ospool_ep.system.run_directory import AlreadyRunning, RunDirectory
from ospool_ep.system.systemd import notify

# A reload, or whatever else asks for a look, ends the wait.
_WAKING = frozenset((signal.SIGHUP, signal.SIGUSR1))


class NotYetError(Exception):
    """The service cannot begin now; the text says why, in sentences."""


@dataclass(eq=False)
class Patience:
    """Waits, and says so, as often as that fails."""

    journal: Journal
    run_directory: RunDirectory

    def __post_init__(self) -> None:
        self._state = step.initial(time.monotonic(), Want.PILOTS, Policy(), ImageRecord(), "")
        self.locked = False
        # The signals, with the moment in which each came: since the file was begun to be read last, and before that.
        self._heard: list[tuple[signal.Signals, float]] = []
        self._asked: list[tuple[signal.Signals, float]] = []

    def listen(self) -> None:
        """Until the service takes its signals by itself: those of a reload and of a look would end this process."""
        for number in _WAKING:
            signal.signal(number, lambda number, _frame: self._hear(number))

    def _hear(self, number: int) -> None:
        self._heard.append((signal.Signals(number), time.monotonic()))

    @property
    def unanswered(self) -> list[signal.Signals]:
        """The signals that came meanwhile, for the service that begins."""
        return [number for number, _ in (*self._asked, *self._heard)]

    def answer(self, code: int, lines: list[str]) -> None:
        """Tell who has asked for a reload what came of it; nothing where nobody has before the file was read."""
        moments = [moment for number, moment in self._asked if number is signal.SIGHUP]
        if moments and self.locked:
            with contextlib.suppress(OSError):
                self.run_directory.answer_reload({"asked_at": max(moments), "code": code, "lines": lines})

    def wait(self, reason: str) -> None:
        """Until it is time for the next try. systemd is told that the service is there, and for what it waits.

        A reload that was asked for has failed by that reason.
        """
        self.answer(exit_codes.FAILED, [f"The configuration is not in effect yet: {reason}"])
        now = time.monotonic()
        longest = retries.HOST_DELAY_SECONDS
        self._state, actions = retries.wait(self._state, Obstacle.HOST, reason, now, longest=longest)
        for action in actions:
            if isinstance(action, Say):
                self.journal.say(action.priority, action.text)
        self._publish(now)
        signal.pthread_sigmask(signal.SIG_BLOCK, _WAKING)
        # What came while the file was read asks for another look at it.
        if not self._heard and (came := signal.sigtimedwait(_WAKING, self._state.wake_at - now)):
            self._hear(came.si_signo)
        self._asked, self._heard = self._heard, []
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _WAKING)

    def _publish(self, now: float) -> None:
        current = report.report(self._state, clock_offset=time.time() - now)
        notify(f"READY=1\nSTATUS={current['summary']}")
        # Without the lock the report would be another service's.
        with contextlib.suppress(OSError, AlreadyRunning):
            if not self.locked:
                self.run_directory.lock()
                self.locked = True
            self.run_directory.write_status(current)
