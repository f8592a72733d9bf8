"""The questions of one engine's adapter: each comes with its answer, and every failure as an error of ours."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any, Optional

from ospool_ep.engine import failures, http
from ospool_ep.engine.interface import NoSuchContainer

_AS_A_RULE = -1.0


class Questions:
    """What is asked over one socket."""

    def __init__(self, socket_path: str, timeout_seconds: float) -> None:
        """An answer may take ``timeout_seconds``, where the question does not say otherwise. Nothing is sent yet."""
        self._socket_path = socket_path
        self._timeout = timeout_seconds

    def kind(self) -> str:
        """Which engine answers: "docker" or "podman"."""
        # Podman's answers name its library in their heads; to ask for the version makes Docker start programs.
        with self.stream("GET", "/_ping") as answer:
            return "podman" if b"libpod" in answer.head.lower() else "docker"

    def find(self, path: str) -> Optional[dict[str, Any]]:
        """What the engine knows of one thing; None where there is none."""
        try:
            found: dict[str, Any] = self.ask("GET", path)
        except NoSuchContainer:
            return None
        return found

    def ask(
        self, method: str, path: str, body: Optional[object] = None, *, seconds: Optional[float] = _AS_A_RULE
    ) -> Any:  # all that JSON can say
        """One request and its answer. ``seconds``: None for ever. EngineError."""
        with self.stream(method, path, body, seconds=seconds) as stream:
            return stream.answer()

    @contextlib.contextmanager
    def stream(
        self, method: str, path: str, body: Optional[object] = None, *, seconds: Optional[float] = _AS_A_RULE
    ) -> Iterator[http.Stream]:
        """The same, for an answer that is read as it comes. EngineError, also as it is read."""
        timeout = self._timeout if seconds == _AS_A_RULE else seconds
        try:
            with http.Stream(self._socket_path, method, path, body, timeout=timeout) as stream:
                yield stream
        except http.Refused as refused:
            raise failures.refusal(refused.status, refused.reason, self._socket_path) from refused
        except (OSError, json.JSONDecodeError, UnicodeDecodeError) as error:
            # An answer that broke off is no JSON.
            raise failures.unreachable(self._socket_path, error) from error
