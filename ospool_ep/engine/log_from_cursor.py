"""A container's log from any line of it on: what stands behind that line, each line once, also where the clock was set.

When the clock has been set back, lines that were written later have earlier timestamps. So the line itself is looked
for, and not its moment; and the engine is not asked for what is newer than that: it would keep the rest back, also
while it is followed.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, closing
from functools import partial
from itertools import islice

from ospool_ep.engine.log_stream import PIECE_BYTES, Frames, lines, lines_after, since
from ospool_ep.pilot.log import LogLine

# So many of the log's last entries are looked through before all of it is: a reader that goes on after a restart has
# missed a few lines as a rule, and a long log takes seconds.
_LAST_ENTRIES = 10_000

# Opens the log: how many of its last entries are wanted, 0 for all; from when on, empty for the beginning; and whether
# it is followed. Gives its frames.
Opener = Callable[[int, str, bool], AbstractContextManager[Frames]]

# Reads the log; the argument is how many of the last entries are wanted, 0 for all.
Reader = Callable[[int], Generator[LogLine, None, None]]


def read_log(open_log: Opener, engine_kind: str, after: str, *, follow: bool) -> Iterator[LogLine]:
    """The lines behind ``after``, which is a line's cursor, or a moment, or empty for all."""

    # A line that is told for want of its end, and got one after all, is not found again where more may come.
    complete = not follow

    def read(entries: int = 0, *, begin: str = "", follow: bool = follow) -> Generator[LogLine, None, None]:
        with open_log(entries, begin, follow) as frames:
            yield from lines(frames, PIECE_BYTES[engine_kind], complete=complete)

    if not after:
        yield from read()
    elif "#" not in after or not (
        yield from lines_behind(after, _LAST_ENTRIES, look=partial(read, follow=False), read=read)
    ):
        # A moment, or a line that the engine has not kept.
        yield from lines_after(read(begin=since(after)), after)


def lines_behind(cursor: str, last_entries: int, *, look: Reader, read: Reader) -> Generator[LogLine, None, bool]:
    """The lines behind the one of that cursor; returns False, without any, when that one is not in the log.

    ``look`` gives the log as it is, ``read`` may follow it. What is looked through first are ``last_entries``.
    """
    for entries in dict.fromkeys((last_entries, 0)):
        with closing(look(entries)) as log:
            found = _holds(log, cursor, whole=not entries)
        if found:
            # Twice as many, because some may have been written since.
            yield from _behind(cursor, read, 2 * entries)
            return True
    return False


def _holds(log: Iterator[LogLine], cursor: str, *, whole: bool) -> bool:
    first = next(log, None)
    if first is None:
        return False
    # A cursor counts the lines with the same timestamp, and a part of a log may begin in their midst.
    if not whole and _stamp(first.cursor) == _stamp(cursor):
        return False
    return first.cursor == cursor or any(line.cursor == cursor for line in log)


def _behind(cursor: str, read: Reader, entries: int) -> Iterator[LogLine]:
    for most in dict.fromkeys((entries, 0)):
        with closing(read(most)) as log:
            # More may have been written since than anybody would think; then all of the log is read.
            if any(line.cursor == cursor for line in islice(log, most or None)):
                yield from log
                return


def _stamp(cursor: str) -> str:
    return cursor.partition("#")[0]
