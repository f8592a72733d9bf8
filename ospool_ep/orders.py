"""Performs what the lifecycle asks for: each order is a few calls to the engine and brings an event back.

One thread performs the orders in their row; a pull and the watch over the running pilot have threads of their own.
"""

import queue
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Optional

from ospool_ep.container_spec import PILOT_UID, ContainerSpec
from ospool_ep.engine import Container, Engine, EngineError, EngineUnreachable, NoSuchContainer, PullFailed
from ospool_ep.events import (
    Do,
    DrainRefused,
    EngineLost,
    Event,
    Found,
    Launched,
    LaunchRefused,
    Looked,
    Priority,
    Pulled,
    PullProgressed,
    PullRefused,
    StopBegan,
    StopRefused,
)
from ospool_ep.findings import Finding, Severity
from ospool_ep.journal import Journal
from ospool_ep.pilot_container import FINGERPRINT_LABEL, TOKEN_TARGET
from ospool_ep.pilot_state import DRAIN_COMMAND, PilotState
from ospool_ep.pilot_watch import PilotWatch, probe
from ospool_ep.status import duration

DRAIN_TIMEOUT_SECONDS = 60.0

Post = Callable[[Optional[Event]], None]


class Orders:
    """The hands of the service.

    ``post`` takes the events, and None for the end; ``recheck`` finds what keeps the next pilot from getting jobs,
    ``advise`` says why the pool refuses one. ``image_digest`` is that of the pilot seen last.
    """

    def __init__(  # noqa: PLR0913 - each is a different door to the outside
        self,
        engine: Engine,
        spec: ContainerSpec,
        journal: Journal,
        *,
        post: Post,
        recheck: Callable[[], tuple[Finding, ...]],
        advise: Callable[[PilotState], str],
    ) -> None:
        self._engine = engine
        self._spec = spec
        self._journal = journal
        self._post = post
        self._recheck = recheck
        self._advise = advise
        self._row: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._watch: Optional[PilotWatch] = None
        self._cursors: dict[str, str] = {}
        self.image_digest = ""

    def start(self) -> None:
        """Begin to perform."""
        threading.Thread(target=self._work, name="orders", daemon=True).start()

    def give(self, order: Do, container_id: str) -> None:
        """Perform an order after the earlier ones; ``container_id`` is the pilot's, where there is one."""
        if order is Do.PULL:
            # Not in the row of orders: nobody who drains or stops should wait for a download.
            threading.Thread(target=self._guarded, args=(self._pull,), name="pull", daemon=True).start()
            return
        perform: dict[Do, Callable[[], None]] = {
            Do.LOOK: self._look,
            Do.LAUNCH: self._launch,
            Do.FOLLOW: lambda: self._follow(container_id),
            Do.DRAIN: lambda: self._drain(container_id),
            Do.STOP: lambda: self._stop(container_id),
            Do.REMOVE: lambda: self._remove(container_id),
            Do.EXIT: lambda: self._post(None),
        }
        self._row.put(perform[order])

    def _work(self) -> None:
        while True:
            self._guarded(self._row.get())

    def _guarded(self, perform: Callable[[], None]) -> None:
        try:
            perform()
        except EngineError as error:
            self._post(EngineLost(str(error)))

    def _look(self) -> None:
        container = self._engine.container(self._spec.name)
        if container and FINGERPRINT_LABEL in container.labels and not container.started_at:
            # Ours, created and never started: an earlier process was interrupted between the two.
            self._engine.remove(container.id)
            container = None
        if container is None:
            self._post(Looked(Found.NOTHING))
            return
        self.image_digest = self._digest_of(container)
        found = recognize(container, self._spec)
        if found is Found.LEGACY:
            # The earlier service has printed its pilot's log itself, up to now.
            self._cursors = {container.id: datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")}
        if found is not Found.FOREIGN:
            self._journal.describe_pilot(container.id, self.image_digest)
        self._post(Looked(found, container.id, container.started_at, container.running))

    def _digest_of(self, container: Container) -> str:
        image = self._engine.image(container.image_id)
        return image.digest if image else ""

    def _pull(self) -> None:
        try:
            for progress in self._engine.pull(self._spec.image):
                self._post(PullProgressed(progress.percent))
        except PullFailed as error:
            image = self._engine.image(self._spec.image)
            if image is None:
                self._post(PullRefused(f"{error} There is no local image either."))
                return
            age = duration(time.time() - image.created)
            self._post(Pulled(f"{error} Going on with the local image, built {age} ago."))
        else:
            self._post(Pulled())

    def _launch(self) -> None:
        errors = [finding for finding in self._recheck() if finding.severity is Severity.ERROR]
        if errors:
            reasons = " ".join(f"{finding.message} {finding.hint} [{finding.code}]" for finding in errors)
            self._post(LaunchRefused(f"No pilot can run now: {reasons}"))
            return
        container_id = ""
        try:
            container_id = self._engine.create(self._spec)
            self._engine.start(container_id)
            container = self._engine.container(container_id)
        except EngineUnreachable:
            raise
        except EngineError as error:
            if container_id:
                self._engine.remove(container_id)
            self._post(LaunchRefused(f"The engine did not start the pilot: {error}"))
            return
        if container is None:
            self._post(LaunchRefused("Somebody else removed the pilot's container as it was starting."))
            return
        self.image_digest = self._digest_of(container)
        self._cursors = {container_id: ""}
        # Before the event: what the service says of it carries the fields, too.
        self._journal.describe_pilot(container_id, self.image_digest)
        self._post(Launched(container_id, container.started_at))

    def _follow(self, container_id: str) -> None:
        self._leave_watch()
        cursor = self._cursors.get(container_id)
        self._watch = PilotWatch(
            self._engine,
            container_id,
            # Without one of our own, an earlier process may have copied a part of the log.
            self._journal.last_pilot_timestamp(container_id) if cursor is None else cursor,
            post=self._post,
            write=self._journal.pilot_line,
            advise=self._advise,
        )
        self._watch.start()

    def _leave_watch(self) -> None:
        watch, self._watch = self._watch, None
        if watch:
            self._cursors = {watch.container_id: watch.leave()}

    def _drain(self, container_id: str) -> None:
        try:
            done = self._engine.execute(
                container_id, DRAIN_COMMAND, user=str(PILOT_UID), timeout_seconds=DRAIN_TIMEOUT_SECONDS
            )
        except NoSuchContainer:
            return
        if done.exit_code and self._runs(container_id):
            lines = done.output.strip().splitlines() or [f"exit code {done.exit_code}"]
            self._post(DrainRefused(lines[-1]))
        elif self._watch:
            self._watch.look_again()

    def _runs(self, container_id: str) -> bool:
        container = self._engine.container(container_id)
        return container is not None and container.running

    def _stop(self, container_id: str) -> None:
        try:
            self._post(StopBegan(probe(self._engine, container_id).jobs))
        except EngineError:
            self._post(StopBegan(None))
        try:
            self._engine.stop(container_id, self._spec.stop_timeout_seconds)
        except NoSuchContainer:
            return
        except EngineError as error:
            self._post(StopRefused(str(error)))

    def _remove(self, container_id: str) -> None:
        self._leave_watch()
        self._journal.describe_pilot("", "")
        try:
            self._engine.remove(container_id)
        except EngineError as error:
            self._journal.say(Priority.WARNING, f"The container that has ended was not removed: {error}")


def recognize(container: Container, spec: ContainerSpec) -> Found:
    """Whose container it is that stands under our name."""
    fingerprint = container.labels.get(FINGERPRINT_LABEL)
    if fingerprint == spec.fingerprint():
        return Found.CURRENT
    if fingerprint:
        return Found.OUTDATED
    return Found.LEGACY if TOKEN_TARGET in container.mount_targets else Found.FOREIGN
