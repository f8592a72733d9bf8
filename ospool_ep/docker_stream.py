"""The answers of the Docker API that are streams, as they come over the socket, and the lines of a container's log.

They are read over a connection of our own: the SDK reads a log chunk by chunk, mixes standard output with standard
error, and drops the fractions of a second from where it is to begin. Source of the format: Docker Engine API,
"Attach to a container", section "Stream format".
"""

import calendar
import json
import re
import socket
import struct
import time
from collections.abc import Iterable, Iterator
from typing import Optional

from ospool_ep.engine import LogLine

_READ_BYTES = 1 << 18
_HEADER = struct.Struct(">BxxxL")
_STREAMS = {1: "stdout", 2: "stderr"}
_NANO = 1_000_000_000

# Docker's pieces of a line are as long as its buffer, all but the last one, which lacks its newline in the log driver
# "local" of 20.10. Podman's are of any length, and a newline ends the last.
PIECE_BYTES = {"docker": 16 << 10, "podman": 0}
_MOST_PIECES = 512

Frame = tuple[int, bytes]


class Refused(Exception):
    """The engine answered with an error: ``status`` is HTTP's, ``reason`` the engine's own words."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Overdue(Exception):
    """The stream has not ended by the deadline."""


class Stream:
    """One request whose answer is read until the engine closes the connection. A context manager."""

    def __init__(self, socket_path: str, method: str, path: str, body: bytes = b"", *, timeout: float) -> None:
        """Send the request and read the head of the answer, within ``timeout`` seconds.

        Raises OSError when nobody answers, Refused when the engine answers with an error.
        """
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(timeout)
            self._socket.connect(socket_path)
            # To HTTP/1.0 the engine answers with the bare stream; to HTTP/1.1 it would wrap every line into a chunk.
            head = (
                f"{method} {path} HTTP/1.0\r\nHost: docker\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            self._socket.sendall(head.encode() + body)
            self._begun = self._read_head()
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _read_head(self) -> bytes:
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._read_more()
        head, _, rest = received.partition(b"\r\n\r\n")
        status = int(head.split(maxsplit=2)[1])
        if status not in (101, 200):
            raise Refused(status, _reason(b"".join((rest, *iter(lambda: self._socket.recv(_READ_BYTES), b"")))))
        return rest

    def _read_more(self) -> bytes:
        chunk = self._socket.recv(_READ_BYTES)
        if not chunk:
            raise ConnectionResetError("the engine closed the connection without an answer")
        return chunk

    def chunks(self, deadline: Optional[float] = None) -> Iterator[bytes]:
        """What comes, as it comes, until the engine closes the stream.

        Raises Overdue when the monotonic clock has passed ``deadline``, OSError when the engine died.
        """
        if self._begun:
            yield self._begun
        while True:
            self._socket.settimeout(None if deadline is None else max(0.001, deadline - time.monotonic()))
            try:
                chunk = self._socket.recv(_READ_BYTES)
            except socket.timeout as error:
                raise Overdue from error
            if not chunk:
                return
            yield chunk


def _reason(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode("utf-8", "replace")


def frames(chunks: Iterable[bytes]) -> Iterator[Frame]:
    """The frames in a stream, each with its number: 1 is standard output, 2 standard error."""
    waiting = b""
    for chunk in chunks:
        waiting += chunk
        begin, have = 0, len(waiting)
        while have - begin >= _HEADER.size:
            number, length = _HEADER.unpack_from(waiting, begin)
            end = begin + _HEADER.size + length
            if end > have:
                break
            yield number, waiting[begin + _HEADER.size : end]
            begin = end
        waiting = waiting[begin:]


def lines(log: Iterable[Frame], piece_bytes: int, *, complete: bool) -> Iterator[LogLine]:
    """The lines of a log that was asked for with timestamps.

    The engine cuts a long line into pieces, each in a frame with its timestamp; the last one ends with a newline, or
    is shorter than ``piece_bytes``. What stands at the end without an end is a line only if the log is ``complete``.
    A line of more than 8 MiB comes as several, so that a program which never ends its line can't use up our memory.
    """
    unfinished: dict[int, list[bytes]] = {}
    last, same = b"", 0
    for number, frame in log:
        stamp, _, text = frame.partition(b" ")
        whole = text.endswith(b"\n")
        if number in unfinished or not whole:
            pieces = unfinished.setdefault(number, [])
            pieces.append(text)
            if not whole and len(text) >= piece_bytes and len(pieces) < _MOST_PIECES:
                continue
            text = b"".join(unfinished.pop(number))
        same = same + 1 if stamp == last else 1
        last = stamp
        yield LogLine(f"{stamp.decode()}#{same}", _STREAMS[number], text[:-1] if whole else text)
    if complete:
        for number, pieces in unfinished.items():
            same += 1
            yield LogLine(f"{last.decode()}#{same}", _STREAMS[number], b"".join(pieces))


def lines_after(log: Iterator[LogLine], cursor: str) -> Iterator[LogLine]:
    """The lines behind ``cursor``, which is a line's, or a moment (RFC 3339).

    The order of the log decides and not the timestamps: the engine takes those of the two streams before it puts
    them in a row. Where the line itself is no longer there, all that is newer follows.
    """
    stamp, _, ordinal = cursor.partition("#")
    moment = nanoseconds(stamp)
    newer: list[LogLine] = []
    for line in log:
        if ordinal and line.cursor == cursor:
            newer = []
            break
        when = nanoseconds(line.cursor.partition("#")[0])
        if when > moment:
            newer.append(line)
            if not ordinal or when > moment + _NANO:
                break
    yield from newer
    yield from log


def since(cursor: str) -> str:
    """From when the engine must be asked to find the line of that cursor again, as its ``since`` wants it."""
    # A second earlier: the line may stand behind others that are newer by a little.
    whole, fraction = divmod(nanoseconds(cursor.partition("#")[0]) - _NANO, _NANO)
    return f"{whole}.{fraction:09d}"


_STAMP = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))")


def nanoseconds(stamp: str) -> int:
    """An RFC 3339 timestamp in nanoseconds since the epoch. ValueError for anything else."""
    found = _STAMP.fullmatch(stamp)
    if found is None:
        raise ValueError(f"not a timestamp: {stamp!r}")
    *date, fraction, sign, hours, minutes = found.groups()
    seconds = calendar.timegm(tuple(int(part) for part in date))
    if sign:
        east = 1 if sign == "+" else -1
        seconds -= east * (int(hours) * 3600 + int(minutes) * 60)
    return seconds * _NANO + int((fraction or "0").ljust(9, "0")[:9])
