"""The run-time directory: one service, requests that outlive a process, reports that are whole."""

import contextlib
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ospool_ep.lifecycle.state import Want
from ospool_ep.system.run_directory import AlreadyRunning, RunDirectory
from tests.pure.checks.test_path_probe import mount

# A service as another process sees it: it holds the lock, says so, and counts the nudges until its input ends.
SERVICE = """
import signal, sys
from pathlib import Path
from ospool_ep.system.run_directory import RunDirectory
nudges = []
signal.signal(signal.SIGUSR1, lambda *_: nudges.append(1))
RunDirectory(Path(sys.argv[1])).lock()
print("locked", flush=True)
sys.stdin.readline()
print(len(nudges), flush=True)
"""


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    return RunDirectory(tmp_path)


@pytest.fixture
def service(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", SERVICE, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield process
        process.kill()


def test_nobody_runs_in_an_empty_directory(directory: RunDirectory) -> None:
    assert directory.service_pid() is None
    assert directory.read_status() is None
    assert not directory.nudge()


def test_the_holder_of_the_lock_is_known_by_its_process(
    directory: RunDirectory, service: "subprocess.Popen[str]"
) -> None:
    assert directory.service_pid() == service.pid


def test_a_second_service_is_refused_and_told_who_is_first(
    directory: RunDirectory, service: "subprocess.Popen[str]"
) -> None:
    with pytest.raises(AlreadyRunning, match=str(service.pid)):
        directory.lock()


def test_a_service_that_was_killed_holds_nothing(directory: RunDirectory, service: "subprocess.Popen[str]") -> None:
    service.kill()
    service.wait()
    assert directory.service_pid() is None
    directory.lock()


@pytest.mark.parametrize("again", [False, True])
def test_a_directory_that_somebody_removed_is_made_again_with_its_lock(tmp_path: Path, again: bool) -> None:
    directory = RunDirectory(tmp_path / "run")
    directory.lock()
    shutil.rmtree(tmp_path / "run")
    if again:
        (tmp_path / "run").mkdir()
    directory.hold_lock()
    directory.write_status({"summary": "fine"})
    path = str(tmp_path / "run")
    ask = f"from ospool_ep.system.run_directory import *; print(RunDirectory(Path({path!r})).service_pid())"
    told = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout
    assert told == f"{os.getpid()}\n"


def test_asking_who_runs_never_keeps_a_service_from_starting(directory: RunDirectory, tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    assert directory.service_pid() is None
    directory.lock()


# Any user can take a lock that others share (fcntl(2), F_RDLCK) on a file that he may read.
SHARE_LOCK = """
import fcntl, os, sys
os.setuid(65534)
fcntl.lockf(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_SH)
print("locked", flush=True)
sys.stdin.readline()
"""


def test_no_other_user_keeps_the_service_from_starting(open_path: Path) -> None:
    # As release 25.1.0 made it.
    (open_path / "lock").touch(0o644)
    run = [sys.executable, "-c", SERVICE, str(open_path)]
    subprocess.run(run, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    share = [sys.executable, "-c", SHARE_LOCK, str(open_path / "lock")]
    with subprocess.Popen(share, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as other:
        assert other.stdout is not None
        other.stdout.readline()
        RunDirectory(open_path).lock()


def test_a_nudge_reaches_the_service(directory: RunDirectory, service: "subprocess.Popen[str]") -> None:
    assert directory.nudge()
    assert service.communicate("\n")[0] == "1\n"


def test_a_drain_outlives_the_process_that_asked_for_it(directory: RunDirectory, tmp_path: Path) -> None:
    directory.ask_drain()
    directory.ask_drain(Want.START)
    assert RunDirectory(tmp_path).want is Want.START
    directory.clear_drain()
    directory.clear_drain()
    assert directory.want is Want.PILOTS


def test_a_drain_that_is_done_takes_no_later_one_with_it(directory: RunDirectory) -> None:
    directory.ask_drain(Want.IDLE)
    directory.clear_drain(Want.START)
    assert directory.want is Want.IDLE


@pytest.mark.parametrize("text", ["", "whatever"])
def test_a_drain_of_another_release_is_a_drain(directory: RunDirectory, tmp_path: Path, text: str) -> None:
    (tmp_path / "drain").write_text(text)
    assert directory.want is Want.IDLE


def test_the_next_process_knows_since_when_a_pilot_drains(directory: RunDirectory) -> None:
    directory.note_drain("c1", 5.0, None)
    assert directory.noted_drain("c1") == (5.0, None)
    assert directory.noted_drain("c2") == (None, None)


def test_the_drains_of_several_pilots_are_noted_beside_each_other(directory: RunDirectory, tmp_path: Path) -> None:
    directory.note_drain("c1", 5.0, None)
    directory.note_drain("c2", 6.0, 7.0)
    directory.note_drain("c1", 5.0, 8.0)
    assert [directory.noted_drain(container) for container in ("c1", "c2")] == [(5.0, 8.0), (6.0, 7.0)]
    for number in range(100):
        directory.note_drain(f"later {number}", 9.0, None)
    assert directory.noted_drain("c1") == (None, None), "those that ended long ago are forgotten"
    assert (tmp_path / "draining.json").stat().st_size < 1000


def test_the_note_of_release_25_3_is_read(directory: RunDirectory, tmp_path: Path) -> None:
    (tmp_path / "draining.json").write_text('{"container": "c1", "since": 5.0, "limited_since": null}')
    assert directory.noted_drain("c1") == (5.0, None)
    directory.note_drain("c2", 6.0, None)
    assert directory.noted_drain("c1") == (5.0, None)


def test_it_is_known_when_a_drain_was_asked_for(directory: RunDirectory) -> None:
    assert directory.wanted_since is None
    before = time.time()
    directory.ask_drain()
    # A file system's clock may be a tick behind.
    assert before - 0.1 < (directory.wanted_since or 0.0) <= time.time()
    directory.ask_drain(Want.STOP, 5.0)
    assert directory.wanted_since == 5.0


@pytest.mark.parametrize("since", ["null", "[]", '"soon"', ""])
def test_a_note_of_a_drain_that_cannot_be_read_is_none(directory: RunDirectory, tmp_path: Path, since: str) -> None:
    directory.note_drain("c1", 5.0, 5.0)
    (note,) = tmp_path.rglob("draining.json")
    note.write_text(note.read_text().replace("5.0", since, 1))
    assert directory.noted_drain("c1") == (None, None)


def test_how_far_a_log_was_copied_is_told_to_the_next_process_only(directory: RunDirectory) -> None:
    assert directory.take_cursors() == {}
    directory.keep_cursors({"0123": "2026-01-02T03:04:05Z#1"})
    assert directory.take_cursors() == {"0123": "2026-01-02T03:04:05Z#1"}
    assert directory.take_cursors() == {}


def test_the_answer_to_a_reload_is_for_root(directory: RunDirectory, tmp_path: Path) -> None:
    assert directory.reload_answer() == {}
    directory.answer_reload({"code": 78})
    assert directory.reload_answer() == {"code": 78}
    assert stat.S_IMODE((tmp_path / "reload.json").stat().st_mode) == 0o600


def test_anybody_may_read_the_report(directory: RunDirectory, tmp_path: Path) -> None:
    directory.write_status({"summary": "fine"})
    directory.write_status({"summary": "better"})
    assert directory.read_status() == {"summary": "better"}
    assert stat.S_IMODE((tmp_path / "status.json").stat().st_mode) == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"]


def test_only_the_pilot_may_read_the_token(directory: RunDirectory) -> None:
    path = directory.write_token("the token", os.getuid())
    assert path.read_text() == "the token\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert path.stat().st_uid == os.getuid()


def test_a_disk_that_is_full_holds_no_old_news(open_path: Path) -> None:
    mount(open_path / "run", "size=12k")
    directory = RunDirectory(open_path / "run")
    directory.lock()
    directory.write_status({"summary": "before"})
    (open_path / "run" / "filling").write_bytes(bytes(4096))
    directory.write_status({"summary": "after"})
    assert directory.read_status() == {"summary": "after"}
    directory.answer_reload({"asked_at": 1.0})
    assert directory.reload_answer() == {"asked_at": 1.0}
    with pytest.raises(OSError, match="No space left"):
        directory.write_status({"summary": "x" * 5000})
    assert directory.read_status() is None


def test_what_gets_free_is_anybodys_and_the_news_needs_none_of_it(
    open_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount(open_path / "run", "size=16k")
    directory = RunDirectory(open_path / "run")
    directory.lock()

    def take_all() -> None:
        with contextlib.suppress(OSError), (open_path / "run" / "filling").open("ab", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def taking_all(call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **more: Any) -> Any:
            result = call(*arguments, **more)
            take_all()
            return result

        return called

    take_all()
    for name in ("unlink", "replace"):
        monkeypatch.setattr(Path, name, taking_all(getattr(Path, name)))
    directory.answer_reload({"asked_at": 1.0})
    assert directory.reload_answer() == {"asked_at": 1.0}
    directory.answer_reload({})
    assert directory.reload_answer() == {}
