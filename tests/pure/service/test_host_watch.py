"""What goes wrong with the host while a pilot runs is noticed, and nothing that hangs is waited for by the service."""

import json
import threading
import time
from dataclasses import replace
from typing import Optional

import pytest

from ospool_ep import exit_codes
from ospool_ep.configuration.findings import Checked, error
from ospool_ep.lifecycle.events import Event, HostSeen, TimeUp
from ospool_ep.lifecycle.state import Phase, Want
from ospool_ep.service import host_watch
from ospool_ep.service.host_watch import HostWatch
from ospool_ep.system.helper_program import HelperFailed
from tests.pure.service.stage import Stage
from tests.support.waiting import wait_until

DIED = "CVMFS has died."


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_watch, "HERE_SECONDS", 0.05)


def test_only_news_is_told() -> None:
    """What the lifecycle knows counts: it forgets a note by itself, where the host heals and the next pilot starts."""
    posted, state = list[object](), [""]
    notes: list[Optional[str]] = ["", DIED, DIED, "", "raise", DIED, DIED, None, DIED]

    def look() -> Optional[str]:
        if notes[0] == "raise":
            raise HelperFailed("no process")
        return notes[0]

    def post(event: Optional[Event]) -> None:
        posted.append(event)
        assert isinstance(event, HostSeen)
        state[0] = event.note

    watching = HostWatch(look, lambda: state[0], lambda: True, post, threading.Event())
    while notes:
        if len(notes) == 3:
            state[0] = ""
        assert watching.look() is (notes.pop(0) is not None)
    assert posted == [HostSeen(DIED), HostSeen(""), HostSeen(DIED), HostSeen(DIED)]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("first", "then", "seen"), [(False, True, True), (True, False, True), (False, False, False)])
def test_a_scratch_directory_that_was_mounted_late_is_watched_too(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, first: bool, then: bool, seen: bool
) -> None:
    """The first look of this process finds nothing that may fail, and no pilot starts; a later one does."""
    looks, settings = list[float](), stage.settings()
    checks = iter([Checked((error("scratch-missing", "There is no scratch.", "Mount it."),), "token 1")])

    def look() -> str:
        looks.append(time.monotonic())
        return DIED

    def recheck() -> Checked:
        return next(checks, Checked((), "token 1", may_fail=then))

    settings = replace(settings, look_at_host=look, looks_at_host=first, recheck=recheck)
    monkeypatch.setattr(stage, "settings", lambda _spec=None: settings)

    def scenario() -> None:
        stage.phase_is(Phase.RUNNING)
        began = time.monotonic()
        if seen:
            wait_until(lambda: looks, "a look at the host")
            stage.summary_has(DIED)
        else:
            # So many as a look would have come in.
            wait_until(lambda: time.monotonic() - began > 30 * host_watch.HERE_SECONDS, "some rounds of the watch")
        assert bool(looks) is seen
        assert all(look >= began - 1 for look in looks)

    assert stage.play(scenario) == 0


@pytest.mark.parametrize("stops", [True, False])
def test_a_stop_tells_other_hosts_and_a_restart_does_not(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, stops: bool
) -> None:
    left = list[list[str]]()

    def leave() -> str:
        left.append(stage.engine.running)
        raise HelperFailed("no process")

    settings = replace(stage.settings(), looks_at_host=True, leave_host=leave)
    monkeypatch.setattr(stage, "settings", lambda _spec=None: settings)
    stage.stop_is_wanted = stops
    assert stage.play(lambda: stage.phase_is(Phase.RUNNING)) == (exit_codes.OK if stops else exit_codes.LEFT)
    assert left == ([[]] if stops else []), "once the pilot is gone"


def test_without_a_pilot_the_host_is_not_looked_at(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that is drained must not seem to use a directory that another host is to take over."""
    monkeypatch.setattr(host_watch, "HERE_SECONDS", 0.02)
    looks = list[bool]()

    def look() -> str:
        looks.append(stage.engine.running != [])
        return ""

    settings = replace(stage.settings(), look_at_host=look, looks_at_host=True)
    monkeypatch.setattr(stage, "settings", lambda _spec=None: settings)
    monkeypatch.setattr(host_watch, "LOOKS", 1)
    stage.run_directory.ask_drain()

    def scenario() -> None:
        stage.phase_is(Phase.IDLE)
        until = time.monotonic() + 0.5
        wait_until(lambda: time.monotonic() > until, "some rounds of the watch")
        assert looks == []
        stage.run_directory.clear_drain()
        stage.run_directory.nudge()
        wait_until(lambda: looks, "a look at the host")

    assert stage.play(scenario) == 0


@pytest.mark.usefixtures("quick")
def test_a_directory_that_is_gone_is_an_occasion_to_write_the_report() -> None:
    posted = list[object]()
    over = threading.Event()
    HostWatch(lambda: None, lambda: "", lambda: False, posted.append, over).start()
    wait_until(lambda: posted, "an event")
    over.set()
    assert posted[0] == TimeUp()


@pytest.mark.usefixtures("quick")
def test_a_look_that_hangs_holds_up_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    hangs = threading.Event()
    stage.when_over = hangs.set

    def look() -> str:
        hangs.wait()
        return ""

    settings = replace(stage.settings(), look_at_host=look, looks_at_host=True)
    monkeypatch.setattr(stage, "settings", lambda _spec=None: settings)

    def scenario() -> None:
        stage.phase_is(Phase.RUNNING)
        stage.run_directory.ask_drain()
        stage.run_directory.nudge()
        stage.drains_its_pilot()

    assert stage.play(scenario) == 0


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("then", [Want.IDLE, Want.STOP])
def test_a_run_time_directory_that_somebody_removes_is_put_back_with_what_was_asked_for(
    stage: Stage, then: Want
) -> None:
    directory = stage.run_directory

    def scenario() -> None:
        pilot = stage.pilot()
        directory.ask_drain(then)
        directory.nudge()
        stage.drains_its_pilot()
        noted = len(stage.noted)
        since = directory.noted_drain(pilot)
        # At once, as the service may make it anew in between.
        directory.path.rename(directory.path.with_name("removed"))
        stage.drains_its_pilot()
        assert directory.want is then
        assert directory.service_pid() is not None
        assert directory.noted_drain(pilot) == since != (None, None)
        wait_until(
            # What happens next has it noted once more.
            lambda: (None, (pilot,)) in zip(stage.noted[noted:], stage.noted[noted + 1 :]),
            "which containers are pilots is noted again",
            10,
        )
        assert json.loads((directory.path / "status.json").read_text())["wanted"] == then.value

    assert stage.play(scenario) == 0
    assert len([text for _, text in stage.journal.said if text.startswith("Somebody has removed")]) == 1
