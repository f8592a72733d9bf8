"""An engine that does not answer from the start of this process on is started again, less often each time.

Each process of the service has its engine started where that does not run. What the engine needs, its disk for example,
may come later, and systemd gives it up for good after a few tries. One that has answered is left alone: who has stopped
it since may have had a reason.
"""

import time
from collections.abc import Callable

from ospool_ep.lifecycle.retries import LONGEST_DELAY_SECONDS

# systemd refuses a start that follows too many others: within 10 s as a rule, within 60 s for Docker.
FIRST_SECONDS = 60.0


class MissedEngine:
    """Remembers when it was started last."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pause = FIRST_SECONDS
        self._next = clock() + self._pause
        self._has_answered = False

    def answered(self) -> None:
        """It is there."""
        self._has_answered = True

    def missed(self, start: Callable[[], None]) -> None:
        """It does not answer: start it, where it is time for that."""
        if self._has_answered or self._clock() < self._next:
            return
        self._pause = min(2 * self._pause, LONGEST_DELAY_SECONDS)
        self._next = self._clock() + self._pause
        start()
