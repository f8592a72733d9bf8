"""The whole service, as in ``test_loop``: each line of a pilot is in the journal, once."""

import time
from collections.abc import Iterator

import pytest

from ospool_ep.engine.interface import EngineError
from ospool_ep.lifecycle.state import Phase
from ospool_ep.pilot.log import LogLine
from ospool_ep.service import pilot_log
from tests.pure.service.stage import IMAGE, Stage, specification
from tests.support.fake_engine import FakeEngine
from tests.support.waiting import wait_until


def test_an_engine_that_refuses_the_log_is_asked_again_and_the_pilot_goes_on(stage: Stage) -> None:
    logs = stage.engine.logs
    refusals = [EngineError("configured logging driver does not support reading")]

    def refuse_once(container_id: str, after: str = "") -> Iterator[LogLine]:
        if refusals:
            raise refusals.pop()
        return logs(container_id, after)

    stage.engine.logs = refuse_once  # type: ignore[method-assign]

    def scenario() -> None:
        stage.summary_has("In the pool")
        assert stage.engine.running == [stage.pilot()]

    assert stage.play(scenario) == 0
    assert stage.journal.has("The engine does not give the pilot's log, and is asked again and again: configured")
    assert stage.engine.calls.count("create") == 1


def test_the_running_pilot_is_adopted_where_its_log_was_left(stage: Stage) -> None:
    stage.engine.add_image(IMAGE, "sha256:1")
    pilot = stage.engine.add_container(specification())
    for text in (b"one", b"two", b"three"):
        stage.engine.write(pilot, text)
    stage.journal.cursor = list(_kept(stage.engine, pilot))[1].cursor

    def scenario() -> None:
        wait_until(lambda: stage.journal.lines, "a line")
        assert stage.engine.running == [pilot]

    stage.play(scenario)
    assert stage.journal.lines == [b"three"]
    assert "create" not in stage.engine.calls


def _kept(engine: FakeEngine, container_id: str) -> Iterator[LogLine]:
    for _, line in zip(range(3), engine.logs(container_id)):
        yield line


def test_a_process_that_makes_room_says_how_far_it_has_copied_the_log(stage: Stage) -> None:
    stage.stop_is_wanted = False
    lines = stage.journal.lines

    def first() -> None:
        stage.engine.write(stage.pilot(), b"one")
        wait_until(lambda: lines == [b"one"], "the line")

    def second() -> None:
        stage.engine.write(stage.pilot(), b"two")
        wait_until(lambda: b"two" in lines, "the line")

    stage.play(first)
    stage.play(second)
    # The journal says of none that it was copied, as one that somebody has vacuumed does.
    assert lines == [b"one", b"two"]


def test_a_line_that_is_long_looked_for_is_waited_for(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long log of a pilot that has ended while nobody watched; with the container the rest of it would be gone."""
    monkeypatch.setattr(pilot_log, "LOG_QUIET_SECONDS", 0.01)
    pilot = stage.engine.add_container(specification())
    for line in (b"one", b"two"):
        stage.engine.write(pilot, line)
    stage.journal.cursor = next(stage.engine.logs(pilot)).cursor
    stage.engine.end(pilot)
    logs = stage.engine.logs

    def logs_later(container_id: str, after: str = "") -> Iterator[LogLine]:
        if container_id == pilot:
            time.sleep(0.5)
        yield from logs(container_id, after)

    monkeypatch.setattr(stage.engine, "logs", logs_later)
    stage.play(lambda: stage.phase_is(Phase.RUNNING))
    assert stage.journal.lines == [b"two"]


@pytest.mark.parametrize("lost", [0, 1])
def test_lines_are_kept_for_a_journal_that_is_away_and_those_that_it_lost_are_copied_again(
    lost: int, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pilot_log, "JOURNAL_SECONDS", 0.01)
    texts = [b"one", b"two", b"three", b"four"]

    def scenario() -> None:
        pilot = stage.pilot()
        for text in texts[:2]:
            stage.engine.write(pilot, text)
        wait_until(lambda: stage.journal.lines == texts[:2], "two lines")
        stage.journal.away = True
        for text in texts[2:]:
            stage.engine.write(pilot, text)
        wait_until(lambda: stage.journal.refused, "nobody takes the third")
        # What journald has not read when it ends is in no file.
        kept = 2 - lost
        del stage.journal.lines[kept:]
        stage.journal.cursor = list(_kept(stage.engine, pilot))[kept - 1].cursor
        stage.journal.away = False
        wait_until(lambda: stage.journal.lines == texts, "all lines, in their order")
        assert set(stage.journal.refused) == {b"three"}

    stage.play(scenario)


def test_a_pilot_of_the_earlier_service_is_drained_and_its_old_log_left_alone(stage: Stage) -> None:
    pilot = stage.engine.add_container(specification(labelled=False))
    stage.engine.write(pilot, b"printed by the earlier service")

    def scenario() -> None:
        stage.summary_has("the package's earlier service")
        stage.engine.end(pilot)
        stage.phase_is(Phase.RUNNING)

    stage.play(scenario)
    assert stage.journal.lines == []
