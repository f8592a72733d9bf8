"""A host to test on: a container that boots systemd, with its own Docker, Podman, rpm, dnf and registry.

It has no network but its own; what its administrator has installed stands in tests/world/host.
"""

import json
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from tests.support.waiting import wait_until
from tests.world import IDENTITY, LABEL, RUN_DIRECTORY
from tests.world.engine import OuterEngine
from tests.world.images import REGISTRY

HOST_NAME = "ep.example.net"
PACKAGES = "/srv/repo"

# Debian's engine may have to do without SYS_RESOURCE, and then refuses --privileged; this is the rest of it.
PRIVILEGES = (
    "--cap-add=ALL", "--cap-drop=SYS_RESOURCE", "--cgroupns=private", "--security-opt=seccomp=unconfined",
    "--security-opt=systempaths=unconfined", "--security-opt=apparmor=unconfined",
    "--device=/dev/fuse", "--device-cgroup-rule=a *:* rwm",
)  # fmt: skip
# The nested engines' file systems do not stack on the host's.
_VOLUMES = ("--tmpfs=/run", "--tmpfs=/tmp:exec", "--volume=/var/lib/docker", "--volume=/var/lib/containers")


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


class Host:
    """A booted host. Commands run as root, paths are the host's own."""

    def __init__(self, engine: OuterEngine, name: str) -> None:
        self._engine = engine
        self.name = f"ospool-ep-world-{IDENTITY}-{name}"
        # The sockets of the host's engines, for tests that talk to them from outside.
        self.shared = RUN_DIRECTORY / name

    def boot(self, image: str) -> "Host":
        """Boot from an image of tests.world.images. StepFailed when it can't be started, Expired when it hangs."""
        self.shared.mkdir(parents=True, exist_ok=True)
        self._engine.docker(
            "run", "--detach", f"--name={self.name}", f"--label={LABEL}", f"--hostname={HOST_NAME}", "--network=none",
            f"--add-host={REGISTRY}:127.0.0.1", f"--volume={self.shared}:/srv/shared", *PRIVILEGES, *_VOLUMES, image,
        )  # fmt: skip
        state = wait_until(self._booted, f"{self.name} has booted", seconds=60)
        if state != "running":
            raise CommandFailed(f"{self.name} is {state} after boot: {self.failed_units()}")
        return self

    def _booted(self) -> Optional[str]:
        state = self.run(["systemctl", "is-system-running", "--wait"]).stdout.strip()
        return state if state in ("running", "degraded") else None

    @property
    def exists(self) -> bool:
        """Whether the host runs."""
        found = self._engine.try_docker("container", "inspect", "--format={{.State.Running}}", self.name)
        return found.stdout.strip() == "true"

    @property
    def shell_command(self) -> list[str]:
        """The command that gives a person a shell on the host."""
        return self._engine.command("exec", "--interactive", "--tty", self.name, "bash", "--login")

    def run(
        self, argv: Sequence[str], *, input: Optional[str] = None, user: str = "root", timeout: float = 120
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command and return what became of it; a failure is no exception."""
        command = self._engine.command("exec", "--interactive", f"--user={user}", self.name, *argv)
        return subprocess.run(
            command, input=input or "", capture_output=True, text=True, errors="replace", timeout=timeout, check=False
        )

    def do(self, *argv: str, input: Optional[str] = None, user: str = "root", timeout: float = 120) -> str:
        """Run a command that must succeed and return its standard output. CommandFailed if it does not."""
        done = self.run(argv, input=input, user=user, timeout=timeout)
        if done.returncode != 0:
            raise CommandFailed(f"{shlex.join(argv)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def load_images(self, archive: Path) -> None:
        """Give the host's Docker the images of an archive that ``docker save`` could have written."""
        with archive.open("rb") as stream:
            command = self._engine.command("exec", "--interactive", self.name, "docker", "load", "--quiet")
            subprocess.run(command, stdin=stream, stdout=subprocess.DEVNULL, check=True, timeout=300)

    def write(self, path: str, text: str, mode: int = 0o644, owner: str = "root:root") -> None:
        """Write a file in place of the one there, with its directories."""
        script = 'mkdir -p "$(dirname "$1")" && cat >"$1" && chmod "$2" "$1" && chown "$3" "$1"'
        self.do("sh", "-c", script, "write", path, f"{mode:o}", owner, input=text)

    def read(self, path: str) -> str:
        """The text of a file."""
        return self.do("cat", path)

    def copy_in(self, source: Path, directory: str) -> None:
        """Copy a file of this machine into a directory of the host (not below its /run or /tmp)."""
        self._engine.docker("cp", str(source), f"{self.name}:{directory}/")

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

    def close(self) -> None:
        """Remove the host with all that is in it; none is no error."""
        self._engine.remove_container(self.name)
