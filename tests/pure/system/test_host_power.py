"""The order that the host goes down: once, by whoever takes it, and not against somebody who holds it back."""

import fcntl
import json
import os
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from ospool_ep.system import host_power, systemctl
from ospool_ep.system.inhibitors import Inhibitor, logind_version, shutdown_blockers

HOLDER = os.getpid()
BACKUP = ["shutdown:sleep", "backup", "It runs.", "block", 0, HOLDER]
DELAYS = ["shutdown", "NetworkManager", "It needs a moment.", "delay", 0, 18]
WEAK = ["shutdown", "desktop", "Someone is here.", "block-weak", 1000, 19]
SLEEP = ["sleep", "player", "A film.", "block", 1000, 20]


class Systemd:
    """What its commands say."""

    def __init__(self) -> None:
        self.locks: list[list[object]] = []
        self.refused: dict[str, str] = {}
        self.state = "running"
        self.orders: list[tuple[str, ...]] = []

    def run(self, command: Sequence[str], seconds: float = 10) -> "subprocess.CompletedProcess[str]":
        del seconds
        if command[0].endswith("busctl"):
            return subprocess.CompletedProcess(command, 0, json.dumps({"type": "a", "data": [self.locks]}), "")
        if command[1] == "is-system-running":
            return subprocess.CompletedProcess(command, 1, f"{self.state}\n", "")
        problem = self.refused.get(command[1], "")
        if not problem:
            self.orders.append(tuple(command[1:]))
        return subprocess.CompletedProcess(command, bool(problem), "", problem)


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    played = Systemd()
    monkeypatch.setattr(systemctl, "run", played.run)
    monkeypatch.setattr(host_power, "NOTE", tmp_path / "note")
    return played


@pytest.mark.parametrize("word", ["reboot", "poweroff"])
def test_the_order_is_given_once_to_logind(systemd: Systemd, word: str) -> None:
    systemd.locks = [DELAYS, WEAK, SLEEP]
    assert (host_power.order(word), host_power.order(word)) == ("", "")
    assert systemd.orders == [(word, "--no-block")]


def test_an_order_that_was_taken_back_or_changed_is_given_anew(systemd: Systemd) -> None:
    assert (host_power.order("reboot"), host_power.order("poweroff")) == ("", "")
    host_power.forget_order()
    assert host_power.order("poweroff") == ""
    assert [order[0] for order in systemd.orders] == ["reboot", "poweroff", "poweroff"]


def test_one_that_hangs_does_not_keep_the_others_from_saying_so(
    systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_power, "TURN_SECONDS", 0.2)
    with host_power.NOTE.open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert "Another service" in host_power.order("reboot")
    assert systemd.orders == []


def test_where_logind_refuses_pid_1_is_asked(systemd: Systemd) -> None:
    systemd.refused = {"reboot": "Call to Reboot failed: Access denied\n"}
    assert host_power.order("reboot") == ""
    assert systemd.orders == [("start", "--no-block", "--job-mode=replace-irreversibly", "reboot.target")]


def test_a_lock_that_blocks_is_heeded_and_its_holder_named(systemd: Systemd) -> None:
    systemd.locks = [BACKUP]
    assert f"backup (process {HOLDER}): It runs." in host_power.order("reboot")
    assert systemd.orders == []
    systemd.locks = []
    assert host_power.order("reboot") == ""


def test_a_lock_that_comes_meanwhile_is_not_passed_by(systemd: Systemd, monkeypatch: pytest.MonkeyPatch) -> None:
    systemd.refused = {"reboot": "Operation inhibited"}
    held = iter([(), (Inhibitor("shutdown", "backup", "It runs.", "block", 0, HOLDER),)])
    monkeypatch.setattr(host_power, "shutdown_blockers", lambda: next(held))
    assert "backup" in host_power.order("reboot")
    assert systemd.orders == []


def test_a_lock_whose_holder_has_just_ended_is_none(systemd: Systemd, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    gone = Inhibitor("shutdown", "ospool-ep", "Jobs run.", "block", 0, ended.pid)
    held = iter([(gone,), (gone,), ()])
    monkeypatch.setattr(host_power, "shutdown_blockers", lambda: next(held))
    assert host_power.order("reboot") == ""
    assert len(systemd.orders) == 1
    assert not list(held), "logind has forgotten it by then"


def test_what_systemd_says_is_told_with_the_mend(systemd: Systemd) -> None:
    systemd.refused = {"reboot": "Access denied", "start": "Unit reboot.target is masked.\n"}
    problem = host_power.order("reboot")
    assert "Access denied. Unit reboot.target is masked. " in problem
    assert problem.endswith("systemctl reboot.")
    systemd.refused = {}
    assert host_power.order("reboot") == ""


def test_a_host_that_goes_down_already_is_not_asked(systemd: Systemd) -> None:
    systemd.state = "stopping"
    assert host_power.order("reboot") == ""
    assert systemd.orders == []


def test_of_two_services_one_gives_the_order(systemd: Systemd) -> None:
    with host_power.NOTE.open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        threading.Timer(0.5, host_power.NOTE.write_text, [f"reboot {time.monotonic()}\n"]).start()
        threading.Timer(1.0, fcntl.flock, [other, fcntl.LOCK_UN]).start()
        assert host_power.order("reboot") == ""
    assert systemd.orders == []
    host_power.NOTE.write_text("nonsense")
    assert host_power.order("reboot") == ""
    assert len(systemd.orders) == 1


@pytest.mark.parametrize("said", ["", "{}", "[]", '{"data": [[["shutdown"]]]}', '{"data": 5}', "Call failed"])
def test_where_logind_says_nothing_nobody_holds(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setattr(systemctl, "run", lambda command: subprocess.CompletedProcess(command, 1, said, ""))
    assert shutdown_blockers() == ()


@pytest.mark.parametrize(
    ("said", "version"),
    [("systemd 252 (252-67.el9)\n+PAM", 252), ("systemd 257~rc1 (a)", 257), ("nonsense", 0), ("", 0)],
)
def test_the_version_of_systemd_is_read(monkeypatch: pytest.MonkeyPatch, said: str, version: int) -> None:
    states = {"a": systemctl.UnitState(active="active")}
    monkeypatch.setattr(systemctl, "unit_states", lambda _units: states)
    monkeypatch.setattr(systemctl, "ask", lambda *_arguments: said)
    assert logind_version() == version
    states["b"] = systemctl.UnitState(active="inactive")
    assert logind_version() == 0
