"""Processes of several services that want one image at once: a real engine is asked for it once."""

import subprocess
import sys
import time
from pathlib import Path

from tests.support.private_engine import PrivateEngine, docker
from tests.support.registry import Registry
from tests.support.waiting import wait_until

# What a service does at its start, and what it is told of it.
_SERVICE = """
import sys
from pathlib import Path
from ospool_ep import this_service
from ospool_ep.engine.adapter import DockerEngine
from ospool_ep.service.image_orders import ImageOrders
from ospool_ep.system.image_store import ImageStore
url, directory, name, reference = sys.argv[1:]
this_service.become(name)
store = ImageStore(url, Path(directory, name), Path(directory, "host"))
ImageOrders(DockerEngine(url), store, lambda event: print(event, flush=True)).pull(reference, False)
"""


class Service:
    """A process of one; what it has said is in a file."""

    def __init__(self, url: str, directory: Path, name: str, reference: str) -> None:
        self._said = directory / f"{name}.out"
        with self._said.open("w") as said:
            command = [sys.executable, "-c", _SERVICE, url, str(directory), name, reference]
            self.process = subprocess.Popen(command, stdout=said)

    def said(self) -> str:
        return self._said.read_text()


def test_three_services_that_start_at_once_have_the_engine_pull_their_image_once(
    victim: PrivateEngine, registry: Registry, tmp_path: Path
) -> None:
    registry.put("test/turns", "1", b"a layer of the image that three services want")
    registry.blob_fault, reference = "wait", registry.reference("test/turns:1")
    began = f"{time.time():.6f}"
    services = [Service(victim.url, tmp_path, name, reference) for name in ("one", "two", "three")]
    try:
        wait_until(lambda: sum("by='ospool-ep@" in service.said() for service in services) == 2, "two of them wait")
        assert registry.hanging.wait(20)
        registry.release.set()
        assert [service.process.wait(60) for service in services] == [0, 0, 0]
    finally:
        for service in services:
            service.process.kill()
            service.process.wait()
    assert all("\nPulled(" in f"\n{service.said()}" for service in services)
    assert not list((tmp_path / "host").glob("pull-*.lock"))
    filters = ["--filter=type=image", "--filter=event=pull", f"--since={began}", f"--until={time.time():.6f}"]
    assert docker(victim.url, "events", *filters, "--format={{.ID}}").stdout.split() == [reference]
