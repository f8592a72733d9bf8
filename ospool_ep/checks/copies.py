"""Copies of this process, for what may never end, or is to be done as the pilot's user.

A dead network file system holds the process that touches it, and a process changes its user for good and with all its
threads. A copy answers with a text: root must not run what a process of the pilot's user sends.
"""

import os
import select
import signal
import time
from collections.abc import Callable
from typing import NoReturn, Optional

from ospool_ep.checks.permissions import PILOT_GID
from ospool_ep.container.specification import PILOT_UID
from ospool_ep.system.helper_program import HelperFailed
from ospool_ep.system.host_failures import not_started

_KILLED_SECONDS = 0.5


class Copy:
    """A copy of this process, which calls one function and ends. For a process that has no other thread."""

    def __init__(self, function: Callable[[], str], longest_answer: int) -> None:
        """Begin; the function gives ASCII. HelperFailed where no copy can be made."""
        self._longest = longest_answer
        self._reading, writing = os.pipe()
        try:
            self._pid = os.fork()
            if self._pid == 0:
                _answer(writing, function)
        except OSError as error:
            os.close(self._reading)
            raise HelperFailed(not_started(error)) from error
        finally:
            os.close(writing)

    def answer(self, until: float) -> Optional[bytes]:
        """What it said by that time of the monotonic clock; None where it was not through. The copy is ended.

        One that has died has said less than all, or nothing.
        """
        answer = b""
        try:
            while select.select([self._reading], [], [], max(0.0, until - time.monotonic()))[0]:
                block = os.read(self._reading, 1 << 16)
                if not block or len(answer) > self._longest:
                    return answer
                answer += block
            return None
        finally:
            self._end()

    def _end(self) -> None:
        os.close(self._reading)
        os.kill(self._pid, signal.SIGKILL)
        process = os.pidfd_open(self._pid)
        # One that sits in the kernel cannot be killed, and is not waited for.
        if select.select([process], [], [], _KILLED_SECONDS)[0]:
            os.waitpid(self._pid, 0)
        os.close(process)


def _answer(writing: int, function: Callable[[], str]) -> NoReturn:
    """What the copy does, which may never end: nobody waits for what it would hold open, or be in."""
    try:
        os.chdir("/")
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nothing, stream)
        with os.fdopen(writing, "w", encoding="ascii") as pipe:
            pipe.write(function())
    finally:
        # Nothing that belongs to the first process is to be done in its copy: no handlers, no cleaning up.
        os._exit(0)


def become_the_pilot() -> bool:
    """With the pilot's group, and no other, as the engine makes it; returns whether that was possible."""
    if os.geteuid():
        return False
    try:
        os.setgroups([])
        os.setgid(PILOT_GID)
        os.setuid(PILOT_UID)
    except PermissionError:
        return False
    return True
