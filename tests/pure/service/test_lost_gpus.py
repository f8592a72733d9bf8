"""A whole service whose pilot loses its GPUs: it is found by the probe, said, drained, and the next one follows."""

from collections.abc import Sequence
from typing import Union

import pytest

from ospool_ep import exit_codes
from ospool_ep.configuration.findings import error
from ospool_ep.engine.interface import EngineError, Execution
from ospool_ep.lifecycle.actions import Priority
from ospool_ep.lifecycle.state import Phase
from ospool_ep.pilot.commands import DRAIN_COMMAND, PROBE_COMMAND
from ospool_ep.service import pilot_questions, pilot_watch
from tests.pure.service.stage import Stage
from tests.support.waiting import wait_until

LOST = "[gpus]\n/bin/sh: line 27: /dev/nvidiactl: Operation not permitted\n"
WELL = "[gpus]\nopens\noffers 2\n"


class Gpus:
    """What the pilots of the stage answer of their GPUs. One that is told to drain has no job, and ends."""

    def __init__(self, stage: Stage) -> None:
        self.said = WELL
        self._stage = stage
        stage.engine.answer = self.answer

    def answer(self, command: Sequence[str]) -> Union[Execution, EngineError]:
        answer = self._stage.answer(command)
        if tuple(command) == DRAIN_COMMAND:
            # Before the next pilot is there, and is asked: it has them.
            self.said = WELL
            self._stage.engine.end(self._stage.pilot())
        if tuple(command) != PROBE_COMMAND or isinstance(answer, EngineError):
            return answer
        return Execution(0, answer.output.replace("[clauses]\n", f"{self.said}[clauses]\n"))

    def lose(self) -> None:
        """The next answers say so; a line of the log has the pilot asked."""
        self.said = LOST
        self._stage.engine.write(self._stage.pilot(), b"Changing activity: Busy -> Idle")


@pytest.fixture
def gpus(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Gpus:
    monkeypatch.setattr(pilot_watch, "FIRST_SECONDS", 0.01)
    for name in ("_JOINING_SECONDS", "_LEAST_SECONDS", "_SLOW_SECONDS"):
        monkeypatch.setattr(pilot_questions, name, 0.05)
    return Gpus(stage)


def test_the_next_pilot_follows_one_that_has_lost_its_gpus(stage: Stage, gpus: Gpus) -> None:
    def scenario() -> None:
        first = stage.pilot()
        stage.summary_has("waiting for jobs")
        assert stage.report["well"]
        gpus.lose()
        wait_until(lambda: stage.drains, "it is told to drain")
        wait_until(lambda: stage.engine.running not in ([], [first]), "the next one runs")
        stage.summary_has("waiting for jobs")
        assert stage.report["well"]
        assert len(stage.engine.running) == 1

    assert stage.play(scenario) == exit_codes.OK
    assert stage.drains == 1
    lost = [text for priority, text in stage.journal.said if priority is Priority.WARNING and "lost its GPUs" in text]
    assert len(lost) == 1


def test_where_the_host_has_lost_them_none_follows_and_why_is_said(stage: Stage, gpus: Gpus) -> None:
    def scenario() -> None:
        stage.pilot()
        stage.summary_has("waiting for jobs")
        message = "The NVIDIA driver is not loaded: there is no /proc/driver/nvidia/version."
        stage.findings.append(error("gpu-driver-missing", message, "Load it."))
        gpus.lose()
        stage.phase_is(Phase.WAITING)
        stage.summary_has("The NVIDIA driver is not loaded")
        assert stage.engine.running == []

    assert stage.play(scenario) == exit_codes.OK
