"""What an engine does with a registry, over the Docker SDK, which knows how to log in to one.

The only module that imports the SDK. What is here is called by a helper process: the SDK takes more memory than all the
rest of the service, and is needed for the minutes of a pull only.
"""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import docker.errors
import requests.exceptions
import urllib3.exceptions
from docker import APIClient

from ospool_ep.engine import failures
from ospool_ep.engine.interface import EngineError, EngineUnreachable, PullFailed
from ospool_ep.engine.pull_progress import Percent
from ospool_ep.system.helper_program import HelperFailed
from ospool_ep.wording import one_line, sentence


class _Client(APIClient):
    """The SDK's client, which waits no longer than ``most_seconds`` for the next part of an answer."""

    def __init__(self, socket_path: str, control_seconds: float, most_seconds: float) -> None:
        self._most_seconds = most_seconds
        # By itself an SDK before 7.0 asks for a version of the API that Docker 29 no longer speaks.
        super().__init__(base_url=f"unix://{socket_path}", version="auto", timeout=int(control_seconds))

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        # The SDK sets no bound for a pull. At the bound the connection is closed, and the engine gives the pull up.
        options["timeout"] = options.get("timeout") or self._most_seconds
        return super().send(request, **options)


def pull(reference: str, socket_path: str, control_seconds: float, stalled_seconds: float) -> Iterator[int]:
    """Pull that image over the engine's socket; gives the percentage whenever it changes.

    ``control_seconds`` is the most that an answer of the engine takes, ``stalled_seconds`` the next part of a pull's.
    Raises HelperFailed; its kind is EngineUnreachable where the engine is silent, PullFailed for the rest.
    """
    percent = Percent()
    with _registry(reference, "pull", socket_path, control_seconds, stalled_seconds) as api:
        for message in api.pull(reference, stream=True, decode=True):
            if "error" in message:
                reason = str(message["error"])
                mend = failures.mend_of_pull(reason, api.version(), api.info())
                raise EngineError(sentence(reason) + mend)
            if percent.learn(message):
                yield percent.value


def digest(reference: str, socket_path: str, control_seconds: float) -> str:
    """The digest that the registry gives that reference now. The same arguments and errors."""
    with _registry(reference, "ask the registry for", socket_path, control_seconds, control_seconds) as api:
        return str(api.inspect_distribution(reference)["Descriptor"]["digest"])


@contextlib.contextmanager
def _registry(reference: str, act: str, socket_path: str, control_seconds: float, most_seconds: float) -> Iterator[Any]:
    """A client for a call in which the engine talks to a registry: what fails is the registry's, as a rule.

    It goes to the one who called as text, and its class as the kind.
    """

    def failure(reason: str) -> PullFailed:
        mend = failures.mend_of_registry(reason, reference)
        return PullFailed(f"Cannot {act} {reference}: {sentence(reason)}{mend}")

    try:
        try:
            with _api(socket_path, control_seconds, most_seconds) as api:
                yield api
        except EngineUnreachable as error:
            if isinstance(error.__cause__, docker.errors.APIError):
                raise failure(str(error.__cause__.explanation)) from error
            if not failures.timed_out(error):
                raise
            with _api(socket_path, control_seconds, control_seconds):  # raises when it is the engine that is silent
                raise failure(f"nothing came for {most_seconds:.0f} s") from error
        except EngineError as error:
            raise failure(str(error)) from error
    except EngineError as error:
        raise HelperFailed(str(error), type(error).__name__) from error


@contextlib.contextmanager
def _api(socket_path: str, control_seconds: float, most_seconds: float) -> Iterator[Any]:
    """An APIClient, whose types have gaps. What the SDK and its libraries raise inside becomes our own errors."""
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
