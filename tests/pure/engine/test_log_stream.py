"""The log's wire format: from any pieces in which it comes, its lines come out, each once, and in order."""

import struct
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ospool_ep.engine.interface import EngineError
from ospool_ep.engine.log_stream import PIECE_BYTES, frames, lines, lines_after, since
from ospool_ep.pilot.log import LogLine

PIECE = 8

Written = tuple[int, bytes]
any_lines = st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=30).filter(lambda text: b"\n" not in text)))


def stamp(number: int) -> bytes:
    return b"2026-01-02T03:04:05.%09dZ" % number


def wire(written: Sequence[Written], *, newline_lost: bool = False, same_stamp: bool = False) -> bytes:
    """What the engine sends for these lines, with a buffer of PIECE bytes; 20.10 loses the newline of a last piece."""
    sent = []
    for number, (stream, text) in enumerate(written):
        pieces = [text[begin : begin + PIECE] for begin in range(0, len(text) + 1, PIECE)]
        for piece in pieces[:-1]:
            sent.append((stream, number, piece))
        sent.append((stream, number, pieces[-1] + (b"" if newline_lost and len(pieces) > 1 else b"\n")))
    return b"".join(frame(stream, stamp(0 if same_stamp else number) + b" " + text) for stream, number, text in sent)


def frame(stream: int, payload: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(payload)) + payload


def cut(data: bytes, sizes: Sequence[int]) -> Iterator[bytes]:
    for size in sizes:
        yield data[:size]
        data = data[size:]
    yield data


def read(data: bytes, sizes: Sequence[int] = (), *, complete: bool = True) -> list[LogLine]:
    return list(lines(frames(cut(data, sizes)), PIECE, complete=complete))


def content(log: Sequence[LogLine]) -> list[Written]:
    return [(1 if line.stream == "stdout" else 2, line.text) for line in log]


@given(any_lines, st.lists(st.integers(0, 50)), st.booleans(), st.booleans())
def test_what_was_written_is_read(written: list[Written], sizes: list[int], newline_lost: bool, same: bool) -> None:
    log = read(wire(written, newline_lost=newline_lost, same_stamp=same), sizes)
    assert content(log) == written
    assert len({line.cursor for line in log}) == len(log)


def test_an_engine_that_breaks_off_in_the_stream_is_told_after_the_lines_before() -> None:
    data = wire([(1, b"one")]) + frame(3, b"Error grabbing logs:\n unexpected EOF")
    log = lines(frames([data]), PIECE, complete=False)
    assert next(log).text == b"one"
    with pytest.raises(EngineError, match=r"^The engine has broken off: Error grabbing logs: unexpected EOF$"):
        next(log)


@given(any_lines, st.booleans(), st.data())
def test_any_line_is_a_place_to_go_on_from(written: list[Written], same: bool, data: st.DataObject) -> None:
    log = read(wire(written, same_stamp=same))
    count = data.draw(st.integers(0, len(log)))
    after = log[count - 1].cursor if count else "2026-01-02T03:04:04Z"
    assert list(lines_after(iter(log), after)) == log[count:]


def test_the_order_of_the_log_counts_and_not_its_timestamps() -> None:
    log = [LogLine(f"{stamp(number).decode()}#1", "stdout", b"") for number in (1, 3, 2, 4)]
    assert list(lines_after(iter(log), log[2].cursor)) == log[3:]
    assert list(lines_after(iter(log), log[1].cursor)) == log[2:]


def test_where_the_line_is_gone_all_that_is_newer_follows() -> None:
    log = [LogLine(f"{stamp(number).decode()}#1", "stdout", b"") for number in (1, 2, 3)]
    assert list(lines_after(iter(log[1:]), log[0].cursor)) == log[1:]
    assert list(lines_after(iter(log), f"{stamp(2).decode()}#7")) == log[2:]


def test_a_line_that_is_surely_newer_does_not_wait_for_more() -> None:
    def log() -> Iterator[LogLine]:
        yield LogLine("2026-01-02T03:04:09Z#1", "stdout", b"newer")
        raise AssertionError("asked for more")

    assert next(lines_after(log(), "2026-01-02T03:04:05Z#1")).text == b"newer"


def test_an_unfinished_line_is_none_as_long_as_more_may_come() -> None:
    data = frame(1, stamp(1) + b" " + b"x" * PIECE)
    assert read(data, complete=False) == []
    assert [line.text for line in read(data)] == [b"x" * PIECE]


def test_podman_ends_a_line_with_a_newline_only() -> None:
    data = frame(1, stamp(1) + b" short") + frame(2, stamp(2) + b" other\n") + frame(1, stamp(3) + b" end\n")
    log = list(lines(frames([data]), PIECE_BYTES["podman"], complete=True))
    assert content(log) == [(2, b"other"), (1, b"shortend")]


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    piece = b"x" * (1 << 20)
    log = read(frame(1, stamp(1) + b" " + piece) * 20)
    assert [len(line.text) >> 20 for line in log] == [8, 8, 4]
    assert len({line.cursor for line in log}) == 3


def test_a_line_of_many_small_pieces_is_one() -> None:
    data = frame(1, stamp(1) + b" .") * 2000 + frame(1, stamp(2) + b" end\n")
    assert content(list(lines(frames([data]), PIECE_BYTES["podman"], complete=False))) == [(1, b"." * 2000 + b"end")]


def test_the_engine_is_asked_from_a_second_earlier() -> None:
    assert since("1970-01-01T00:01:00.000000007Z#3") == "59.000000007"
