"""The order to leave, as the script that runs in the container: on a /proc that the test makes, with doubles."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ospool_ep.pilot.commands import (
    DRAIN_COMMAND,
    EVICT_SECONDS,
    HELD_COMMAND,
    JOBS_COMMAND,
    LEAVE_COMMAND,
    LEAVE_SECONDS,
    PROBE_COMMAND,
    tell_command,
)
from ospool_ep.pilot.state import Share

# Writes down what it was called with, and ends as the test wants; "sleep" takes no time but by the container's clock.
DOUBLE = """\
#!/bin/sh
echo "${0##*/} $*" >>"$CALLS"
passes() { read -r up _ <"$UPTIME" && echo "$((${up%%.*} + $1)).75 1.00" >"$UPTIME"; }
[ "${0##*/}" != sleep ] || passes "$1"
[ "${0##*/}" != condor_update_machine_ad ] || { cat >"$TOLD"; exit "$TELL_EXITS"; }
[ "${0##*/}" != condor_status ] || printf '%b' "$STATUS_SAYS"
[ "${0##*/}" != condor_off ] || passes "$CONDOR_OFF_TAKES"
[ "$*" != "$REFUSES" ] || exit 1
[ "${0##*/}" != condor_off ] || exit "$CONDOR_OFF_EXITS"
"""


class Container:
    """Where the script runs."""

    def __init__(self, directory: Path) -> None:
        self.proc, self.bin, self.calls = directory / "proc", directory / "bin", directory / "calls"
        self.told = directory / "told"
        self.condor_off_takes = 0
        self.proc.mkdir()
        (self.proc / "uptime").write_text("4711.25 1.00\n")
        self.bin.mkdir()
        for name in ("condor_off", "condor_ping", "condor_status", "condor_update_machine_ad", "condor_who", "sleep"):
            (self.bin / name).write_text(DOUBLE)
            (self.bin / name).chmod(0o755)

    def has(self, name: str, state: str = "S", pid: int = 1) -> None:
        (self.proc / str(pid)).mkdir()
        (self.proc / str(pid) / "stat").write_text(f"{pid} ({name}) {state} 0 1 2\n")

    def run(
        self,
        command: tuple[str, ...],
        *,
        condor_off_exits: int = 0,
        no_startd: bool = False,
        tell_exits: int = 0,
        status_says: str = "",
    ) -> "subprocess.CompletedProcess[str]":
        environment = {
            **os.environ,
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "CALLS": str(self.calls),
            "UPTIME": str(self.proc / "uptime"),
            "CONDOR_OFF_EXITS": str(condor_off_exits),
            "CONDOR_OFF_TAKES": str(self.condor_off_takes),
            "REFUSES": "-peaceful -startd" if no_startd else "none",
            "TOLD": str(self.told),
            "TELL_EXITS": str(tell_exits),
            "STATUS_SAYS": status_says,
        }
        script = command[2].replace("/proc/", f"{self.proc}/")
        return subprocess.run(
            [*command[:2], script], env=environment, capture_output=True, text=True, check=False, timeout=60
        )

    @property
    def called(self) -> list[str]:
        return self.calls.read_text().splitlines()


@pytest.fixture
def container(tmp_path: Path) -> Container:
    return Container(tmp_path)


@pytest.fixture
def starter() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that stands for a job's starter."""
    with subprocess.Popen(["/bin/sleep", "60"]) as process:
        yield process
        process.kill()


def test_the_order_ends_once_htcondor_has_left(container: Container) -> None:
    container.has("supervisord")
    assert container.run(LEAVE_COMMAND).returncode == 0
    assert container.called == ["condor_off -graceful -master"]


@pytest.mark.parametrize("daemon", ["condor_master", "condor_startd", "condor_starter"])
def test_what_does_not_leave_is_made_to_and_waited_for_no_longer_than_it_may(container: Container, daemon: str) -> None:
    container.has(daemon, pid=2**22 + 1)
    assert container.run(LEAVE_COMMAND).returncode == 0
    fast = container.called.index("condor_off -fast -master")
    assert container.called[0] == "condor_off -graceful -master"
    assert container.called[1:fast] == ["sleep 1"] * EVICT_SECONDS
    assert container.called[fast + 1 :] == ["sleep 1"] * (LEAVE_SECONDS - EVICT_SECONDS)


def test_what_has_ended_is_not_waited_for(container: Container) -> None:
    container.has("condor_master", state="Z")
    container.run(LEAVE_COMMAND)
    assert container.called == ["condor_off -graceful -master"]


def test_an_order_that_is_not_taken_is_told_at_once(container: Container) -> None:
    container.has("condor_master")
    assert container.run(LEAVE_COMMAND, condor_off_exits=1).returncode == 1
    assert container.called == ["condor_off -graceful -master"]


def test_each_starter_gets_a_sigterm(container: Container, starter: "subprocess.Popen[bytes]") -> None:
    container.has("condor_starter", pid=starter.pid)
    container.run(LEAVE_COMMAND)
    assert starter.wait(10) == -15


STARTD, MASTER = "condor_off -peaceful -startd", "condor_off -peaceful -master"


@pytest.mark.parametrize(
    ("names", "called"),
    [
        (("supervisord",), [STARTD, "sleep 1"] * 10),
        (("supervisord", "condor_master"), [STARTD, MASTER, "sleep 1"] * 2 + [STARTD, MASTER]),
        (("supervisord", "condor_master", "condor_startd"), [STARTD, "sleep 1"] * 2 + [STARTD]),
        (("condor_starter",), [STARTD, "sleep 1"] * 2 + [STARTD]),
        (("bash",), [STARTD]),
    ],
    ids=["HTCondor has ended", "its startd has ended", "it is up", "a job runs", "it sets itself up"],
)
def test_an_order_to_drain_that_is_not_taken_waits_for_an_end_that_is_due(
    container: Container, names: tuple[str, ...], called: list[str]
) -> None:
    for pid, name in enumerate(names, 1):
        container.has(name, pid=pid)
    if "condor_startd" not in names:
        container.has("condor_startd", state="Z", pid=9)
    assert container.run(DRAIN_COMMAND, condor_off_exits=7).returncode == 7
    assert container.called == called


def test_an_order_to_drain_that_hangs_is_not_given_again(container: Container) -> None:
    """The service waits for a minute, and would not learn why."""
    container.has("condor_master", pid=1)
    container.has("condor_startd", pid=2)
    container.condor_off_takes = 20
    assert container.run(DRAIN_COMMAND, condor_off_exits=1).returncode == 1
    assert container.called == [STARTD]


def test_a_master_whose_startd_has_ended_is_told_to_drain_alone(container: Container) -> None:
    """condor_off for the startd fails then, although the master takes its part of that."""
    container.has("condor_master")
    assert container.run(DRAIN_COMMAND, no_startd=True).returncode == 0
    assert container.called == [STARTD, MASTER]


def test_an_order_to_drain_that_is_taken_looks_no_further(container: Container) -> None:
    container.has("condor_master")
    assert container.run(DRAIN_COMMAND).returncode == 0
    assert container.called == [STARTD, MASTER]


def test_which_daemons_run_is_told(container: Container) -> None:
    container.has("condor_master", pid=1)
    container.has("condor_startd", state="Z", pid=2)
    container.has("bash", pid=3)
    container.has("supervisord", pid=4)
    daemons = container.run(JOBS_COMMAND).stdout.partition("[daemons]\n")[2].partition("[slots]")[0]
    assert daemons.split() == ["condor_master", "supervisord"]


@pytest.mark.parametrize("command", [PROBE_COMMAND, HELD_COMMAND])
def test_what_it_holds_is_asked_after_it_has_said_whether_it_takes_claims(
    container: Container, command: tuple[str, ...]
) -> None:
    said = container.run(command).stdout
    assert [call.split()[0] for call in container.called][:2] == ["condor_who", "condor_status"]
    assert said.index("[daemons]") < said.index("[who]") < said.index("[slots]") < said.index("[answered] 0")


def test_what_is_held_is_asked_without_the_pool_and_without_the_clauses(container: Container) -> None:
    container.run(HELD_COMMAND)
    assert [call.split()[0] for call in container.called] == ["condor_who", "condor_status"]


def test_the_startd_is_told_what_the_others_hold_and_has_to_go_by_it(container: Container) -> None:
    done = container.run(tell_command(Share(6, 768)), status_says="6 768\\n6 768\\n")
    assert done.returncode == 0
    assert container.told.read_text() == "HeldCpus = 6\nHeldMemory = 768\n"


@pytest.mark.parametrize("says", ["100000 100000000\\n", "6 768\\n100000 100000000\\n", "undefined undefined\\n", ""])
def test_a_startd_that_does_not_go_by_it_was_not_told(container: Container, says: str) -> None:
    done = container.run(tell_command(Share(6, 768)), status_says=says)
    assert done.returncode == 1
    assert done.stdout.endswith("and not by 6 768.\n")


@pytest.mark.parametrize("code", [1, 124])
def test_a_startd_that_does_not_take_it_is_told_at_once(container: Container, code: int) -> None:
    done = container.run(tell_command(Share(6, 768)), tell_exits=code, status_says="6 768\\n")
    assert done.returncode == 1
    assert done.stdout.endswith(f"condor_update_machine_ad: exit code {code} (124: no answer in time)\n")
    assert [call.split()[0] for call in container.called] == ["condor_update_machine_ad"]
