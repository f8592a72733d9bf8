"""The container engine over its API: Docker, or Podman's socket, which serves the same one.

The only module that imports the Docker SDK. Each call has a client of its own, so that threads share nothing and no
connection is kept to an engine that may have been restarted, by another version, in the meantime.
"""

import contextlib
import json
import socket
import time
from collections.abc import Iterator, Sequence
from typing import Any, Optional

import docker.errors
import requests.exceptions
import urllib3.exceptions
from docker import APIClient

from ospool_ep import docker_answers, docker_stream
from ospool_ep.container_spec import ContainerSpec
from ospool_ep.docker_body import create_body
from ospool_ep.docker_pull import Percent
from ospool_ep.engine import (
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


class DockerEngine:
    """Fulfils ``ospool_ep.engine.Engine``; see there for what each method does and raises."""

    def __init__(self, base_url: str = "", *, timeout_seconds: int = CONTROL_TIMEOUT_SECONDS) -> None:
        """``base_url`` is ``unix://`` and the path of the socket; empty: this host's engine. Nothing is sent yet."""
        if base_url and not base_url.startswith("unix:///"):
            raise ValueError(f"not the address of a local socket: {base_url}")
        self._chosen_url = base_url
        self._timeout = timeout_seconds

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
        percent = Percent()
        try:
            with self._api() as api:
                for message in api.pull(reference, stream=True, decode=True):
                    if "error" in message:
                        raise PullFailed(str(message["error"]))
                    if percent.learn(message):
                        yield PullProgress(percent.value)
        except EngineUnreachable:
            raise
        except EngineError as error:
            raise PullFailed(f"Cannot pull {reference}: {_one_line(str(error))}") from error
        if self.image(reference) is None:
            raise PullFailed(f"Cannot pull {reference}: the engine ended the pull and has no such image.")
        if percent.value < 100:  # nothing was to be done, or the engine kept silent about some of it
            yield PullProgress(100)

    def container(self, name_or_id: str) -> Optional[Container]:
        with self._api() as api:
            try:
                return docker_answers.container(api.inspect_container(name_or_id))
            except docker.errors.NotFound:
                return None

    def create(self, spec: ContainerSpec) -> str:
        with self._api() as api:
            body = create_body(spec, docker_answers.kind(api.version()))
            try:
                return str(api.create_container_from_config(body, spec.name)["Id"])
            except docker.errors.NotFound as error:
                raise EngineError(_one_line(str(error.explanation))) from error

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
        path = f"/containers/{container_id}/logs?stdout=1&stderr=1&timestamps=1&follow={int(follow)}"
        if after:
            path += f"&since={docker_stream.since(after)}"
        piece_bytes = docker_stream.PIECE_BYTES[self.info().kind]
        with self._stream("GET", path) as stream:
            found = docker_stream.lines(docker_stream.frames(stream.chunks()), piece_bytes, complete=not follow)
            yield from docker_stream.lines_after(found, after) if after else found

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
    def _api(self) -> Iterator[Any]:  # an APIClient; its published types are not complete
        """A client for one call. What the SDK and its libraries raise inside becomes our own errors."""
        try:
            # By itself an SDK before 7.0 asks for a version of the API that Docker 29 no longer speaks.
            client = APIClient(base_url=self._base_url, version="auto", timeout=self._timeout)
        except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
            raise self._unreachable(error) from error
        try:
            with contextlib.closing(client):
                yield client
        except docker.errors.APIError as error:
            raise _refusal(error.status_code or 0, str(error.explanation or error)) from error
        except docker.errors.DockerException as error:
            raise EngineError(_one_line(str(error))) from error
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
            raise _refusal(error.status, error.reason) from error
        except OSError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: BaseException) -> EngineUnreachable:
        return EngineUnreachable(f"The container engine does not answer on {self._socket_path}: {_why(error)}")


def _refusal(status: int, reason: str) -> EngineError:
    # 409 is the answer while somebody removes it: for whoever works with it, it is gone.
    if status == 404 or (status == 409 and "marked for removal" in reason):
        return NoSuchContainer(_one_line(reason))
    if status in (502, 503, 504):
        return EngineUnreachable(f"The container engine can't answer now: {_one_line(reason)}")
    return EngineError(_one_line(reason))


def _why(error: Optional[BaseException]) -> str:
    """What is at the bottom of an error that was wrapped again and again, and how to mend it."""
    seen = []
    while error is not None and error not in seen:
        seen.append(error)
        inner = next((part for part in error.args if isinstance(part, BaseException)), None)
        error = inner or error.__cause__ or error.__context__
    for cause in reversed(seen):
        if isinstance(cause, FileNotFoundError):
            return "there is no such socket. Is the engine installed? Start it: systemctl start docker"
        if isinstance(cause, ConnectionRefusedError):
            return "nobody listens there. Start the engine: systemctl start docker"
        if isinstance(cause, PermissionError):
            return "this user may not use it. Do it as root."
        if isinstance(cause, (TimeoutError, socket.timeout)):
            return "no answer in time. Look at it: systemctl status docker"
    return f"{_one_line(str(seen[-1]))}. Look at it: systemctl status docker"


def _one_line(text: str) -> str:
    return " ".join(text.split())
