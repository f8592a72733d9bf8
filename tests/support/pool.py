"""A real HTCondor pool for the tests: a central manager with a job queue, in a container of the host's engine.

The manager shares the host's network and answers on the address of the engine's bridge, which is the default
gateway of every container there: so pilots find it. How commands reach the host is the caller's:
``Run`` gets the arguments of a command that is to run on the host, such as ``docker exec …``.
"""

import base64
import enum
import json
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Optional, Protocol, TypeVar

from tests.images.recipes import tag
from tests.support.tokens import signing_key_file
from tests.support.waiting import Expired, wait_until

MANAGER_NAME = "ospool-test-manager"
BRIDGE_ADDRESS = "172.17.0.1"
PROJECT = "Example-Project"
_SUBMITTER = "alice"

T = TypeVar("T")


class Run(Protocol):
    """Runs a command on the host. It must not raise for an exit code other than 0."""

    def __call__(self, argv: Sequence[str], *, input: Optional[str] = None) -> "subprocess.CompletedProcess[str]":
        """The command's exit code, standard output and standard error."""


class Happening(enum.Enum):
    """What a job's event log tells, by HTCondor's event numbers."""

    SUBMITTED = 0
    EXECUTING = 1
    EVICTED = 4
    TERMINATED = 5
    ABORTED = 9
    HELD = 12
    DISCONNECTED = 22
    RECONNECTED = 23
    RECONNECT_FAILED = 24


@dataclass(frozen=True)
class JobEvent:
    """One event of the job's log: its number, and its text as HTCondor wrote it."""

    number: int
    text: str

    @property
    def exit_code(self) -> Optional[int]:
        """The job's own exit code, where the event tells it."""
        found = re.search(r"Normal termination \(return value (\d+)\)", self.text)
        return int(found.group(1)) if found else None


class PoolError(Exception):
    """A command of the pool failed; the text is what it said."""


@dataclass(frozen=True)
class Job:
    """A job in the queue. Its files lie in the submitter's home in the manager's container."""

    pool: "Pool"
    cluster: int

    @property
    def id(self) -> str:
        """CLUSTER.PROC, as HTCondor names it."""
        return f"{self.cluster}.0"

    def events(self) -> tuple[JobEvent, ...]:
        """The job's event log so far."""
        text = self._file("log")
        parts = re.split(r"^\.\.\.\n", text, flags=re.MULTILINE)
        return tuple(JobEvent(int(part[:3]), part) for part in parts if re.match(r"\d{3} \(", part))

    def happened(self, what: Happening) -> int:
        """How often that happened to the job."""
        return sum(event.number == what.value for event in self.events())

    def wait_for(self, what: Happening, timeout_seconds: float, times: int = 1) -> JobEvent:
        """Wait until it has happened so often. Expired, with the whole log, if it does not in time."""

        def seen() -> Optional[JobEvent]:
            matching = [event for event in self.events() if event.number == what.value]
            return matching[times - 1] if len(matching) >= times else None

        try:
            event = self.pool.wait_until(seen, f"job {self.id} {what.name}", timeout_seconds)
        except Expired as error:
            raise Expired(f"{error}; its log:\n{self.log()}") from None
        assert event is not None
        return event

    def output(self) -> str:
        """What the job wrote to its standard output, once it has come back."""
        return self._file("out")

    def log(self) -> str:
        """The event log as HTCondor wrote it."""
        return self._file("log")

    def remove(self) -> None:
        """Take the job out of the queue."""
        self.pool.command("condor_rm", self.id, user=_SUBMITTER)

    def wait_until_gone(self, timeout_seconds: float = 30.0) -> None:
        """Wait until it has left the queue after that, which one that runs does once its pilot has ended it."""

        def gone() -> bool:
            return not self.pool.command("condor_q", self.id, "-af", "JobStatus", user=_SUBMITTER).strip()

        self.pool.wait_until(gone, f"job {self.id} is gone", timeout_seconds)

    def _file(self, kind: str) -> str:
        return self.pool.command("sh", "-c", f"cat ~/{self.cluster}.{kind} 2>/dev/null || :", user=_SUBMITTER)


class Pool:
    """The manager's container, and what can be asked of it."""

    def __init__(
        self,
        run: Run,
        *,
        name: str = MANAGER_NAME,
        address: str = BRIDGE_ADDRESS,
        docker: str = "docker",
        patience: float = 1.0,
    ) -> None:
        """``address`` is one of the host's own that its containers can reach.

        All bounds are multiplied by ``patience``.
        """
        self._run = run
        self._patience = patience
        self._docker = docker
        self.name = name
        self.address = address

    @property
    def condor_host(self) -> str:
        """What a pilot needs as CONDOR_HOST where its gateway is not this pool."""
        return f"{self.address}:9618"

    def wait_until(self, condition: Callable[[], T], what: str, seconds: float) -> T:
        """Wait as long as things take on this host, and ask as seldom as it is slow."""
        return wait_until(condition, what, seconds * self._patience, 0.1 * self._patience)

    def start(self, image: str = tag("manager"), timeout_seconds: float = 30.0, *, options: Sequence[str] = ()) -> None:
        """Create the manager, or start it again with its queue, and wait until it takes jobs.

        ``options`` are more of those that its container is made with.
        """
        if self._run([self._docker, "container", "inspect", self.name]).returncode == 0:
            self._engine("start", self.name)
        else:
            key = base64.b64encode(signing_key_file()).decode()
            environment = {"POOL_ADDRESS": self.address, "POOL_SIGNING_KEY": key}
            settings = [f"--env={name}={value}" for name, value in environment.items()]
            # SELinux on Debian allows a container far less than the manager needs.
            apart = ["--network=host", "--security-opt=label=disable"]
            self._engine("run", "--detach", *apart, *options, f"--name={self.name}", *settings, image)
        self.wait_until(self._is_up, "the manager takes jobs", timeout_seconds)

    def stop(self) -> None:
        """Stop the manager at once and keep its queue: to pilots the collector is away."""
        self._engine("kill", self.name)

    def pause(self) -> None:
        """Freeze the manager: to pilots the collector is there and never answers."""
        self._engine("pause", self.name)

    def unpause(self) -> None:
        """Let the manager go on."""
        self._engine("unpause", self.name)

    def remove(self) -> None:
        """Remove the manager and its queue; none is no error."""
        self._run([self._docker, "rm", "--force", "--volumes", self.name])

    def logs(self) -> str:
        """The last lines of every daemon's log."""
        script = 'for log in /var/log/condor/*Log; do echo "== $log"; tail -n 20 $log; done'
        return self._run([self._docker, "exec", self.name, "sh", "-c", script]).stdout

    def submit(self, script: str, *, project: str = PROJECT, more: Sequence[str] = ()) -> Job:
        """Submit a job that runs a shell script in which ``$$(NAME)`` is an attribute of the slot that runs it.

        No pilot of the OSPool takes one without a ``project``. ``more`` are further lines of the submit description.
        """
        lines = [
            "executable = /bin/sh",
            "transfer_executable = False",
            f"arguments = \"-c '{_quoted(script)}'\"",
            "should_transfer_files = YES",
            "when_to_transfer_output = ON_EXIT",
            f"initialdir = /home/{_SUBMITTER}",
            "log = $(Cluster).log",
            "output = $(Cluster).out",
            "error = $(Cluster).err",
            "request_cpus = 1",
            "request_memory = 16",
            "request_disk = 1024",
            *([f'+ProjectName = "{project}"'] if project else []),
            *more,
            "queue",
        ]
        said = self.command("condor_submit", "-terse", "-", user=_SUBMITTER, input="\n".join(lines) + "\n")
        return Job(self, int(said.split(".")[0]))

    def empty(self) -> None:
        """Take all jobs out of the queue."""
        self.command("sh", "-c", "condor_rm -all >/dev/null || :", user=_SUBMITTER)

    def slots(self) -> list[dict[str, Any]]:
        """The slots that the collector knows, as ClassAds."""
        return self._ads()

    def masters(self) -> list[dict[str, Any]]:
        """The masters that the collector knows, the manager's own left out."""
        return [ad for ad in self._ads("-master") if not ad["MyAddress"].startswith(f"<{self.address}:")]

    def pilots(self) -> dict[str, dict[str, Any]]:
        """The partitionable slot of each pilot that the collector knows, by the host name of its container."""
        return {slot["Machine"]: slot for slot in self.slots() if slot.get("PartitionableSlot")}

    def wait_for_pilot(self, container_id: str, timeout_seconds: float = 30.0) -> dict[str, Any]:
        """Wait until the collector knows the pilot in that container, and return its slot's ClassAd."""
        machine = container_id[:12]  # the host name that the engine gives a container
        try:
            slot = self.wait_until(lambda: self.pilots().get(machine), f"pilot {machine} in the pool", timeout_seconds)
        except Expired as error:
            raise Expired(f"{error}; it knows {sorted(self.pilots())}") from None
        assert slot is not None
        return slot

    def forget_pilots(self) -> None:
        """Make the collector forget every pilot; those that run are known again within 10 s.

        A pilot that was killed outright stays known for some 30 s, and jobs are matched to it in vain.
        """
        everything = 'MyType = "Query"\nTargetType = "Machine"\nRequirements = True\n'
        for kind in ("STARTD", "MASTER"):
            self.command("condor_advertise", f"INVALIDATE_{kind}_ADS", "-", input=everything)

    def command(self, *argv: str, user: str = "root", input: Optional[str] = None) -> str:
        """Run a command in the manager's container and return its output. PoolError if it fails."""
        return self._engine("exec", "--interactive", f"--user={user}", self.name, *argv, input=input)

    def _is_up(self) -> bool:
        try:
            ads = self._ads("-schedd")
        except PoolError:
            return False
        return bool(ads)

    def _ads(self, *kind: str) -> list[dict[str, Any]]:
        text = self.command("condor_status", *kind, "-json").strip()
        ads: list[dict[str, Any]] = json.loads(text) if text else []
        return ads

    def _engine(self, *argv: str, input: Optional[str] = None) -> str:
        done = self._run([self._docker, *argv], input=input)
        if done.returncode != 0:
            raise PoolError(
                f"{' '.join(argv[:1])} {self.name}: exit code {done.returncode}: {done.stdout}{done.stderr}"
            )
        return done.stdout


def _quoted(script: str) -> str:
    # In a submit description $(…) is a macro, and a quote is doubled to stand for itself.
    return re.sub(r"(?<!\$)\$\(", "$(DOLLAR)(", script).replace("'", "''").replace('"', '""')
