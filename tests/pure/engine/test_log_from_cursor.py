"""Any line of a log is a place to go on from, whatever the clock did while the log was written."""

from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ospool_ep.engine.log_from_cursor import lines_behind, read_log
from ospool_ep.engine.log_stream import Frames
from ospool_ep.pilot.log import LogLine

# How far the clock goes from one line to the next, in seconds: on, not at all, or it is set.
clocks = st.lists(st.sampled_from([1, 1, 1, 0, 3, -7200, 7200]), max_size=25)


def written(steps: Sequence[int]) -> list[LogLine]:
    """The log of a container whose clock takes these steps."""
    now, last, same, log = 40_000, -1, 0, []
    for number, step in enumerate(steps):
        now += step
        same, last = (same + 1 if now == last else 1), now
        stamp = f"2026-01-02T{now // 3600 % 24:02d}:{now // 60 % 60:02d}:{now % 60:02d}Z"
        log.append(LogLine(f"{stamp}#{same}", "stdout", b"%d" % number))
    return log


class Log:
    """An engine's log; it counts what it has sent."""

    def __init__(self, lines: Sequence[LogLine]) -> None:
        self.lines = list(lines)
        self.sent = 0

    def look(self, entries: int) -> Generator[LogLine, None, None]:
        """The last entries; the cursors count from where it begins, as ours do."""
        last, same = "", 0
        for line in self.lines[-entries:] if entries else list(self.lines):
            stamp = line.cursor.partition("#")[0]
            same, last = (same + 1 if stamp == last else 1), stamp
            self.sent += 1
            yield LogLine(f"{stamp}#{same}", line.stream, line.text)

    def behind(self, cursor: str, last_entries: int) -> Optional[list[bytes]]:
        """The texts of the lines behind that one, None where it is not there."""
        told: list[bytes] = []
        reading = lines_behind(cursor, last_entries, look=self.look, read=self.look)
        while True:
            try:
                told.append(next(reading).text)
            except StopIteration as end:
                return told if end.value else None


def test_a_clock_can_stand_still_and_be_set_back() -> None:
    cursors = [line.cursor for line in written([0, 0, -7200])]
    assert cursors == ["2026-01-02T11:06:40Z#1", "2026-01-02T11:06:40Z#2", "2026-01-02T09:06:40Z#1"]


def unambiguous(log: Sequence[LogLine]) -> bool:
    """Whether the clock was not set to the very nanosecond of another line."""
    return len({line.cursor for line in log}) == len(log)


@given(clocks.map(written).filter(unambiguous), st.integers(0, 8), st.data())
def test_what_stands_behind_any_line_follows_once(log: list[LogLine], last: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, len(log))) if log else 0
    if count:
        assert Log(log).behind(log[count - 1].cursor, last) == [line.text for line in log[count:]]


@given(clocks.map(written).filter(unambiguous), st.integers(0, 8), st.integers(1, 40))
def test_what_is_written_between_the_looks_is_not_lost(log: list[LogLine], last: int, burst: int) -> None:
    more = [LogLine(f"2027-01-01T00:00:00.{number:09d}Z#1", "stdout", b"more") for number in range(burst)]
    engine = Log(log)

    def read(entries: int) -> Generator[LogLine, None, None]:
        engine.lines = [*log, *more]
        return engine.look(entries)

    for line in log[-1:]:
        assert list(lines_behind(line.cursor, last, look=engine.look, read=read)) == more


@pytest.mark.parametrize("last", [0, 2, 100])
def test_a_line_that_is_gone_is_told_as_such(last: int) -> None:
    log = written([1] * 10)
    assert Log(log[5:]).behind(log[2].cursor, last) is None
    assert Log([]).behind(log[2].cursor, last) is None


def test_a_long_log_is_not_read_for_the_sake_of_its_end() -> None:
    log = Log(written([1] * 1000))
    assert log.behind(log.lines[-3].cursor, 10) == [b"998", b"999"]
    assert log.sent <= 30


class Asked:
    """An engine that notes what it is asked for, and has no line."""

    def __init__(self) -> None:
        self.opened: list[tuple[int, str, bool]] = []

    def __call__(self, entries: int, begin: str, follow: bool) -> AbstractContextManager[Frames]:
        self.opened.append((entries, begin, follow))
        return nullcontext([])


@pytest.mark.parametrize("kind", ["docker", "podman"])
def test_a_moment_is_what_the_engine_begins_with(kind: str) -> None:
    asked = Asked()
    assert list(read_log(asked, kind, "1970-01-01T00:01:00Z", follow=True)) == []
    assert asked.opened == [(0, "59.000000000", True)]


@pytest.mark.parametrize("kind", ["docker", "podman"])
def test_everything_is_asked_for_without_a_beginning(kind: str) -> None:
    asked = Asked()
    assert list(read_log(asked, kind, "", follow=True)) == []
    assert asked.opened == [(0, "", True)]


class Written:
    """The log of an engine, as it is."""

    def __init__(self, *entries: tuple[int, bytes]) -> None:
        self.entries = entries

    def __call__(self, entries: int, begin: str, follow: bool) -> AbstractContextManager[Frames]:  # noqa: ARG002
        return nullcontext(self.entries[-entries:])


UNENDED = (1, b"1970-01-01T00:01:00Z unended")
SECOND_LIFE = [(1, b"1970-01-01T00:02:00Z of the second life\n"), (1, b"1970-01-01T00:02:00Z more\n")]


@pytest.mark.parametrize("before", [(), ((1, b"1970-01-01T00:00:59Z first\n"),), ((2, b"1970-01-01T00:01:00Z e\n"),)])
def test_a_line_without_end_is_told_at_the_end_and_hides_nothing_of_a_second_life(
    before: Sequence[tuple[int, bytes]],
) -> None:
    """Somebody has started the container again, and it goes on in that very line of the log."""
    last = list(read_log(Written(*before, UNENDED), "podman", "", follow=False))[-1]
    assert last.text == b"unended"
    again = read_log(Written(*before, UNENDED, *SECOND_LIFE), "podman", last.cursor, follow=True)
    assert [line.text for line in again] == [b"unendedof the second life", b"more"]
