"""The service is killed at each of its calls to the engine, before and after it is made: the next process goes on.

A dead process makes no further call, hears no answer, and leaves its files as they are. The sweep goes on, one call
later each time, until a run has come to its end without being killed.
"""

import itertools
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, cast

import pytest

from ospool_ep.configuration.policy import Policy
from ospool_ep.container.specification import FINGERPRINT_LABEL, ContainerSpec
from ospool_ep.engine.interface import Engine, EngineUnreachable
from ospool_ep.lifecycle import retries
from ospool_ep.lifecycle.events import Event
from ospool_ep.lifecycle.state import Want
from ospool_ep.pilot.state import EVERYTHING, NOTHING
from ospool_ep.service.loop import Service
from ospool_ep.service.settings import Settings
from ospool_ep.system.run_directory import RunDirectory
from tests.pure.service.played_pilots import CORES, PlayedPilots
from tests.pure.service.stage import IMAGE, ONE_BY_ONE, OTHER_IMAGE, SIGNALS, RecordingJournal, Stage, specification
from tests.support.fake_engine import FakeEngine
from tests.support.names import CONTAINER_NAME
from tests.support.waiting import Expired, wait_until

# More calls than any run makes: a sweep that gets there is one that never ends.
MOST_CALLS = 400
CHANGES = ("create ", "start ", "rename ", "remove ", "pull ")


class Killed(EngineUnreachable):
    """What the threads of a dead process get from their next call; nobody hears what they say to that."""


class MortalService(Service):
    """A process that takes no event any more once it is ``dead``."""

    dead = False

    def die(self) -> None:
        """Kill it."""
        self.dead = True
        self._events.put(None)

    def _take(self, event: Event) -> None:
        if not self.dead:
            super()._take(event)

    def _next_event(self) -> Optional[Event]:
        return None if self.dead else super()._next_event()


class MortalEngine:
    """The engine as a process sees it that dies at a call: ``after`` it was carried out, or before. 0: at none."""

    def __init__(self, engine: FakeEngine, at: int, check: Callable[[], None], *, after: bool) -> None:
        self.process: Optional[MortalService] = None
        self._check = check
        self._engine = engine
        self._at = at
        self._after = after
        # Whether that call has come. One that waits for the end of a pilot may not have been carried out all the same.
        self.came = False
        self._calls = itertools.count(1)
        # What was called since the last call that changed something: a question that is asked again is no other moment.
        self._seen: set[str] = set()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._engine, name)

        def call(*arguments: Any, **more: Any) -> Any:
            answer = self._call(f"{name} {arguments}", lambda: method(*arguments, **more))
            return self._each(answer) if isinstance(answer, Iterator) else answer

        return call

    def _call(self, what: str, perform: Callable[[], Any]) -> Any:
        dies = self._is_new(what) and next(self._calls) == self._at
        self.came |= dies
        if dies and not self._after:
            self._process().die()
        self._must_live()
        answer = perform()
        self._check()
        if dies:
            self._process().die()
        self._must_live()
        return answer

    def _is_new(self, what: str) -> bool:
        if what.startswith(CHANGES):
            self._seen.clear()
        is_new = what not in self._seen
        self._seen.add(what)
        return is_new

    def _each(self, items: Iterator[Any]) -> Iterator[Any]:
        for item in items:
            self._must_live()
            yield item

    def _must_live(self) -> None:
        if self._process().dead:
            raise Killed("This process is dead.")

    def _process(self) -> MortalService:
        assert self.process is not None
        return self.process


class SweptStage(Stage):
    """Pilots with jobs, of which one ends with each question to a pilot that drains; the file may have been edited."""

    asked = False
    edited = False
    first = ""
    kill_came = False
    pilots: PlayedPilots

    def play_pilots(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pilots = PlayedPilots(self.engine, monkeypatch)
        self.pilots.queue = 10 * CORES
        self.pilots.meanwhile = self._job_ends

    def _job_ends(self, container_id: str, what: str) -> None:
        pilot = self.pilots.of(container_id)
        if pilot.drains and pilot.jobs and what in ("probe", "held"):
            self.pilots.end_jobs(container_id, 1)

    def check(self) -> None:
        """What holds at every moment."""
        assert self.pilots.most <= CORES, "more cores than there are"
        takers = [
            one for one in map(self.pilots.of, self.engine.running) if one.believes != EVERYTHING and not one.drains
        ]
        assert len(takers) <= 1, "two that take jobs"

    def settings(self, spec: Optional[ContainerSpec] = None) -> Settings:
        return super().settings(spec or specification(OTHER_IMAGE if self.edited else IMAGE))

    def run(self, course: "Course", at: int = 0, *, after: bool = False) -> bool:
        """Run a process of the service until it is killed, or all has come true; returns whether it has."""
        mortal = MortalEngine(self.engine, at, self.check, after=after)
        process = mortal.process = MortalService(
            cast(Engine, mortal), self.settings(), self.journal, self.run_directory, self.store,
            "docker", has_moved=lambda *_: False, note_pilots=lambda _: None,
            reload=self.perform, stop_is_wanted=lambda: False,
        )  # fmt: skip
        self.run_directory.write_status({"phase": "", "summary": ""})
        failures: list[BaseException] = []
        reached = threading.Event()

        def act() -> None:
            try:
                self._await(lambda: process.dead or self.asked or self.phase == "running")
                if not (process.dead or self.asked):
                    self.asked = True
                    course.ask(self)
                self._await(lambda: process.dead or course.reached(self))
                if not process.dead:
                    reached.set()
            except BaseException as failure:
                failures.append(failure)
            process.die()

        actor = threading.Thread(target=act)
        actor.start()
        process.run()
        actor.join()
        for failure in failures:
            raise failure
        self.kill_came = mortal.came
        return reached.is_set()

    def _await(self, condition: Callable[[], bool]) -> None:
        try:
            wait_until(condition, "the next step of the course", 30, pause=0.005)
        except Expired as error:
            said = "\n".join(text for _, text in self.journal.said)
            raise Expired(f"{error}; {self.report}; calls: {self.engine.calls}\n{said}") from None


@dataclass(frozen=True)
class Course:
    """What is swept: what is there before, what is asked for once a pilot runs, and when all of it has come true."""

    prepare: Callable[[SweptStage], None]
    ask: Callable[[SweptStage], None]
    reached: Callable[[SweptStage], bool]


def nothing(_stage: SweptStage) -> None:
    """Nothing is there, or asked for."""


def runs(stage: SweptStage) -> None:
    """A pilot of ours runs, from an image that is known to work."""
    stage.engine.add_image(IMAGE, "sha256:1")
    stage.first = stage.engine.add_container(specification())


def in_pool(stage: SweptStage) -> bool:
    return bool(stage.engine.running) and "In the pool" in stage.report["summary"]


def another_in_pool(stage: SweptStage) -> bool:
    """It is alone, takes all jobs, and has the known name; of the one before nothing is left."""
    if not in_pool(stage) or stage.first in stage.engine.running:
        return False
    ours = stage.engine.labelled(FINGERPRINT_LABEL, ended=True)
    named = stage.engine.container(CONTAINER_NAME)
    believes = [stage.pilots.of(container.id).believes for container in ours]
    return list(ours) == [named] and believes[0] in (None, NOTHING)


def ask_update(stage: SweptStage) -> None:
    """What ``ospool-ep update`` does: a pull beside the service, and a nudge."""
    stage.engine.registry[IMAGE] = "sha256:2"
    for _ in stage.engine.pull(IMAGE):
        pass
    stage.run_directory.nudge()


def ask_drain(then: Want) -> Callable[[SweptStage], None]:
    def ask(stage: SweptStage) -> None:
        stage.run_directory.ask_drain(then)
        stage.run_directory.nudge()

    return ask


def ask_reload(stage: SweptStage) -> None:
    stage.edited = True
    stage.run_directory.ask_reload()


def idle(stage: SweptStage) -> bool:
    return stage.phase == "idle" and not stage.engine.running


def one_by_one(stage: SweptStage) -> None:
    runs(stage)
    stage.policy = ONE_BY_ONE


COURSES = {
    "start": Course(nothing, nothing, in_pool),
    "adopt": Course(runs, nothing, in_pool),
    "update": Course(runs, ask_update, another_in_pool),
    "update-one-by-one": Course(one_by_one, ask_update, another_in_pool),
    "drain": Course(runs, ask_drain(Want.IDLE), idle),
    "drain-then-start": Course(runs, ask_drain(Want.START), another_in_pool),
    "reload": Course(runs, ask_reload, another_in_pool),
}
# Courses in which nothing asks for another pilot than the one that ran when the service was killed.
KEEPS = ("start", "adopt")


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a process of the service sets for itself is put back."""
    hook = threading.excepthook
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    monkeypatch.setattr(retries, "FIRST_DELAY_SECONDS", 0.01)
    yield
    threading.excepthook = hook
    for number, handler in handlers.items():
        signal.signal(number, handler)


def swept(name: str, at: int, monkeypatch: pytest.MonkeyPatch, *, after: bool, directory: Path) -> bool:
    """One run with a kill at that call, and what follows. Returns whether there were not so many calls."""
    course, engine = COURSES[name], FakeEngine()
    engine.registry[IMAGE] = engine.registry[OTHER_IMAGE] = "sha256:1"
    run_directory = RunDirectory(directory)
    run_directory.lock()
    stage = SweptStage(engine, RecordingJournal(), run_directory, [])
    stage.policy = Policy()
    stage.play_pilots(monkeypatch)
    course.prepare(stage)
    if stage.run(course, at, after=after):
        return not stage.kill_came
    left = engine.running
    assert stage.run(course)
    assert "stop" not in engine.calls, "\n".join(text for _, text in stage.journal.said)
    stage.check()
    assert len(engine.running) <= 1
    assert name not in KEEPS or not left or engine.running == left
    return False


@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("name", COURSES)
def test_killed_at_every_call_to_the_engine(
    name: str, after: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = range(1, MOST_CALLS)
    assert any(swept(name, at, monkeypatch, after=after, directory=tmp_path / str(at)) for at in calls)
