"""Each pilot of the service gets a scratch directory of its own, and none is left behind."""

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from ospool_ep.checks.scratch_names import is_one
from ospool_ep.lifecycle.actions import Priority
from ospool_ep.service import scratch_calls
from ospool_ep.service.scratch import Scratch
from ospool_ep.system.helper_process import HelperProcess
from ospool_ep.system.helper_program import HelperFailed
from tests.pure.checks.test_path_checks import own
from tests.pure.checks.test_scratch_directories import give, left_over, names
from tests.pure.container.test_from_configuration import build
from tests.support.waiting import wait_until

TOKEN = "/etc/osg/ospool-ep.tkn"  # noqa: S105 - a path


class Host:
    """A service's Scratch, its WORKER_TEMP_DIR, and what it says."""

    def __init__(self, path: Path) -> None:
        self.top = path / "scratch"
        self.top.mkdir()
        own(self.top, 0o755, 1000, 1000)
        self.spec = build(f"WORKER_TEMP_DIR={self.top}\n", path)
        self.said: list[tuple[Priority, str]] = []
        self.scratch = self.next_process()

    def next_process(self) -> Scratch:
        self.scratch = Scratch(lambda: self.spec, lambda *said: self.said.append(said))
        return self.scratch

    def sweep(self, *sources: object) -> None:
        """Sweep, and wait until that is through."""
        self.scratch.sweep([TOKEN, *map(str, sources)])
        self.scratch.through(300)

    @property
    def names(self) -> list[str]:
        return names(self.top)


@pytest.fixture
def host(open_path: Path) -> Host:
    return Host(open_path)


def worked_in(path: str) -> Path:
    """A pilot's, with what jobs leave."""
    inner = Path(path, "osgvo-pilot-Ab12Cd/execute")
    inner.mkdir(parents=True)
    (inner / "file").write_text("text")
    inner.chmod(0o000)
    give(Path(path))
    return Path(path)


def test_each_pilot_has_its_own_and_it_goes_with_the_pilot(host: Host) -> None:
    first, second = worked_in(host.scratch.for_next()), worked_in(host.scratch.for_next())
    assert (first.parent, second.parent, first != second) == (host.top, host.top, True)
    host.scratch.gone(str(first))
    host.scratch.through(300)
    assert host.names == [second.name]
    assert host.said == []


def test_without_a_scratch_directory_there_is_none_for_a_pilot(host: Host, tmp_path: Path) -> None:
    host.spec = build("", tmp_path)
    assert host.scratch.for_next() == ""
    host.sweep()
    host.scratch.gone("")
    host.scratch.through(300)
    assert (host.names, host.said) == ([], [])


@pytest.mark.parametrize("name", ["", ".", "..", "jobs", "/"])
def test_what_is_no_pilots_own_never_goes(host: Host, name: str) -> None:
    (host.top / "jobs").mkdir()
    give(host.top)
    host.scratch.gone(f"{host.top}/{name}")
    host.scratch.gone(str(host.top))
    host.scratch.through(300)
    assert (host.names, host.said) == (["jobs"], [])


def test_the_next_process_removes_what_no_container_has(host: Host) -> None:
    paths = [worked_in(host.scratch.for_next()) for _ in range(3)]
    host.next_process()
    # The engine may tell a path behind links otherwise.
    host.sweep(paths[0], Path("/elsewhere", paths[1].name))
    assert host.names == sorted(path.name for path in paths[:2])
    # A pilot that somebody has removed meanwhile.
    host.sweep(paths[0])
    assert host.names == [paths[0].name]


def test_a_directory_without_its_container_yet_is_kept(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Path(host.scratch.for_next())
    host.sweep()
    assert host.names == [made.name]
    # Its container is there, and then somebody has removed it.
    host.sweep(made)
    host.sweep()
    assert host.names == []
    host.scratch.for_next()
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 3600)
    host.sweep()
    assert host.names == [], "no launch takes so long"


def test_a_directory_that_is_made_during_a_sweep_is_kept(host: Host) -> None:
    """The engine was asked before, and knows of no container that has it."""
    for _ in range(10):
        host.scratch.sweep([])
        made = host.scratch.for_next()
        host.scratch.through(300)
        assert host.names == [Path(made).name]
        host.scratch.gone(made)
        host.scratch.through(300)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Removals wait until it is set."""
    held = threading.Event()

    class Waits(HelperProcess):
        def __init__(self, function: str, *arguments: object) -> None:
            if function.endswith(":remove"):
                assert held.wait(60)
            super().__init__(function, *arguments)

    monkeypatch.setattr("ospool_ep.service.scratch.HelperProcess", Waits)
    return held


@pytest.mark.parametrize("stays", [True, False])
def test_a_sweep_that_is_asked_for_during_another_goes_by_what_is_known_last(
    host: Host, held: threading.Event, stays: bool
) -> None:
    worked_in(host.scratch.for_next())
    scratch = host.next_process()
    scratch.sweep([])
    made = worked_in(scratch.for_next())
    scratch.sweep([str(made)])
    if not stays:
        scratch.sweep([])
    held.set()
    scratch.through(300)
    assert host.names == ([made.name] if stays else [])


def test_a_sweep_that_takes_long_removes_nothing_that_a_container_has_by_then(
    host: Host, open_path: Path, held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    (open_path / "a").mkdir()
    own(open_path / "a", 0o755, 1000, 1000)
    scratch = host.scratch
    # Two places, and the first removal takes an hour.
    scratch.sweep([f"{open_path}/a/{Path(scratch.for_next()).name}"])
    made = worked_in(scratch.for_next())
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 3600)
    scratch.sweep([str(made)])
    held.set()
    scratch.through(300)
    assert made.name in host.names


def test_where_the_configuration_names_another_place_the_last_one_is_swept_too(host: Host, open_path: Path) -> None:
    first = worked_in(host.scratch.for_next())
    other = open_path / "other"
    other.mkdir()
    own(other, 0o755, 1000, 1000)
    host.next_process()
    host.spec = build(f"WORKER_TEMP_DIR={other}/\n", open_path)
    second = Path(host.scratch.for_next())
    host.sweep(first, second)
    assert (host.names, names(other)) == ([first.name], [second.name])
    # Both have ended, and nobody saw it.
    host.sweep()
    assert (host.names, names(other)) == ([], [])


def test_what_an_earlier_release_left_goes_once_no_container_has_the_whole(host: Host) -> None:
    left_over(host.top)
    everything = host.names
    mine = worked_in(host.scratch.for_next())
    host.sweep(f"{host.top}/", mine)
    assert host.names == sorted([*everything, mine.name]), "an adopted pilot loses nothing"
    host.sweep(mine)
    assert host.names == [mine.name]
    paths = " ".join(f"{host.top}/{name}" for name in ("osgvo-pilot-Ab12Cd", "osgvo-pilot-Ef34Gh", "rsyslog", "log"))
    text = f"Removed 0.0 GiB that pilots of earlier releases had left in {host.top}: {paths}."
    assert host.said == [(Priority.INFO, text)]


def test_a_pilot_that_gets_the_whole_keeps_what_is_there(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a server that keeps root out."""

    class MakesNone:
        def __init__(self, function: str, *arguments: object) -> None:
            self._result = getattr(scratch_calls, function.rpartition(":")[2]) if "make" not in function else None
            self._arguments = arguments

        def value(self, _kind: object) -> object:
            return self._result(*self._arguments) if self._result else str(host.top)

    left_over(host.top)
    everything = host.names
    monkeypatch.setattr("ospool_ep.service.scratch.HelperProcess", MakesNone)
    assert host.scratch.for_next() == str(host.top)
    with pytest.raises(HelperFailed, match="keeps root out"):
        host.scratch.for_next(beside=True)
    monkeypatch.undo()
    assert host.scratch.for_next(beside=True).startswith(f"{host.top}/")
    everything = host.names
    host.sweep()
    assert host.names == everything


def test_what_stays_is_told_once_with_the_command_that_removes_it(host: Host) -> None:
    path = worked_in(host.scratch.for_next())
    (path / "root's").mkdir()
    (path / "root's/file").write_text("text")
    for _ in range(2):
        host.scratch.gone(str(path))
        host.scratch.through(300)
    command = f"rm -rf --one-file-system {path}"
    why = "file: Permission denied"
    text = f"{path} was a pilot's that has ended, and stays for now: {why}. It is tried again; to remove it by hand: "
    assert host.said == [(Priority.WARNING, f"{text}{command}")]
    subprocess.run(command, shell=True, check=True)
    assert host.names == []


def test_a_failure_is_tried_again_at_the_next_sweep(host: Host) -> None:
    path = worked_in(host.scratch.for_next())
    own(host.top, 0o755, 0, 0)
    host.scratch.gone(str(path))
    host.scratch.through(300)
    assert host.names == [path.name]
    own(host.top, 0o755, 1000, 1000)
    host.sweep()
    assert host.names == []


def test_what_keeps_a_directory_from_being_made_is_raised(host: Host) -> None:
    own(host.top, 0o755, 0, 0)
    with pytest.raises(HelperFailed, match=r"can be made in .*: Permission denied"):
        host.scratch.for_next()


def test_a_removal_holds_up_nothing_and_goes_on_after_a_kill(host: Host) -> None:
    path = Path(host.scratch.for_next())
    for directory in range(300):
        (path / str(directory)).mkdir()
        for number in range(100):
            (path / f"{directory}/{number}").touch()
    give(path)
    host.scratch.gone(str(path))
    helper = wait_until(children, "a process that removes", pause=0.01)[0]
    # It has what nobody else wants of the machine.
    wait_until(lambda: len(list(path.iterdir())) < 300, "that it has begun", 120, pause=0.001)
    assert os.sched_getscheduler(helper) == os.SCHED_IDLE
    assert user_of(helper) == [1000] * 4
    os.kill(helper, signal.SIGKILL)
    host.scratch.through(300)
    assert host.names == [path.name]
    host.next_process()
    host.sweep()
    assert host.names == []


def children() -> list[int]:
    """The processes that we have started and that are the pilot's user by now."""
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    for thread in threading.enumerate():
        with_children = Path(f"/proc/self/task/{thread.native_id}/children")
        text += with_children.read_text() if with_children.exists() else ""
    return [int(child) for child in text.split() if user_of(int(child))[0] == 1000]


def user_of(process: int) -> list[int]:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(list(map(int, line.split()[1:])) for line in lines if line.startswith("Uid:"))


def test_the_name_is_that_of_a_pilots_directory(host: Host) -> None:
    assert is_one(Path(host.scratch.for_next()).name)
