"""Runs on a test host, in the registry's place and in front of it: it passes everything on, or fails in some way.

Usage: registry_proxy.py PORT UPSTREAM-PORT MODE-FILE. The file may change at any time, and says one of: ``well``;
``silent``: connections are accepted and nothing is answered; ``slow``: a layer takes a quarter of a minute; ``break``:
the connection ends in mid-layer; ``corrupt``: a layer has other bytes than its digest promises; ``error``: layers are
answered with an error; ``unknown``: there is no such tag; ``login``: credentials are needed.
"""

import http.client
import http.server
import json
import sys
import time
from pathlib import Path
from typing import Optional

_PASSED_ON = ("Content-Type", "Content-Length", "Docker-Content-Digest", "Docker-Distribution-Api-Version", "Location",
               "Content-Range")  # fmt: skip
_SMALL = 100_000
_SLOW_STEPS = 30
_STEP_SECONDS = 0.5


class Proxy(http.server.BaseHTTPRequestHandler):
    """One connection of an engine, and one to the registry for each request."""

    upstream = 0
    mode_file = Path()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._pass_on("well")

    def _answer(self) -> None:
        mode = self.mode_file.read_text().strip()
        layer = "/blobs/" in self.path and self.command == "GET"
        while mode == "silent":
            time.sleep(0.2)
            mode = self.mode_file.read_text().strip()
        if mode == "login":
            self._refuse(401, "UNAUTHORIZED", "authentication required")
        elif mode == "unknown" and "/manifests/" in self.path:
            self._refuse(404, "MANIFEST_UNKNOWN", "manifest unknown")
        elif mode == "error" and layer:
            self._refuse(500, "UNKNOWN", "the disk of the registry is gone")
        else:
            self._pass_on(mode if layer else "well")

    def _pass_on(self, mode: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.upstream)
        wanted = {
            name: value for name, value in self.headers.items() if name in ("Accept", "Host", "Content-Type", "Range")
        }
        content = self.rfile.read(int(self.headers["Content-Length"] or 0))
        connection.request(self.command, self.path, content, wanted)
        answer = connection.getresponse()
        body = answer.read()
        self.send_response(answer.status)
        for name in _PASSED_ON:
            if answer.headers[name]:
                self.send_header(name, answer.headers[name])
        self.end_headers()
        # The settings of an image are a blob, too, and small; a layer that broke off is asked for from there on.
        self._send(body, mode if len(body) > _SMALL else "well")

    def _send(self, body: bytes, mode: str) -> None:
        if mode == "break":
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
        elif mode == "corrupt":
            self.wfile.write(bytes(len(body)))
        elif mode == "slow":
            size = len(body) // _SLOW_STEPS + 1
            for begin in range(0, len(body), size):
                self.wfile.write(body[begin : begin + size])
                self.wfile.flush()
                time.sleep(_STEP_SECONDS)
        else:
            self.wfile.write(body)

    def _refuse(self, status: int, code: str, message: str) -> None:
        body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="the registry of the tests"')
        self.end_headers()
        self.wfile.write(body)


def main(port: str, upstream: str, mode_file: str) -> Optional[int]:
    """Serve until killed."""
    Proxy.upstream, Proxy.mode_file = int(upstream), Path(mode_file)
    http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Proxy).serve_forever()
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
