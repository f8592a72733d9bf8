"""The last service of a host that has no pilot any more takes it down; each other one that has keeps it up."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

import pytest

from ospool_ep.container.specification import FINGERPRINT_LABEL, INSTANCE_LABEL
from ospool_ep.lifecycle.events import Event, HostGoesDown, HostStaysUp
from ospool_ep.lifecycle.state import Phase, Want
from ospool_ep.service import taking_down
from ospool_ep.service.taking_down import take_down
from ospool_ep.system import host_power
from ospool_ep.system.run_directory import RunDirectory
from ospool_ep.this_service import ServiceName
from tests.pure.service.stage import IMAGE, specification
from tests.pure.service.stage import Stage as Played
from tests.support.waiting import wait_until

OTHER = ServiceName("b")
DRAINED: dict[str, Any] = {"phase": Phase.IDLE.value, "wanted": "reboot", "pilots": []}


class Others:
    """The other service, and what systemd makes of the order."""

    def __init__(self, path: Path) -> None:
        self.path = path / OTHER.name
        self.path.mkdir()
        self.directory = RunDirectory(self.path)
        self.has_process = True
        self.there: tuple[ServiceName, ...] = (OTHER,)
        self.problem = ""
        self.orders: list[str] = []

    def is_drained(self, want: Want = Want.REBOOT, **changes: Any) -> None:
        self.directory.ask_drain(want)
        self.directory.write_status({**DRAINED, "wanted": want.value, **changes})

    def order(self, word: str) -> str:
        self.orders.append(word)
        return self.problem


@pytest.fixture
def others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Others:
    played = Others(tmp_path)
    monkeypatch.setattr(ServiceName, "run_directory", property(lambda service: tmp_path / service.name))
    monkeypatch.setattr(taking_down, "others_here", lambda: played.there)
    monkeypatch.setattr(taking_down, "has_process", lambda _name: played.has_process)
    monkeypatch.setattr(host_power, "order", played.order)
    return played


def answer(stage: Played, want: Want = Want.REBOOT, asked: Optional[Want] = None) -> Event:
    stage.run_directory.ask_drain(asked or want)
    return take_down(stage.engine, stage.run_directory, want)


def reason(event: Event) -> str:
    assert isinstance(event, HostStaysUp)
    assert not event.refused
    return event.reason


@pytest.mark.parametrize("want", [Want.REBOOT, Want.POWEROFF])
def test_where_all_are_drained_the_host_goes_down(stage: Played, others: Others, want: Want) -> None:
    others.is_drained(want)
    assert answer(stage, want) == HostGoesDown()
    assert others.orders == [want.value]


@pytest.mark.parametrize(
    "changes", [{"phase": "running"}, {"pilots": [{}]}, {"wanted": "pilots"}, {"phase": "looking"}], ids=json.dumps
)
def test_one_that_is_not_drained_keeps_it_up(stage: Played, others: Others, changes: dict[str, Any]) -> None:
    others.is_drained(**changes)
    assert "ospool-ep@b is not drained yet; how far it is: ospool-ep status --instance b." in reason(answer(stage))
    assert others.orders == []


@pytest.mark.parametrize(
    ("asked", "told"),
    [(Want.PILOTS, "was not asked"), (Want.IDLE, "was not asked"), (Want.POWEROFF, "is to poweroff")],
)
def test_one_that_was_resumed_or_started_since_keeps_it_up(
    stage: Played, others: Others, asked: Want, told: str
) -> None:
    others.is_drained()
    others.directory.clear_drain()
    if asked is not Want.PILOTS:
        others.directory.ask_drain(asked)
    assert f"ospool-ep@b {told}" in reason(answer(stage))


def test_one_that_has_written_nothing_yet_keeps_it_up(stage: Played, others: Others) -> None:
    others.directory.ask_drain(Want.REBOOT)
    assert "is not drained yet" in reason(answer(stage))
    (others.path / "status.json").write_text("{")
    assert "is not drained yet" in reason(answer(stage))


def test_one_that_restarts_keeps_it_up(stage: Played, others: Others) -> None:
    others.is_drained()
    others.has_process = False
    assert "ospool-ep@b is being restarted, " in reason(answer(stage))


def test_a_pilot_whose_service_has_ended_keeps_it_up(stage: Played, others: Others) -> None:
    others.there = ()
    stage.engine.add_image(IMAGE, "sha256:1")
    spec = specification()
    labels = tuple({**dict(spec.labels), FINGERPRINT_LABEL: "a", INSTANCE_LABEL: OTHER.name}.items())
    left = stage.engine.create(replace(spec, name="left", labels=labels))
    stage.engine.start(left)
    assert "A pilot of ospool-ep@b runs, and that service does not: systemctl start ospool-ep@b" in reason(
        answer(stage)
    )
    stage.engine.end(left)
    assert answer(stage) == HostGoesDown()


def test_what_was_taken_back_meanwhile_is_not_done(stage: Played, others: Others) -> None:
    others.is_drained()
    assert "Something else was asked for" in reason(answer(stage, asked=Want.IDLE))
    assert others.orders == []


@pytest.mark.parametrize("want", [want for want in Want if not want.takes_host_down])
def test_no_other_wish_takes_the_host_down(stage: Played, others: Others, want: Want) -> None:
    others.there = ()
    stage.run_directory.ask_drain(want)
    take_down(stage.engine, stage.run_directory, want)
    assert others.orders == []


def test_what_systemd_refuses_is_an_error(stage: Played, others: Others) -> None:
    others.there, others.problem = (), "systemd refuses."
    assert answer(stage) == HostStaysUp("systemd refuses.", refused=True)


def test_the_service_gives_the_order_after_its_last_pilot(stage: Played, others: Others) -> None:
    others.is_drained()

    def scenario() -> None:
        pilot = stage.pilot()
        stage.run_directory.ask_drain(Want.REBOOT)
        assert stage.run_directory.nudge()
        stage.drains_its_pilot()
        assert others.orders == []
        stage.engine.end(pilot)
        stage.summary_has("Drained: no pilot runs, and the host reboots now")

    assert stage.play(scenario) == 0
    assert others.orders == ["reboot"]
    assert stage.run_directory.want is Want.PILOTS, "the stop at the end of the boot ends the drain"


def test_systemd_stops_the_service_before_its_order_returns_and_the_journal_says_why(
    stage: Played, others: Others, monkeypatch: pytest.MonkeyPatch
) -> None:
    others.there = ()

    def order(word: str) -> str:
        # On a slow host the stop comes while systemctl has yet to return.
        os.kill(os.getpid(), signal.SIGTERM)
        wait_until(lambda: stage.report["stop_asked"], "the stop is heard")
        return others.order(word)

    monkeypatch.setattr(host_power, "order", order)

    def scenario() -> None:
        pilot = stage.pilot()
        stage.run_directory.ask_drain(Want.REBOOT)
        assert stage.run_directory.nudge()
        stage.drains_its_pilot()
        stage.engine.end(pilot)

    assert stage.play(scenario, stops=False) == 0
    assert others.orders == ["reboot"]
    assert stage.journal.has("The host reboots now, as asked by 'ospool-ep drain --then reboot'.")
    assert not stage.journal.has("too late")
