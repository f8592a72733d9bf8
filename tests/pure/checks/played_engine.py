"""What listens on a socket in place of an engine: it gives everybody the same answer, or none."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Union


@contextlib.contextmanager
def serving(path: Path, answer: Union[bytes, Callable[[bytes], bytes], None]) -> Iterator[None]:
    """An engine that gives everybody the same answer, or one to the request, or none, as long as the block runs."""
    held: list[socket.socket] = []

    def work() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            held.append(connection)
            if answer is not None:
                asked = connection.recv(4096)
                connection.sendall(answer(asked) if callable(answer) else answer)
                connection.close()

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        working = threading.Thread(target=work, daemon=True)
        working.start()
        yield
        # Closed under the thread, its number would be that of the next socket, which the thread would then serve.
        listening.shutdown(socket.SHUT_RDWR)
        working.join()
    for connection in held:
        connection.close()
