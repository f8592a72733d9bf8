"""A drain before a reboot asks all services of this host, shows how far each is, and is taken back for all."""

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ospool_ep import cli, exit_codes
from ospool_ep.lifecycle.state import Phase, Want
from ospool_ep.system import host_power, left_drain, systemctl
from ospool_ep.system.systemctl import UnitState
from ospool_ep.this_service import ServiceName
from tests.pure.commands.played_service import PlayedService, draining, reported
from tests.support.waiting import wait_until

Captured = pytest.CaptureFixture[str]


class Two:
    """ospool-ep and ospool-ep@b, neither of which runs before a test says so."""

    def __init__(self, path: Path) -> None:
        self.first, self.second = (self._service(path / name) for name in ("ospool-ep", "ospool-ep@b"))

    @staticmethod
    def _service(path: Path) -> PlayedService:
        path.mkdir()
        return PlayedService(path)

    @property
    def both(self) -> tuple[PlayedService, PlayedService]:
        return self.first, self.second


@pytest.fixture
def two(open_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Two]:
    played = Two(open_path)
    # What --instance says stays in the environment of a command.
    monkeypatch.setenv("OSPOOL_EP_INSTANCE", "")
    monkeypatch.setattr(ServiceName, "run_directory", property(lambda service: open_path / service.name))
    monkeypatch.setattr(left_drain, "note", lambda: open_path / "left-drain")
    monkeypatch.setattr(host_power, "is_going_down", lambda: False)
    monkeypatch.setattr(host_power, "NOTE", open_path / "note")
    ended = UnitState("loaded", "inactive", "enabled")
    monkeypatch.setattr(systemctl, "unit_states", lambda units: dict.fromkeys(units, ended))
    yield played
    for one in played.both:
        one.end()


def start_both(two: Two, **changes: Any) -> None:
    for one in two.both:
        one.start(draining(), then=changes)


@pytest.mark.parametrize(("then", "does"), [("reboot", "reboots"), ("poweroff", "powers off")])
def test_all_services_are_asked(two: Two, then: str, does: str, capsys: Captured) -> None:
    start_both(two)
    assert cli.main(["drain", "--then", then, "--no-wait"]) == exit_codes.OK
    assert [one.directory.want for one in two.both] == [Want(then), Want(then)]
    said = capsys.readouterr().out
    assert "Draining ospool-ep and ospool-ep@b: no new jobs start" in said
    assert f"Then the host {does}. To take it back until then: ospool-ep resume" in said


def test_one_alone_is_told_without_its_name(two: Two, capsys: Captured) -> None:
    two.first.start(draining())
    assert cli.main(["drain", "--then=reboot", "--timeout=1"]) == exit_codes.TIME_UP
    printed = capsys.readouterr()
    assert "Draining ospool-ep: " in printed.out
    assert "\nDraining, jobs not known" in printed.out or "\nDraining, 0 jobs left" in printed.out
    assert "the drain goes on, and then the host reboots" in printed.err


def test_who_waits_sees_each_service_and_that_the_host_goes_down(two: Two, capsys: Captured) -> None:
    start_both(two, summary="It drains.")
    given = {**reported(Phase.IDLE, Want.REBOOT), "down": {"given": True, "because": ""}}
    threading.Timer(1.5, two.second.directory.write_status, [given]).start()
    assert cli.main(["drain", "--then=reboot"]) == exit_codes.OK
    said = capsys.readouterr().out
    assert "ospool-ep: It drains.\n" in said
    assert "ospool-ep@b: It drains.\n" in said
    assert said.endswith("Drained: no pilot runs any more. The host reboots now.\n")


def test_services_that_end_as_the_host_goes_down_have_drained(
    two: Two, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_both(two, pilots=[])
    monkeypatch.setattr(host_power, "is_going_down", lambda: True)
    for one in two.both:
        threading.Timer(1.0, one.end).start()
    assert cli.main(["drain", "--then=reboot"]) == exit_codes.OK
    assert "The host reboots now." in capsys.readouterr().out


def test_somebody_who_takes_the_host_down_before_is_told_as_one(
    two: Two, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pilot,) = draining()["pilots"]
    busy = [{**pilot, "jobs": [{"slot": "slot1_1", "id": "1.0", "started_at": None}]}]
    start_both(two, pilots=busy)
    monkeypatch.setattr(host_power, "is_going_down", lambda: True)
    stopping = {**draining(Want.REBOOT), "pilots": busy, "stop_asked": True}
    threading.Timer(1.5, two.second.directory.write_status, [stopping]).start()
    assert cli.main(["drain", "--then=reboot"]) == exit_codes.FAILED
    printed = capsys.readouterr()
    assert "Somebody takes the host down before the drain was through." in printed.err
    assert "Drained" not in printed.out


def test_services_that_end_otherwise_are_told_so(two: Two, capsys: Captured) -> None:
    start_both(two)
    for one in two.both:
        threading.Timer(1.0, one.end).start()
    assert cli.main(["drain", "--then=reboot"]) == exit_codes.NOT_RUNNING
    assert "the host stays up" in capsys.readouterr().err


def test_who_takes_one_back_is_told_to_the_one_who_waits(two: Two, capsys: Captured) -> None:
    start_both(two)

    def take_back() -> None:
        wait_until(lambda: two.second.directory.want is Want.REBOOT, "it is asked for")
        wait_until(lambda: (two.second.directory.read_status() or {})["wanted"] == "reboot", "it is heeded")
        threading.Event().wait(1.0)
        two.second.directory.clear_drain()
        two.second.directory.nudge(signal.SIGUSR1)

    threading.Thread(target=take_back).start()
    assert cli.main(["drain", "--then=reboot"]) == exit_codes.FAILED
    assert "Somebody has taken the drain back: ospool-ep@b." in capsys.readouterr().err


def test_one_service_can_not_be_named(two: Two, capsys: Captured) -> None:
    start_both(two)
    assert cli.main(["drain", "--instance", "b", "--then=poweroff"]) == exit_codes.USAGE
    assert "drains all of them: without --instance" in capsys.readouterr().err
    assert [one.directory.want for one in two.both] == [Want.PILOTS, Want.PILOTS]


def test_where_no_service_runs_there_is_nothing_to_drain(two: Two, capsys: Captured) -> None:
    del two
    assert cli.main(["drain", "--then=reboot"]) == exit_codes.NOT_RUNNING
    assert "The host goes down with: systemctl reboot" in capsys.readouterr().err


def test_a_resume_takes_it_back_for_all_that_were_asked(two: Two, capsys: Captured) -> None:
    start_both(two)
    cli.main(["drain", "--then=reboot", "--no-wait"])
    assert cli.main(["resume"]) == exit_codes.OK
    assert [one.directory.want for one in two.both] == [Want.PILOTS, Want.PILOTS]
    assert "taken back for ospool-ep@b, too" in capsys.readouterr().out


def test_a_resume_of_one_leaves_the_others_as_they_are(two: Two) -> None:
    start_both(two)
    cli.main(["drain", "--then=reboot", "--no-wait"])
    assert cli.main(["resume", "--instance", "b"]) == exit_codes.OK
    assert [one.directory.want for one in two.both] == [Want.REBOOT, Want.PILOTS]


def test_a_resume_leaves_a_drain_of_another_kind_alone(two: Two) -> None:
    start_both(two)
    two.second.directory.ask_drain(Want.IDLE)
    assert cli.main(["resume"]) == exit_codes.OK
    assert two.second.directory.want is Want.IDLE


def test_a_resume_after_the_order_says_that_it_may_be_too_late(two: Two, capsys: Captured) -> None:
    two.first.start({**reported(Phase.IDLE, Want.REBOOT), "down": {"given": True, "because": ""}})
    two.first.directory.ask_drain(Want.REBOOT)
    host_power.NOTE.write_text("reboot 5.0\n")
    cli.main(["resume"])
    assert "was given already" in capsys.readouterr().err
    assert host_power.NOTE.read_text() == "", "it may be given anew"


def test_a_resume_where_only_another_service_runs_is_done(two: Two) -> None:
    two.second.start(draining())
    cli.main(["drain", "--then=reboot", "--no-wait"])
    assert cli.main(["resume"]) == exit_codes.OK
    assert two.second.directory.want is Want.PILOTS
