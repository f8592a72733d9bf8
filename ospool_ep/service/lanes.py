"""Lanes for what is done beside each other: in one lane one thing follows the other, and no lane waits for another."""

import threading
from collections import deque
from collections.abc import Callable


class Lanes:
    """Each lane has a thread as long as there is something to do in it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        # What waits, in each lane that has a thread.
        self._waiting: dict[tuple[str, str], deque[Callable[[], None]]] = {}

    def give(self, kind: str, whose: str, perform: Callable[[], None]) -> None:
        """Have that done in the lane of that kind of that pilot."""
        lane = kind, whose
        with self._changed:
            if lane in self._waiting:
                self._waiting[lane].append(perform)
                return
            self._waiting[lane] = deque([perform])
        threading.Thread(target=self._work, args=(lane,), name=kind, daemon=True).start()

    def await_end(self, kind: str) -> None:
        """Until nothing is left to do in any lane of that kind."""
        with self._changed:
            self._changed.wait_for(lambda: not any(lane[0] == kind for lane in self._waiting))

    def _work(self, lane: tuple[str, str]) -> None:
        while True:
            with self._changed:
                waiting = self._waiting[lane]
                if not waiting:
                    del self._waiting[lane]
                    self._changed.notify_all()
                    return
                perform = waiting.popleft()
            perform()
