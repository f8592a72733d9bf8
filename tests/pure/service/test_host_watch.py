"""What goes wrong with the host while a pilot runs is noticed, and nothing that hangs is waited for by the service."""

import json
import time
from dataclasses import replace

import pytest

from ospool_ep.lifecycle.events import HostSeen, TimeUp
from ospool_ep.lifecycle.state import Phase, Want
from ospool_ep.service import host_watch
from ospool_ep.service.host_watch import HostWatch
from ospool_ep.service.settings import Settings
from ospool_ep.system.helper_program import HelperFailed
from tests.pure.service.stage import Stage
from tests.support.waiting import wait_until

DIED = "CVMFS has died."


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_watch, "HERE_SECONDS", 0.05)


def watch(settings: Settings, posted: list[object]) -> HostWatch:
    return HostWatch(lambda: settings, lambda: True, posted.append)


def test_only_news_is_told(stage: Stage) -> None:
    notes = iter(["", DIED, DIED, "", "raise", DIED])

    def look() -> str:
        note = next(notes)
        if note == "raise":
            raise HelperFailed("no process")
        return note

    posted = list[object]()
    watching = watch(replace(stage.settings(), look_at_host=look, looks_at_host=True), posted)
    for _ in range(6):
        watching.look()
    assert posted == [HostSeen(DIED), HostSeen(""), HostSeen(DIED)]


def test_a_host_on_which_nothing_can_go_wrong_is_not_looked_at(stage: Stage) -> None:
    def look() -> str:
        raise AssertionError("a process was started")

    posted = list[object]()
    watch(replace(stage.settings(), look_at_host=look, looks_at_host=False), posted).look()
    assert posted == []


@pytest.mark.usefixtures("quick")
def test_a_directory_that_is_gone_is_an_occasion_to_write_the_report(stage: Stage) -> None:
    posted = list[object]()
    HostWatch(stage.settings, lambda: False, posted.append).start()
    wait_until(lambda: posted, "an event")
    assert posted[0] == TimeUp()


@pytest.mark.usefixtures("quick")
def test_a_look_that_hangs_holds_up_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def look() -> str:
        time.sleep(600)
        return ""

    settings = replace(stage.settings(), look_at_host=look, looks_at_host=True)
    monkeypatch.setattr(stage, "settings", lambda _spec=None: settings)

    def scenario() -> None:
        stage.phase_is(Phase.RUNNING)
        stage.run_directory.ask_drain()
        stage.run_directory.nudge()
        stage.phase_is(Phase.DRAINING)

    assert stage.play(scenario) == 0


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("then", [Want.IDLE, Want.START])
def test_a_run_time_directory_that_somebody_removes_is_put_back_with_what_was_asked_for(
    stage: Stage, then: Want
) -> None:
    directory = stage.run_directory

    def scenario() -> None:
        pilot = stage.pilot()
        directory.ask_drain(then)
        directory.nudge()
        stage.phase_is(Phase.DRAINING)
        noted = len(stage.noted)
        since = directory.noted_drain(pilot)
        # At once, as the service may make it anew in between.
        directory.path.rename(directory.path.with_name("removed"))
        stage.phase_is(Phase.DRAINING)
        assert directory.want is then
        assert directory.service_pid() is not None
        assert directory.noted_drain(pilot) == since != (None, None)
        assert stage.noted[noted:][-2:] == [None, pilot]
        assert json.loads((directory.path / "status.json").read_text())["wanted"] == then.value

    assert stage.play(scenario) == 0
    assert len([text for _, text in stage.journal.said if text.startswith("Somebody has removed")]) == 1
