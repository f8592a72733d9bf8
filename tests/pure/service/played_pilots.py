"""Pilots as a test plays them: HTCondor in each container takes jobs, drains, says what it holds, and can be told."""

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Optional

import pytest

from ospool_ep.container.specification import CLOSED_LABEL
from ospool_ep.engine.interface import Execution
from ospool_ep.pilot.commands import DRAIN_COMMAND, HELD_COMMAND, JOBS_COMMAND, LEAVE_COMMAND, PROBE_COMMAND
from ospool_ep.pilot.state import EVERYTHING, NOTHING, Job, Offer, PilotState, Pool, Share, Startd
from ospool_ep.service import leaving, pilot_questions, pilot_watch
from ospool_ep.system.json_data import decode, encode
from tests.support.fake_engine import FakeEngine

CORES, CORE = 4, Share(1, 1000)
SIZE = Share(CORES, CORES * CORE.memory)
_TOLD = re.compile(r"= (\d+)\\n\w+ = (\d+)")


def read(output: str) -> PilotState:
    """In place of the package's readers: what a played pilot answers."""
    return decode(PilotState, output)


@dataclass
class PlayedPilot:
    """HTCondor in one container. ``believes``: what it takes the others to hold; None: it can't be told."""

    container_id: str
    believes: Optional[Share]
    jobs: int = 0
    drains: bool = False

    @property
    def holds(self) -> Share:
        return Share(self.jobs * CORE.cpus, self.jobs * CORE.memory)

    @property
    def free(self) -> int:
        """For so many jobs of a core it would take one."""
        return 0 if self.drains else max(0, SIZE.cpus - (self.believes or NOTHING).cpus - self.jobs)

    def state(self, *, light: bool = False) -> PilotState:
        jobs = tuple(Job(f"slot1_{number}", f"{number}.0") for number in range(self.jobs))
        startd = Startd.DRAINING if self.drains else Startd.READY
        state = PilotState(startd, jobs=jobs, size=SIZE, holds=self.holds, believes=self.believes)
        if light:
            return state
        offer = Offer.UNKNOWN if self.drains else Offer.OPEN
        heeds = None if self.believes is None else True
        return replace(state, pool=Pool.ACCEPTS, identity="a@pool", offer=offer, heeds=heeds)


class PlayedPilots:
    """Those of one engine. Each begins as its container says, and what waits in the queue is taken at once."""

    def __init__(self, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
        engine.answer_in = self.answer
        monkeypatch.setattr(pilot_questions, "read_probe", read)
        monkeypatch.setattr(pilot_questions, "read_held", read)
        monkeypatch.setattr(leaving, "read_jobs", lambda output: read(output).jobs)
        monkeypatch.setattr(leaving, "is_empty", lambda _output: False)
        monkeypatch.setattr(pilot_watch, "FIRST_SECONDS", 0.01)
        for name in ("_JOINING_SECONDS", "_CONFIRMS_SECONDS", "_LEAST_SECONDS", "_LEAST_LIGHT_SECONDS"):
            monkeypatch.setattr(pilot_questions, name, 0.03)
        self._engine = engine
        self._turn = threading.RLock()
        self.pilots: dict[str, PlayedPilot] = {}
        # How many jobs of a core wait for a pilot.
        self.queue = 0
        # The most cores that were taken at once, by all pilots.
        self.most = 0
        # Each question and order, with its container.
        self.asked: list[tuple[str, str]] = []
        # What a test has happen before an answer.
        self.meanwhile: Callable[[str, str], None] = lambda _container_id, _what: None

    def answer(self, container_id: str, command: Sequence[str]) -> Execution:
        what = self.name(command)
        self.meanwhile(container_id, what)
        with self._turn:
            self.asked.append((container_id, what))
            pilot = self._of(container_id)
            if what == "drain":
                pilot.drains = True
            elif what == "tell":
                found = _TOLD.search(command[-1])
                assert found, command
                pilot.believes = Share(int(found[1]), int(found[2]))
            self.match()
            ends = what == "drain" and not pilot.jobs
            answer = encode(pilot.state(light=what == "held"))
        if ends:
            self._engine.end(container_id)
        return Execution(0, "" if what in ("drain", "tell", "leave") else answer)

    @staticmethod
    def name(command: Sequence[str]) -> str:
        """What a command is for."""
        return _NAMES.get(tuple(command), "tell")

    def of(self, container_id: str) -> PlayedPilot:
        with self._turn:
            return self._of(container_id)

    def end_jobs(self, container_id: str, number: int) -> None:
        """So many jobs end. One that drains ends after its last."""
        with self._turn:
            pilot = self._of(container_id)
            pilot.jobs -= number
            self.match()
            ends = pilot.drains and not pilot.jobs
        self._engine.write(container_id, b"Changing activity: Busy -> Idle")
        if ends:
            self._engine.end(container_id)

    def match(self) -> None:
        """The pool gives each pilot that runs what it would take."""
        with self._turn:
            running = [self._of(container_id) for container_id in self._engine.running]
            for pilot in running:
                taken = min(pilot.free, self.queue)
                pilot.jobs += taken
                self.queue -= taken
            self.most = max(self.most, sum(pilot.jobs for pilot in running))

    def heard(self, container_id: str) -> list[str]:
        """The questions and orders that this pilot was given."""
        with self._turn:
            return [what for asked, what in self.asked if asked == container_id]

    def _of(self, container_id: str) -> PlayedPilot:
        if container_id not in self.pilots:
            labels = dict(self._engine.spec_of(container_id).labels)
            self.pilots[container_id] = PlayedPilot(container_id, EVERYTHING if CLOSED_LABEL in labels else None)
        return self.pilots[container_id]


_NAMES = {
    PROBE_COMMAND: "probe", HELD_COMMAND: "held", JOBS_COMMAND: "jobs", LEAVE_COMMAND: "leave", DRAIN_COMMAND: "drain",
}  # fmt: skip
