"""What answers on the engine's socket may be anything."""

import socket
import threading
from pathlib import Path

import pytest

from ospool_ep.engine.adapter import DockerEngine
from ospool_ep.engine.interface import EngineUnreachable


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\r\n\r\n",
        b"SSH-2.0-OpenSSH_8.7\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 well OK\r\n\r\n",
        b"\xff" * 10 + b"\r\n\r\n",
    ],
)
def test_what_is_no_engine_is_unreachable(tmp_path: Path, answer: bytes) -> None:
    path = tmp_path / "sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def reply() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(answer)

        other = threading.Thread(target=reply)
        other.start()
        with pytest.raises(EngineUnreachable, match="does not answer on"):
            DockerEngine(f"unix://{path}", timeout_seconds=5).container("pilot")
        other.join()
