"""A container's log as Podman's monitor, conmon, writes it to a file: what it holds, and what comes to it.

It is read from the file because Podman itself, when it is to follow a log that is written fast, leaves out lines and
tells parts of others (seen with 5.4; github.com/containers/podman/issues/17286 and 21914), and gives times in seconds.
Source of the format: conmon, src/ctr_logging.c.
"""

import os
import select
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_STREAMS = {b"stdout": 1, b"stderr": 2}
READ_BYTES = 1 << 20
# What is written is seen so much later at most, in milliseconds; to look costs some microseconds.
_PAUSE_MILLISECONDS = 200


def frames(path: Path, pid: int = 0) -> Iterator[tuple[int, bytes]]:
    """The pieces of lines in the log, as ``log_stream.frames`` gives them, with full timestamps.

    With the ``pid`` of the container's first process what comes to it follows, until that process has ended. OSError
    when there is no such log.
    """
    waiting = b""
    for chunk in _chunks(path, pid):
        *records, waiting = (waiting + chunk).split(b"\n")
        for record in records:
            stamp, _, rest = record.partition(b" ")
            stream, _, rest = rest.partition(b" ")
            part, _, text = rest.partition(b" ")
            # What a full disk has cut off is none.
            if stream in _STREAMS:
                yield _STREAMS[stream], stamp + b" " + text + (b"\n" if part == b"F" else b"")


def _chunks(path: Path, pid: int) -> Iterator[bytes]:
    file = path.open("rb", buffering=0)
    process = _Process(pid)
    ended = False
    try:
        while True:
            yield from _rest(file)
            if _was_replaced(file, path):
                yield from _rest(file)
                file.close()
                file = path.open("rb", buffering=0)
            elif ended:
                return
            else:
                # What was written until its end is still to be read.
                ended = process.has_ended()
    finally:
        process.close()
        file.close()


def _rest(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(READ_BYTES):
        yield chunk


def _was_replaced(file: BinaryIO, path: Path) -> bool:
    """Whether conmon has begun a new file, as it does when one is too long, or somebody has emptied this one."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return not os.path.samestat(os.fstat(file.fileno()), there) or there.st_size < file.tell()


class _Process:
    """A process whose end is waited for."""

    def __init__(self, pid: int) -> None:
        self._poll = select.poll()
        try:
            self._descriptor = os.pidfd_open(pid) if pid else -1
        except ProcessLookupError:
            self._descriptor = -1
        if self._descriptor != -1:
            self._poll.register(self._descriptor, select.POLLIN)

    def has_ended(self) -> bool:
        """Whether it has; a pause is made where it has not."""
        return self._descriptor == -1 or bool(self._poll.poll(_PAUSE_MILLISECONDS))

    def close(self) -> None:
        """Wait for it no more."""
        if self._descriptor != -1:
            os.close(self._descriptor)
