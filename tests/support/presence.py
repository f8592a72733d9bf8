"""Which pilots of a host are in the pool and take jobs, moment by moment, without a question to the host's engine.

A pilot takes jobs when its startd runs on the host, is not frozen, and the collector has an advertisement of it that
does not refuse every job, as that of a pilot that drains does.
"""

import re
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.support.host import Host
from tests.support.outer_pool import OuterPool
from tests.world.engine import OuterEngine

PERIOD_SECONDS = 0.25

_NAME = re.compile("[0-9a-f]{12}")

# Both end with their standard input.
#
# Runs on the host: prints the containers in which a startd runs that is not frozen, in a line, again and again.
_STARTDS = f"""
import os, pathlib, re, sys, threading, time
threading.Thread(target=lambda: os._exit(len(sys.stdin.read())), daemon=True).start()
def read(path):
    try:
        return pathlib.Path(path).read_text()
    except OSError:
        return ""
def container(pid):
    if read(f"/proc/{{pid}}/comm") != "condor_startd\\n":
        return ""
    found = None
    for line in read(f"/proc/{{pid}}/cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        frozen = read(f"/sys/fs/cgroup/freezer{{path}}/freezer.state") if controllers == "freezer" else ""
        events = read(f"/sys/fs/cgroup{{path}}/cgroup.events") if number == "0" else ""
        if "FROZEN" in frozen or "frozen 1" in events:
            return ""
        found = found or re.search("[0-9a-f]{{64}}", path)
    return found.group()[:12] if found else ""
while True:
    print(*sorted(set(filter(None, map(container, filter(str.isdigit, os.listdir("/proc")))))), flush=True)
    time.sleep({PERIOD_SECONDS})
"""

# Runs in the manager: prints the machines whose slot may be given a job in a line, again and again. What counts is what
# stands there as Requirements, and not its value, which is false as well while all that the slot has is given away.
_ADVERTISED = f"""
exec 3<&0
cat <&3 >/dev/null &
while kill -0 $!; do
    condor_status -constraint 'PartitionableSlot =?= true' -af:r Machine Requirements \\
        | tr -d '"' | awk '$2 != "false" {{ printf "%s ", $1 }} END {{ print "" }}'
    sleep {PERIOD_SECONDS}
done
"""


@dataclass(frozen=True)
class Sample:
    """What was seen at a moment of this machine's monotonic clock: pilots by the first 12 digits of their ids."""

    at: float
    running: frozenset[str]
    taking_jobs: frozenset[str]


class Presence:
    """Watches from its creation until ``close``; what it can't see, as while the host boots, is not there."""

    def __init__(self, engine: OuterEngine, host: Host, pool: OuterPool) -> None:
        self.samples: list[Sample] = []
        self._engine = engine
        self._closed = False
        self._lock = threading.Lock()
        self._seen: dict[str, frozenset[str]] = {host.name: frozenset(), pool.name: frozenset()}
        self._host = host.name
        self._processes: dict[str, subprocess.Popen[str]] = {}
        sources: list[tuple[str, Sequence[str]]] = [
            (host.name, ("python3", "-c", _STARTDS)),
            (pool.name, ("sh", "-c", _ADVERTISED)),
        ]
        for name, command in sources:
            threading.Thread(target=self._follow, args=(name, command), daemon=True).start()

    @property
    def now(self) -> Sample:
        """The latest sample; at first there is none in the pool."""
        return self.samples[-1] if self.samples else Sample(time.monotonic(), frozenset(), frozenset())

    def seconds_without(self, since: float, until: float) -> float:
        """For how many seconds of that time no pilot took jobs."""
        away, last = 0.0, since
        nobody = False
        for sample in list(self.samples):
            if since < sample.at <= until:
                away += (sample.at - last) if nobody else 0.0
                last = sample.at
            nobody = not sample.taking_jobs
        return away

    def most_at_once(self, since: float) -> int:
        """How many pilots ran at the same time, at most."""
        return max((len(sample.running) for sample in list(self.samples) if sample.at >= since), default=0)

    def close(self) -> None:
        """Watch no more."""
        self._closed = True
        for process in self._processes.values():
            process.kill()
            process.wait()

    def _follow(self, name: str, command: Sequence[str]) -> None:
        while not self._closed:
            argv = self._engine.command("exec", "--interactive", name, *command)
            # The engine ends no command when its client ends; this one does when nobody holds its standard input.
            with subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            ) as process:
                self._processes[name] = process
                assert process.stdout is not None
                for line in process.stdout:
                    # When the container ends the engine may say so in words.
                    self._see(name, [word for word in line.split() if _NAME.fullmatch(word)])
            self._see(name, ())
            time.sleep(PERIOD_SECONDS)

    def _see(self, name: str, pilots: Sequence[str]) -> None:
        with self._lock:
            self._seen[name] = frozenset(pilots)
            running = self._seen[self._host]
            taking = running.intersection(*self._seen.values())
            self.samples.append(Sample(time.monotonic(), running, taking))


def stable(condition: Callable[[], object], seconds: float) -> Callable[[], bool]:
    """A condition that is true once the answer of another one is true and has been the same for so long."""
    last: object = None
    since = time.monotonic()

    def check() -> bool:
        nonlocal last, since
        answer = condition()
        if not answer or answer != last:
            last, since = answer, time.monotonic()
        return bool(answer) and time.monotonic() - since >= seconds

    return check
