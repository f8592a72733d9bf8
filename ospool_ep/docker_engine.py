"""The container engine over its API: Docker, or Podman's socket, which serves the same one.

The only module that imports the Docker SDK. Each call has a client of its own, so that threads share nothing and no
connection is kept to an engine that may have been restarted, by another version, in the meantime.
"""

import contextlib
import json
import time
from collections.abc import Iterator, Sequence
from typing import Any, Optional

import docker.errors
import requests.exceptions
import urllib3.exceptions
from docker import APIClient

from ospool_ep import docker_answers, docker_events, docker_failures, docker_log, docker_stream, image_reference
from ospool_ep.container_spec import ContainerSpec
from ospool_ep.docker_body import create_body
from ospool_ep.docker_failures import one_line
from ospool_ep.docker_pull import Percent
from ospool_ep.engine import (
    STALLED_SECONDS,
    Container,
    EngineError,
    EngineInfo,
    EngineUnreachable,
    Execution,
    Image,
    LogLine,
    NoSuchContainer,
    PullFailed,
    PullProgress,
)
from ospool_ep.engine_socket import default_socket

# An engine that is busy may take seconds for what takes milliseconds as a rule; one that takes longer than this is
# as good as away.
CONTROL_TIMEOUT_SECONDS = 20

# How long between looks, where the engine gives nothing to wait for.
_FIRST_LOOK_SECONDS = 0.02
_LONGEST_LOOK_SECONDS = 10.0


class _Client(APIClient):
    """The SDK's client for one call, which waits no longer than ``most_seconds`` for the next part of an answer."""

    def __init__(self, base_url: str, control_seconds: int, most_seconds: Optional[float]) -> None:
        self._most_seconds: Optional[float] = control_seconds
        # By itself an SDK before 7.0 asks for a version of the API that Docker 29 no longer speaks.
        super().__init__(base_url=base_url, version="auto", timeout=control_seconds)
        self._most_seconds = most_seconds

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        # The SDK sets no bound for a pull. At the bound the connection is closed, and the engine gives the pull up.
        options["timeout"] = options.get("timeout") or self._most_seconds
        return super().send(request, **options)


class DockerEngine:
    """Fulfils ``ospool_ep.engine.Engine``; see there for what each method does and raises."""

    def __init__(
        self,
        base_url: str = "",
        *,
        timeout_seconds: int = CONTROL_TIMEOUT_SECONDS,
        stalled_seconds: float = STALLED_SECONDS,
    ) -> None:
        """``base_url`` is ``unix://`` and the path of the socket; empty: this host's engine. Nothing is sent yet."""
        if base_url and not base_url.startswith("unix:///"):
            raise ValueError(f"not the address of a local socket: {base_url}")
        self._chosen_url = base_url
        self._timeout = timeout_seconds
        self._stalled = stalled_seconds

    @property
    def _base_url(self) -> str:
        # Looked up each time: the engine may be installed while the service waits for one.
        return self._chosen_url or f"unix://{default_socket()}"

    @property
    def _socket_path(self) -> str:
        return self._base_url[len("unix://") :]

    def info(self) -> EngineInfo:
        with self._api() as api:
            return docker_answers.engine_info(api.version(), api.info())

    def image(self, reference: str) -> Optional[Image]:
        with self._api() as api:
            try:
                return docker_answers.image(api.inspect_image(reference), reference)
            except docker.errors.NotFound:
                return None

    def pull(self, reference: str) -> Iterator[PullProgress]:
        percent, failed = Percent(), f"Cannot pull {reference}"
        with self._registry(failed, "no progress", self._stalled) as api:
            for message in api.pull(reference, stream=True, decode=True):
                if "error" in message:
                    reason = str(message["error"])
                    raise EngineError(reason + docker_failures.mend_of_pull(reason, api.version(), api.info()))
                if percent.learn(message):
                    yield PullProgress(percent.value)
        if self.image(reference) is None:
            raise PullFailed(f"{failed}: the engine ended the pull and has no such image.")
        if percent.value < 100:  # nothing was to be done, or the engine kept silent about some of it
            yield PullProgress(100)

    def registry_digest(self, reference: str) -> str:
        try:
            with self._registry(f"Cannot ask the registry for {reference}", "no answer", self._timeout) as api:
                return str(api.inspect_distribution(reference)["Descriptor"]["digest"])
        except PullFailed as error:
            if self.info().kind == "podman":
                raise EngineError("Podman does not ask a registry for an image without pulling it.") from error
            raise

    def tag(self, image_id: str, reference: str) -> None:
        name = image_reference.parse(reference)
        with self._api() as api:
            try:
                api.tag(image_id, f"{name.registry}/{name.repository}", name.tag)
            except docker.errors.NotFound as error:
                raise EngineError(one_line(str(error.explanation))) from error

    def remove_image(self, image_id: str) -> bool:
        with self._api() as api:
            try:
                # The engine takes the only name that an image has for no reason to keep it.
                if docker_answers.tags(api.inspect_image(image_id)):
                    return False
                api.remove_image(image_id, force=False)
            except docker.errors.NotFound:
                return True
            except docker.errors.APIError as error:
                if error.status_code == 409:
                    return False
                raise
            return True

    def unnamed_images(self, reference: str) -> tuple[Image, ...]:
        with self._api() as api:
            return docker_answers.unnamed(api.images(), reference)

    def container(self, name_or_id: str) -> Optional[Container]:
        with self._api() as api:
            try:
                return docker_answers.container(api.inspect_container(name_or_id))
            except docker.errors.NotFound:
                return None

    def labelled(self, label: str) -> tuple[Container, ...]:
        with self._api() as api:
            listed = api.containers(filters={"label": label})
        found = (self.container(str(container["Id"])) for container in listed)
        return tuple(container for container in found if container)

    def create(self, spec: ContainerSpec) -> str:
        with self._api() as api:
            body = create_body(spec, docker_answers.kind(api.version()))
            try:
                return str(api.create_container_from_config(body, spec.name)["Id"])
            except docker.errors.NotFound as error:
                raise EngineError(one_line(str(error.explanation))) from error

    def start(self, container_id: str) -> None:
        with self._api() as api:
            api.start(container_id)

    def wait(self, container_id: str) -> Container:
        with self._api() as api:
            api.wait(container_id, timeout=None)
            return docker_answers.container(api.inspect_container(container_id))

    def stop(self, container_id: str, grace_seconds: int) -> None:
        with self._api() as api:
            api.stop(container_id, timeout=grace_seconds)

    def remove(self, container_id: str) -> None:
        with self._api() as api, contextlib.suppress(docker.errors.NotFound):
            api.remove_container(container_id, v=True, force=False)

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
            raise NoSuchContainer(f"There is no container {container_id[:12]} any more.")
        return container.running

    def _log(self, container_id: str, after: str, *, follow: bool) -> Iterator[LogLine]:
        def ask(query: str) -> contextlib.AbstractContextManager[docker_stream.Stream]:
            return self._stream("GET", f"/containers/{container_id}/logs?{query}")

        return docker_log.read_log(ask, self.info().kind, after, follow=follow)

    def happenings(self, container_id: str) -> Iterator[str]:
        # From now on, and not from when the stream is open: the engine remembers what happens in between.
        return self._happenings(container_id, time.time())

    def _happenings(self, container_id: str, begin: float) -> Iterator[str]:
        with self._stream("GET", f"/events?{docker_events.query(container_id, begin)}") as stream:
            self._runs(container_id)  # of one that is gone already nothing would ever come
            yield from docker_events.happenings(stream.chunks())

    def execute(self, container_id: str, command: Sequence[str], *, user: str, timeout_seconds: float) -> Execution:
        deadline = time.monotonic() + timeout_seconds
        try:
            with self._api() as api:
                exec_id = api.exec_create(container_id, list(command), user=user)["Id"]
                with self._stream("POST", f"/exec/{exec_id}/start", {"Detach": False, "Tty": False}) as stream:
                    output = b"".join(text for _, text in docker_stream.frames(stream.chunks(deadline)))
                while api.exec_inspect(exec_id)["Running"]:
                    # The engine closes the output a moment before it has noted the exit code.
                    if time.monotonic() > deadline:
                        raise docker_stream.Overdue
                    time.sleep(_FIRST_LOOK_SECONDS)
                exit_code = api.exec_inspect(exec_id)["ExitCode"]
        except docker_stream.Overdue:
            raise EngineError(f"The command did not end within {timeout_seconds:.0f} s: {command[0]}") from None
        except EngineUnreachable:
            raise
        except EngineError as error:
            # How an engine says it differs from one to the other; what it means is the same.
            if not isinstance(error, NoSuchContainer) and not self._runs(container_id):
                raise NoSuchContainer(str(error)) from error
            raise
        if exit_code is None:
            raise NoSuchContainer(f"Container {container_id[:12]} ended before the command did.")
        return Execution(exit_code=exit_code, output=output.decode("utf-8", "replace"))

    @contextlib.contextmanager
    def _registry(self, failed: str, silence: str, most_seconds: float) -> Iterator[Any]:
        """A client for a call in which the engine talks to a registry: what fails is the registry's, as a rule."""
        try:
            with self._api(most_seconds) as api:
                yield api
        except EngineUnreachable as error:
            if isinstance(error.__cause__, docker.errors.APIError):
                raise PullFailed(f"{failed}: {error.__cause__.explanation}") from error
            if not docker_failures.timed_out(error):
                raise
            self.info()  # raises when it is the engine that is silent
            raise PullFailed(f"{failed}: {silence} for {most_seconds:.0f} s; is the registry in reach?") from error
        except EngineError as error:
            raise PullFailed(f"{failed}: {one_line(str(error))}") from error

    @contextlib.contextmanager
    def _api(self, most_seconds: Optional[float] = None) -> Iterator[Any]:  # an APIClient, whose types have gaps
        """A client for one call. What the SDK and its libraries raise inside becomes our own errors."""
        try:
            client = _Client(self._base_url, self._timeout, most_seconds)
        except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
            raise self._unreachable(error) from error
        try:
            with contextlib.closing(client):
                yield client
        except docker.errors.APIError as error:
            raise docker_failures.refusal(error.status_code or 0, str(error.explanation or error)) from error
        except docker.errors.DockerException as error:
            raise EngineError(one_line(str(error))) from error
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, json.JSONDecodeError) as error:
            # An answer that broke off is no JSON.
            raise self._unreachable(error) from error

    @contextlib.contextmanager
    def _stream(self, method: str, path: str, body: Optional[dict[str, Any]] = None) -> Iterator[docker_stream.Stream]:
        data = b"" if body is None else json.dumps(body).encode()
        try:
            with docker_stream.Stream(self._socket_path, method, path, data, timeout=self._timeout) as stream:
                yield stream
        except docker_stream.Refused as error:
            raise docker_failures.refusal(error.status, error.reason) from error
        except (OSError, json.JSONDecodeError) as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: BaseException) -> EngineUnreachable:
        return docker_failures.unreachable(self._socket_path, error)
