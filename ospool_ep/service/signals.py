"""Signals as events: each that comes is passed on at once.

A handler in Python runs in the main thread, once that runs. A signal that comes as it is about to wait does not end its
wait, and would be heeded at the next event only; so would one that the kernel gives to another thread. What Python does
in the signal itself, wherever it comes, is to write its number to a file. Source: the documentation of signal, "Note
on Signal Handlers and Exceptions" and set_wakeup_fd.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Collection, Iterator


@contextlib.contextmanager
def heard(numbers: Collection[signal.Signals], heed: Callable[[signal.Signals], None]) -> Iterator[None]:
    """Have ``heed`` called with each of these signals, in a thread of its own; afterwards they have no effect.

    For the main thread. RuntimeError where there can be no thread.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    threading.Thread(target=_pass_on, args=(reading, numbers, heed), name="signals", daemon=True).start()
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in numbers:
        signal.signal(number, lambda _number, _frame: None)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        # The thread reads what came before, and ends.
        os.close(writing)


def _pass_on(reading: int, numbers: Collection[signal.Signals], heed: Callable[[signal.Signals], None]) -> None:
    with open(reading, "rb", buffering=0) as pipe:
        while came := pipe.read(1):
            if came[0] in numbers:
                heed(signal.Signals(came[0]))
