"""The engine that the test host runs in: one that runs already, or a private one that disturbs nobody."""

import contextlib
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from tests.support.waiting import Expired, wait_until
from tests.world import BUILD, LABEL, RUN_DIRECTORY
from tests.world.progress import StepFailed, note, step, tail
from tests.world.turns import alone_with

DEFAULT_SOCKET = Path("/var/run/docker.sock")
PRIVATE_SOCKET = RUN_DIRECTORY / "docker.sock"
_PID_FILE = RUN_DIRECTORY / "docker.pid"
_DATA = BUILD / "engine"
_LOG = BUILD / "log" / "engine.log"


@dataclass(frozen=True)
class OuterEngine:
    """An engine on this machine, by its socket."""

    socket: Path

    @property
    def private(self) -> bool:
        """Whether we started it."""
        return self.socket == PRIVATE_SOCKET

    def command(self, *arguments: str) -> list[str]:
        """The command line that does it in this engine."""
        return ["docker", "-H", f"unix://{self.socket}", *arguments]

    def docker(self, *arguments: str, timeout: float = 300) -> str:
        """Run it and return what it prints, without the last newline. StepFailed with the engine's reason."""
        result = self.try_docker(*arguments, timeout=timeout)
        if result.returncode != 0:
            reason = result.stderr.strip() or result.stdout.strip()
            raise StepFailed(f"docker {' '.join(arguments[:2])} failed: {reason}")
        return result.stdout.rstrip("\n")

    def try_docker(self, *arguments: str, timeout: float = 300) -> "subprocess.CompletedProcess[str]":
        """Run it and return what became of it."""
        # BuildKit's containers need a network set-up that a private engine does not have.
        environment = {**os.environ, "DOCKER_BUILDKIT": "0"}
        return subprocess.run(
            self.command(*arguments), env=environment, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, errors="replace", timeout=timeout, check=False,
        )  # fmt: skip

    def remove_container(self, name_or_id: str) -> None:
        """Remove a container with all that runs in it; none is no error."""
        found = self.try_docker("container", "inspect", "--format={{.Id}}", name_or_id)
        if found.returncode != 0:
            return
        # What a test left frozen can't be killed in cgroups of version 1.
        for state in Path("/sys/fs/cgroup/freezer").glob(f"**/{found.stdout.strip()}/**/freezer.state"):
            with contextlib.suppress(OSError):
                state.write_text("THAWED")
        self.docker("container", "rm", "--force", "--volumes", found.stdout.strip())

    def answers(self) -> bool:
        """Whether somebody answers on the socket."""
        return self.socket.exists() and self.try_docker("version", "--format", "{{.Server.Version}}").returncode == 0


def running_engine() -> Optional[OuterEngine]:
    """The engine of this machine, or the private one, if either runs."""
    for socket in (PRIVATE_SOCKET, DEFAULT_SOCKET):
        engine = OuterEngine(socket)
        if engine.answers():
            return engine
    return None


def ensure_engine() -> OuterEngine:
    """The engine to use; a private one is started where none runs. StepFailed when it does not come up."""
    with alone_with("engine"):
        engine = running_engine()
        if engine is None:
            with step("starting a private engine"):
                return _start()
        return engine


def _start() -> OuterEngine:
    for directory in (RUN_DIRECTORY, _DATA, _LOG.parent):
        directory.mkdir(parents=True, exist_ok=True)
    # It sets up no network: the test host has a loopback of its own, and the machine's firewall stays as it is.
    command = [
        "dockerd", f"--host=unix://{PRIVATE_SOCKET}", f"--data-root={_DATA}", f"--exec-root={RUN_DIRECTORY}/exec",
        f"--pidfile={_PID_FILE}", "--bridge=none", "--iptables=false", "--ip6tables=false",
    ]  # fmt: skip
    with _LOG.open("ab") as log:
        daemon = subprocess.Popen(  # detached: it outlives this command, until `make engine-stop`
            command, cwd="/", start_new_session=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    engine = OuterEngine(PRIVATE_SOCKET)
    try:
        wait_until(lambda: engine.answers() or daemon.poll() is not None, "the engine answers", seconds=60)
    except Expired as error:
        raise StepFailed(f"the private engine: {error}; the end of {_LOG}:\n{tail(_LOG)}") from None
    if daemon.poll() is not None:
        raise StepFailed(f"the private engine ended at once; the end of {_LOG}:\n{tail(_LOG)}")
    return engine


def stop_private() -> None:
    """Stop the private engine and what runs in it. Its images stay in ``build/``; none running is no error."""
    pid = _private_pid()
    if pid is not None:
        with step("stopping the private engine"):
            _remove_containers(OuterEngine(PRIVATE_SOCKET))
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: _private_pid() is None, "the private engine ends", seconds=60)
    _unmount_below(RUN_DIRECTORY, _DATA)
    shutil.rmtree(RUN_DIRECTORY, ignore_errors=True)


def _private_pid() -> Optional[int]:
    try:
        pid = int(_PID_FILE.read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if f"--pidfile={_PID_FILE}".encode() in command else None


def _unmount_below(*directories: Path) -> None:
    points = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for point in reversed(points):
        if any(Path(point).is_relative_to(directory) for directory in directories):
            subprocess.run(["umount", "--lazy", point], check=True)


def remove_all_of_ours() -> None:
    """Remove our containers, volumes and images, and the private engine with its data."""
    for socket in (DEFAULT_SOCKET, PRIVATE_SOCKET):
        engine = OuterEngine(socket)
        if engine.answers():
            _remove_containers(engine)
            _remove_images(engine)
    stop_private()
    shutil.rmtree(_DATA, ignore_errors=True)
    note("no container, image, volume or process of ours is left")


def _remove_containers(engine: OuterEngine) -> None:
    for container in _ours(engine, "container", "ls", "--all"):
        engine.remove_container(container)


def _remove_images(engine: OuterEngine) -> None:
    """An image that another one is made from goes only after that one, and the listing has them in no such order."""
    before: list[str] = []
    while (left := _ours(engine, "image", "ls", "--all")) and left != before:
        for image in left:
            engine.try_docker("image", "rm", "--force", image)
        before = left
    if left:
        raise StepFailed(f"these images are in use, and stay: {' '.join(left)}")


def _ours(engine: OuterEngine, *listing: str) -> list[str]:
    return list(dict.fromkeys(engine.docker(*listing, "--quiet", "--filter", f"label={LABEL}").split()))
