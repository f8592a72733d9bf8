"""A host to test on, and what tests do with one. How a command gets there is that of each kind of host.

There are two: ``container_host``, with Docker, and ``virtual_machine``, with Podman and SELinux. Neither has a network
but its own; what its administrator has installed stands in tests/world.
"""

import json
import shlex
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from tests.support.waiting import wait_until

HOST_NAME = "ep.example.net"
PACKAGES = "/srv/repo"


@dataclass(frozen=True)
class HostEngine:
    """The engine of a host: its command and units, which of these starts it, and the host's address on its bridge."""

    command: str
    socket: str
    units: tuple[str, ...]
    started_by: tuple[str, ...]
    bridge_address: str


DOCKER = HostEngine(
    "docker", "/run/docker.sock", ("docker.socket", "docker.service"), ("docker.socket", "docker.service"), "172.17.0.1"
)
# Its service comes and goes with those who ask it something.
PODMAN = HostEngine(
    "podman", "/run/podman/podman.sock", ("podman.socket", "podman.service"), ("podman.socket",), "10.88.0.1"
)


class CommandFailed(AssertionError):
    """A command on the host failed; the text holds the command, its exit code and all that it said."""


@dataclass(frozen=True)
class JournalEntry:
    """One entry of the host's journal. ``priority`` as syslog counts: 3 is an error, 4 a warning."""

    priority: int
    unit: str
    identifier: str
    message: str
    fields: dict[str, Any] = field(repr=False, hash=False)

    @staticmethod
    def parse(line: str) -> "JournalEntry":
        """From a line of ``journalctl --output=json``, which gives bytes that are no text as a list of numbers."""
        fields: dict[str, Any] = json.loads(line)
        message = fields.get("MESSAGE") or ""
        if isinstance(message, list):
            message = bytes(message).decode("utf-8", errors="replace")
        unit = fields.get("UNIT") or fields.get("OBJECT_SYSTEMD_UNIT") or fields.get("_SYSTEMD_UNIT") or ""
        identifier = fields.get("SYSLOG_IDENTIFIER") or fields.get("_COMM") or ""
        return JournalEntry(int(fields.get("PRIORITY", 6)), unit, identifier, message, fields)


class Host(ABC):
    """A booted host. Commands run as root, paths are the host's own.

    ``patience``: how many times as long as on a container host things may take there; all bounds are multiplied by it.
    """

    engine: HostEngine = DOCKER
    patience: float = 1.0
    name: str

    @abstractmethod
    def command(self, *argv: str, user: str = "root") -> list[str]:
        """The command of this machine that runs one on the host, and hands through its streams and its exit code."""

    @property
    @abstractmethod
    def exists(self) -> bool:
        """Whether the host runs."""

    @property
    @abstractmethod
    def shell_command(self) -> list[str]:
        """The command that gives a person a shell on the host."""

    def reboot(self) -> None:
        """Shut it down in order, boot it, and wait until all is started. Only where the host's kernel is its own."""
        raise NotImplementedError

    @abstractmethod
    def close(self) -> None:
        """Remove the host with all that is in it; none is no error."""

    def wait_until_booted(self) -> None:
        """Wait until all is started. CommandFailed, with the units that failed, unless all came up."""
        state = wait_until(self._booted, f"{self.name} has booted", seconds=60 * self.patience)
        if state != "running":
            raise CommandFailed(f"{self.name} is {state} after boot: {self.failed_units()}")

    def _booted(self) -> Optional[str]:
        state = self.run(["systemctl", "is-system-running", "--wait"]).stdout.strip()
        return state if state in ("running", "degraded") else None

    def run(
        self, argv: Sequence[str], *, input: Optional[str] = None, user: str = "root", timeout: float = 120
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command and return what became of it; a failure is no exception."""
        return subprocess.run(
            self.command(*argv, user=user), input=input or "", capture_output=True, text=True, errors="replace",
            timeout=timeout * self.patience, check=False,
        )  # fmt: skip

    def do(self, *argv: str, input: Optional[str] = None, user: str = "root", timeout: float = 120) -> str:
        """Run a command that must succeed and return its standard output. CommandFailed if it does not."""
        done = self.run(argv, input=input, user=user, timeout=timeout)
        if done.returncode != 0:
            raise CommandFailed(f"{shlex.join(argv)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def docker(self, *argv: str, input: Optional[str] = None, timeout: float = 120) -> str:
        """Let the host's engine do it, whose command may be ``podman``. CommandFailed if it does not."""
        return self.do(self.engine.command, *argv, input=input, timeout=timeout)

    def try_docker(self, *argv: str) -> "subprocess.CompletedProcess[str]":
        """Let the host's engine do it, and return what became of it."""
        return self.run([self.engine.command, *argv])

    def shell(self, script: str, *argv: str, input: Optional[str] = None, timeout: float = 120) -> str:
        """Run a script of the shell, in which ``docker`` is the host's engine, up to its first command that fails."""
        engine = "" if self.engine is DOCKER else f'docker() {{ {self.engine.command} "$@"; }}\n'
        return self.do("sh", "-ec", engine + script, "script", *argv, input=input, timeout=timeout)

    def load_images(self, archive: Path) -> None:
        """Give the host's engine the images of an archive that ``docker save`` could have written."""
        with archive.open("rb") as stream:
            command = self.command(self.engine.command, "load", "--quiet")
            timeout = 300 * self.patience
            subprocess.run(command, stdin=stream, stdout=subprocess.DEVNULL, check=True, timeout=timeout)

    def write(self, path: str, text: str, mode: int = 0o644, owner: str = "root:root") -> None:
        """Write a file in place of the one there, with its directories."""
        script = 'mkdir -p "$(dirname "$1")" && cat >"$1" && chmod "$2" "$1" && chown "$3" "$1"'
        self.do("sh", "-c", script, "write", path, f"{mode:o}", owner, input=text)

    def read(self, path: str) -> str:
        """The text of a file."""
        return self.do("cat", path)

    def copy_in(self, source: Path, directory: str) -> None:
        """Copy a file of this machine into a directory of the host."""
        mode = f"--mode={source.stat().st_mode & 0o777:o}"
        with source.open("rb") as stream:
            command = self.command("install", mode, "/dev/stdin", f"{directory}/{source.name}")
            subprocess.run(command, stdin=stream, check=True, timeout=120 * self.patience)

    def publish_packages(self, packages: Sequence[Path]) -> None:
        """Make these RPMs, and no others, what the host's dnf repository offers."""
        self.do("sh", "-c", f"rm -rf {PACKAGES}/*")
        for package in packages:
            self.copy_in(package, PACKAGES)
        self.do("createrepo_c", "--quiet", PACKAGES)

    def cursor(self) -> str:
        """Where the journal ends now."""
        self.do("journalctl", "--sync")
        return self.do("journalctl", "--lines=0", "--show-cursor").rpartition("-- cursor: ")[2].strip()

    def journal(self, *, after: str = "", unit: str = "", warnings_only: bool = False) -> list[JournalEntry]:
        """The journal's entries after a cursor, of one unit or of all; ``warnings_only``: and errors."""
        self.do("journalctl", "--sync")
        # Together with a filter, --after-cursor of systemd 252 skips the first entry that passes it.
        arguments = [f"--cursor={after}"] if after else ["--boot"]
        arguments += [f"--unit={unit}"] if unit else []
        arguments += ["--priority=warning"] if warnings_only else []
        output = self.do("journalctl", "--output=json", "--all", "--quiet", *arguments)
        # A message may hold what splitlines() takes for a line end, too.
        entries = [JournalEntry.parse(line) for line in output.split("\n") if line]
        return [entry for entry in entries if entry.fields["__CURSOR"] != after]

    def failed_units(self) -> list[str]:
        """The units that failed."""
        listing = self.do("systemctl", "list-units", "--failed", "--plain", "--no-legend", "--full")
        return [line.split()[0] for line in listing.splitlines()]
