"""Which services of this host run: by their locks, and between two processes by systemd."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Optional

import pytest

from ospool_ep.system import services_here, systemctl
from ospool_ep.system.run_directory import RunDirectory
from ospool_ep.system.systemctl import UnitState
from ospool_ep.this_service import ServiceName

_HOLDER = """
import sys, time
from pathlib import Path
from ospool_ep.system.run_directory import RunDirectory
RunDirectory(Path(sys.argv[1])).lock()
print("locked", flush=True)
time.sleep(600)
"""

# To close a file gives up the locks that a process has on it: another process has to look.
_LOOK = """
import sys
from pathlib import Path
from ospool_ep.system.run_directory import RunDirectory
print(RunDirectory(Path(sys.argv[1])).service_pid())
"""

Start = Callable[[str], None]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Begins a process that holds the lock of that service."""
    monkeypatch.setattr(ServiceName, "run_directory", property(lambda service: tmp_path / service.name))
    states(monkeypatch, {})
    running: list[subprocess.Popen[str]] = []

    def begin(name: str) -> None:
        command = [sys.executable, "-c", _HOLDER, str(tmp_path / name)]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        assert running[-1].stdout is not None
        assert running[-1].stdout.readline() == "locked\n"

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def states(monkeypatch: pytest.MonkeyPatch, active: Optional[Mapping[str, str]]) -> None:
    """How systemd has each unit; None: it does not answer."""

    def told(units: list[str]) -> Optional[dict[str, UnitState]]:
        return None if active is None else {unit: UnitState(active=active.get(unit, "inactive")) for unit in units}

    monkeypatch.setattr(systemctl, "unit_states", told)


def names() -> list[str]:
    return [name.name for name in services_here.services_here()]


def test_each_that_has_its_lock_runs(tmp_path: Path, start: Start) -> None:
    start("ospool-ep@b")
    start("ospool-ep")
    start("ospool-ep@a.1")
    (tmp_path / "ospool-ep@ended").mkdir()
    for other in ("ospool-ep@", "ospool-ep@-no", "ospool-epx", "ospool-ep@a b"):
        (tmp_path / other).mkdir()
    (tmp_path / "ospool-ep@file").touch()
    assert names() == ["ospool-ep", "ospool-ep@a.1", "ospool-ep@b"]


def test_one_that_systemd_just_restarts_runs(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start("ospool-ep")
    (tmp_path / "ospool-ep@b").mkdir()
    (tmp_path / "ospool-ep@c").mkdir()
    states(monkeypatch, {"ospool-ep@b.service": "activating", "ospool-ep@c.service": "failed"})
    assert names() == ["ospool-ep", "ospool-ep@b"]
    assert services_here.has_process(ServiceName())
    assert not services_here.has_process(ServiceName("b"))
    states(monkeypatch, None)
    assert names() == ["ospool-ep", "ospool-ep@b", "ospool-ep@c"]


def test_a_service_sees_the_others_and_keeps_its_own_lock(start: Start, tmp_path: Path) -> None:
    own = RunDirectory(tmp_path / "ospool-ep")
    own.lock()
    start("ospool-ep@b")
    assert [name.name for name in services_here.others_here()] == ["ospool-ep@b"]
    seen = subprocess.run([sys.executable, "-c", _LOOK, str(own.path)], capture_output=True, text=True, check=True)
    assert seen.stdout == f"{os.getpid()}\n"


def test_where_none_was_ever_started_none_runs(start: Start) -> None:
    del start
    assert names() == []
