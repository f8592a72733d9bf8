"""Record what a real pilot answers in each state, for the tests that only read the answers.

    python3 -m tests.pool.record_pilot_outputs DIRECTORY

Needs a Docker engine with the default bridge and the images of the pool loaded. Writes ``STATE.txt``, what
PROBE_COMMAND printed, or HELD_COMMAND where its name says so, and for some states ``STATE.log``, what the pilot logged
until then.
"""

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Optional

from ospool_ep.container.closed_start import CLAUSE
from ospool_ep.container.specification import ATTRIBUTES_TARGET
from ospool_ep.pilot.commands import DRAIN_COMMAND, HELD_COMMAND, PROBE_COMMAND, tell_command
from ospool_ep.pilot.state import Share
from tests.images.recipes import tag
from tests.support.pool import Happening, Pool
from tests.support.tokens import Token, make_token
from tests.support.waiting import wait_until

CLOSED_START = Path(__file__).parents[2] / "share/closed-start.cfg"
TOKEN_PATH = "/etc/condor/tokens-orig.d/flock.opensciencegrid.org"  # noqa: S105 - where it is, not what
ENVIRONMENT = {
    "GLIDEIN_Site": "Site",
    "GLIDEIN_ResourceName": "Resource",
    "ACCEPT_JOBS_FOR_HOURS": "62",
    "RETIREMENT_HOURS": "10",
}


def run(argv: Sequence[str], *, input: Optional[str] = None) -> "subprocess.CompletedProcess[str]":
    """A command on this machine."""
    return subprocess.run(argv, input=input, capture_output=True, text=True, check=False)


class Pilot:
    """A pilot's container, as the service would run it."""

    def __init__(self, token: str, environment: Mapping[str, str], options: Sequence[str] = ()) -> None:
        with tempfile.NamedTemporaryFile("w", delete=False) as file:
            file.write(token)
        self._token = Path(file.name)
        self._token.chmod(0o644)
        settings = [f"--env={name}={value}" for name, value in {**ENVIRONMENT, **environment}.items()]
        security = ("seccomp=unconfined", "systempaths=unconfined", "no-new-privileges")
        flags = ["--user=1000", "--device=/dev/fuse", *(f"--security-opt={option}" for option in security), *options]
        mount = f"--volume={self._token}:{TOKEN_PATH}:ro"
        done = run(["docker", "run", "--detach", *flags, *settings, mount, tag("pilot")])
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        self.id = done.stdout.strip()

    def execute(self, *command: str) -> str:
        """Run a command as the pilot's user, and return all that it printed."""
        done = run(["docker", "exec", "--user=1000", self.id, *command])
        return done.stdout + done.stderr

    def log(self) -> str:
        """All that the pilot wrote."""
        done = run(["docker", "logs", self.id])
        return done.stdout + done.stderr

    def remove(self) -> None:
        """Remove the container, running or not."""
        run(["docker", "rm", "--force", "--volumes", self.id])
        self._token.unlink()


class Recorder:
    """Writes the files."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def probe(self, pilot: Pilot, state: str) -> None:
        """Ask the pilot and keep the answer."""
        self._ask(pilot, PROBE_COMMAND, state)

    def ask_what_is_held(self, pilot: Pilot, state: str) -> None:
        """Ask the pilot only what it holds, and keep the answer."""
        self._ask(pilot, HELD_COMMAND, state)

    def _ask(self, pilot: Pilot, command: Sequence[str], state: str) -> None:
        began = time.monotonic()
        self.keep(state, pilot.execute(*command))
        print(f"{state}: {time.monotonic() - began:.3f} s")

    def keep(self, state: str, answer: str) -> None:
        """Keep an answer."""
        (self._directory / f"{state}.txt").write_text(answer, encoding="utf-8")

    def keep_log(self, pilot: Pilot, state: str) -> None:
        """Keep the log as it is now."""
        (self._directory / f"{state}.log").write_text(pilot.log(), encoding="utf-8")


@contextmanager
def a_pilot(token: str, **environment: str) -> Iterator[Pilot]:
    """A pilot for the while."""
    with _removed(Pilot(token, environment)) as pilot:
        yield pilot


@contextmanager
def a_closed_pilot(**environment: str) -> Iterator[Pilot]:
    """A pilot for the while that begins closed."""
    options = [f"--volume={CLOSED_START}:{ATTRIBUTES_TARGET}:ro"]
    with _removed(Pilot(make_token(), {"GLIDEIN_Start_Extra": CLAUSE, **environment}, options)) as pilot:
        yield pilot


@contextmanager
def _removed(pilot: Pilot) -> Iterator[Pilot]:
    try:
        yield pilot
    finally:
        pilot.remove()


def record_start(recorder: Recorder) -> None:
    """Each answer that differs from the one before, until the startd is ready."""
    steps = ("starting_no_master", "starting_no_startd", "starting_startd_alive")
    seen: set[str] = set()
    # Each lasts but a moment, and not each is met by every pilot.
    while seen != set(steps):
        seen |= _record_start(recorder, steps)


def _record_start(recorder: Recorder, steps: Sequence[str]) -> set[str]:
    seen: set[str] = set()
    with a_pilot(make_token()) as pilot:
        while "STARTD_State" not in (answer := pilot.execute(*PROBE_COMMAND)):
            step = steps[("MASTER =" in answer) + ('STARTD = "Alive"' in answer)]
            if step not in seen:
                seen.add(step)
                recorder.keep(step, answer)
    return seen


def wait_for_clause(pool: Pool, pilot: Pilot, key: str, value: Optional[bool]) -> None:
    """Wait until the pool knows that of the pilot; None: that it has no such attribute."""
    wait_until(lambda: pool.wait_for_pilot(pilot.id).get(key) is value, f"{key} is {value}")


def record_clauses(recorder: Recorder, pool: Pool) -> None:
    """A pilot that is not valid yet, valid under cvmfsexec, and that loses what jobs need."""
    pool.forget_pilots()
    with a_pilot(make_token(), TEST_VALIDATION_SECONDS="600") as pilot:
        wait_for_clause(pool, pilot, "OSG_NODE_VALIDATED", None)
        recorder.probe(pilot, "not_validated")
    with a_pilot(make_token(), TEST_BASE_SECONDS="1", CVMFSEXEC_REPOS="oasis.opensciencegrid.org") as pilot:
        wait_for_clause(pool, pilot, "OSG_NODE_VALIDATED", True)
        recorder.probe(pilot, "under_cvmfsexec")
        pilot.execute("touch", "/pilot/test.no-singularity")
        wait_for_clause(pool, pilot, "HAS_SINGULARITY", False)
        recorder.probe(pilot, "no_singularity")
        pilot.execute("mv", "/pilot/test.no-singularity", "/pilot/stop-glidein.stamp")
        wait_for_clause(pool, pilot, "OSG_NODE_VALIDATED", False)
        recorder.probe(pilot, "stamp")


def record_death(recorder: Recorder) -> None:
    """HTCondor given up by supervisord, and a startd that never comes up."""
    with a_pilot(make_token(), TEST_MASTER_DIES_AFTER_SECONDS="0") as pilot:
        wait_until(lambda: "gave up: condor_master" in pilot.log(), "HTCondor is given up")
        recorder.probe(pilot, "given_up")
    for how in ("dies", "hangs", "stopped"):
        with a_pilot(make_token(), TEST_STARTD=how) as pilot:
            wait_until(lambda: "all daemons were started" in pilot.log(), "the master is up")
            wait_until(lambda: 'MASTER = "Alive"' in pilot.execute(*PROBE_COMMAND), "it answers")
            recorder.probe(pilot, f"startd_{how}")


def record_jobs_and_drain(recorder: Recorder, pool: Pool) -> None:
    """Idle, busy, and the drain to its end."""
    # The one before was killed, and jobs would be matched to it in vain.
    pool.forget_pilots()
    with a_pilot(make_token()) as pilot:
        wait_for_clause(pool, pilot, "OSG_NODE_VALIDATED", True)
        recorder.probe(pilot, "ready_idle")
        first = pool.submit("sleep 8")
        first.wait_for(Happening.EXECUTING, 30)
        second = pool.submit("sleep 16")
        second.wait_for(Happening.EXECUTING, 30)
        recorder.probe(pilot, "busy_two_jobs")
        first.wait_for(Happening.TERMINATED, 30)
        recorder.probe(pilot, "busy_one_job")
        print(pilot.execute(*DRAIN_COMMAND))
        recorder.probe(pilot, "draining_one_job")
        recorder.ask_what_is_held(pilot, "held_draining")
        second.wait_for(Happening.TERMINATED, 30)
        run(["docker", "wait", pilot.id])
        recorder.keep_log(pilot, "drained")


def record_startd_gone(recorder: Recorder, pool: Pool) -> None:
    """The startd has left and the master has not yet: what an idle pilot looks like for a while at its end."""
    with a_pilot(make_token()) as pilot:
        pool.wait_for_pilot(pilot.id)
        only_startd = DRAIN_COMMAND[2].replace(" && condor_off -peaceful -master", "")
        pilot.execute(*DRAIN_COMMAND[:2], only_startd)
        wait_until(lambda: "STARTD (pid" in pilot.log(), "the end of the startd")
        recorder.probe(pilot, "startd_gone")
        recorder.ask_what_is_held(pilot, "held_gone")


def record_closed(recorder: Recorder, pool: Pool) -> None:
    """Closed at first, then as far as it is told; and one that does not heed its clause."""
    pool.forget_pilots()
    size = {"NUM_CPUS": "4", "MEMORY": "8000"}
    with a_closed_pilot(**size) as pilot:
        wait_for_clause(pool, pilot, "OSG_NODE_VALIDATED", True)
        recorder.probe(pilot, "closed")
        print(pilot.execute(*tell_command(Share(3, 6000))))
        job = pool.submit("sleep 600")
        job.wait_for(Happening.EXECUTING, 30)
        recorder.probe(pilot, "told")
        job.remove()
    with a_closed_pilot(TEST_HEEDLESS="yes", **size) as pilot:
        wait_for_clause(pool, pilot, "OSG_NODE_VALIDATED", True)
        recorder.probe(pilot, "heedless")


def record_tokens(recorder: Recorder) -> None:
    """Each kind of bad token, once the pilot has tried it."""
    for kind in (Token.EXPIRED, Token.WRONG_KEY, Token.WRONG_SCOPE, Token.OTHER_IDENTITY, Token.GARBAGE, Token.EMPTY):
        with a_pilot(make_token(kind)) as pilot:
            wait_until(lambda: re.search("aborting command UPDATE_MASTER|not yet approved", pilot.log()), kind.name)
            recorder.probe(pilot, f"token_{kind.name.lower()}")
            recorder.keep_log(pilot, f"token_{kind.name.lower()}")


def record_collector_troubles(recorder: Recorder, pool: Pool) -> None:
    """The collector away, and one that accepts connections and never answers."""
    with a_pilot(make_token()) as pilot:
        pool.wait_for_pilot(pilot.id)
        pool.stop()
        wait_until(lambda: "SECMAN:2003" in pilot.log(), "an update that fails")
        recorder.probe(pilot, "collector_away")
        recorder.keep_log(pilot, "collector_away")
        pool.start()
        pool.pause()
        recorder.probe(pilot, "collector_silent")
        pool.unpause()


def main() -> int:
    """Record everything; about three minutes."""
    pool = Pool(run)
    recorder = Recorder(Path(sys.argv[1]))
    pool.remove()
    pool.start()
    try:
        record_start(recorder)
        record_jobs_and_drain(recorder, pool)
        record_closed(recorder, pool)
        record_clauses(recorder, pool)
        record_death(recorder)
        record_startd_gone(recorder, pool)
        record_tokens(recorder)
        record_collector_troubles(recorder, pool)
    finally:
        pool.remove()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
