"""A pilot of the tests' image on its own: in a container as the service makes it, and without the service."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ospool_ep.container.closed_start import CLAUSE, CLOSED_START
from ospool_ep.container.specification import ATTRIBUTES_TARGET, TOKEN_TARGET
from ospool_ep.pilot.answers import read_held, read_probe
from ospool_ep.pilot.commands import HELD_COMMAND, PROBE_COMMAND, tell_command
from ospool_ep.pilot.state import PilotState, Share
from tests.support.endpoint import TOKEN, Endpoint
from tests.support.host import Host
from tests.world.images import FIRST_PILOT

SCRATCH = "/var/lib/pilots-scratch"
_FLAGS = (
    "--user=1000",
    "--device=/dev/fuse",
    "--security-opt=seccomp=unconfined",
    "--security-opt=systempaths=unconfined",
    "--security-opt=label=disable",
    "--security-opt=no-new-privileges",
    f"--volume={TOKEN}:{TOKEN_TARGET}:ro",
)
_NAMES = {"GLIDEIN_Site": "Example-Site", "GLIDEIN_ResourceName": "Example-Resource"}


@dataclass(frozen=True)
class Pilot:
    """A pilot's container."""

    host: Host
    id: str

    def state(self) -> dict[str, Any]:
        """What the engine says of it: its Status, and its ExitCode once it has ended, are in it."""
        words = self.host.docker(
            "container", "inspect", "--format={{.State.Status}} {{.State.ExitCode}}", self.id
        ).split()
        return {"Status": words[0], "ExitCode": int(words[1])}

    def exit_code(self) -> int:
        """Its exit code, once it has ended by itself."""
        return int(self.host.docker("wait", self.id, timeout=30))

    def log(self) -> str:
        """All that it wrote."""
        done = self.host.try_docker("logs", self.id)
        return done.stdout + done.stderr

    def execute(self, *command: str) -> str:
        """Run a command in it, as its user, and return what that wrote to its standard output."""
        return self.host.try_docker("exec", "--user=1000", self.id, *command).stdout

    def ask(self) -> PilotState:
        """What it answers when it is asked for everything."""
        return read_probe(self.execute(*PROBE_COMMAND))

    def ask_what_it_holds(self) -> PilotState:
        """What it answers when it is asked only for that."""
        return read_held(self.execute(*HELD_COMMAND))

    def order(self, command: Sequence[str]) -> tuple[int, str]:
        """The exit code of a command in it, run as its user, and what that wrote."""
        done = self.host.try_docker("exec", "--user=1000", self.id, *command)
        return done.returncode, done.stdout

    def tell(self, share: Share) -> None:
        """Tell it what the other pilots hold."""
        code, said = self.order(tell_command(share))
        assert code == 0, said


@dataclass
class Pilots:
    """The pilots of one test."""

    endpoint: Endpoint
    started: list[Pilot] = field(default_factory=list)

    def run(self, **environment: str) -> Pilot:
        """Start one with these keys and the scratch directory: no other may have it at the same time."""
        return self._run([f"--volume={SCRATCH}:/pilot"], environment)

    def run_apart(self, environments: Sequence[dict[str, str]]) -> tuple[Pilot, ...]:
        """Start one with each of these keys, and without a scratch directory."""
        return tuple(self._run([], environment) for environment in environments)

    def run_closed(self, **environment: str) -> Pilot:
        """Start one that begins closed, with these keys and without a scratch directory."""
        return self.run_with_attributes(CLOSED_START, {"GLIDEIN_Start_Extra": CLAUSE, **environment})

    def run_with_attributes(self, path: str, environment: dict[str, str]) -> Pilot:
        """Start one with that file of the host's for the attributes of its slots, and without a scratch directory."""
        return self._run([f"--volume={path}:{ATTRIBUTES_TARGET}:ro"], environment)

    def _run(self, options: Sequence[str], environment: dict[str, str]) -> Pilot:
        settings = [f"--env={key}={value}" for key, value in {**_NAMES, **environment}.items()]
        said = self.endpoint.host.docker("run", "--detach", *_FLAGS, *options, *settings, FIRST_PILOT)
        pilot = Pilot(self.endpoint.host, said.strip())
        self.started.append(pilot)
        return pilot

    def remove(self) -> None:
        """Remove them all, and make the pool forget them."""
        if self.started:
            self.endpoint.host.docker("rm", "--force", "--volumes", *(pilot.id for pilot in self.started))
            self.endpoint.pool.forget_pilots()
