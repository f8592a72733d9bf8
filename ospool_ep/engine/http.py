"""One request to a container engine over its socket, and the answer: as a whole, or as it comes.

Written out and not left to a library, because it runs for as long as the pilots do, and a general HTTP client costs
more memory than all the rest of the service. The SDK's reads a log chunk by chunk, too, mixes standard output with
standard error, and drops the fractions of a second from where a log is to begin.
"""

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, Optional

_READ_BYTES = 1 << 18
_SWITCHED, _UNCHANGED = 101, 304


class Refused(Exception):
    """The engine answered with an error: ``status`` is HTTP's, ``reason`` the engine's own words."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Overdue(Exception):
    """The stream has not ended by the deadline."""


class Stream(AbstractContextManager["Stream"]):
    """One request whose answer is read until the engine closes the connection.

    ``head`` is the head of the answer, as it came.
    """

    def __init__(
        self, socket_path: str, method: str, path: str, body: Optional[object] = None, *, timeout: Optional[float]
    ) -> None:
        """Send the request, with ``body`` as JSON, and read the head of the answer.

        That takes ``timeout`` seconds at most; None: for ever.
        Raises OSError when nobody answers, Refused when the engine answers with an error.
        """
        data = b"" if body is None else json.dumps(body).encode()
        self.head = b""
        self._timeout = timeout
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(timeout)
            self._socket.connect(socket_path)
            # To HTTP/1.0 the engine answers with the bare stream; to HTTP/1.1 it would wrap every line into a chunk.
            head = (
                f"{method} {path} HTTP/1.0\r\nHost: docker\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
            )
            self._socket.sendall(head.encode() + data)
            self._begun = self._read_head()
        except BaseException:
            self._socket.close()
            raise

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _read_head(self) -> bytes:
        received = b""
        while b"\r\n\r\n" not in received:
            chunk = self._socket.recv(_READ_BYTES)
            if not chunk:
                raise ConnectionResetError("the engine closed the connection without an answer")
            received += chunk
        self.head, _, rest = received.partition(b"\r\n\r\n")
        begin = re.match(rb"HTTP/1\.[01] ([0-9]{3})\b", self.head)
        if begin is None:
            raise ConnectionResetError("what answers there speaks no HTTP")
        status = int(begin[1])
        if not (200 <= status < 300 or status in (_SWITCHED, _UNCHANGED)):
            raise Refused(status, _reason(b"".join((rest, *iter(lambda: self._socket.recv(_READ_BYTES), b"")))))
        return rest

    def chunks(self, deadline: Optional[float] = None) -> Iterator[bytes]:
        """What comes, as it comes, until the engine closes the stream.

        Raises Overdue when the monotonic clock has passed ``deadline``, OSError when the engine died.
        """
        if self._begun:
            yield self._begun
        while True:
            self._socket.settimeout(None if deadline is None else max(0.001, deadline - time.monotonic()))
            try:
                chunk = self._socket.recv(_READ_BYTES)
            except socket.timeout as error:
                raise Overdue from error
            if not chunk:
                return
            yield chunk

    def answer(self) -> Any:  # all that JSON can say
        """The whole answer, None for an empty one. Raises ValueError when it broke off.

        OSError when it does not end within ``timeout`` seconds from now, or the engine died.
        """
        deadline = None if self._timeout is None else time.monotonic() + self._timeout
        try:
            text = b"".join(self.chunks(deadline))
        except Overdue as error:
            raise TimeoutError("the engine did not end its answer") from error
        return json.loads(text) if text.strip() else None


def _reason(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode("utf-8", "replace")
