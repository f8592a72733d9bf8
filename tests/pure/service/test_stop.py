"""A stop of the service: it says which jobs were evicted, waits for no other order, and is bounded; as in test_loop."""

import threading
from collections.abc import Callable, Sequence
from typing import Union

import pytest

from ospool_ep import exit_codes
from ospool_ep.engine.interface import EngineError, Execution
from ospool_ep.lifecycle.state import Phase
from ospool_ep.pilot.commands import DRAIN_COMMAND, JOBS_COMMAND, LEAVE_COMMAND
from ospool_ep.service import leaving, loop
from ospool_ep.service.orders import Orders
from tests.pure.service.stage import OUTPUTS, Stage, specification
from tests.support.fake_engine import FakeEngine
from tests.support.waiting import wait_until


def test_stop_says_which_jobs_were_evicted(stage: Stage) -> None:
    stage.probe_output = "busy_two_jobs"
    stage.play(lambda: stage.summary_has("running 2 jobs"))
    assert stage.journal.has("2 running jobs were evicted: 1.0, 2.0")


@pytest.mark.parametrize("last_answer", ["In the pool, waiting for jobs", "running 2 jobs"])
def test_a_pilot_is_not_stopped_before_it_has_said_which_jobs_run(stage: Stage, last_answer: str) -> None:
    stage.probe_output = "busy_two_jobs" if "2" in last_answer else "ready_idle"
    calls_before_the_answer: list[str] = []

    def answer(command: Sequence[str]) -> Union[Execution, EngineError]:
        if tuple(command) == JOBS_COMMAND:
            # Jobs may have begun since the last answer.
            stage.probe_output = "busy_two_jobs"
            calls_before_the_answer.extend(stage.engine.calls)
        return stage.answer(command)

    stage.engine.answer = answer
    stage.play(lambda: stage.summary_has(last_answer))
    assert "execute" in calls_before_the_answer
    assert "stop" not in calls_before_the_answer
    assert stage.journal.has("2 running jobs were evicted: 1.0, 2.0")


def is_all(seconds: object) -> bool:
    """Whether it is what is left of two minutes by a pilot that leaves at once, on a machine that may stand still."""
    return isinstance(seconds, int) and 100 < seconds <= 120


def test_htcondor_leaves_before_sigterm_comes_which_has_what_is_left_of_the_time(stage: Stage) -> None:
    stage.probe_output = "busy_two_jobs"
    calls: list[object] = []

    def answer(command: Sequence[str]) -> Union[Execution, EngineError]:
        calls.append(tuple(command))
        return stage.answer(command)

    stop = stage.engine.stop

    def stopped(container_id: str, seconds: int) -> None:
        calls.append(seconds)
        stop(container_id, seconds)

    stage.engine.answer = answer
    stage.engine.stop = stopped  # type: ignore[method-assign,assignment]
    stage.play(lambda: stage.summary_has("running 2 jobs"))
    *asked, seconds = calls[-3:]
    assert asked == [JOBS_COMMAND, LEAVE_COMMAND]
    assert is_all(seconds)


FREE_SLOT = f"slot1@x Unclaimed Idle{' undefined' * 12}"


@pytest.mark.parametrize(
    ("answer", "told", "seconds"),
    [
        # Nothing of HTCondor is there, as while the pilot sets itself up, or is dead inside.
        ("[daemons]\nsupervisord\n[slots]\nError\n[who]\n[ping]\n", False, 10),
        # It does not say.
        ("[daemons]\ncondor_master\ncondor_startd\n[slots]\nError\n[who]\n[ping]\n", False, 120),
        ("", False, 120),
        # No job runs: the pool is told, too.
        (f"[daemons]\ncondor_master\ncondor_startd\n[slots]\n{FREE_SLOT}\n[answered] 0\n", True, 120),
        ('[daemons]\ncondor_master\n[slots]\nError\n[who]\nSTARTD = "Hold"\n[ping]\n', True, 120),
    ],
)
def test_what_answers_is_told_to_leave(answer: str, told: bool, seconds: int) -> None:
    engine = FakeEngine()
    container = engine.add_container(specification())
    commands: list[tuple[str, ...]] = []

    def execute(command: Sequence[str]) -> Execution:
        commands.append(tuple(command))
        return Execution(0, answer)

    engine.answer = execute
    given = leaving.let_leave(engine, container, 120, lambda _: None)
    assert is_all(given) if seconds == 120 else given == seconds
    assert (LEAVE_COMMAND in commands) is told


@pytest.mark.parametrize("refusal", [Execution(1, "can't find the master"), EngineError("The command did not end.")])
def test_sigterm_has_all_the_time_where_htcondor_does_not_take_the_order(
    refusal: Union[Execution, EngineError],
) -> None:
    engine = FakeEngine()
    container = engine.add_container(specification())
    busy = (OUTPUTS / "busy_two_jobs.txt").read_text()
    engine.answer = lambda command: refusal if tuple(command) == LEAVE_COMMAND else Execution(0, busy)
    assert leaving.let_leave(engine, container, 120, lambda _: None) == 120


class Held:
    """A call that does not return before the test lets it."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._free = threading.Event()

    def __call__(self) -> None:
        self.reached.set()
        assert self._free.wait(30), "nobody lets the call return"

    def release(self) -> None:
        self._free.set()


def test_a_pilot_that_does_not_answer_is_stopped_all_the_same(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving, "LAST_QUESTION_SECONDS", 0.05)
    held = Held()

    def answer(command: Sequence[str]) -> Union[Execution, EngineError]:
        if tuple(command) == JOBS_COMMAND:
            held()
        return stage.answer(command)

    stage.engine.answer = answer
    assert stage.play(lambda: stage.summary_has("In the pool, waiting for jobs")) == exit_codes.OK
    held.release()
    assert not stage.engine.running
    assert stage.journal.has("Stopped. The pilot did not say whether jobs ran")


def in_a_drain(stage: Stage, held: Held) -> None:
    """The pilot does not answer to the order to drain."""

    def answer(command: Sequence[str]) -> Union[Execution, EngineError]:
        if tuple(command) == DRAIN_COMMAND:
            held()
        return stage.answer(command)

    stage.phase_is(Phase.RUNNING)
    stage.engine.answer = answer
    stage.run_directory.ask_drain()
    assert stage.run_directory.nudge()


def in_a_reload(stage: Stage, held: Held) -> None:
    """A file system hangs while the configuration is read again."""

    def perform(_orders: Orders, _asked_at: float) -> None:
        held()

    stage.phase_is(Phase.RUNNING)
    stage.perform = perform  # type: ignore[assignment,method-assign]
    assert stage.run_directory.ask_reload()


@pytest.mark.parametrize("scene", [in_a_drain, in_a_reload])
def test_a_stop_waits_for_no_other_order(stage: Stage, scene: Callable[[Stage, Held], None]) -> None:
    held = Held()

    def scenario() -> None:
        scene(stage, held)
        wait_until(held.reached.is_set, "the other order is under way")

    assert stage.play(scenario) == exit_codes.OK
    held.release()
    assert not stage.engine.running
    assert stage.journal.has("Stopped. No job was running.")


def test_a_stop_that_comes_to_no_end_leaves_the_rest_to_another_process(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "LONGEST_STOP_SECONDS", 0.2)
    held = Held()
    stage.engine.stop = lambda *_: held()  # type: ignore[method-assign]
    assert stage.play(lambda: stage.phase_is(Phase.RUNNING)) == exit_codes.FAILED
    held.release()
    assert stage.journal.has("The stop was not through after 0 s. If a pilot runs, it goes on.")
