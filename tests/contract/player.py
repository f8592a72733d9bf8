"""The image of the contract tests, which plays what it is told, and a fake engine that plays the same.

A play is lines of instructions, in a shell's quoting: ``out TEXT`` and ``err TEXT`` write a line; ``forever`` waits
for SIGTERM, ``deaf`` ignores it; ``hungry`` takes all the memory that there is; ``exit CODE`` ends. The image's takes
any other command of a shell, too.
"""

import shlex
import tarfile
import threading
from pathlib import Path

from ospool_ep.container.specification import ContainerSpec
from ospool_ep.engine.interface import EngineError
from tests.images.archive import Image, Layer, write_archive
from tests.images.recipes import base_layer
from tests.support.fake_engine import FakeEngine
from tests.support.private_engine import docker
from tests.world import BUILD

# Podman calls what it loads "localhost/…"; Docker does not mind.
IMAGE = "localhost/ospool-test/player:1"

_SHELL = r"""
out() { printf '%s\n' "$*"; }
err() { printf '%s\n' "$*" >&2; }
trap 'exit 0' TERM
forever() { while :; do sleep 3600 & wait $!; done; }
deaf() { trap '' TERM; while :; do sleep 3600 & wait $!; done; }
hungry() { x=a; while :; do x=$x$x; done; }
eval "$PLAY"
"""


def load_image(url: str, scratch: Path) -> None:
    """Bring the image into the engine at that address."""
    archive = scratch / "player.tar"
    write_archive([Image(IMAGE, (busybox(),), ("/bin/sh", "-c", _SHELL))], archive)
    docker(url, "load", "--quiet", "--input", str(archive))


def static_program() -> bytes:
    """A program that needs no libraries, and ends at once under any other name than its own."""
    with tarfile.open(busybox().path) as tar:
        program = tar.extractfile("./bin/busybox")
        assert program is not None
        return program.read()


def busybox() -> Layer:
    """The layer with the shell that plays; made where it is not there."""
    return base_layer("busybox.sh", BUILD / "contract")


def play(*instructions: str, name: str = "ospool-ep-contract", image: str = IMAGE) -> ContainerSpec:
    """A container that plays these instructions."""
    return ContainerSpec(
        image=image,
        name=name,
        user="1000",
        environment=(("PLAY", "\n".join(instructions)),),
        mounts=(),
        devices=(),
        security_options=(),
        unmasked_system_paths=False,
        open_files=2048,
        most_open_files=2048,
        pids_limit=512,
        stop_timeout_seconds=10,
        labels=(("org.osg-htc.ospool-ep.fingerprint", "of a test"),),
        log_max_bytes=64 << 20,
    )


class PlayingFake(FakeEngine):
    """A fake engine whose containers play as those of the image do."""

    def __init__(self) -> None:
        super().__init__()
        self.add_image(IMAGE)

    def create(self, spec: ContainerSpec) -> str:
        for mount in spec.mounts:
            if not mount.may_be_missing and not Path(mount.source).exists():
                raise EngineError(f"There is no {mount.source} to mount.")
        container_id = super().create(spec)
        missing = [device for device in spec.devices if not Path(device).exists()]
        self.start_refusal = f"There is no device {missing[0]}." if missing else ""
        return container_id

    def start(self, container_id: str) -> None:
        super().start(container_id)
        # As in life, what happens inside happens while others look on.
        threading.Thread(target=self._play, args=(container_id,), daemon=True).start()

    def _play(self, container_id: str) -> None:
        for instruction in dict(self.spec_of(container_id).environment)["PLAY"].splitlines():
            word, *rest = shlex.split(instruction)
            if word in ("out", "err"):
                self.write(container_id, " ".join(rest).encode(), "stdout" if word == "out" else "stderr")
            elif word == "exit":
                return self.end(container_id, int(rest[0]))
            elif word == "hungry":
                return self.end(container_id, 137, oom_killed=True)
            elif word == "deaf":
                self.stop_exit_code = 137
                return None
            elif word == "forever":
                return None
            else:
                raise AssertionError(f"the fake can't play {instruction!r}")
        return self.end(container_id)
