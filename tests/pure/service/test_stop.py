"""A stop of the service: which jobs it says were evicted, and that an idle pilot ends soon; as in test_service."""

import threading
from collections.abc import Callable, Sequence
from typing import Union

import pytest

from ospool_ep.engine.interface import EngineError, Execution
from ospool_ep.pilot.condor import JOBS_COMMAND, PROBE_COMMAND
from tests.pure.service.stage import Stage
from tests.support.waiting import wait_until


def test_stop_says_which_jobs_were_evicted(stage: Stage) -> None:
    stage.probe_output = "busy_two_jobs"
    stage.play(lambda: stage.summary_has("running 2 jobs"))
    assert stage.journal.has("2 running jobs were evicted: 1.0, 2.0")


def test_an_idle_pilot_is_stopped_while_it_is_asked_which_jobs_run(stage: Stage) -> None:
    """Nor does its end come before its answer."""
    asked, stopped = threading.Event(), threading.Event()
    stop = stage.engine.stop

    def stop_it(container_id: str, grace_seconds: int) -> None:
        assert asked.wait(10)
        stop(container_id, grace_seconds)
        stopped.set()

    def answer(command: Sequence[str]) -> Union[Execution, EngineError]:
        if tuple(command) == JOBS_COMMAND:
            asked.set()
            assert stopped.wait(10)
            stage.probe_output = "busy_two_jobs"
        return stage.answer(command)

    stage.engine.stop = stop_it  # type: ignore[method-assign]
    stage.engine.answer = answer
    stage.play(lambda: stage.summary_has("In the pool, waiting for jobs"))
    assert stage.journal.has("2 running jobs were evicted: 1.0, 2.0")


def busy(stage: Stage) -> None:
    stage.probe_output = "busy_two_jobs"
    stage.summary_has("running 2 jobs")


def just_begun(stage: Stage) -> None:
    """Its log says so, and it was not asked since."""
    stage.summary_has("In the pool, waiting for jobs")
    stage.probe_output = "busy_two_jobs"
    stage.engine.write(stage.pilot(), b"slot1_1: Changing activity: Idle -> Busy")
    wait_until(lambda: stage.journal.lines, "the line is in the journal")


def silent(stage: Stage) -> None:
    """It was idle, and has not answered since."""
    stage.summary_has("In the pool, waiting for jobs")
    stage.probe_output = "busy_two_jobs"
    answer, asked = stage.engine.answer, []

    def refuse(command: Sequence[str]) -> Union[Execution, EngineError]:
        if tuple(command) == PROBE_COMMAND:
            asked.append(command)
            return EngineError("it hangs")
        return answer(command)

    stage.engine.answer = refuse
    stage.engine.write(stage.pilot(), b"Ready")
    wait_until(lambda: len(asked) > 1, "it is asked again")


@pytest.mark.parametrize("scenario", [busy, just_begun, silent])
def test_a_pilot_that_may_have_jobs_is_not_stopped_before_it_has_said_which(
    stage: Stage, scenario: Callable[[Stage], None]
) -> None:
    stopped = threading.Event()
    stop = stage.engine.stop
    too_early: list[bool] = []

    def stop_it(container_id: str, grace_seconds: int) -> None:
        stopped.set()
        stop(container_id, grace_seconds)

    def answer(command: Sequence[str]) -> Union[Execution, EngineError]:
        if tuple(command) == JOBS_COMMAND:
            too_early.append(stopped.wait(0.2))
        return stage.answer(command)

    stage.engine.stop = stop_it  # type: ignore[method-assign]
    stage.engine.answer = answer
    stage.play(lambda: scenario(stage))
    assert too_early == [False]
    assert stage.journal.has("2 running jobs were evicted: 1.0, 2.0")
    assert stage.leaves == 0


def test_an_idle_pilot_that_has_not_seen_the_signal_yet_is_told_to_leave(stage: Stage) -> None:
    stop = stage.engine.stop

    def stop_it(container_id: str, grace_seconds: int) -> None:
        wait_until(lambda: stage.leaves, "it is told")
        stop(container_id, grace_seconds)

    stage.engine.stop = stop_it  # type: ignore[method-assign]
    stage.play(lambda: stage.summary_has("In the pool, waiting for jobs"))
    assert stage.leaves == 1
    assert stage.journal.has("Stopped. No job was running.")
