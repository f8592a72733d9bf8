"""Which question a pilot is asked at which stage, and what comes of one that does not answer."""

import re
import threading
from collections.abc import Sequence
from typing import Union

import pytest

from ospool_ep.engine.interface import EngineError, Execution
from ospool_ep.lifecycle.events import Event, Observed, Unanswered
from ospool_ep.lifecycle.state import Phase, Pilot, Stage, State
from ospool_ep.pilot.commands import HELD_COMMAND, PROBE_COMMAND, tell_command
from ospool_ep.pilot.state import NOTHING, Pool
from ospool_ep.service import pilot_questions
from ospool_ep.service.pilot_orders import TELL_TIMEOUT_SECONDS
from ospool_ep.service.pilot_questions import PROBE_TIMEOUT_SECONDS, PilotQuestions
from tests.pure.service.stage import OUTPUTS, specification
from tests.support.fake_engine import FakeEngine
from tests.support.waiting import wait_until


def asking(
    pilot: Pilot, answer: Union[Execution, EngineError], heard: list[Event]
) -> tuple[PilotQuestions, FakeEngine]:
    engine = FakeEngine()
    container = engine.add_container(specification())
    engine.answer = lambda _command: answer
    state = State(Phase.RUNNING, 0.0, pilots=(Pilot(**{**vars(pilot), "container_id": container}),))
    asked = PilotQuestions(
        engine, container, lambda: state, heard.append, lambda _state: "", "docker", lambda: 0.0, threading.Event()
    )
    return asked, engine


@pytest.mark.parametrize(
    ("stage", "confirmed", "told", "light"),
    [
        (Stage.FOUND, False, False, False),
        (Stage.CLOSED, False, False, False),
        (Stage.OPEN, False, False, False),
        (Stage.LEAVING, False, False, False),
        (Stage.LEAVING, False, True, True),
        (Stage.LEAVING, True, False, True),
    ],
)
def test_only_what_it_holds_is_asked_of_a_pilot_that_leaves(
    stage: Stage, confirmed: bool, told: bool, light: bool
) -> None:
    """Before it is told to drain, and where it does not come to that, it may retire, which only the probe shows."""
    heard, commands = list[Event](), list[tuple[str, ...]]()
    asked, engine = asking(Pilot("", 0.0, stage=stage, confirmed=confirmed), EngineError("unused"), heard)

    def answer(command: Sequence[str]) -> Execution:
        commands.append(tuple(command))
        return Execution(0, (OUTPUTS / "ready_idle.txt").read_text())

    engine.answer = answer
    if told:
        asked.drain_told()
    asked.start(0.0)
    wait_until(lambda: heard, "an answer")
    asked.over.set()
    assert commands[0] == (HELD_COMMAND if light else PROBE_COMMAND)
    assert isinstance(heard[0], Observed)
    assert (heard[0].state.pool is Pool.UNKNOWN) is light


def test_an_order_to_drain_that_leads_to_nothing_is_asked_about_in_full_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pilot_questions, "CONFIRMS_WITHIN_SECONDS", 0.0)
    heard = list[Event]()
    answer = Execution(0, (OUTPUTS / "ready_idle.txt").read_text())
    asked, _ = asking(Pilot("", 0.0, stage=Stage.LEAVING), answer, heard)
    asked.drain_told()
    asked.start(0.0)
    wait_until(lambda: heard, "an answer")
    asked.over.set()
    assert isinstance(heard[0], Observed)
    assert heard[0].state.pool is Pool.ACCEPTS


@pytest.mark.parametrize("stage", [Stage.OPEN, Stage.LEAVING])
def test_one_that_does_not_answer_twice_in_a_row_is_told_with_its_container(
    monkeypatch: pytest.MonkeyPatch, stage: Stage
) -> None:
    for name in ("_JOINING_SECONDS", "_LEAST_SECONDS", "_LEAST_LIGHT_SECONDS"):
        monkeypatch.setattr(pilot_questions, name, 0.01)
    heard = list[Event]()
    asked, engine = asking(Pilot("", 0.0, stage=stage, confirmed=True), EngineError("The command did not end."), heard)
    asked.start(0.0)
    wait_until(lambda: heard, "it is told")
    asked.over.set()
    assert heard[0] == Unanswered(engine.running[0], "The command did not end.")


def test_a_pilot_that_is_stopped_is_asked_no_more_before_the_stop_has_failed() -> None:
    heard = list[Event]()
    asked, _ = asking(Pilot("", 0.0), Execution(0, (OUTPUTS / "ready_idle.txt").read_text()), heard)
    rounds = list[float]()
    asked.last_words_at = lambda: rounds.append(0.0) or 0.0  # type: ignore[func-returns-value]
    asked.end()
    asked.start(0.0)
    wait_until(lambda: asked.hint() or rounds, "a line that hints is heard")  # type: ignore[func-returns-value]
    assert heard == []
    asked.look_again()
    wait_until(lambda: heard, "an answer")
    asked.over.set()


@pytest.mark.parametrize(
    ("command", "seconds"),
    [
        (HELD_COMMAND, PROBE_TIMEOUT_SECONDS),
        (PROBE_COMMAND, PROBE_TIMEOUT_SECONDS),
        (tell_command(NOTHING), TELL_TIMEOUT_SECONDS),
    ],
)
def test_each_tool_has_time_on_a_busy_host_and_a_silent_one_leaves_the_others_theirs(
    command: tuple[str, ...], seconds: float
) -> None:
    tools = [int(limit) for limit in re.findall(r"timeout (\d+) (?!condor_ping)", command[2])]
    collectors = 3 * [int(limit) for limit in re.findall(r"timeout (\d+) condor_ping", command[2])]
    assert min(tools) >= 15
    assert sum(tools) + sum(collectors) <= seconds
