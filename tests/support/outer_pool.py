"""The pool beside the test host: its manager shares the host's network, and nothing else.

What is done to the host's engine then costs no job of its own accord: the queue runs on, as it does in production,
where it is on another machine.
"""

import base64
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from tests.images.recipes import tag
from tests.support.host import Host
from tests.support.pool import Pool
from tests.support.tokens import signing_key_file
from tests.support.waiting import wait_until
from tests.world import IDENTITY, LABEL
from tests.world.engine import OuterEngine
from tests.world.images import ensure_pool_archive
from tests.world.progress import step


class OuterPool(Pool):
    """A pool whose manager is a container of the engine that the host runs in, too."""

    def __init__(self, engine: OuterEngine, host: Host) -> None:
        super().__init__(self._outside, name=f"{host.name}-manager")
        self._engine_outside = engine
        self._host = host

    def _outside(self, argv: Sequence[str], *, input: Optional[str] = None) -> "subprocess.CompletedProcess[str]":
        command = self._engine_outside.command(*argv[1:])
        return subprocess.run(command, input=input or "", capture_output=True, text=True, timeout=120, check=False)

    def start(self, image: str = "", timeout_seconds: float = 30.0, *, options: Sequence[str] = ()) -> None:
        """Create the manager, or start it again with its queue in the network that the host has now."""
        if self._outside(["docker", "container", "inspect", self.name]).returncode == 0:
            self._engine("start", self.name)
        else:
            key = base64.b64encode(signing_key_file()).decode()
            settings = [f"--env=POOL_ADDRESS={self.address}", f"--env=POOL_SIGNING_KEY={key}"]
            network = f"--network=container:{self._host.name}"
            made_from = image or _ensure_image(self._engine_outside)
            ours = [f"--label={LABEL}", network, f"--name={self.name}"]
            self._engine("run", "--detach", *ours, *options, *settings, made_from)
        wait_until(self._is_up, "the manager takes jobs", timeout_seconds)

    def restart(self) -> None:
        """Go on in the network that the host has since it was booted again, with the queue as it was."""
        self._engine("restart", "--time=5", self.name)
        wait_until(self._is_up, "the manager takes jobs", 60)

    def close(self) -> None:
        """Remove the manager with its queue; none is no error."""
        self._engine_outside.remove_container(self.name)


def _ensure_image(engine: OuterEngine) -> str:
    """The manager's image, with the label by which `make clean` finds it."""
    wanted = f"ospool-ep-world-{IDENTITY}/manager:{ensure_pool_archive().stem}"
    if engine.try_docker("image", "inspect", wanted).returncode != 0:
        with step("loading the manager's image"), tempfile.TemporaryDirectory() as context:
            engine.docker("load", "--quiet", f"--input={ensure_pool_archive()}")
            Path(context, "Dockerfile").write_text(f"FROM {tag('manager')}\n")
            engine.docker("build", "--quiet", f"--label={LABEL}", f"--tag={wanted}", context)
            loaded = engine.docker("image", "ls", "--format={{.Repository}}:{{.Tag}}", "ospool-test/*").split()
            engine.docker("image", "rm", *loaded)
    return wanted
