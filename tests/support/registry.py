"""An image registry in this process, on loopback, that can be told to fail in every way that a real one does.

It holds images of tiny layers that it makes itself. Source: OCI Distribution Specification 1.1, "Pulling manifests"
and "Pulling blobs"; Docker Image Manifest V2, Schema 2.
"""

import base64
import gzip
import hashlib
import io
import json
import os
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Optional

# The environment's variable with its port, for an engine that must know beforehand where it may do without TLS.
PORT = "OSPOOL_EP_TEST_REGISTRY_PORT"

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"


def digest_of(content: bytes) -> str:
    """The digest by which registries name content."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass
class Registry:
    """What the registry holds, and how it fails; both may be changed at any time.

    ``blob_fault``: "refuse" answers with an error, "break" closes the connection in mid-layer, "corrupt" sends other
    bytes than the digest promises, "hang" stops in mid-layer, which sets ``hanging``, until ``release`` is set; "wait"
    does so, too, and sends the rest then.
    ``silent`` takes every question and answers none. ``login`` is who may pull where it is needed, as NAME:PASSWORD.
    ``limited``: this host has pulled too often.
    """

    port: int = 0
    manifests: dict[str, bytes] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    needs_login: bool = False
    login: str = ""
    silent: bool = False
    limited: bool = False
    blob_fault: str = ""
    hanging: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)

    def reference(self, name_and_tag: str) -> str:
        """How an engine on this machine calls an image of this registry."""
        return f"127.0.0.1:{self.port}/{name_and_tag}"

    def put(self, name: str, tag: str, *layers: bytes) -> str:
        """Hold an image with those contents of its layers; returns its digest."""
        archives = [_archive(f"layer-{number}", content) for number, content in enumerate(layers)]
        config = {
            "architecture": "amd64",
            "os": "linux",
            "created": "2026-01-02T03:04:05.678901234Z",
            "config": {"Entrypoint": ["/layer-0"]},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(archive) for archive in archives]},
        }
        packed = [gzip.compress(archive, 1, mtime=0) for archive in archives]
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": self._blob("application/vnd.docker.container.image.v1+json", json.dumps(config).encode()),
            "layers": [self._blob("application/vnd.docker.image.rootfs.diff.tar.gzip", layer) for layer in packed],
        }
        content = json.dumps(manifest).encode()
        digest = digest_of(content)
        self.manifests[f"{name}:{tag}"] = self.manifests[f"{name}:{digest}"] = content
        return digest

    def put_list(self, name: str, tag: str, **contents: bytes) -> str:
        """Hold an image for several architectures, of one layer each with that content; returns its digest."""
        parts = []
        for architecture, layer in contents.items():
            digest = self.put(name, tag, layer)
            manifest = self.manifests[f"{name}:{digest}"]
            platform = {"architecture": architecture, "os": "linux"}
            parts.append({"mediaType": _MANIFEST, "size": len(manifest), "digest": digest, "platform": platform})
        content = json.dumps({"schemaVersion": 2, "mediaType": _LIST, "manifests": parts}).encode()
        digest = digest_of(content)
        self.manifests[f"{name}:{tag}"] = self.manifests[f"{name}:{digest}"] = content
        return digest

    def _blob(self, media_type: str, content: bytes) -> dict[str, object]:
        digest = digest_of(content)
        self.blobs[digest] = content
        return {"mediaType": media_type, "size": len(content), "digest": digest}


def _archive(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(content), 0o755
        tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, registry: Registry) -> None:
        super().__init__(("127.0.0.1", registry.port), _Handler)
        self.registry = registry


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # What is no HTTP, like the begin of TLS, gets an answer that is: by it an engine knows that it may do without TLS.
    default_request_version = "HTTP/1.0"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        registry, path = self.server.registry, self.path.removeprefix("/v2/")
        if registry.silent:
            self._hang(registry)
        elif registry.needs_login and not self._logged_in(registry):
            self._error(401, "UNAUTHORIZED", "authentication required")
        elif registry.limited and "/manifests/" in path:
            self._error(429, "TOOMANYREQUESTS", "You have reached your unauthenticated pull rate limit.")
        elif not path:
            self._send(b"{}", "application/json", body=body)
        elif "/manifests/" in path:
            name, _, reference = path.partition("/manifests/")
            content = registry.manifests.get(f"{name}:{reference}")
            if content is None:
                self._error(404, "MANIFEST_UNKNOWN", "manifest unknown")
            else:
                self._send(content, json.loads(content)["mediaType"], body=body)
        else:
            self._blob(registry, registry.blobs[path.rpartition("/")[2]], body=body)

    def _blob(self, registry: Registry, content: bytes, *, body: bool) -> None:
        half = len(content) // 2
        # The settings of an image are small; the faults are those of its layers.
        fault = registry.blob_fault if content.startswith(b"\x1f\x8b") else ""
        if fault == "refuse":
            self._error(500, "UNKNOWN", "the disk of the registry is gone")
        elif fault == "corrupt":
            self._send(bytes(len(content)), "application/octet-stream", body=body)
        elif fault:
            self._head(len(content), "application/octet-stream")
            # In pieces: an engine reports no more than one step in a tenth of a second.
            for begin in range(0, half, half // 3 + 1):
                self.wfile.write(content[begin : min(begin + half // 3 + 1, half)])
                self.wfile.flush()
                registry.release.wait(0.2)
            if fault in ("hang", "wait"):
                self._hang(registry)
            if fault == "wait":
                self.wfile.write(content[half:])
            self.close_connection = True
        else:
            self._send(content, "application/octet-stream", body=body)

    def _hang(self, registry: Registry) -> None:
        registry.hanging.set()
        registry.release.wait(60)
        self.close_connection = True

    def _logged_in(self, registry: Registry) -> bool:
        expected = f"Basic {base64.b64encode(registry.login.encode()).decode()}"
        return bool(registry.login) and self.headers["Authorization"] == expected

    def _error(self, status: int, code: str, message: str) -> None:
        content = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self._send(content, "application/json", status=status, body=True)

    def _send(self, content: bytes, media_type: str, *, status: int = 200, body: bool) -> None:
        self._head(len(content), media_type, status, digest_of(content))
        if body:
            self.wfile.write(content)

    def _head(self, length: int, media_type: str, status: int = 200, digest: Optional[str] = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(length))
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        if digest:
            self.send_header("Docker-Content-Digest", digest)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="the registry of the tests"')
        self.end_headers()


@contextmanager
def registry_on_loopback() -> Iterator[Registry]:
    """A registry that answers as long as the context lasts."""
    registry = Registry(port=int(os.environ.get(PORT, "0")))
    server = _Server(registry)
    registry.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        registry.release.set()
        server.shutdown()
        server.server_close()
        thread.join()
