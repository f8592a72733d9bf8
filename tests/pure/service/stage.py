"""The whole service in one process, with the engine's fake, on a host that a test plays."""

import os
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional, Union

from ospool_ep.configuration.findings import Checked, Finding
from ospool_ep.configuration.policy import Policy
from ospool_ep.container.closed_start import closed
from ospool_ep.container.specification import FINGERPRINT_LABEL, TOKEN_TARGET, ContainerSpec, Mount
from ospool_ep.engine.interface import Engine, EngineError, Execution
from ospool_ep.lifecycle.actions import Priority
from ospool_ep.lifecycle.events import Reconfigured
from ospool_ep.lifecycle.report import DRAINING
from ospool_ep.lifecycle.state import Phase
from ospool_ep.pilot.commands import DRAIN_COMMAND, HELD_COMMAND, JOBS_COMMAND, LEAVE_COMMAND, PROBE_COMMAND
from ospool_ep.pilot.log import LogLine
from ospool_ep.service.loop import Service
from ospool_ep.service.orders import Orders
from ospool_ep.service.settings import Settings
from ospool_ep.system.image_store import ImageStore
from ospool_ep.system.journal import Journal, JournalAway
from ospool_ep.system.run_directory import RunDirectory
from ospool_ep.system.systemd import notify
from tests.support.fake_engine import FakeEngine
from tests.support.names import CONTAINER_NAME
from tests.support.waiting import wait_until

OUTPUTS = Path(__file__).parents[1] / "pilot_outputs"
IMAGE = "registry.example/pilot:1"
OTHER_IMAGE = "registry.example/other:1"
# What a service takes for itself, and a test gives back.
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP)
ONE_BY_ONE = Policy(one_by_one="it is tested so")
# What follows all that a service tells systemd.
LAST = "X_LAST=1"
TOKEN_PATH = "/etc/osg/ospool-ep.tkn"  # noqa: S105 - where it lies


def specification(image: str = IMAGE, labelled: bool = True) -> ContainerSpec:
    spec = ContainerSpec(
        image=image, name=CONTAINER_NAME, user="1000", environment=(), mounts=(Mount(TOKEN_PATH, TOKEN_TARGET),),
        devices=(), security_options=(), unmasked_system_paths=True, open_files=2048, most_open_files=2048,
        pids_limit=16384, stop_timeout_seconds=120, labels=(), log_max_bytes=1 << 20,
    )  # fmt: skip
    labels = ((FINGERPRINT_LABEL, f"of a configuration with {image}"),) if labelled else ()
    return ContainerSpec(**{**vars(spec), "labels": labels})


def beside(spec: ContainerSpec) -> ContainerSpec:
    """The same for a pilot beside others."""
    following = closed(spec, spec.name, 60)
    assert following
    return following


class RecordingJournal(Journal):
    """Keeps what would go to journald."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[tuple[Priority, str]] = []
        # The containers that the messages are about.
        self.about: list[str] = []
        self.lines: list[bytes] = []
        self.lines_of: dict[str, list[bytes]] = {}
        self.cursor = ""
        self.refused: list[bytes] = []
        self.away = False

    def say(self, priority: Priority, text: str, about: str = "") -> None:
        self.said.append((priority, text))
        self.about.append(about)

    def pilot_line(self, container_id: str, line: LogLine, before: str = "") -> None:  # noqa: ARG002 - as the real one
        if self.away:
            self.refused.append(line.text)
            raise JournalAway("nobody listens")
        self.lines.append(line.text)
        self.lines_of.setdefault(container_id, []).append(line.text)

    def answers(self) -> bool:
        return not self.away

    def last_pilot_cursor(self, container_id: str) -> str:  # type: ignore[override]  # noqa: ARG002
        return self.cursor

    def has(self, text: str) -> bool:
        return any(text in said for _, said in self.said)


def watches_are_over() -> bool:
    """Whether no thread of this process is one that looks again and again while a service runs."""
    return not {"token", "file", "host", "hours"} & {thread.name for thread in threading.enumerate()}


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
    # Most tests are about one pilot.
    policy: Policy = field(default_factory=lambda: ONE_BY_ONE)
    token: str = "token 1"  # noqa: S105 - a hash
    stop_is_wanted: bool = True
    rechecks: int = 0
    wanted_engine: str = "auto"
    # OSPOOL_EP_HOURS.
    hours: str = ""
    # Which value of OSPOOL_EP_ENGINE stands for another engine.
    another_engine: str = ""
    file_has_changed: Callable[[], bool] = lambda: False
    # When a start began that somebody waits for.
    start_began: Optional[float] = None
    # What stands in the place of an engine.
    absent_engine: Optional[Engine] = None
    # Lets go what a test has held, once the service has ended.
    when_over: Callable[[], None] = lambda: None
    # The containers that were noted as the pilots'.
    noted: list[Optional[tuple[str, ...]]] = field(default_factory=list)

    def perform(self, orders: Orders, asked_at: float) -> None:
        """In place of reading the file anew: the image is another one."""
        orders.settings = self.settings(specification(image=OTHER_IMAGE))
        image, fingerprint = orders.settings.spec.image, orders.settings.fingerprint
        orders.post(Reconfigured(self.policy, image, fingerprint, "the configuration has changed: IMAGE"))
        self.run_directory.answer_reload({"asked_at": asked_at, "code": 0, "lines": []})

    def answer(self, command: Sequence[str]) -> Union[Execution, EngineError]:
        if tuple(command) in (PROBE_COMMAND, HELD_COMMAND, JOBS_COMMAND):
            return Execution(0, (OUTPUTS / f"{self.probe_output}.txt").read_text())
        if tuple(command) == LEAVE_COMMAND:
            return Execution(0, "")
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
        return ImageStore("", self.run_directory.token_file.parent / "state")

    def settings(self, spec: Optional[ContainerSpec] = None) -> Settings:
        return Settings(
            spec or specification(),
            self.wanted_engine,
            self.policy,
            recheck=self._recheck,
            advise=lambda state: f"Advice for {state.refusal}.",
            look_at_token=lambda: (self.token, ""),
            beside=beside(spec or specification()),
            hours=self.hours,
            path="/etc/osg/ospool-ep.cfg",
        )

    def _recheck(self) -> Checked:
        self.rechecks += 1
        return Checked(tuple(self.findings), self.token)

    def summary_has(self, text: str) -> None:
        wait_until(lambda: text in self.report.get("summary", ""), f"summary {text!r}")

    def containers(self) -> list[str]:
        """Those of the pilots in the report."""
        return [pilot["container"] for pilot in self.report["pilots"]]

    def phase_is(self, phase: Phase) -> None:
        wait_until(lambda: self.phase == phase.value, f"phase {phase.value}, not {self.phase}")

    def drains_its_pilot(self) -> None:
        wait_until(lambda: self.phase == DRAINING, f"it drains, and is not {self.phase}")

    def pilot(self) -> str:
        """The id of the running container, once there is one."""
        return wait_until(lambda: self.engine.running, "a pilot runs")[0]

    def service(self, spec: Optional[ContainerSpec] = None) -> Service:
        """The service on this host, which does not run yet."""
        return Service(
            self.absent_engine or self.engine,
            self.settings(spec),
            self.journal,
            self.run_directory,
            self.store,
            "" if self.absent_engine else "podman",
            lambda wanted, _answers: wanted == self.another_engine,
            lambda containers: self.noted.append(None if containers is None else tuple(containers)),
            reload=lambda orders, asked_at: self.perform(orders, asked_at),  # noqa: PLW0108 - a test replaces it
            stop_is_wanted=lambda: self.stop_is_wanted,
            start_began=self.start_began,
            file_has_changed=lambda: self.file_has_changed(),  # noqa: PLW0108 - a test replaces it
        )

    def play(self, scenario: Callable[[], None], spec: Optional[ContainerSpec] = None, *, stops: bool = True) -> int:
        """Run the service here, in the main thread, while the scenario plays; then it is stopped with SIGTERM.

        ``stops``: it is; if not, it ends by itself.
        """
        service = self.service(spec)
        failures: list[BaseException] = []

        def act() -> None:
            try:
                wait_until(lambda: self.phase, "the service reports")
                scenario()
            except BaseException as failure:
                failures.append(failure)
            if stops:
                os.kill(os.getpid(), signal.SIGTERM)

        actor = threading.Thread(target=act)
        actor.start()
        code = service.run()
        actor.join()
        self._hear_all()
        self.when_over()
        wait_until(watches_are_over, "the watches of a service that has ended end: the next test's clock is not theirs")
        for failure in failures:
            raise failure
        return code

    def _hear_all(self) -> None:
        """What the service has told systemd is read by another thread, which may be behind."""
        notify(LAST)
        wait_until(lambda: LAST in self.notifications, "what systemd was told has come")
        self.notifications.remove(LAST)
