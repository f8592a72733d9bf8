"""A container's log as Podman's monitor, conmon, writes it to a file: what it holds, and what comes to it.

It is read from the file because Podman itself, when it is to follow a log that is written fast, leaves out lines and
tells parts of others (seen with 5.4; github.com/containers/podman/issues/17286 and 21914), and gives times in seconds.
Source of the format, and of what conmon does with a file that is too long: conmon, src/ctr_logging.c.
"""

import os
import re
import select
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_STREAMS = {b"stdout": 1, b"stderr": 2}
# What a full disk has cut off is none; once there is space again, the next one stands in the same line of the file.
_RECORD = re.compile(
    rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(?:Z|[+-]\d\d:\d\d)) (stdout|stderr) ([FP]) (.*)", re.DOTALL
)
# conmon writes some KiB at a time. What is longer is a hole, where somebody has emptied the file under it.
_LONGEST_RECORD = 1 << 20
READ_BYTES = 1 << 20
# What is written is seen so much later at most, in milliseconds; to look costs some microseconds.
_PAUSE_MILLISECONDS = 200


def frames(path: Path, pid: int = 0, entries: int = 0) -> Iterator[tuple[int, bytes]]:
    """The pieces of lines in the log, as ``log_stream.frames`` gives them, with full timestamps.

    With the ``pid`` of the container's first process what comes to it follows, until that process has ended.
    ``entries`` are how many of the last records are wanted, 0 for all. OSError when there is no such log.
    """
    waiting = b""
    for chunk in _chunks(path, pid, entries):
        *records, waiting = (waiting + chunk).split(b"\n")
        for record in records:
            found = _RECORD.search(record)
            if found:
                stamp, stream, part, text = found.groups()
                yield _STREAMS[stream], stamp + b" " + text + (b"\n" if part == b"F" else b"")
        waiting = waiting[-_LONGEST_RECORD:]


def _chunks(path: Path, pid: int, entries: int) -> Iterator[bytes]:
    file = path.open("rb", buffering=0)
    process = _Process(pid)
    ended = False
    try:
        if entries:
            file.seek(_begin_of_last(entries, file))
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


def _begin_of_last(entries: int, file: BinaryIO) -> int:
    # Each ends with a newline; so does the one before them.
    missing, begin = entries + 1, file.seek(0, os.SEEK_END)
    while begin > 0:
        end, begin = begin, max(0, begin - READ_BYTES)
        file.seek(begin)
        block = file.read(end - begin)
        there = block.count(b"\n")
        if there >= missing:
            at = len(block)
            for _ in range(missing):
                at = block.rfind(b"\n", 0, at)
            return begin + at + 1
        missing -= there
    return 0


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
