"""Waiting for a condition, never for luck."""

import os
import time
from typing import Callable, Optional, TypeVar

T = TypeVar("T")

# How many times longer things take where these tests run: in an emulated machine, several.
SLOWNESS = "OSPOOL_EP_TEST_SLOWNESS"
SLOW = int(os.environ.get(SLOWNESS, "1"))


class Expired(AssertionError):
    """The condition did not come true in time."""


def wait_until(condition: Callable[[], T], what: str, seconds: float = 30, pause: float = 0.1) -> T:
    """Ask until the answer is true, and return it. Expired after ``seconds``, with the last answer that was false.

    Where things are slow, it is several times that. An answer that takes long is asked for half of the time at most:
    asked for again at once, it would hold up what it waits for.
    """
    seconds *= SLOW
    deadline = time.monotonic() + seconds
    while True:
        asked = time.monotonic()
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise Expired(f"not within {seconds:g} s: {what}{_last(answer)}")
        time.sleep(max(pause, time.monotonic() - asked))


def _last(answer: Optional[object]) -> str:
    return "" if answer is None or answer is False else f" (last answer: {answer!r})"
