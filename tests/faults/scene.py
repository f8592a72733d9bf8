"""The stage of one fault: a host with one of the two services on it, jobs that run until they are told to finish."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Optional

from tests.faults.sides import Side
from tests.support.endpoint import CONFIG, Endpoint
from tests.support.host import Host
from tests.support.outer_pool import OuterPool
from tests.support.pool import Happening, Job
from tests.support.presence import Presence, stable
from tests.support.waiting import Expired, wait_until
from tests.world.engine import OuterEngine

SCRATCH = "/srv/scratch"
# In the scratch directory of its pilot a job finds that it has to finish: all of them do, or the one of that number.
_UNTIL_TOLD = "while [ ! -e /pilot/finish ] && [ ! -e /pilot/finish.{} ]; do sleep 0.2; done"
# The scratch directory itself is that of the plain unit's pilot. One may go in the meantime, with all that is in it.
_IN_EACH = 'for directory in "$1" "$1"/ospool-ep-pilot-*; do cd "$directory" 2>/dev/null && {}; done; true'
_LOST = (Happening.EVICTED, Happening.ABORTED, Happening.RECONNECT_FAILED)
_SHADOW_EXCEPTION = 7
# What is so for as long is taken for good.
_SETTLED_SECONDS = 3.0
# Jobs of a pilot from which another one takes over do not all end at once.
_BETWEEN_ENDS_SECONDS = 5.0


@dataclass(frozen=True)
class Ground:
    """What all scenes of a run share."""

    engine: OuterEngine
    endpoint: Endpoint
    pool: OuterPool
    presence: Presence

    def off(self, how: str) -> None:
        """End the host: ``stop`` shuts it down, ``kill`` is as if its power went."""
        self.engine.docker(how, *(["--time=200"] if how == "stop" else []), self.endpoint.host.name, timeout=240)

    def boot(self, late: Callable[[], object] = lambda: None) -> None:
        """Boot it again; the pool finds it in its new network. ``late`` is done in between."""
        self.engine.docker("start", self.endpoint.host.name)
        wait_until(self._booted, "the host has booted", 90)
        late()
        self.pool.restart()

    def _booted(self) -> bool:
        state = self.endpoint.host.run(["systemctl", "is-system-running", "--wait"]).stdout.strip()
        return state in ("running", "degraded")


@dataclass
class Scene:
    """One service on the host. A fault's function acts on it by what an administrator, or fate, can do there.

    ``first`` is the id of the container in which the jobs run when the fault comes.
    """

    ground: Ground
    side: Side
    jobs: list[Job] = field(default_factory=list)
    first: str = ""
    remarks: list[str] = field(default_factory=list)
    put_back: list[Callable[[], object]] = field(default_factory=list)

    @property
    def endpoint(self) -> Endpoint:
        """The host with our package, whichever service runs."""
        return self.ground.endpoint

    @property
    def host(self) -> Host:
        """The host."""
        return self.ground.endpoint.host

    @property
    def config(self) -> str:
        """The configuration file of both services."""
        return CONFIG

    @property
    def ours(self) -> bool:
        """Whether our service runs, and not the plain one."""
        return self.side.ours

    def afterwards(self, act: Callable[[], object]) -> None:
        """Do that when all has been measured, to have the host as it was."""
        self.put_back.append(act)

    def remark(self, text: str) -> None:
        """What the numbers of the row don't tell."""
        self.remarks.append(text)

    def do(self, *argv: str, timeout: float = 240) -> str:
        """Run a command that must succeed."""
        return self.host.do(*argv, timeout=timeout)

    def systemctl(self, *arguments: str) -> str:
        """A command of systemctl about the service's unit."""
        return self.do("systemctl", *arguments, self.side.unit)

    def property(self, name: str) -> str:
        """What systemd says of the unit."""
        return self.host.run(["systemctl", "show", f"--property={name}", "--value", self.side.unit]).stdout.strip()

    def kill(self, signal: str) -> None:
        """Send a signal to the service's main process, and wait until systemd has noticed its end."""
        before = self.property("MainPID")
        self.do("systemctl", "kill", f"--signal={signal}", "--kill-whom=main", self.side.unit)
        wait_until(lambda: self.property("MainPID") != before, "the main process is another one", 150)

    def run_beside(self, name: str, *argv: str) -> None:
        """Start a command on the host and do not wait for it; its unit is called that."""
        self.do("systemd-run", "--quiet", "--collect", f"--unit={name}", *argv)

    def end_beside(self, name: str) -> None:
        """End it, if it still runs."""
        self.host.run(["systemctl", "stop", name])

    def answers(self, port: int) -> None:
        """Wait until somebody listens on that port of the host's loopback."""
        listening = ["sh", "-c", f"ss --listening --tcp --numeric --no-header sport = :{port} | grep -q ."]
        wait_until(lambda: self.host.run(listening).returncode == 0, f"somebody listens on port {port}")

    def container(self) -> str:
        """The id of the container of our name; empty while there is none."""
        return self.endpoint.container_id()

    def says(self, text: str, seconds: float = 60) -> None:
        """Our service says that in its status within so many seconds. The plain one has no status."""
        if self.ours:
            self.endpoint.wait_for_summary(text, seconds)

    def begin(self, jobs: int) -> None:
        """Start the service, let its pilot join the pool, and let jobs run there."""
        self.systemctl("start")
        self.wait_for_pilot()
        self.submit(jobs)

    def submit(self, jobs: int) -> None:
        """Let jobs run in the pilot until they are told to finish; no others are looked at from now on."""
        self._in_each("rm -f finish finish.*")
        self.jobs = []
        for _ in range(jobs):
            self.submit_one_more()
        for job in self.jobs:
            job.wait_for(Happening.EXECUTING, 60)
        self.first = self.container()

    def submit_one_more(self) -> Job:
        """One more job, which runs where there is room."""
        job = self.ground.pool.submit(_UNTIL_TOLD.format(len(self.jobs)))
        self.jobs.append(job)
        return job

    def wait_for_pilot(self, seconds: float = 60) -> None:
        """Wait until a pilot takes jobs."""
        wait_until(lambda: self.ground.presence.now.taking_jobs, "a pilot takes jobs", seconds)

    def handed_over(self, *but: str) -> str:
        """Let another pilot take over: it is open, the jobs of the first one end, one after the other, and it goes.

        Returns the other one; ``but``: those that it is not, either.
        """
        following = self.another_pilot(*but)
        self.finish_one_by_one()
        self.gone(self.first)
        return following

    def drained(self) -> str:
        """Let the pilot make room: its jobs finish, it goes, and the next one takes jobs."""
        self.says("Draining")
        self.finish_jobs()
        return self.another_pilot()

    def another_pilot(self, *but: str, seconds: float = 90) -> str:
        """Wait until a pilot takes jobs that was not there when the fault came, nor is one of those."""
        before = {one[:12] for one in (self.first, *but)}
        return min(wait_until(lambda: self.ground.presence.now.taking_jobs - before, "the next pilot", seconds))

    def gone(self, pilot: str, seconds: float = 60) -> None:
        """Wait until that pilot runs no more."""
        wait_until(lambda: pilot[:12] not in self.ground.presence.now.running, f"pilot {pilot[:12]} is gone", seconds)

    def stages(self) -> dict[str, str]:
        """Where each pilot is in its life, as our service says; nothing while that is away."""
        try:
            return {pilot["container"]: pilot["stage"] for pilot in self.endpoint.pilots()}
        except json.JSONDecodeError:
            return {}

    def reaches(self, stage: str, seconds: float = 90) -> str:
        """Wait until a pilot of ours is at that stage, which for all but *leaving* is not the first one; returns it."""

        def found() -> str:
            pilots = [pilot for pilot, at in self.stages().items() if at == stage]
            return next((pilot for pilot in pilots if stage == "leaving" or pilot != self.first), "")

        return wait_until(found, f"a pilot that is {stage}", seconds)

    def let_pass(self, seconds: float) -> None:
        """Let some time pass in which nobody does anything: what happens in it, or does not, is what is measured."""
        time.sleep(seconds)

    def finish_jobs(self) -> None:
        """Let the jobs finish now."""
        self._in_each("touch finish")

    def finish_one_by_one(self) -> None:
        """Let the jobs finish, and some time pass after each."""
        for number in range(len(self.jobs)):
            self.finish_job(number)
            self.let_pass(_BETWEEN_ENDS_SECONDS)

    def finish_job(self, number: int) -> None:
        """Let the job of that number finish; the first is 0."""
        self._in_each(f"touch finish.{number}")

    def _in_each(self, command: str) -> None:
        self.do("sh", "-c", _IN_EACH.format(command), "in-each", SCRATCH)

    def settle(self, seconds: float) -> bool:
        """Wait until the service is up and its pilot takes jobs, and that stays so. False when it does not in time."""

        def standing() -> Optional[tuple[str, frozenset[str]]]:
            taking, process = self.ground.presence.now.taking_jobs, self.property("MainPID")
            up = self.property("ActiveState") == "active" and process != "0"
            return (process, taking) if up and taking else None

        settled = stable(standing, _SETTLED_SECONDS)
        deadline = time.monotonic() + seconds
        while not settled():
            if time.monotonic() > deadline or self._given_up():
                return False
            time.sleep(0.2)
        return True

    def _given_up(self) -> bool:
        return self.property("ActiveState") == "failed"

    def hand(self) -> None:
        """What an administrator does when the service does not come back."""
        self.host.run(["systemctl", "reset-failed", self.side.unit])
        self.host.run(["systemctl", "restart", "--no-block", self.side.unit])

    def lost_jobs(self, seconds: float = 90) -> int:
        """Wait until it is known what became of the first run of each job, and count those that were cut off."""

        # A job runs inside of the pilot, and ends with it; but the queue may hear of its proper end a moment later.
        pilot_is_gone = stable(lambda: self.first[:12] not in self.ground.presence.now.running, _SETTLED_SECONDS)

        def known() -> bool:
            return pilot_is_gone() or None not in map(_lost, self.jobs)

        try:
            wait_until(known, "what became of the jobs", seconds, pause=0.5)
        except Expired as error:
            raise Expired(f"{error}\n" + "\n".join(job.log() for job in self.jobs)) from None
        return sum(_lost(job) is not False for job in self.jobs)


def _lost(job: Job) -> Optional[bool]:
    """Whether the job's first run came to nothing; None where its log does not tell yet."""
    numbers = [event.number for event in job.events()]
    runs = numbers.count(Happening.EXECUTING.value)
    if runs > 1 or any(what.value in numbers for what in _LOST) or _SHADOW_EXCEPTION in numbers:
        return True
    return False if Happening.TERMINATED.value in numbers else None
