"""A call that may block: made in a thread of its own, and what came of it."""

import threading
from typing import Callable, Generic, Optional, TypeVar

from tests.support.waiting import SLOW

T = TypeVar("T")


class Attempt(Generic[T]):
    """A call that has begun."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._values: list[T] = []
        self._error: Optional[BaseException] = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._values.append(self._call())
        except BaseException as error:
            self._error = error

    @property
    def under_way(self) -> bool:
        """Whether it has not come to its end."""
        return self._thread.is_alive()

    def result(self, seconds: float = 20 * SLOW) -> T:
        """What it returned; raises what it raised. AssertionError when it has not ended within so many seconds."""
        self._thread.join(seconds)
        assert not self.under_way, f"it has not ended within {seconds:g} s"
        if self._error:
            raise self._error
        return self._values[0]
