"""Runs on a test host, in the place of the engine's socket and in front of it, and kills a service at one of its calls.

Usage: engine_proxy.py SOCKET UPSTREAM ORDER-FILE REPORT-FILE UNIT. Everything is passed on. The order file says, in
JSON, at which request of the unit's processes since the file was written its main process is killed (``at``; 0: at
none), and whether that is before the request goes on or when its answer comes (``after``). The report says how many
requests there were since then (``seen``), and at which one it was killed (``killed``, empty while it was not).
"""

import contextlib
import json
import os
import re
import signal
import socket
import socketserver
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Callable, Optional

_HEAD_END = b"\r\n\r\n"


class Killer:
    """Counts the requests of one unit, and kills its main process at one of them."""

    def __init__(self, order: Path, report: Path, unit: str) -> None:
        self._order = order
        self._report = report
        self._unit = unit
        self._lock = threading.Lock()
        self._read = 0
        self._at, self._after, self._seen, self._killed = 0, False, 0, ""

    def belongs(self, pid: int) -> bool:
        """Whether a process is one of the unit's."""
        with contextlib.suppress(OSError):
            return f"/{self._unit}" in Path(f"/proc/{pid}/cgroup").read_text()
        return False

    def request(self, line: str) -> Optional[Callable[[], None]]:
        """A request of the unit; returns what is to be done when its answer comes."""
        with self._lock:
            self._look_at_order()
            self._seen += 1
            hit = self._seen == self._at
            self._tell()
            if hit and not self._after:
                self._kill(line)
        return (lambda: self._kill(line)) if hit and self._after else None

    def _look_at_order(self) -> None:
        written = self._order.stat().st_mtime_ns
        if written != self._read:
            order = json.loads(self._order.read_text())
            self._read, self._at, self._after, self._seen = written, order["at"], order["after"], 0
            self._killed = ""

    def _kill(self, line: str) -> None:
        show = ["systemctl", "show", "--property=MainPID", "--value", self._unit]
        pid = int(subprocess.run(show, capture_output=True, text=True, check=True).stdout)
        if pid:
            os.kill(pid, signal.SIGKILL)
        self._killed = line
        self._tell()

    def _tell(self) -> None:
        fresh = self._report.with_suffix(".new")
        fresh.write_text(json.dumps({"seen": self._seen, "killed": self._killed}))
        fresh.replace(self._report)


class Connection(socketserver.BaseRequestHandler):
    """One connection of a client, and one to the engine."""

    upstream = ""
    killer: Killer

    def handle(self) -> None:
        peer = self.request.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        self._counted = self.killer.belongs(struct.unpack("3i", peer)[0])
        self._on_answer: Optional[Callable[[], None]] = None
        with socket.socket(socket.AF_UNIX) as engine:
            try:
                engine.connect(self.upstream)
            except OSError:
                return
            answers = threading.Thread(target=self._answers, args=(engine,), daemon=True)
            answers.start()
            with contextlib.suppress(OSError):
                self._requests(engine)
            with contextlib.suppress(OSError):
                engine.shutdown(socket.SHUT_WR)
            answers.join()

    def _requests(self, engine: socket.socket) -> None:
        waiting = b""
        while True:
            while _HEAD_END not in waiting:
                received = self.request.recv(65536)
                if not received:
                    return
                waiting += received
            head, _, rest = waiting.partition(_HEAD_END)
            if self._counted:
                self._on_answer = self.killer.request(head.partition(b"\r\n")[0].decode())
            engine.sendall(head + _HEAD_END)
            if re.search(rb"^upgrade:", head, re.IGNORECASE | re.MULTILINE):
                # From here on it is no HTTP.
                engine.sendall(rest)
                self._rest(engine)
                return
            waiting = self._body(engine, head, rest)

    def _body(self, engine: socket.socket, head: bytes, rest: bytes) -> bytes:
        """Pass the body on; returns what has come behind it."""
        found = re.search(rb"^content-length: *(\d+)", head, re.IGNORECASE | re.MULTILINE)
        missing = int(found[1]) if found else 0
        chunked = re.search(rb"^transfer-encoding: *chunked", head, re.IGNORECASE | re.MULTILINE)
        while len(rest) < missing or (chunked and not rest.endswith(b"0\r\n\r\n")):
            received = self.request.recv(65536)
            if not received:
                break
            rest += received
        end = len(rest) if chunked else missing
        engine.sendall(rest[:end])
        return rest[end:]

    def _rest(self, engine: socket.socket) -> None:
        while received := self.request.recv(65536):
            engine.sendall(received)

    def _answers(self, engine: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while received := engine.recv(65536):
                act, self._on_answer = self._on_answer, None
                if act:
                    act()
                self.request.sendall(received)
        with contextlib.suppress(OSError):
            self.request.shutdown(socket.SHUT_RDWR)


class Server(socketserver.ThreadingUnixStreamServer):
    """The socket in the engine's place."""

    daemon_threads = True


def main(path: str, upstream: str, order: str, report: str, unit: str) -> None:
    """Serve until killed."""
    Connection.upstream = upstream
    Connection.killer = Killer(Path(order), Path(report), unit)
    Server(path, Connection).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
