"""Waiting for a condition, never for luck."""

import time
from typing import Callable, Optional, TypeVar

T = TypeVar("T")


class Expired(AssertionError):
    """The condition did not come true in time."""


def wait_until(condition: Callable[[], T], what: str, seconds: float = 30, pause: float = 0.1) -> T:
    """Ask until the answer is true, and return it. Expired after ``seconds``, with the last answer that was false."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise Expired(f"not within {seconds:g} s: {what}{_last(answer)}")
        time.sleep(pause)


def _last(answer: Optional[object]) -> str:
    return "" if answer is None or answer is False else f" (last answer: {answer!r})"
