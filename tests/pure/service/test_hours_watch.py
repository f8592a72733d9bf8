"""The hours of OSPOOL_EP_HOURS as the service keeps them, by a clock that a test sets."""

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Optional

import pytest

from ospool_ep.lifecycle.events import Event, HoursSeen
from ospool_ep.lifecycle.state import Hours, Phase, Want
from ospool_ep.service import hours_watch
from ospool_ep.service.hours_watch import HoursWatch, hours_now, make_guests
from ospool_ep.service.orders import Orders
from ospool_ep.service.settings import Settings
from tests.pure.service.stage import Stage, watches_are_over
from tests.support.waiting import wait_until

EVENING = datetime(2026, 11, 30, 17, 59, 30, tzinfo=timezone.utc).timestamp()
NIGHT = EVENING + 3600.0
NOON = EVENING - 6 * 3600.0
EIGHT, SIX = EVENING + 14 * 3600.0 + 30.0, EVENING + 30.0


class Clock:
    """This host's: it stands still until a test sets it."""

    def __init__(self, now: float) -> None:
        self.now = now

    def time(self) -> float:
        return self.now

    def __getattr__(self, name: str) -> object:
        return getattr(time, name)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    monkeypatch.setenv("TZ", "UTC0")
    time.tzset()
    played = Clock(NOON)
    monkeypatch.setattr(hours_watch, "time", played)
    monkeypatch.setattr(hours_watch, "LONGEST_WAIT_SECONDS", 0.02)
    yield played
    wait_until(watches_are_over, "no watch sees the clock of the next test")
    monkeypatch.undo()
    time.tzset()


@dataclass
class Watched:
    """A watch, what it has posted, and what systemd was told."""

    settings: Settings
    posted: list[Event] = field(default_factory=list)
    guests: list[bool] = field(default_factory=list)
    systemd_answers: bool = True

    def __post_init__(self) -> None:
        seen = hours_now(self.settings.hours)
        self.watch = HoursWatch(lambda: self.settings, seen, self.post, self.tell)

    def post(self, event: Optional[Event]) -> None:
        assert event
        self.posted.append(event)

    def tell(self, is_guest: bool) -> bool:
        self.guests.append(is_guest)
        return self.systemd_answers


@pytest.fixture
def watched(stage: Stage, clock: Clock) -> Iterator[Watched]:  # noqa: ARG001 - it is set before
    played = Watched(replace(stage.settings(), hours="18-8"))
    yield played
    played.watch.end()


def test_without_hours_there_is_no_thread_and_nothing_is_loaded(stage: Stage) -> None:
    watched = Watched(stage.settings())
    watched.watch.look()
    # How many there are says nothing: those of earlier tests may end meanwhile.
    assert "hours" not in {thread.name for thread in threading.enumerate()}
    assert hours_now("") == Hours()


def test_each_border_is_told_once_and_makes_guests(watched: Watched, clock: Clock) -> None:
    watched.watch.look()
    wait_until(lambda: watched.guests == [True], "the pilots are guests outside")
    clock.now = NIGHT
    wait_until(lambda: watched.guests == [True, False], "and none within")
    clock.now = EIGHT + 3600.0
    wait_until(lambda: watched.guests == [True, False, True], "and are so again")
    said = [Hours(True, EIGHT), Hours(False, SIX + 86400.0)]
    assert watched.posted == [HoursSeen(hours) for hours in said]


def test_a_clock_that_is_set_back_and_another_zone_are_noticed(
    watched: Watched, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.watch.look()
    clock.now = NIGHT
    wait_until(lambda: watched.posted == [HoursSeen(Hours(True, EIGHT))], "the hours begin")
    clock.now = NOON
    wait_until(lambda: watched.posted[1:] == [HoursSeen(Hours(False, SIX))], "they have not begun by now")
    monkeypatch.setenv("TZ", "XXX-8")
    wait_until(lambda: watched.posted[2:] == [HoursSeen(Hours(True, EIGHT - 8 * 3600.0))], "it is 20:00 there")


def test_what_systemd_did_not_do_is_tried_again(watched: Watched) -> None:
    watched.systemd_answers = False
    watched.watch.look()
    wait_until(lambda: len(watched.guests) > 2, "it is told again")
    watched.systemd_answers = True
    wait_until(lambda: hours_are_quiet(watched), "and no more once it has done so")


def hours_are_quiet(watched: Watched) -> bool:
    before = len(watched.guests)
    deadline = time.monotonic() + 5 * hours_watch.LONGEST_WAIT_SECONDS
    wait_until(lambda: time.monotonic() > deadline, "some rounds of the watch")
    return len(watched.guests) == before


def test_with_backfill_they_are_guests_at_all_hours(watched: Watched, clock: Clock) -> None:
    watched.settings = replace(watched.settings, is_backfill=True)
    clock.now = NIGHT
    watched.watch.look()
    wait_until(lambda: watched.posted, "the hours begin")
    wait_until(lambda: watched.guests == [True], "they are guests")


def test_the_watch_waits_for_the_border_and_no_longer_than_a_minute(
    stage: Stage, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hours_watch, "LONGEST_WAIT_SECONDS", 60.0)
    waits = list[object]()
    for now in (NOON, EVENING, SIX - 0.25):
        clock.now = now
        waits.append(Watched(replace(stage.settings(), hours="18-8")).watch.seconds_to_wait())
    assert waits == [60.0, 30.0, 0.25]
    assert Watched(stage.settings()).watch.seconds_to_wait() is None


def test_a_weight_is_given_only_where_pilots_are_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[bool]()

    def refuse(is_guest: bool) -> bool:
        told.append(is_guest)
        return False

    monkeypatch.setattr(hours_watch, "set_guest", refuse)
    monkeypatch.setattr(hours_watch, "cgroups_are_unified", lambda: False)
    assert make_guests(True)
    monkeypatch.setattr(hours_watch, "cgroups_are_unified", lambda: True)
    assert not make_guests(True)
    assert told == [True]


# --- the whole service ---


@pytest.fixture
def guests(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    told = list[bool]()

    def take(is_guest: bool) -> bool:
        told.append(is_guest)
        return True

    monkeypatch.setattr(hours_watch, "cgroups_are_unified", lambda: True)
    monkeypatch.setattr(hours_watch, "set_guest", take)
    return told


def test_a_start_outside_waits_for_the_hours_and_a_pilot_drains_at_their_end(
    stage: Stage, clock: Clock, guests: list[bool]
) -> None:
    stage.hours, stage.start_began = "18-8", time.monotonic()

    def scenario() -> None:
        stage.phase_is(Phase.IDLE)
        wait_until(lambda: "READY=1" in stage.notifications, "the start is through")
        stage.summary_has("Idle: no pilot runs outside of OSPOOL_EP_HOURS; no new jobs until Mon 18:00")
        assert not stage.engine.running
        assert stage.report["image"]
        clock.now = NIGHT
        pilot = stage.pilot()
        stage.summary_has("In the pool, waiting for jobs; jobs are accepted until Tue 08:00")
        clock.now = EIGHT + 1.0
        stage.drains_its_pilot()
        wait_until(lambda: stage.drains == 1, "it is told to drain")
        wait_until(lambda: guests[:1] == [True] and guests[-1], "it is a guest again")
        assert False in guests
        stage.engine.end(pilot)
        stage.phase_is(Phase.IDLE)
        assert not stage.engine.running

    assert stage.play(scenario) == 0
    begun = "The hours of OSPOOL_EP_HOURS have begun: jobs are accepted, until Tue 08:00."
    assert [text for _, text in stage.journal.said].count(begun) == 1
    assert "STATUS=Idle: no pilot runs outside of OSPOOL_EP_HOURS; no new jobs until Mon 18:00" in stage.notifications


def test_a_reload_with_other_hours_counts_at_once(stage: Stage, clock: Clock, guests: list[bool]) -> None:  # noqa: ARG001
    stage.hours = "8-18"

    def reload(hours: str) -> None:
        stage.hours = hours
        os.kill(os.getpid(), 1)

    def perform(orders: Orders, asked_at: float) -> None:
        orders.settings = stage.settings()
        orders.post(HoursSeen(hours_now(stage.hours)))
        stage.run_directory.answer_reload({"asked_at": asked_at, "code": 0, "lines": []})

    stage.perform = perform  # type: ignore[method-assign]

    def scenario() -> None:
        pilot = stage.pilot()
        stage.summary_has("jobs are accepted until Mon 18:00")
        reload("18-8")
        stage.drains_its_pilot()
        reload("")
        stage.engine.end(pilot)
        wait_until(lambda: pilot not in stage.engine.running and stage.engine.running, "the next one runs")
        assert stage.report["hours"] is None

    assert stage.play(scenario) == 0


def test_a_drain_outside_of_the_hours_ends_and_lasts(stage: Stage, clock: Clock, guests: list[bool]) -> None:  # noqa: ARG001
    stage.hours = "18-8"

    def scenario() -> None:
        stage.phase_is(Phase.IDLE)
        stage.run_directory.ask_drain()
        assert stage.run_directory.nudge()
        wait_until(lambda: stage.report["wanted"] == Want.IDLE.value, "it is asked for")
        clock.now = NIGHT
        wait_until(lambda: (stage.report["hours"] or {}).get("open"), "the hours begin")
        stage.phase_is(Phase.IDLE)
        assert not stage.engine.running
        stage.run_directory.clear_drain()
        assert stage.run_directory.nudge()
        stage.pilot()

    assert stage.play(scenario) == 0


def test_each_pilot_that_is_made_is_one_more_reason_to_tell_systemd(
    stage: Stage, clock: Clock, guests: list[bool]
) -> None:
    stage.hours = "18-8"
    clock.now = NIGHT

    def scenario() -> None:
        first = stage.pilot()
        wait_until(lambda: guests and not guests[-1], "it is no guest")
        before = len(guests)
        stage.engine.end(first)
        wait_until(lambda: [one for one in stage.engine.running if one != first], "the next one runs")
        wait_until(lambda: len(guests) > before, "nor is that one")
        assert True not in guests

    assert stage.play(scenario) == 0
