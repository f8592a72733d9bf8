"""A signal is heeded at once, in whichever moment it comes."""

import queue
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ospool_ep.service.signals import heard

NUMBERS = (signal.SIGUSR1, signal.SIGHUP)


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in (*NUMBERS, signal.SIGUSR2)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_a_signal_is_heeded_while_the_main_thread_waits_and_does_not_get_it() -> None:
    """As where it comes a moment before the wait begins: the wait goes on."""
    heeded: queue.SimpleQueue[signal.Signals] = queue.SimpleQueue()
    waits = threading.Event()

    def send() -> None:
        waits.wait()
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)

    with heard(NUMBERS, heeded.put):
        sender = threading.Thread(target=send)
        sender.start()
        # The sender goes on as soon as this thread waits: earlier, it would be heeded by any means.
        waits.set()
        assert heeded.get(timeout=30) is signal.SIGUSR1
        sender.join()


def test_signals_that_come_together_are_heeded_in_their_order_and_others_are_not() -> None:
    heeded: queue.SimpleQueue[signal.Signals] = queue.SimpleQueue()
    signal.signal(signal.SIGUSR2, lambda *_: None)
    with heard(NUMBERS, heeded.put):
        for number in (signal.SIGHUP, signal.SIGUSR2, signal.SIGUSR1):
            signal.raise_signal(number)
        assert [heeded.get(timeout=30), heeded.get(timeout=30)] == [signal.SIGHUP, signal.SIGUSR1]
    assert heeded.empty()


def test_afterwards_a_signal_ends_nothing_and_no_thread_and_no_file_is_left() -> None:
    # Threads of earlier tests may end meanwhile, and close theirs.
    files, threads = set(Path("/proc/self/fd").iterdir()), set(threading.enumerate())
    with heard(NUMBERS, lambda _: None):
        (listening,) = (one for one in set(threading.enumerate()) - threads if one.name == "signals")
    signal.raise_signal(signal.SIGHUP)
    listening.join(30)
    assert not listening.is_alive()
    assert not [file for file in set(Path("/proc/self/fd").iterdir()) - files if file.exists()]
