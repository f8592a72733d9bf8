"""The whole service in one process: real threads, real signals, a real notification socket; the engine is the fake."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional, Union

import pytest

from ospool_ep import pilot_watch, transitions
from ospool_ep.container_spec import CONTAINER_NAME, FINGERPRINT_LABEL, TOKEN_TARGET, ContainerSpec, Mount
from ospool_ep.engine import EngineError, Execution, LogLine, PullFailed
from ospool_ep.events import Event, Priority, Reconfigured
from ospool_ep.findings import Checked, Finding, error
from ospool_ep.image_store import ImageStore
from ospool_ep.journal import Journal, JournalAway
from ospool_ep.orders import Orders
from ospool_ep.pilot_state import DRAIN_COMMAND, JOBS_COMMAND, LEAVE_COMMAND, PROBE_COMMAND
from ospool_ep.policy import Policy
from ospool_ep.run_directory import RunDirectory
from ospool_ep.service import Service
from ospool_ep.setup import Setup
from ospool_ep.states import Phase, Want
from tests.support.fake_engine import FakeEngine
from tests.support.waiting import wait_until

OUTPUTS = Path(__file__).parent / "pilot_outputs"
IMAGE = "registry.example/pilot:1"
OTHER_IMAGE = "registry.example/other:1"
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP)
TOKEN_PATH = "/etc/osg/ospool-ep.tkn"  # noqa: S105 - where it lies


def specification(image: str = IMAGE, labelled: bool = True) -> ContainerSpec:
    spec = ContainerSpec(
        image=image, name=CONTAINER_NAME, user="1000", environment=(), mounts=(Mount(TOKEN_PATH, TOKEN_TARGET),),
        devices=(), security_options=(), unmasked_system_paths=True, open_files=2048, pids_limit=16384,
        stop_timeout_seconds=120, labels=(), log_max_bytes=1 << 20,
    )  # fmt: skip
    labels = ((FINGERPRINT_LABEL, spec.fingerprint()),) if labelled else ()
    return ContainerSpec(**{**vars(spec), "labels": labels})


class RecordingJournal(Journal):
    """Keeps what would go to journald."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[tuple[Priority, str]] = []
        self.lines: list[bytes] = []
        self.cursor = ""
        self.refused: list[bytes] = []
        self.away = False

    def say(self, priority: Priority, text: str) -> None:
        self.said.append((priority, text))

    def pilot_line(self, line: LogLine) -> None:
        if self.away:
            self.refused.append(line.text)
            raise JournalAway("nobody listens")
        self.lines.append(line.text)

    def last_pilot_timestamp(self, container_id: str) -> str:  # type: ignore[override]  # noqa: ARG002
        return self.cursor

    def has(self, text: str) -> bool:
        return any(text in said for _, said in self.said)


@dataclass
class Stage:
    """A service on a host that the test plays: the engine, the pilot's answers, the operator's requests."""

    engine: FakeEngine
    journal: RecordingJournal
    run_directory: RunDirectory
    notifications: list[str]
    findings: list[Finding] = field(default_factory=list)
    probe_output: str = "ready_idle"
    drains: int = 0
    leaves: int = 0
    policy: Policy = field(default_factory=Policy)
    token: str = "token 1"  # noqa: S105 - a hash
    stop_is_wanted: bool = True
    rechecks: int = 0

    def perform(self, orders: Orders, post: Callable[[Optional[Event]], None], asked_at: float) -> None:
        """In place of reading the file anew: the image is another one."""
        orders.setup = self.setup(specification(image=OTHER_IMAGE))
        spec = orders.setup.spec
        post(Reconfigured(self.policy, spec.image, spec.fingerprint(), "the configuration has changed: IMAGE"))
        self.run_directory.answer_reload({"asked_at": asked_at, "code": 0, "lines": []})

    def answer(self, command: Sequence[str]) -> Union[Execution, EngineError]:
        if tuple(command) in (PROBE_COMMAND, JOBS_COMMAND):
            return Execution(0, (OUTPUTS / f"{self.probe_output}.txt").read_text())
        if tuple(command) == LEAVE_COMMAND:
            self.leaves += 1
            return Execution(0, "Sent\n")
        assert tuple(command) == DRAIN_COMMAND
        self.drains += 1
        return Execution(0, "Sent\n")

    @property
    def report(self) -> dict[str, Any]:
        return self.run_directory.read_status() or {}

    @property
    def phase(self) -> Optional[str]:
        return self.report.get("phase")

    @property
    def store(self) -> ImageStore:
        return ImageStore(self.run_directory.token_file.parent / "state")

    def setup(self, spec: Optional[ContainerSpec] = None) -> Setup:
        return Setup(
            spec or specification(),
            self.policy,
            recheck=self._recheck,
            advise=lambda state: f"Advice for {state.refusal}.",
            look_at_token=lambda: (self.token, ""),
        )

    def _recheck(self) -> Checked:
        self.rechecks += 1
        return Checked(tuple(self.findings), self.token)

    def summary_has(self, text: str) -> None:
        wait_until(lambda: text in (self.run_directory.read_status() or {}).get("summary", ""), f"summary {text!r}")

    def phase_is(self, phase: Phase) -> None:
        wait_until(lambda: self.phase == phase.value, f"phase {phase.value}, not {self.phase}")

    def pilot(self) -> str:
        """The id of the running container, once there is one."""
        return wait_until(lambda: self.engine.running, "a pilot runs")[0]

    def play(self, scenario: Callable[[], None], spec: Optional[ContainerSpec] = None) -> int:
        """Run the service here, in the main thread, while the scenario plays; then stop it with SIGTERM."""
        service = Service(
            self.engine,
            self.setup(spec),
            self.journal,
            self.run_directory,
            self.store,
            reload=self,
            stop_is_wanted=lambda: self.stop_is_wanted,
        )
        failures: list[BaseException] = []

        def act() -> None:
            try:
                wait_until(lambda: self.phase, "the service reports")
                scenario()
            except BaseException as failure:
                failures.append(failure)
            os.kill(os.getpid(), signal.SIGTERM)

        actor = threading.Thread(target=act)
        actor.start()
        code = service.run()
        actor.join()
        for failure in failures:
            raise failure
        return code


@pytest.fixture
def notifications(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What systemd is told, as it is told."""
    received: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))

        def receive() -> None:
            while True:
                message = systemd.recv(65536).decode()
                if message == "END":
                    return
                received.extend(message.splitlines())

        receiver = threading.Thread(target=receive)
        receiver.start()
        yield received
        systemd.sendto(b"END", str(tmp_path / "notify"))
        receiver.join()


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notifications: list[str]) -> Iterator[Stage]:
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    hook = threading.excepthook
    monkeypatch.setattr(transitions, "FIRST_DELAY_SECONDS", 0.05)
    engine = FakeEngine()
    engine.registry[IMAGE] = engine.registry[OTHER_IMAGE] = "sha256:1"
    run_directory = RunDirectory(tmp_path / "run")
    run_directory.lock()
    stage = Stage(engine, RecordingJournal(), run_directory, notifications)
    engine.answer = stage.answer
    yield stage
    threading.excepthook = hook
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_from_start_to_stop(stage: Stage) -> None:
    def scenario() -> None:
        pilot = stage.pilot()
        stage.engine.write(pilot, b"first line")
        stage.summary_has("In the pool, waiting for jobs")
        wait_until(lambda: stage.journal.lines, "the line is in the journal")

    assert stage.play(scenario) == 0
    assert stage.journal.lines == [b"first line"]
    assert stage.journal.has("In the pool as test-site@flock.opensciencegrid.org")
    assert stage.journal.has("Stopped. No job was running")
    assert not stage.engine.running
    assert stage.engine.container(CONTAINER_NAME) is None
    assert stage.notifications.count("READY=1") == 1
    assert "STATUS=Pulling the image: 50 %" in stage.notifications
    assert "STATUS=In the pool, waiting for jobs" in stage.notifications
    assert "STOPPING=1" in stage.notifications


def test_ready_is_not_said_before_the_container_runs(stage: Stage) -> None:
    stage.engine.registry[IMAGE] = PullFailed("no such host")

    def scenario() -> None:
        stage.summary_has("Waiting to retry until")
        assert "READY=1" not in stage.notifications
        stage.engine.registry[IMAGE] = "sha256:1"
        stage.pilot()
        wait_until(lambda: "READY=1" in stage.notifications, "ready")

    assert stage.play(scenario) == 0


def test_a_local_image_is_used_when_the_registry_is_away(stage: Stage) -> None:
    stage.engine.registry[IMAGE] = PullFailed("no such host")
    stage.engine.add_image(IMAGE, "sha256:old", created=1.0)
    assert stage.play(lambda: stage.phase_is(Phase.RUNNING)) == 0
    warnings = [text for priority, text in stage.journal.said if priority is Priority.WARNING]
    assert "no such host" in warnings[0]
    assert "the local image, built" in warnings[0]


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


def test_a_busy_pilot_is_not_stopped_before_it_has_said_which_jobs_run(stage: Stage) -> None:
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

    stage.probe_output = "busy_two_jobs"
    stage.engine.stop = stop_it  # type: ignore[method-assign]
    stage.engine.answer = answer
    stage.play(lambda: stage.summary_has("running 2 jobs"))
    assert too_early == [False]
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


def test_a_drain_ends_idle_and_resume_starts_the_next(stage: Stage) -> None:
    def scenario() -> None:
        pilot = stage.pilot()
        stage.run_directory.ask_drain()
        assert stage.run_directory.nudge()
        wait_until(lambda: stage.drains == 1, "the pilot is told to drain")
        stage.phase_is(Phase.DRAINING)
        stage.engine.end(pilot)
        stage.phase_is(Phase.IDLE)
        assert not stage.engine.running
        stage.run_directory.clear_drain()
        assert stage.run_directory.nudge()
        assert stage.pilot() != pilot

    assert stage.play(scenario) == 0


def test_what_the_next_pilot_needs_is_looked_for_as_the_startd_ends(stage: Stage) -> None:
    last = next(line for line in (OUTPUTS / "drained.log").read_bytes().splitlines() if b"EXITING WITH STATUS" in line)

    def scenario() -> None:
        stage.phase_is(Phase.RUNNING)
        first, before = stage.pilot(), stage.rechecks
        stage.engine.write(first, last)
        wait_until(lambda: stage.rechecks == before + 1, "it is looked for")
        stage.engine.end(first)
        wait_until(lambda: stage.engine.running not in ([], [first]), "the next pilot")
        assert stage.rechecks == before + 1

    stage.play(scenario)


def test_a_stop_ends_a_drain(stage: Stage) -> None:
    stage.run_directory.ask_drain()
    stage.play(lambda: stage.phase_is(Phase.IDLE))
    assert stage.run_directory.want is Want.PILOTS


def test_a_pilot_that_dies_young_is_started_again_by_the_same_process(stage: Stage) -> None:
    def scenario() -> None:
        first = stage.pilot()
        stage.engine.end(first, 1)
        wait_until(lambda: stage.engine.running and stage.engine.running != [first], "the next pilot")

    assert stage.play(scenario) == 0
    assert stage.journal.has("with exit code 1")


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


def test_lines_are_kept_for_a_journal_that_is_away(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pilot_watch, "_JOURNAL_SECONDS", 0.01)

    def scenario() -> None:
        pilot = stage.pilot()
        stage.journal.away = True
        for line in (b"one", b"two"):
            stage.engine.write(pilot, line)
        wait_until(lambda: len(stage.journal.refused) > 1, "it is tried again")
        stage.journal.away = False
        wait_until(lambda: stage.journal.lines == [b"one", b"two"], "both lines")
        assert set(stage.journal.refused) == {b"one"}

    stage.play(scenario)


def test_a_pilot_of_another_configuration_is_drained(stage: Stage) -> None:
    pilot = stage.engine.add_container(specification(image="registry.example/other:1"))

    def scenario() -> None:
        stage.summary_has("another configuration")
        stage.engine.end(pilot)
        stage.phase_is(Phase.RUNNING)
        assert stage.pilot() != pilot

    stage.play(scenario)
    assert stage.drains == 1


def test_a_pilot_of_the_earlier_service_is_drained_and_its_old_log_left_alone(stage: Stage) -> None:
    pilot = stage.engine.add_container(specification(labelled=False))
    stage.engine.write(pilot, b"printed by the earlier service")

    def scenario() -> None:
        stage.summary_has("the package's earlier service")
        stage.engine.end(pilot)
        stage.phase_is(Phase.RUNNING)

    stage.play(scenario)
    assert stage.journal.lines == []


def test_somebody_elses_container_is_never_touched(stage: Stage) -> None:
    foreign = ContainerSpec(**{**vars(specification(labelled=False)), "mounts": ()})
    theirs = stage.engine.add_container(foreign)
    stage.play(lambda: stage.summary_has("not ours"))
    assert stage.engine.running == [theirs]
    assert stage.engine.calls == []


def test_a_pilot_that_somebody_has_renamed_is_adopted_and_no_second_one_shares_its_scratch(stage: Stage) -> None:
    stage.engine.add_image(IMAGE, "sha256:1")
    pilot = stage.engine.add_container(ContainerSpec(**{**vars(specification()), "name": "another-name"}))
    stage.play(lambda: stage.summary_has("In the pool"))
    assert "create" not in stage.engine.calls
    assert not stage.engine.running
    assert stage.engine.container(pilot) is None


def test_a_refused_pilot_is_never_reported_as_well(stage: Stage) -> None:
    stage.probe_output = "token_wrong_key"
    stage.play(lambda: stage.summary_has("Refused by the pool"))
    assert stage.journal.has("Advice for")
    assert not any("In the pool" in message for message in stage.notifications)


def test_an_engine_that_goes_away_and_comes_back(stage: Stage) -> None:
    def scenario() -> None:
        pilot = stage.pilot()
        stage.engine.write(pilot, b"before")
        wait_until(lambda: stage.journal.lines == [b"before"], "the first line")
        stage.engine.unreachable = True
        stage.summary_has("does not answer")
        stage.engine.unreachable = False
        stage.engine.write(pilot, b"after")
        wait_until(lambda: stage.journal.lines == [b"before", b"after"], "each line once")
        stage.phase_is(Phase.RUNNING)

    assert stage.play(scenario) == 0


def test_what_the_next_pilot_lacks_is_said_and_asked_again(stage: Stage) -> None:
    stage.findings.append(error("token-expired", "The token has expired.", "Get a new one."))

    def scenario() -> None:
        stage.summary_has("The token has expired. Get a new one. [token-expired]")
        assert not stage.engine.running
        stage.findings.clear()
        stage.pilot()

    stage.play(scenario)


def test_a_container_that_the_engine_does_not_start_is_removed(stage: Stage) -> None:
    stage.engine.start_refusal = "error gathering device information"

    def scenario() -> None:
        stage.summary_has("error gathering device information")
        stage.engine.start_refusal = ""
        stage.pilot()

    assert stage.play(scenario) == 0


def test_a_container_that_somebody_removes_is_followed_by_the_next(stage: Stage) -> None:
    def scenario() -> None:
        first = stage.pilot()
        stage.engine.vanish(first)
        wait_until(lambda: stage.engine.running and stage.engine.running != [first], "the next pilot")

    stage.play(scenario)
    assert stage.journal.has("Somebody else removed the pilot's container")


# --- the next process, the next configuration, the next image ----------------------------------------------


def test_a_restart_leaves_the_pilot_alone_and_the_drain_that_was_asked_for(stage: Stage) -> None:
    stage.stop_is_wanted = False
    stage.play(lambda: stage.summary_has("In the pool"))
    assert len(stage.engine.running) == 1
    assert "stop" not in stage.engine.calls
    wait_until(lambda: "STOPPING=1" in stage.notifications, "systemd is told")
    stage.run_directory.ask_drain()
    stage.play(lambda: stage.phase_is(Phase.DRAINING))
    assert stage.run_directory.want is Want.IDLE


def test_the_next_process_adopts_the_pilot_and_its_good_name(stage: Stage) -> None:
    stage.stop_is_wanted = False
    stage.play(lambda: stage.summary_has("In the pool"))
    first = stage.engine.running
    good = stage.store.load(IMAGE).good
    assert good is not None
    assert good.digest == "sha256:1"
    stage.play(lambda: stage.summary_has("In the pool"))
    assert stage.engine.running == first


def test_a_new_image_drains_the_pilot_and_the_next_one_has_it(stage: Stage) -> None:
    def scenario() -> None:
        first = stage.pilot()
        stage.summary_has("In the pool")
        stage.engine.registry[IMAGE] = "sha256:2"
        list(stage.engine.pull(IMAGE))
        stage.run_directory.nudge()
        stage.summary_has("Draining, 0 jobs left: a new image, sha256:2")
        assert stage.drains == 1
        stage.engine.end(first)
        wait_until(lambda: stage.engine.running and stage.engine.running != [first], "the next pilot")
        assert stage.report["pilot"]["image_digest"] == "sha256:2"
        wait_until(lambda: stage.engine.image("localhost/ospool-ep:last-good"), "the good image has its name")

    stage.play(scenario)
    assert stage.engine.unnamed_images(IMAGE) == (), "older images are removed"


def test_a_new_image_that_does_not_work_is_rolled_back(stage: Stage) -> None:
    stage.policy = Policy(rollback_seconds=4.0)

    def scenario() -> None:
        first = stage.pilot()
        stage.summary_has("In the pool")
        stage.engine.registry[IMAGE] = "sha256:2"
        list(stage.engine.pull(IMAGE))
        stage.probe_output = "starting_no_startd"
        stage.run_directory.nudge()
        stage.phase_is(Phase.DRAINING)
        stage.engine.end(first)
        wait_until(lambda: stage.journal.has("Rolled back: the image sha256:2"), "the verdict")
        stage.probe_output = "ready_idle"
        stage.summary_has("In the pool, waiting for jobs; the image sha256:2 was rolled back")
        assert stage.report["pilot"]["image_digest"] == "sha256:1"

    stage.play(scenario)


def test_a_reload_drains_into_the_new_configuration(stage: Stage) -> None:
    def scenario() -> None:
        first = stage.pilot()
        stage.summary_has("In the pool")
        assert stage.run_directory.ask_reload()
        stage.summary_has("the configuration has changed: IMAGE")
        stage.engine.end(first)
        wait_until(lambda: stage.engine.running and stage.engine.running != [first], "the next pilot")
        assert stage.report["image"] == OTHER_IMAGE
        assert stage.run_directory.reload_answer()["code"] == 0

    stage.play(scenario)


def test_a_pilot_that_was_paused_is_said(stage: Stage) -> None:
    stage.probe_output = "ready_idle"

    def scenario() -> None:
        pilot = stage.pilot()
        stage.summary_has("In the pool")
        stage.engine.pause(pilot)
        stage.summary_has(
            "The pilot does not answer, jobs not known: its container is paused. Let it go on: docker unpause"
        )
        stage.engine.unpause(pilot)
        stage.summary_has("In the pool")

    stage.play(scenario)


def test_a_drain_may_end_the_service(stage: Stage) -> None:
    def scenario() -> None:
        pilot = stage.pilot()
        stage.run_directory.ask_drain(Want.STOPPED)
        stage.run_directory.nudge()
        stage.phase_is(Phase.DRAINING)
        stage.engine.end(pilot)
        stage.phase_is(Phase.ENDED)

    stage.play(scenario)


def test_a_drain_may_only_mean_the_next_pilot(stage: Stage) -> None:
    def scenario() -> None:
        pilot = stage.pilot()
        stage.run_directory.ask_drain(Want.NEXT)
        stage.run_directory.nudge()
        stage.phase_is(Phase.DRAINING)
        stage.engine.end(pilot)
        wait_until(lambda: stage.engine.running and stage.engine.running != [pilot], "the next pilot")
        assert stage.run_directory.want is Want.PILOTS

    stage.play(scenario)
