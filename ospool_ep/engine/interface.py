"""What the service needs from a container engine, in the project's own words.

``adapter`` fulfils it over the Docker API (Docker, or Podman's socket); the tests' fake fulfils it in
memory, and both pass the same contract tests.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Optional, Protocol

from ospool_ep.container.specification import ContainerSpec
from ospool_ep.pilot.log import LogLine

# A pull of which nothing has been heard for so long is given up. A registry's own retries, and an engine that unpacks
# a large layer on a slow disk, take less.
STALLED_SECONDS = 300.0


class EngineError(Exception):
    """The engine refused or failed; the text is one line that an operator can act on."""


class EngineUnreachable(EngineError):
    """Nobody answers on the engine's socket, or not in time. It may come back."""


class PullFailed(EngineError):
    """The image could not be pulled: the registry is away, refuses, or broke off in mid-stream."""


class NoSuchContainer(EngineError):
    """The container is gone."""


@dataclass(frozen=True)
class EngineInfo:
    """Who answers. ``kind`` is "docker" or "podman"; ``runtimes`` are the OCI runtimes it can use.

    ``data_root`` is the directory in which it keeps its images. ``limits_sums``: several containers can have limits for
    all of them together, as a slice of systemd's is given as their parent. In ``cdi_directories`` Docker looks for
    specifications of the Container Device Interface; none where it has that off, or is older than 25.
    """

    kind: str
    version: str
    api_version: str
    runtimes: frozenset[str]
    data_root: str
    limits_sums: bool = False
    cdi_directories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Image:
    """A local image. ``digest`` is the registry's (sha256:…), empty for an image that was never pulled.

    ``created`` is when it was built, in seconds since the epoch.
    """

    id: str
    digest: str
    created: float


@dataclass(frozen=True)
class Container:
    """A container as the engine sees it. Times are seconds since the epoch; 0 where there is none yet.

    ``mounts`` are the sources by their targets. ``cpus`` is in CPUs; None where there is no limit. ``cgroup_parent`` is
    what was asked for; else the engine's own, by its name or empty.
    """

    id: str
    name: str
    image_id: str
    image: str
    running: bool
    paused: bool
    exit_code: int
    oom_killed: bool
    started_at: float
    finished_at: float
    labels: dict[str, str]
    mounts: dict[str, str]
    created_at: float = 0.0
    cpus: Optional[float] = None
    memory_bytes: Optional[int] = None
    cgroup_parent: str = ""

    @property
    def mount_targets(self) -> frozenset[str]:
        """Where in it something is mounted."""
        return frozenset(self.mounts)


@dataclass(frozen=True)
class PullProgress:
    """How far a pull is: ``percent`` is 0 to 100 of the bytes that are known of so far.

    ``problem``: a sentence about credentials that could not be used; empty where all is well.
    """

    percent: int
    problem: str = ""


@dataclass(frozen=True)
class Execution:
    """What became of a command that ran inside the container."""

    exit_code: int
    output: str


class Engine(Protocol):
    """A container engine. Every method raises EngineUnreachable when nobody answers in time."""

    def info(self) -> EngineInfo:
        """Who answers on the socket."""

    def image(self, reference: str) -> Optional[Image]:
        """The local image of that reference, or None."""

    def pull(self, reference: str, stalled_seconds: Optional[float] = None) -> Iterator[PullProgress]:
        """Pull the image, reporting progress as it changes, and every few seconds as long as something comes.

        PullFailed on any error, also one in mid-stream, and when nothing moves for so long; None: STALLED_SECONDS.
        """

    def registry_digest(self, reference: str) -> str:
        """The digest that the registry gives that reference now; nothing is pulled.

        It is the digest of the local image where that is still the registry's. PullFailed with the registry's reason.
        """

    def tag(self, image_id: str, reference: str) -> None:
        """Give a local image one more name, which is taken from the image that had it. EngineError: no such image."""

    def remove_image(self, image_id: str) -> bool:
        """Remove an image, never by force; returns whether it is gone. One that was gone already is no error.

        It stays when a container uses it, running or not, or a tag names it.
        """

    def unnamed_images(self, reference: str) -> tuple[Image, ...]:
        """The local images that came from that reference's repository and that no tag names.

        One that was pulled by its digest is among them. Podman, and Docker with the image store of containerd (the
        default of a new Docker 29), forget where an image came from together with its last name: those are missing.
        """

    def container(self, name_or_id: str) -> Optional[Container]:
        """The container of that name or id, running or not, or None."""

    def labelled(self, label: str, *, ended: bool = False) -> tuple[Container, ...]:
        """The containers that run and have that label, under any name, the oldest created first.

        ``ended``: also those that do not run, of which some may never have been started.
        """

    def create(self, spec: ContainerSpec) -> str:
        """Create the container, not started, and return its id. EngineError: name taken, no such image."""

    def rename(self, container_id: str, name: str) -> None:
        """Give a container that name, running or not; one that has it keeps it. EngineError: another one has it."""

    def start(self, container_id: str) -> None:
        """Start a created container. EngineError with the engine's reason when it can't."""

    def wait(self, container_id: str) -> Container:
        """Block until the container does not run, however long that takes. NoSuchContainer when it was removed."""

    def stop(self, container_id: str, grace_seconds: int) -> None:
        """SIGTERM, then SIGKILL after the grace. Returns when it has ended; one that has already is no error."""

    def remove(self, container_id: str) -> None:
        """Remove a container that does not run, and its anonymous volumes. Never by force.

        One that is gone already is no error, and neither is one that somebody else is removing: its end is waited for.
        EngineError for one that runs.
        """

    def logs(self, container_id: str, after: str = "") -> Iterator[LogLine]:
        """Every line that the engine has kept after ``after``, then each new one until the container ends.

        ``after`` is a line's cursor, or a moment (RFC 3339).
        """

    def happenings(self, container_id: str) -> Iterator[str]:
        """What is done to the container from this call on, as it happens: pause, unpause, oom, kill, die, destroy …

        Ends when the container is removed and when the engine ends the stream; then something may have been missed.
        NoSuchContainer when there is none to begin with. Blocks as long as nothing happens.
        """

    def execute(self, container_id: str, command: Sequence[str], *, user: str, timeout_seconds: float) -> Execution:
        """Run a command inside and wait for it. NoSuchContainer when the container is not running.

        EngineError when the command has not ended in time, or prints more than 256 KiB; it is not killed.
        """
