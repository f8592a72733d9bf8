"""The container engine over its API: Docker, or Podman's socket, which serves the same one.

Each call has a connection of its own, so that threads share nothing and none is kept to an engine that may have been
restarted, by another version, in the meantime. No version of the API is asked for: what is used here has been the same
in all since Docker 20.10.
"""

import contextlib
import json
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Optional

from ospool_ep.configuration import image_reference
from ospool_ep.container.create_request import create_body
from ospool_ep.container.specification import ContainerSpec
from ospool_ep.engine import (
    answers,
    happenings,
    http,
    interface,
    log_from_cursor,
    log_stream,
    podman_log,
    seccomp_profile,
)
from ospool_ep.engine.http import Refused
from ospool_ep.engine.interface import EngineError, EngineUnreachable, NoSuchContainer, PullFailed
from ospool_ep.engine.questions import Questions
from ospool_ep.pilot.log import LogLine
from ospool_ep.system.helper_process import HelperProcess
from ospool_ep.system.helper_program import HelperFailed
from ospool_ep.wording import one_line, short_id

# An engine that is busy may take seconds for what takes milliseconds as a rule; one that takes longer than this is
# as good as away.
CONTROL_TIMEOUT_SECONDS = 20

# How long between looks, where the engine gives nothing to wait for.
_FIRST_LOOK_SECONDS = 0.005
_LONGEST_LOOK_SECONDS = 10.0

# What hundreds of slots answer takes less. A job in the pilot can have its commands print without end.
_MOST_OUTPUT_BYTES = 256 << 10


class DockerEngine:
    """Fulfils ``engine.interface.Engine``; see there for what each method does and raises."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout_seconds: int = CONTROL_TIMEOUT_SECONDS,
        stalled_seconds: float = interface.STALLED_SECONDS,
        root: str = "/",
    ) -> None:
        """``base_url`` is ``unix://`` and the path of the socket. Nothing is sent yet.

        ``root`` is the directory that holds the host's files, of which the credentials for registries are taken.
        """
        if not base_url.startswith("unix:///"):
            raise ValueError(f"not the address of a local socket: {base_url}")
        self._socket_path = base_url[len("unix://") :]
        self._timeout = timeout_seconds
        self._questions = Questions(self._socket_path, timeout_seconds)
        self._ask, self._find, self._stream = self._questions.ask, self._questions.find, self._questions.stream
        self._stalled = stalled_seconds
        self._root = root

    def info(self) -> interface.EngineInfo:
        return answers.engine_info(self._ask("GET", "/version"), self._ask("GET", "/info"))

    def image(self, reference: str) -> Optional[interface.Image]:
        found = self._find_image(reference)
        return None if found is None else answers.image(found, reference)

    def _find_image(self, reference: str) -> Optional[dict[str, Any]]:
        return self._find(f"/images/{urllib.parse.quote(reference, safe='/:@')}/json")

    def pull(self, reference: str, stalled_seconds: Optional[float] = None) -> Iterator[interface.PullProgress]:
        percent, problem = 0, ""
        arguments = (reference, self._socket_path, self._timeout, stalled_seconds or self._stalled, self._root)
        try:
            for percent, problem in HelperProcess("engine.registry:pull", *arguments).values(tuple[int, str]):
                yield interface.PullProgress(percent, problem)
        except HelperFailed as failure:
            raise _registry_error(f"pull {reference}", failure) from failure
        if self.image(reference) is None:
            raise PullFailed(f"Cannot pull {reference}: the engine ended the pull and has no such image.")
        if percent < 100:  # nothing was to be done, or the engine kept silent about some of it
            yield interface.PullProgress(100, problem)

    def registry_digest(self, reference: str) -> str:
        arguments = (reference, self._socket_path, self._timeout, self._root)
        try:
            digest = HelperProcess("engine.registry:digest", *arguments).value(str)
        except HelperFailed as failure:
            raise _registry_error(f"ask the registry for {reference}", failure) from failure
        # An image for several architectures has a digest, and so has the part for this one. Podman knows it by both.
        here = self._find_image(reference)
        return answers.image(here, reference).digest if here and answers.has_digest(here, digest) else digest

    def tag(self, image_id: str, reference: str) -> None:
        name = image_reference.parse(reference)
        query = urllib.parse.urlencode({"repo": f"{name.registry}/{name.repository}", "tag": name.tag})
        try:
            self._ask("POST", f"/images/{image_id}/tag?{query}")
        except NoSuchContainer as error:
            raise EngineError(str(error)) from error

    def remove_image(self, image_id: str) -> bool:
        found = self._find(f"/images/{image_id}/json")
        # Asked by its id, the engine removes also an image that has a name, if it has only one.
        if found and answers.tags(found):
            return False
        try:
            self._ask("DELETE", f"/images/{image_id}")
        except EngineError as error:
            status = error.__cause__.status if isinstance(error.__cause__, Refused) else 0
            if status not in (404, 409):
                raise
            return status == 404
        return True

    def unnamed_images(self, reference: str) -> tuple[interface.Image, ...]:
        return answers.unnamed(self._ask("GET", "/images/json"), reference)

    def container(self, name_or_id: str) -> Optional[interface.Container]:
        found = self._find(f"/containers/{name_or_id}/json")
        return None if found is None else answers.container(found)

    def labelled(self, label: str, *, ended: bool = False) -> tuple[interface.Container, ...]:
        # Podman counts what is paused, or is being stopped, among those that do not run.
        query = urllib.parse.urlencode({"all": "true", "filters": json.dumps({"label": [label]})})
        listed = self._ask("GET", f"/containers/json?{query}")
        found = (self.container(str(container["Id"])) for container in listed)
        wanted = (container for container in found if container and (container.running or ended))
        return tuple(sorted(wanted, key=lambda container: container.created_at))

    def create(self, spec: ContainerSpec) -> str:
        if spec.gpus:
            from ospool_ep.engine.gpus import with_gpus  # noqa: PLC0415 - only where there are some

            spec = with_gpus(spec, self.info(), self._root)
        kind, profile = self._questions.kind(), spec.seccomp_profile
        body = create_body(spec, kind, seccomp_profile.read(profile) if profile else "")
        path = f"/containers/create?name={spec.name}"
        if spec.gpus_by_libpod:
            from ospool_ep.engine.gpus import LIBPOD_CREATE, for_libpod  # noqa: PLC0415

            path, body = LIBPOD_CREATE, for_libpod(body, spec)
        try:
            return str(self._ask("POST", path, body)["Id"])
        except NoSuchContainer as error:
            raise EngineError(str(error)) from error

    def rename(self, container_id: str, name: str) -> None:
        try:
            self._ask("POST", f"/containers/{container_id}/rename?name={name}")
        except (EngineUnreachable, NoSuchContainer):
            raise
        except EngineError as error:
            # To be given the name that it has is a mistake to Docker. Of another one's name Podman says only that its
            # database has it.
            container = self.container(container_id)
            if container is None or container.name != name:
                raise EngineError(f"Container {short_id(container_id)} can't be called {name}: {error}") from error

    def start(self, container_id: str) -> None:
        self._ask("POST", f"/containers/{container_id}/start")

    def wait(self, container_id: str) -> interface.Container:
        said = self._ask("POST", f"/containers/{container_id}/wait", seconds=None)
        found = self._ask("GET", f"/containers/{container_id}/json")
        if answers.is_being_removed(found):
            # Somebody removes it by force; for a moment the engine still knows it.
            raise NoSuchContainer(f"Somebody removes container {short_id(container_id)}.")
        return answers.waited_for(found, said)

    def stop(self, container_id: str, grace_seconds: int) -> None:
        stop = f"/containers/{container_id}/stop?t={grace_seconds}"
        try:
            self._ask("POST", stop, seconds=grace_seconds + self._timeout)
        except (EngineUnreachable, NoSuchContainer):
            raise
        except EngineError:
            # Podman 5 refuses to stop what is paused; Docker lets it go on for that.
            container = self.container(container_id)
            if container is None or not container.paused:
                raise
            self._ask("POST", f"/containers/{container_id}/unpause")
            self._ask("POST", stop, seconds=grace_seconds + self._timeout)

    def remove(self, container_id: str) -> None:
        try:
            self._ask("DELETE", f"/containers/{container_id}?v=1")
        except NoSuchContainer:
            # Where somebody else is removing it, its name is taken until that has come to its end.
            deadline = time.monotonic() + self._timeout
            while self.container(container_id) and time.monotonic() < deadline:
                time.sleep(_FIRST_LOOK_SECONDS)

    def logs(self, container_id: str, after: str = "") -> Iterator[LogLine]:
        cursor, pause = after, _FIRST_LOOK_SECONDS
        while self._runs(container_id):
            for line in self._log(container_id, cursor, follow=True):
                cursor, pause = line.cursor, _FIRST_LOOK_SECONDS
                yield line
            # An engine ends the stream a moment before it notes that the container has ended, and as it shuts down.
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_LOOK_SECONDS)
        # Docker 20.10 ends the stream together with the container, however much the reader has not got of it yet.
        yield from self._log(container_id, cursor, follow=False)

    def _runs(self, container_id: str) -> bool:
        container = self.container(container_id)
        if container is None:
            raise NoSuchContainer(f"There is no container {short_id(container_id)} any more.")
        return container.running

    def _log(self, container_id: str, after: str, *, follow: bool) -> Iterator[LogLine]:
        engine_kind = self._questions.kind()
        open_log = self._open_podmans_log if engine_kind == "podman" else self._open_log
        return log_from_cursor.read_log(partial(open_log, container_id), engine_kind, after, follow=follow)

    @contextlib.contextmanager
    def _open_log(self, container_id: str, entries: int, begin: str, follow: bool) -> Iterator[log_stream.Frames]:
        query = f"stdout=1&stderr=1&timestamps=1&follow={int(follow)}&tail={entries or 'all'}"
        since = f"&since={begin}" if begin else ""
        with self._stream("GET", f"/containers/{container_id}/logs?{query}{since}") as stream:
            yield log_stream.frames(stream.chunks())

    @contextlib.contextmanager
    def _open_podmans_log(
        self, container_id: str, entries: int, begin: str, follow: bool
    ) -> Iterator[log_stream.Frames]:
        found = self._ask("GET", f"/containers/{container_id}/json")
        if not found.get("LogPath"):
            # The container was not made by us, and keeps its log in the journal. Podman may drop what is written
            # between the last entries and those that follow: all of them are read.
            with self._open_log(container_id, 0, begin, follow) as log:
                yield log
            return
        try:
            yield podman_log.frames(Path(found["LogPath"]), found["State"]["Pid"] if follow else 0, entries)
        except OSError as error:
            self._runs(container_id)  # it is gone together with the container
            raise EngineError(f"Cannot read the container's log: {one_line(str(error))}") from error

    def happenings(self, container_id: str) -> Iterator[str]:
        # From now on, and not from when the stream is open: the engine remembers what happens in between.
        return self._happenings(container_id, time.time())

    def _happenings(self, container_id: str, begin: float) -> Iterator[str]:
        with self._stream("GET", f"/events?{happenings.query(container_id, begin)}") as stream:
            self._runs(container_id)  # of one that is gone already nothing would ever come
            yield from happenings.happenings(stream.chunks())

    def execute(
        self, container_id: str, command: Sequence[str], *, user: str, timeout_seconds: float
    ) -> interface.Execution:
        deadline = time.monotonic() + timeout_seconds
        try:
            body = {"AttachStdout": True, "AttachStderr": True, "Cmd": list(command), "User": user}
            exec_id = self._ask("POST", f"/containers/{container_id}/exec", body)["Id"]
            with self._stream("POST", f"/exec/{exec_id}/start", {"Detach": False, "Tty": False}) as stream:
                output = b""
                for _, text in log_stream.frames(stream.chunks(deadline)):
                    output += text
                    if len(output) > _MOST_OUTPUT_BYTES:
                        raise EngineError(f"The command printed more than {_MOST_OUTPUT_BYTES >> 10} KiB: {command[0]}")
            while (seen := self._ask("GET", f"/exec/{exec_id}/json"))["Running"]:
                # The engine closes the output a moment before it has noted the exit code.
                if time.monotonic() > deadline:
                    raise http.Overdue
                time.sleep(_FIRST_LOOK_SECONDS)
        except http.Overdue:
            raise EngineError(f"The command did not end within {timeout_seconds:.0f} s: {command[0]}") from None
        except EngineError as error:
            # How an engine says it differs from one to the other; what it means is the same.
            if not isinstance(error, (EngineUnreachable, NoSuchContainer)) and not self._runs(container_id):
                raise NoSuchContainer(str(error)) from error
            raise
        if seen["ExitCode"] is None:
            raise NoSuchContainer(f"Container {short_id(container_id)} ended before the command did.")
        return interface.Execution(exit_code=seen["ExitCode"], output=output.decode("utf-8", "replace"))


def _registry_error(act: str, failure: HelperFailed) -> EngineError:
    """What ``registry`` has reported, as it was raised there; or that its process has failed."""
    if failure.kind == EngineUnreachable.__name__:
        return EngineUnreachable(str(failure))
    return PullFailed(str(failure) if failure.kind else f"Cannot {act}: {failure}")
