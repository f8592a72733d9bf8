"""Podman's log as conmon writes it: whole, in order, and to the end of the container."""

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ospool_ep.engine.podman_log import frames

STAMP = "2026-11-29T12:57:40.770688387+00:00"


def record(text: str, stream: str = "stdout", part: str = "F") -> bytes:
    """As conmon writes one."""
    return f"{STAMP} {stream} {part} {text}\n".encode()


def frame(text: str, stream: int = 1, end: str = "\n") -> tuple[int, bytes]:
    """The same as the engine's API has it."""
    return stream, f"{STAMP} {text}{end}".encode()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The file, with one line."""
    path = tmp_path / "ctr.log"
    path.write_bytes(record("first"))
    return path


@pytest.fixture
def process() -> Iterator["subprocess.Popen[bytes]"]:
    """The container's first process."""
    with subprocess.Popen(["sleep", "600"]) as sleep:
        yield sleep
        sleep.kill()


class Follower:
    """Reads a log in a thread of its own; None ends what was read."""

    def __init__(self, path: Path, pid: int) -> None:
        self.read: Queue[object] = Queue()
        self._thread = threading.Thread(target=self._follow, args=(path, pid), daemon=True)
        self._thread.start()

    def _follow(self, path: Path, pid: int) -> None:
        for one in frames(path, pid):
            self.read.put(one)
        self.read.put(None)

    def next(self) -> object:
        """What comes next; Empty if nothing does."""
        return self.read.get(timeout=20)


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


@pytest.mark.parametrize("read_bytes", [3, 1 << 20])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (record("out") + record("", "stderr"), [frame("out"), frame("", 2)]),
        (record(" a  b ") + record("c\rd\0e"), [frame(" a  b "), frame("c\rd\0e")]),
        (record("un", part="P") + record("done"), [frame("un", end=""), frame("done")]),
        (record("", part="P"), [frame("", end="")]),
        (b"", []),
        # A full disk has cut off what was written; once there is space again, what follows stands right behind it.
        (record("whole") + record("cut off")[:-3], [frame("whole")]),
        (b"\n" + STAMP.encode() + b"\n" + STAMP.encode() + b" st\n" + record("whole"), [frame("whole")]),
        *((record("cut")[:end] + record("whole"), [frame("whole")]) for end in (1, 20, 27, 30, 36, 42, 43)),
        (b"no record\n" * 10 + record("whole"), [frame("whole")]),
    ],
)
def test_the_pieces_of_a_log_are_those_of_the_api(
    log: Path, content: bytes, expected: list[tuple[int, bytes]], read_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ospool_ep.engine.podman_log.READ_BYTES", read_bytes)
    log.write_bytes(content)
    assert list(frames(log)) == expected


def test_a_hole_in_a_log_that_somebody_has_emptied_is_passed_over(log: Path) -> None:
    """conmon goes on where it was, once it has begun a second file."""
    with log.open("wb") as file:
        file.seek(50_000_000)
        file.write(record("first") + record("second"))
    assert list(frames(log)) == [frame("first"), frame("second")]


@given(st.integers(0, 30), st.integers(1, 40), st.integers(1, 200), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_last_records_are_as_many_as_are_asked_for(
    log: Path, there: int, wanted: int, read_bytes: int, cut_off: bool
) -> None:
    log.write_bytes(
        b"".join(record(f"{number}") for number in range(there)) + (record("cut off")[:-1] if cut_off else b"")
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("ospool_ep.engine.podman_log.READ_BYTES", read_bytes)
        last = [text.split()[1] for _, text in frames(log, entries=wanted)]
    assert last == [b"%d" % number for number in range(max(0, there - wanted), there)]


def test_a_line_is_told_once_it_is_whole(log: Path, process: "subprocess.Popen[bytes]") -> None:
    follower = Follower(log, process.pid)
    assert follower.next() == frame("first")
    second = record("second")
    append(log, second[:-4])
    append(log, second[-4:] + record("third"))
    assert [follower.next(), follower.next()] == [frame("second"), frame("third")]
    assert follower.read.empty()


def test_what_is_written_last_is_told_and_then_it_ends(log: Path, process: "subprocess.Popen[bytes]") -> None:
    follower = Follower(log, process.pid)
    assert follower.next() == frame("first")
    append(log, record("last"))
    process.kill()
    assert [follower.next(), follower.next()] == [frame("last"), None]


def test_a_process_that_has_ended_already_is_not_waited_for(log: Path, process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()
    assert list(frames(log, process.pid)) == [frame("first")]


def test_the_file_that_takes_the_place_of_a_full_one_is_read_behind_it(
    log: Path, process: "subprocess.Popen[bytes]"
) -> None:
    follower = Follower(log, process.pid)
    assert follower.next() == frame("first")
    append(log, record("second"))
    new = log.with_suffix(".tmp")
    new.write_bytes(record("third"))
    new.rename(log)
    assert [follower.next(), follower.next()] == [frame("second"), frame("third")]


def test_a_log_that_somebody_empties_goes_on(log: Path, process: "subprocess.Popen[bytes]") -> None:
    append(log, record("of some length"))
    follower = Follower(log, process.pid)
    assert [follower.next(), follower.next()] == [frame("first"), frame("of some length")]
    log.write_bytes(record("new"))
    assert follower.next() == frame("new")


def test_a_log_that_is_removed_is_read_to_its_end(log: Path, process: "subprocess.Popen[bytes]") -> None:
    follower = Follower(log, process.pid)
    assert follower.next() == frame("first")
    append(log, record("last"))
    log.unlink()
    assert follower.next() == frame("last")
    process.kill()
    assert follower.next() is None


def test_a_log_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(frames(tmp_path / "none.log"))
