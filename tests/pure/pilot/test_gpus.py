"""Whether a pilot still has its GPUs: the question as the shells of the images run it, and how the answer is read."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from ospool_ep.pilot import gpus
from ospool_ep.pilot.answers import read_probe
from ospool_ep.pilot.commands import HELD_COMMAND, JOBS_COMMAND, PROBE_COMMAND
from ospool_ep.pilot.state import Gpus

OUTPUTS = Path(__file__).parents[1] / "pilot_outputs"
# The image's shell is bash, called sh; others are stricter about a file that can't be opened.
SHELLS = [("bash", "--posix"), ("dash",)]
# A driver that has no such device, as after it was unloaded: the number is one of those for experiments.
NOBODYS = os.makedev(240, 255)
NULL = os.makedev(1, 3)


def asked(shell: tuple[str, ...], node: Path, *, answers: int = 0, offers: str = "2") -> str:
    """What the lines print, where the startd says that it offers so many."""
    script = f"exec 2>&1\nanswers={answers}\n{gpus.question('STARTD', 'tool', str(node))}echo '[clauses]'\n"
    double = f"tool() {{ echo '{offers}'; }}\n"
    done = subprocess.run([*shell, "-c", double + script], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def seen(printed: str) -> tuple[Gpus, str]:
    """As the probe's reader has it, within the answer of a pilot that is well."""
    answer = (OUTPUTS / "ready_idle.txt").read_text().replace("[clauses]\n", printed)
    state = read_probe(answer)
    assert state.jobs == ()
    return state.gpus, state.gpus_closed_because


in_each_shell = pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: str(shell[0]))


@in_each_shell
def test_without_the_device_nothing_is_said(shell: tuple[str, ...], tmp_path: Path) -> None:
    assert asked(shell, tmp_path / "nvidiactl") == "[clauses]\n"
    assert seen(asked(shell, tmp_path / "nvidiactl")) == (Gpus.NONE, "")


@in_each_shell
def test_a_device_that_opens_is_well(shell: tuple[str, ...], tmp_path: Path) -> None:
    os.mknod(tmp_path / "nvidiactl", stat.S_IFCHR | 0o666, NULL)
    assert seen(asked(shell, tmp_path / "nvidiactl")) == (Gpus.WELL, "")


@in_each_shell
def test_one_that_does_not_is_closed_and_the_kernel_says_why(shell: tuple[str, ...], tmp_path: Path) -> None:
    os.mknod(tmp_path / "nvidiactl", stat.S_IFCHR | 0o666, NOBODYS)
    assert seen(asked(shell, tmp_path / "nvidiactl")) == (Gpus.CLOSED, "No such device or address")


@in_each_shell
@pytest.mark.parametrize(
    ("offers", "expected"),
    [("0", Gpus.UNSEEN), ("undefined", Gpus.UNSEEN), ("1", Gpus.WELL), ("0\n2", Gpus.WELL), ("", Gpus.WELL)],
)
def test_what_the_startd_offers_counts_where_it_says_so(
    shell: tuple[str, ...], offers: str, expected: Gpus, tmp_path: Path
) -> None:
    os.mknod(tmp_path / "nvidiactl", stat.S_IFCHR | 0o666, NULL)
    assert seen(asked(shell, tmp_path / "nvidiactl", offers=offers))[0] is expected
    assert seen(asked(shell, tmp_path / "nvidiactl", offers=offers, answers=1))[0] is Gpus.WELL


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("/bin/sh: line 25: /dev/nvidiactl: Operation not permitted", "Operation not permitted"),
        ("/bin/sh: 25: cannot open /dev/nvidiactl: Operation not permitted", "Operation not permitted"),
        ("sh: can't open /dev/nvidiactl: Input/output error", "Input/output error"),
    ],
)
def test_what_each_shell_says_is_read(said: str, why: str) -> None:
    assert seen(f"[gpus]\n{said}\n[clauses]\n") == (Gpus.CLOSED, why)


def test_an_answer_of_a_pilot_without_gpus_says_nothing_of_them() -> None:
    for path in OUTPUTS.glob("*.txt"):
        assert read_probe(path.read_text()).gpus is Gpus.NONE


def test_only_the_whole_probe_asks() -> None:
    asks = [gpus.CONTROL_NODE in command[2] for command in (PROBE_COMMAND, HELD_COMMAND, JOBS_COMMAND)]
    assert asks == [True, False, False]
