"""An engine of the tests' own, which they may freeze, kill and start again without disturbing anybody.

It is a dockerd; on a host that has Podman only it is Podman's service.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.waiting import wait_until


class PrivateEngine(ABC):
    """One engine with its own socket and data."""

    kind: str

    def __init__(self, directory: Path, *options: str) -> None:
        self._directory = directory
        self._options = options
        self._process: subprocess.Popen[bytes]

    @abstractmethod
    def _command(self) -> list[str]:
        """What runs in the foreground until it is told to end."""

    @property
    def url(self) -> str:
        """The address of its socket."""
        return f"unix://{self._directory}/docker.sock"

    @property
    def data_directory(self) -> Path:
        """Where it keeps images and containers."""
        return self._directory / "data"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self._answers, f"the private engine answers; its log: {self._directory}/log", seconds=60)

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self._directory / "log").read_text()[-2000:]
        return docker(self.url, "version", check=False).returncode == 0

    def freeze(self) -> None:
        """Let it answer nothing. Its containers go on: they have processes of their own."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as a crash would. Its containers stay."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Stop it with all its containers."""
        for container in docker(self.url, "ps", "--quiet").stdout.split():
            docker(self.url, "kill", container, check=False)
        self._process.terminate()
        self._process.wait(timeout=60)


class PrivateDocker(PrivateEngine):
    """A dockerd. It knows a runtime "nvidia", which is the ordinary one unless an option names another."""

    kind = "docker"

    def _command(self) -> list[str]:
        named = any(option.startswith("--add-runtime=nvidia=") for option in self._options)
        runtime = [] if named else [f"--add-runtime=nvidia={shutil.which('runc')}"]
        return [
            "dockerd", f"--host={self.url}", f"--data-root={self.data_directory}",
            f"--exec-root={self._directory}/exec", f"--pidfile={self._directory}/docker.pid", "--bridge=none",
            "--iptables=false", "--ip6tables=false", *runtime, "--max-download-attempts=1",
            *self._options,
        ]  # fmt: skip

    def kill(self) -> None:
        """Also the containerd that it had started: the next one would wait for it, and it ends with this one."""
        super().kill()
        self._end_containerd(signal.SIGKILL)
        (self._directory / "docker.pid").unlink()

    def stop(self) -> None:
        """Also the containerd, which a dockerd that was started after a crash leaves running."""
        super().stop()
        self._end_containerd(signal.SIGTERM)

    def _end_containerd(self, number: signal.Signals) -> None:
        pid_file = self._directory / "exec/containerd/containerd.pid"
        pid = int(pid_file.read_text()) if pid_file.exists() else 0
        if pid and str(self._directory).encode() in _command_line(pid):
            os.kill(pid, number)
        wait_until(lambda: not _command_line(pid), "containerd ends")
        for left in pid_file.parent.glob("*"):
            if not left.is_dir():
                left.unlink()


class PrivatePodman(PrivateEngine):
    """Podman's service."""

    kind = "podman"

    def _command(self) -> list[str]:
        # A container whose Podman was started from a shell could not write its log, by SELinux's policy.
        settings = self._directory / "containers.conf"
        settings.write_text("[containers]\nlabel = false\n")
        # As in a dockerd's data, there is a directory for downloads.
        downloads = self.data_directory / "tmp"
        downloads.mkdir(parents=True, exist_ok=True)
        return [
            "env", f"CONTAINERS_CONF_OVERRIDE={settings}", f"TMPDIR={downloads}", "podman",
            f"--root={self.data_directory}", f"--runroot={self._directory}/run", *self._options,
            "system", "service", "--time=0", self.url,
        ]  # fmt: skip


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@contextmanager
def private_engine(*options: str) -> Iterator[PrivateEngine]:
    """A private engine that runs, and is gone with all it had afterwards. ``options`` are more of its own."""
    # Not below pytest's directory: the path of a socket has at most 107 bytes.
    directory = Path(tempfile.mkdtemp(prefix="ospool-ep-engine-"))
    # Users that it maps must get through.
    directory.chmod(0o755)
    engine = (PrivateDocker if shutil.which("dockerd") else PrivatePodman)(directory, *options)
    try:
        engine.start()
        try:
            yield engine
        finally:
            engine.stop()
    finally:
        mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        for point in reversed([point for point in mounted if Path(point).is_relative_to(directory)]):
            subprocess.run(["umount", "--lazy", point], check=True)
        shutil.rmtree(directory)


def docker(url: str, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """Run Docker's own command line in that engine."""
    done = subprocess.run(
        ["docker", "--host", url, *arguments], check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert not check or done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
    return done
