"""An engine in memory, which passes the same contract tests as the real one and does what a test tells it.

A test plays the pilot, the registry and other people: ``write``, ``end``, ``registry``, ``answer``, ``pause``; and it
takes the engine away with ``unreachable``.
"""

import contextlib
import dataclasses
import hashlib
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Optional, Union

from ospool_ep.container.specification import ContainerSpec
from ospool_ep.engine.interface import (
    STALLED_SECONDS,
    Container,
    EngineError,
    EngineInfo,
    EngineUnreachable,
    Execution,
    Image,
    NoSuchContainer,
    PullFailed,
    PullProgress,
)
from ospool_ep.engine.log_stream import lines_after
from ospool_ep.pilot.log import LogLine
from tests.support.fake_images import FakeImages

Answer = Callable[[Sequence[str]], Union[Execution, EngineError]]


@dataclass
class _FakeContainer:
    spec: ContainerSpec
    seen: Container
    lines: list[LogLine] = field(default_factory=list)


class FakeEngine:
    """Fulfils ``ospool_ep.engine.interface.Engine``.

    ``registry`` holds what a pull of each reference brings: a digest, or the registry's reason for failing; ``problem``
    is what it says of the credentials.
    ``answer`` answers the commands that are executed; ``answer_in`` does where it matters in which container.
    ``calls`` are the names of the methods that were called, in their order, without those that only look.
    """

    def __init__(self) -> None:
        self.registry: dict[str, Union[str, PullFailed]] = {}
        self.problem = ""
        self._images = FakeImages()
        self.answer: Answer = lambda command: Execution(127, f"{command[0]}: not found\n")
        self.answer_in: Callable[[str, Sequence[str]], Union[Execution, EngineError]] = self._answer
        self.stop_exit_code = 0
        self.start_refusal = ""
        self.hanging_pulls = False
        self.limits_sums = False
        self.removal_seconds = 0.0
        self.calls: list[str] = []
        self._unreachable = False
        self._containers: dict[str, _FakeContainer] = {}
        self._changed = threading.Condition()
        self._numbers = itertools.count(1)
        self._happened: list[tuple[str, str]] = []
        self._being_removed: set[str] = set()
        self.lost_names: set[str] = set()

    # --- what the test does --------------------------------------------------------------------------------

    @property
    def unreachable(self) -> bool:
        """Whether nobody answers; setting it also breaks what is under way."""
        return self._unreachable

    @unreachable.setter
    def unreachable(self, away: bool) -> None:
        with self._changed:
            self._unreachable = away
            self._changed.notify_all()

    def add_image(self, reference: str, digest: str = "", created: float = 0.0) -> None:
        """A local image; another one of that name loses it. Without ``digest`` it never was in a registry."""
        with self._changed:
            self._images.add(reference, digest, created)

    def add_container(self, spec: ContainerSpec, *, running: bool = True) -> str:
        """A container that was there before; returns its id."""
        with self._changed:
            container_id = self._add(spec)
            if running:
                self._update(container_id, running=True, started_at=time.time())
        return container_id

    def write(self, container_id: str, text: bytes, stream: str = "stdout") -> None:
        """The container writes a line."""
        with self._changed:
            stamp = f"2026-01-01T00:00:00.{next(self._numbers):09d}Z"
            self._containers[container_id].lines.append(LogLine(f"{stamp}#1", stream, text))
            self._changed.notify_all()

    def spec_of(self, container_id: str) -> ContainerSpec:
        """What the container was created from."""
        with self._changed:
            return self._get(container_id).spec

    def end(self, container_id: str, exit_code: int = 0, *, oom_killed: bool = False) -> None:
        """The container ends by itself."""
        with self._changed:
            self._end(container_id, exit_code, oom_killed)

    def vanish(self, container_id: str) -> None:
        """Somebody else removes the container by force."""
        with self._changed:
            self._happens(container_id, "kill", "die", "destroy")
            del self._containers[container_id]

    def pause(self, container_id: str) -> None:
        """Somebody pauses the container."""
        with self._changed:
            self._update(container_id, paused=True)
            self._happens(container_id, "pause")

    def unpause(self, container_id: str) -> None:
        """Somebody lets it go on."""
        with self._changed:
            self._update(container_id, paused=False)
            self._happens(container_id, "unpause")

    @property
    def running(self) -> list[str]:
        """The ids of the containers that run."""
        with self._changed:
            return [container_id for container_id, made in self._containers.items() if made.seen.running]

    # --- the engine ----------------------------------------------------------------------------------------

    def info(self) -> EngineInfo:
        with self._answering():
            return EngineInfo("docker", "0.0-fake", "1.44", frozenset(("runc", "nvidia")), "/", self.limits_sums)

    def image(self, reference: str) -> Optional[Image]:
        with self._answering():
            return self._images.find(reference)

    def pull(self, reference: str, stalled_seconds: Optional[float] = None) -> Iterator[PullProgress]:
        until = time.monotonic() + (stalled_seconds or STALLED_SECONDS)
        while self.hanging_pulls:
            if time.monotonic() > until:
                raise PullFailed(f"Cannot pull {reference}: nothing came.")
            time.sleep(0.05)
        with self._answering("pull"):
            answer = self.registry.get(reference, PullFailed("manifest unknown"))
        if isinstance(answer, PullFailed):
            raise PullFailed(f"Cannot pull {reference}: {answer}")
        for percent in (50, 100):
            yield PullProgress(percent, self.problem)
        with self._answering():
            known = self._images.find(reference)
            if known is None or known.digest != answer:
                self._images.add(reference, answer, 0.0)

    def registry_digest(self, reference: str) -> str:
        with self._answering():
            answer = self.registry.get(reference, PullFailed("manifest unknown"))
        if isinstance(answer, PullFailed):
            raise PullFailed(f"The registry gives no {reference}: {answer}")
        return answer

    def tag(self, image_id: str, reference: str) -> None:
        with self._answering("tag"):
            if not self._images.tag(image_id, reference):
                raise EngineError(f"No such image: {image_id}")

    def remove_image(self, image_id: str) -> bool:
        with self._answering("remove_image"):
            used = any(made.seen.image_id == image_id for made in self._containers.values())
            return not used and self._images.remove(image_id)

    def unnamed_images(self, reference: str) -> tuple[Image, ...]:
        with self._answering():
            return self._images.unnamed(reference)

    def container(self, name_or_id: str) -> Optional[Container]:
        with self._answering():
            made = self._find(name_or_id)
            return made.seen if made else None

    def labelled(self, label: str, *, ended: bool = False) -> tuple[Container, ...]:
        with self._answering():
            seen = sorted((made.seen for made in self._containers.values()), key=lambda one: one.created_at)
        return tuple(one for one in seen if label in one.labels and (one.running or ended))

    def create(self, spec: ContainerSpec) -> str:
        with self._answering("create"):
            if self._find(spec.name) or spec.name in self.lost_names:
                raise EngineError(f"The container name {spec.name} is already in use.")
            if spec.cpus and spec.cpus > len(os.sched_getaffinity(1)):
                raise EngineError("There are not so many CPUs.")
            if self._images.find(spec.image) is None:
                raise EngineError(f"No such image: {spec.image}")
            return self._add(spec)

    def rename(self, container_id: str, name: str) -> None:
        with self._answering("rename"):
            self._get(container_id)
            named = self._find(name)
            if (named and named.seen.id != container_id) or name in self.lost_names:
                raise EngineError(f"The container name {name} is already in use.")
            # As dockerd: nobody gets either name again before it is restarted.
            if container_id in self._being_removed:
                self.lost_names |= {name, self._get(container_id).seen.name}
            self._update(container_id, name=name)
            self._happens(container_id, "rename")

    def start(self, container_id: str) -> None:
        with self._answering("start"):
            seen = self._get(container_id).seen
            if seen.paused:
                raise EngineError("cannot start a paused container, try unpause instead")
            if seen.running:
                return
            if self.start_refusal:
                raise EngineError(self.start_refusal)
            self._update(container_id, running=True, started_at=time.time())
            self._happens(container_id, "start")

    def wait(self, container_id: str) -> Container:
        with self._answering():
            while self._get(container_id).seen.running:
                self._sleep()
            return self._get(container_id).seen

    def stop(self, container_id: str, grace_seconds: int) -> None:  # noqa: ARG002 - this pilot takes no time
        with self._answering("stop"):
            if self._get(container_id).seen.running:
                self._happens(container_id, "kill")
                self._end(container_id, self.stop_exit_code)
                self._happens(container_id, "stop")

    def remove(self, container_id: str) -> None:
        with self._answering("remove"):
            made = self._containers.get(container_id)
            if made and made.seen.running:
                raise EngineError(f"Container {container_id[:12]} runs: stop it before removing it.")
            if made and self.removal_seconds:
                self._being_removed.add(container_id)
                self._changed.wait_for(lambda: False, self.removal_seconds)
            if self._containers.pop(container_id, None):
                self._happens(container_id, "destroy")

    def logs(self, container_id: str, after: str = "") -> Iterator[LogLine]:
        lines = self._lines(container_id)
        return lines_after(lines, after) if after else lines

    def happenings(self, container_id: str) -> Iterator[str]:
        with self._changed:
            return self._happenings(container_id, len(self._happened))

    def execute(self, container_id: str, command: Sequence[str], *, user: str, timeout_seconds: float) -> Execution:  # noqa: ARG002
        with self._answering("execute"):
            if not self._get(container_id).seen.running:
                raise NoSuchContainer(f"Container {container_id[:12]} is not running.")
            if self._get(container_id).seen.paused:
                raise EngineError(f"Container {container_id[:12]} is paused, unpause the container before exec")
        answer = self.answer_in(container_id, command)
        if isinstance(answer, EngineError):
            raise answer
        return answer

    # --- how -----------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _answering(self, call: str = "") -> Iterator[None]:
        with self._changed:
            if call:
                self.calls.append(call)
            self._reach()
            yield
            self._changed.notify_all()

    def _answer(self, _container_id: str, command: Sequence[str]) -> Union[Execution, EngineError]:
        return self.answer(command)

    def _reach(self) -> None:
        if self._unreachable:
            raise EngineUnreachable("The container engine does not answer: the test has taken it away.")

    def _sleep(self) -> None:
        self._changed.wait()
        self._reach()

    def _lines(self, container_id: str) -> Iterator[LogLine]:
        for index in itertools.count():
            with self._answering():
                while index >= len(self._get(container_id).lines):
                    if not self._get(container_id).seen.running:
                        return
                    self._sleep()
                line = self._get(container_id).lines[index]
            yield line

    def _happenings(self, container_id: str, begin: int) -> Iterator[str]:
        with self._answering():
            self._get(container_id)
        for index in itertools.count(begin):
            with self._changed:
                while index >= len(self._happened) and not self._unreachable:
                    self._changed.wait()
                if self._unreachable:
                    return
                whose, happening = self._happened[index]
            if whose == container_id:
                yield happening
                if happening == "destroy":
                    return

    def _happens(self, container_id: str, *happenings: str) -> None:
        self._happened.extend((container_id, happening) for happening in happenings)
        self._changed.notify_all()

    def _add(self, spec: ContainerSpec) -> str:
        container_id = hashlib.sha256(str(next(self._numbers)).encode()).hexdigest()
        image = self._images.find(spec.image)
        self._containers[container_id] = _FakeContainer(
            spec,
            Container(
                id=container_id, name=spec.name, image_id=image.id if image else "", image=spec.image, running=False,
                paused=False, exit_code=0, oom_killed=False, started_at=0.0, finished_at=0.0,
                labels=dict(spec.labels), mounts={mount.target: mount.source for mount in spec.mounts},
                created_at=time.time(), cpus=spec.cpus, memory_bytes=spec.memory_bytes,
                cgroup_parent=spec.cgroup_parent,
            ),
        )  # fmt: skip
        return container_id

    def _find(self, name_or_id: str) -> Optional[_FakeContainer]:
        by_name = (made for made in self._containers.values() if made.seen.name == name_or_id)
        return self._containers.get(name_or_id) or next(by_name, None)

    def _get(self, container_id: str) -> _FakeContainer:
        if container_id not in self._containers:
            raise NoSuchContainer(f"There is no container {container_id[:12]} any more.")
        return self._containers[container_id]

    def _update(self, container_id: str, **changes: object) -> None:
        made = self._get(container_id)
        made.seen = dataclasses.replace(made.seen, **changes)  # type: ignore[arg-type]

    def _end(self, container_id: str, exit_code: int, oom_killed: bool = False) -> None:
        changes = {"running": False, "paused": False, "exit_code": exit_code, "oom_killed": oom_killed}
        self._update(container_id, **changes, finished_at=time.time())
        self._happens(container_id, *(["oom"] if oom_killed else []), "die")
