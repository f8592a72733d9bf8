"""One question to an engine, which says that somebody is there, and of which kind."""

import enum
import socket

from ospool_ep.engine.http import Refused, Stream

# Podman's API is started by the question, and a Docker by its socket: on a busy host that takes seconds.
ENGINE_SECONDS = 15


class Answer(enum.Enum):
    """What came of asking the engine who it is."""

    WELL = "well"
    NO_SOCKET = "no socket"
    REFUSED = "refused"
    DENIED = "denied"
    SILENT = "silent"
    WRONG = "wrong"


def ping(path: str) -> tuple[Answer, bytes]:
    """Ask the engine for a sign of life; the head of its answer comes along. Source: Docker Engine API, "Ping"."""
    try:
        with Stream(path, "GET", "/_ping", timeout=ENGINE_SECONDS) as stream:
            return Answer.WELL, stream.head
    except FileNotFoundError:
        return Answer.NO_SOCKET, b""
    except PermissionError:
        return Answer.DENIED, b""
    except (TimeoutError, BlockingIOError, socket.timeout):
        return Answer.SILENT, b""
    # What is behind the socket refuses, ends without an answer, or speaks no HTTP.
    except (Refused, ConnectionResetError):
        return Answer.WRONG, b""
    except OSError:
        return Answer.REFUSED, b""


def kind_in(head: bytes) -> str:
    """The kind of engine that answered so; empty where it does not say. Docker is "Docker", Podman is "Libpod"."""
    if b"\nServer: Libpod/" in head:
        return "podman"
    return "docker" if b"\nServer: Docker/" in head else ""
