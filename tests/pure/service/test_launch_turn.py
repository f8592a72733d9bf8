"""Of the services of a host one at a time gives its pilot directories, and none that dies or hangs keeps the others."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from ospool_ep.service import launch_turn
from ospool_ep.service.launch_turn import NoTurnError

_ANOTHER = """
import pathlib, sys, time
from ospool_ep.service import launch_turn
launch_turn.PLACE = pathlib.Path(sys.argv[1])
with launch_turn.launch_turn(lambda: False):
    print("has it", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "launch.lock"
    monkeypatch.setattr(launch_turn, "PLACE", path)
    return path


def another(place: Path) -> "subprocess.Popen[str]":
    """The process of another service, which has the turn."""
    process = subprocess.Popen([sys.executable, "-c", _ANOTHER, str(place)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "has it\n"
    return process


def test_the_turn_of_another_is_waited_for_and_ends_with_its_process(place: Path) -> None:
    with another(place) as process:
        with pytest.raises(NoTurnError, match="another service of this host"), launch_turn.launch_turn(_goes_on, 0.5):
            pass
        process.kill()
        process.wait()
        with launch_turn.launch_turn(_goes_on, 0.5):
            pass


def test_one_that_ends_does_not_wait(place: Path) -> None:
    with another(place) as process:
        began, ends = time.monotonic(), [False, True]
        with pytest.raises(NoTurnError, match="ends"), launch_turn.launch_turn(lambda: ends.pop(0), 60):
            pass
        assert time.monotonic() - began < 10
        process.kill()


def test_a_failure_inside_gives_the_turn_back() -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="inside"), launch_turn.launch_turn(_goes_on, 0.5):
            raise ValueError("inside")


def _goes_on() -> bool:
    return False
