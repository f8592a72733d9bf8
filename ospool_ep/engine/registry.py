"""What an engine does with a registry, over the Docker SDK.

The only module that imports the SDK. What is here is called by a helper process: the SDK takes more memory than all the
rest of the service, and is needed for the minutes of a pull only.
"""

import contextlib
import json
import os
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import docker.errors
import requests.exceptions
import urllib3.exceptions
from docker import APIClient
from docker.auth import encode_header

from ospool_ep.configuration import image_reference
from ospool_ep.engine import answers, credentials, failures
from ospool_ep.engine.interface import EngineError, EngineUnreachable, PullFailed
from ospool_ep.engine.mends import Host, mend
from ospool_ep.engine.pull_progress import Percent
from ospool_ep.system.helper_program import HelperFailed
from ospool_ep.wording import one_line, sentence

_NOT_FOUND = 404


class _Client(APIClient):
    """The SDK's client, which waits no longer than ``most_seconds`` for the next part of an answer."""

    def __init__(self, socket_path: str, control_seconds: float, most_seconds: float) -> None:
        self._most_seconds = most_seconds
        # The SDK would look for credentials by itself, where the caller's environment says, and takes a broken file for
        # an empty one, or for an engine that is away.
        os.environ.pop("DOCKER_CONFIG", None)
        os.environ["HOME"] = os.devnull
        # By itself an SDK before 7.0 asks for a version of the API that Docker 29 no longer speaks.
        super().__init__(base_url=f"unix://{socket_path}", version="auto", timeout=int(control_seconds))

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        # The SDK sets no bound for a pull. At the bound the connection is closed, and the engine gives the pull up.
        options["timeout"] = options.get("timeout") or self._most_seconds
        return super().send(request, **options)

    def ask(self, method: str, path: str, **options: Any) -> Any:  # all that JSON can say
        """One request to a path that the SDK has no method for. What it raises is the SDK's."""
        answer = self.request(method, f"{self.base_url}{path}", **options)
        if answer.status_code >= requests.codes.bad_request:
            try:
                content = answer.json()
                reason = content.get("message") or content["errors"][0]
            except (ValueError, LookupError, TypeError, AttributeError):
                reason = answer.text
            raise docker.errors.APIError(reason, response=answer, explanation=reason)
        return answer.json()


@dataclass(frozen=True)
class _Call:
    """What is asked of which engine; ``most_seconds`` is the most that the next part of the answer takes."""

    act: str
    reference: str
    socket_path: str
    control_seconds: float
    most_seconds: float
    root: str


@dataclass(frozen=True)
class _Registry:
    """A client for a call in which the engine talks to a registry, and what that needs for it."""

    api: _Client
    kind: str
    found: credentials.Credentials

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.found.header is None else {"X-Registry-Auth": encode_header(self.found.header).decode()}


def pull(
    reference: str, socket_path: str, control_seconds: float, stalled_seconds: float, root: str
) -> Iterator[tuple[int, str]]:
    """Pull that image over the engine's socket; gives the percentage whenever it changes,
    and every few seconds as long as something comes.

    With it comes a sentence about credentials that could not be used; empty where all is well.
    ``control_seconds`` is the most that an answer of the engine takes, ``stalled_seconds`` the next part of a pull's;
    ``root`` is the directory that holds the host's files.
    Raises HelperFailed; its kind is EngineUnreachable where the engine is silent, PullFailed for the rest.
    """
    percent = Percent()
    with _registry(_Call("pull", reference, socket_path, control_seconds, stalled_seconds, root)) as registry:
        problem, header = registry.found.problem, registry.found.header
        yield percent.value, problem
        for message in registry.api.pull(reference, stream=True, decode=True, auth_config=header):
            if "error" in message:
                raise EngineError(str(message["error"]))
            if percent.learn(message):
                yield percent.value, problem


def digest(reference: str, socket_path: str, control_seconds: float, root: str) -> str:
    """The digest that the registry gives that reference now, or one of its parts that is for this host.

    The same arguments and errors.
    """
    call = _Call("ask the registry for", reference, socket_path, control_seconds, control_seconds, root)
    with _registry(call) as registry:
        try:
            path = f"/distribution/{urllib.parse.quote(reference, safe='/:@')}/json"
            return str(registry.api.ask("GET", path, headers=registry.headers)["Descriptor"]["digest"])
        except docker.errors.APIError as error:
            # Podman has this since version 6.
            if registry.kind != "podman" or error.status_code != _NOT_FOUND:
                raise
        return _digest_of_a_list(reference, registry)


def _digest_of_a_list(reference: str, registry: _Registry) -> str:
    """What Podman before version 6 says of an image in a registry: only what it writes into a list of images.

    It reads the image's manifest for that, and no layer; of an image for several architectures it takes the one for
    this host. Source: Podman's API, "libpod/manifests".
    """
    image = image_reference.parse(reference)
    # It takes no tag together with a digest.
    name = f"{image.registry}/{image.repository}@{image.digest}" if image.digest else str(image)
    path = f"/v4.0.0/libpod/manifests/localhost/ospool-ep:asked-{os.getpid()}"
    order = {"operation": "update", "images": [f"docker://{name}"]}
    with contextlib.suppress(docker.errors.APIError):  # one that an earlier process of this number has left
        registry.api.ask("DELETE", path)
    registry.api.ask("POST", path)
    try:
        registry.api.ask("PUT", path, json=order, headers=registry.headers)
        return image.digest or str(registry.api.ask("GET", f"{path}/json")["manifests"][0]["digest"])
    finally:
        registry.api.ask("DELETE", path)


@contextlib.contextmanager
def _registry(call: _Call) -> Iterator[_Registry]:
    """A client for such a call: what fails is the registry's, as a rule.

    It goes to the one who called as text, and its class as the kind.
    """
    host, problem = Host("docker", "", ""), ""

    def failure(reason: str) -> PullFailed:
        told = f"Cannot {call.act} {call.reference}: {sentence(reason)}{mend(reason, call.reference, host)}"
        return PullFailed(f"{told} {problem}".rstrip())

    try:
        try:
            with _api(call.socket_path, call.control_seconds, call.most_seconds) as api:
                version = api.version()
                kind = answers.kind(version)
                host = Host(kind, str(version.get("Arch", "")), answers.image_directory(api.info()))
                found = _credentials(call.reference, kind, call.root)
                problem = found.problem
                yield _Registry(api, kind, found)
        except EngineUnreachable as error:
            if isinstance(error.__cause__, docker.errors.APIError):
                raise failure(str(error.__cause__.explanation)) from error
            if not failures.timed_out(error):
                raise
            with _api(call.socket_path, call.control_seconds, call.control_seconds):  # raises when that is silent
                raise failure(f"nothing came for {call.most_seconds:.0f} s") from error
        except EngineError as error:
            raise failure(str(error)) from error
    except EngineError as error:
        raise HelperFailed(str(error), type(error).__name__) from error


def _credentials(reference: str, kind: str, root: str) -> credentials.Credentials:
    try:
        return credentials.find(image_reference.parse(reference), kind, root)
    except image_reference.InvalidReference:  # the engine says so
        return credentials.Credentials()


@contextlib.contextmanager
def _api(socket_path: str, control_seconds: float, most_seconds: float) -> Iterator[_Client]:
    """A client. What the SDK and its libraries raise inside becomes our own errors."""
    try:
        client = _Client(socket_path, control_seconds, most_seconds)
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        raise failures.unreachable(socket_path, error) from error
    try:
        with contextlib.closing(client):
            yield client
    except docker.errors.APIError as error:
        raise failures.refusal(error.status_code or 0, str(error.explanation or error)) from error
    except docker.errors.DockerException as error:
        raise EngineError(one_line(str(error))) from error
    except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, json.JSONDecodeError) as error:
        # An answer that broke off is no JSON.
        raise failures.unreachable(socket_path, error) from error
