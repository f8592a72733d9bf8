"""The frames in which the Docker API sends what a process writes, and the lines of a container's log in them.

Source of the format: Docker Engine API, "Attach to a container", section "Stream format".
"""

import struct
from collections.abc import Iterable, Iterator

from ospool_ep.engine.interface import EngineError
from ospool_ep.pilot.log import LogLine, nanoseconds
from ospool_ep.wording import one_line

_HEADER = struct.Struct(">BxxxL")
_STREAMS = {1: "stdout", 2: "stderr"}
# Docker's own word on why it goes no further ("Error grabbing logs: …"). Source: its pkg/stdcopy/stdcopy.go.
_BROKEN_OFF = 3
_NANO = 1_000_000_000

# Docker's pieces of a line are as long as its buffer, all but the last one, which lacks its newline in the log driver
# "local" of 20.10. Podman's are of any length, and a newline ends the last.
PIECE_BYTES = {"docker": 16 << 10, "podman": 0}
_LONGEST_LINE = 8 << 20

# Each with its number: 1 is standard output, 2 standard error.
Frames = Iterable[tuple[int, bytes]]


def frames(chunks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """The frames in a stream.

    EngineError where the engine says in the stream that it breaks it off.
    """
    waiting = b""
    for chunk in chunks:
        waiting += chunk
        begin, have = 0, len(waiting)
        while have - begin >= _HEADER.size:
            number, length = _HEADER.unpack_from(waiting, begin)
            end = begin + _HEADER.size + length
            if end > have:
                break
            payload = waiting[begin + _HEADER.size : end]
            if number == _BROKEN_OFF:
                raise EngineError(f"The engine has broken off: {one_line(payload.decode('utf-8', 'replace'))}")
            yield number, payload
            begin = end
        waiting = waiting[begin:]


def lines(log: Frames, piece_bytes: int, *, complete: bool) -> Iterator[LogLine]:
    """The lines of a log that was asked for with timestamps.

    The engine cuts a long line into pieces, each in a frame with its timestamp; the last one ends with a newline, or
    is shorter than ``piece_bytes``. What stands at the end without an end is a line only if the log is ``complete``.
    A line of more than 8 MiB comes as several, so that a program which never ends its line can't use up our memory.
    """
    unfinished: dict[int, bytearray] = {}
    stamp, last, same = b"", b"", 0
    for number, frame in log:
        stamp, _, text = frame.partition(b" ")
        whole = text.endswith(b"\n")
        if number in unfinished or not whole:
            line = unfinished.setdefault(number, bytearray())
            line += text
            if not whole and len(text) >= piece_bytes and len(line) < _LONGEST_LINE:
                continue
            text = bytes(unfinished.pop(number))
        same = same + 1 if stamp == last else 1
        last = stamp
        yield LogLine(f"{stamp.decode()}#{same}", _STREAMS[number], text[:-1] if whole else text)
    if complete:
        for number, line in unfinished.items():
            same += 1
            # Where it is the first line there is none before it to count from.
            yield LogLine(f"{(last or stamp).decode()}#{same}", _STREAMS[number], bytes(line))


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
