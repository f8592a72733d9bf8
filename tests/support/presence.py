"""Which pilots of a host take jobs, and for how many cores, moment by moment, without a question to the host's engine.

A pilot takes jobs when its startd runs on the host, is not frozen, and the collector has an advertisement of it that
does not refuse every job, as that of a pilot that drains does, or of one that is closed until it is told more.
"""

import re
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.support.host import Host
from tests.support.outer_pool import OuterPool
from tests.world.engine import OuterEngine

PERIOD_SECONDS = 0.25

_STARTD = re.compile("frozen:([0-9a-f]{12})|([0-9a-f]{12})")
_SLOT = re.compile("([0-9a-f]{12}):([0-9]+):([0-9]+):([0-9]*):([01])")

# Both end with their standard input.
#
# Runs on the host: prints the containers in which a startd runs in a line, and which are frozen, again and again.
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
    found, prefix = None, ""
    for line in read(f"/proc/{{pid}}/cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        frozen = read(f"/sys/fs/cgroup/freezer{{path}}/freezer.state") if controllers == "freezer" else ""
        events = read(f"/sys/fs/cgroup{{path}}/cgroup.events") if number == "0" else ""
        if "FROZEN" in frozen or "frozen 1" in events:
            prefix = "frozen:"
        found = found or re.search("[0-9a-f]{{64}}", path)
    return prefix + found.group()[:12] if found else ""
while True:
    print(*sorted(set(filter(None, map(container, filter(str.isdigit, os.listdir("/proc")))))), flush=True)
    time.sleep({PERIOD_SECONDS})
"""

# Runs in the manager: prints of each machine what its slot has left, how large it is, what the others hold as it was
# told, and whether it refuses every job, in a line, again and again; where the collector does not answer, nothing. What
# counts is what stands there as Requirements, and not its value, which is false as well while all that the slot has is
# given away.
_ADVERTISED = f"""
exec 3<&0
cat <&3 >/dev/null &
while kill -0 $!; do
    slots=$(condor_status -constraint 'PartitionableSlot =?= true' \\
        -af:r Machine Cpus TotalSlotCpus HeldCpus Requirements) &&
        echo "$slots" | tr -d '"' | awk '
            NF {{ printf "%s:%s:%s:%s:%d ", $1, $2, $3, $4 == "undefined" ? "" : $4, $5 == "false" }}
            END {{ print "" }}'
    sleep {PERIOD_SECONDS}
done
"""


@dataclass(frozen=True)
class Slot:
    """What a pilot advertises: the cores that are left, those that its jobs have, and what the others hold for it."""

    left: int
    used: int
    held_by_others: int
    refuses: bool

    @property
    def opened(self) -> bool:
        """Whether it takes jobs, or would if it had room; one that is closed believes that others hold any host."""
        return not self.refuses and self.held_by_others <= self.left + self.used

    @property
    def room(self) -> int:
        """For how many cores it would take jobs now."""
        return max(0, self.left - self.held_by_others) if self.opened else 0


@dataclass(frozen=True)
class Sample:
    """What was seen at a moment of this machine's monotonic clock: pilots by the first 12 digits of their ids.

    ``frozen`` ones run as well, and do nothing meanwhile.
    """

    at: float
    running: frozenset[str] = frozenset()
    frozen: frozenset[str] = frozenset()
    slots: Mapping[str, Slot] = field(default_factory=dict)

    @property
    def taking_jobs(self) -> frozenset[str]:
        """The pilots that take jobs, or would if they had room."""
        return frozenset(name for name in self.running if name in self.slots and self.slots[name].opened)

    @property
    def used(self) -> int:
        """The cores that jobs have. Those of a frozen pilot have theirs still."""
        return sum(self.slots[name].used for name in self.running | self.frozen if name in self.slots)

    def empty(self, cores: int) -> int:
        """How many of a host's cores no job has, and no pilot would take a job for."""
        return max(0, cores - self.used - sum(self.slots[name].room for name in self.running if name in self.slots))


class Presence:
    """Watches from its creation until ``close``; what it can't see, as while the host boots, is not there."""

    def __init__(self, engine: OuterEngine, host: Host, pool: OuterPool) -> None:
        self.samples: list[Sample] = []
        self._engine = engine
        self._closed = False
        self._lock = threading.Lock()
        self._words: dict[str, Sequence[str]] = {host.name: (), pool.name: ()}
        self._host, self._pool = host.name, pool.name
        # The collector forgets one that is frozen, whose jobs have their cores still, until it advertises itself again.
        self._unheard: frozenset[str] = frozenset()
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
        return self.samples[-1] if self.samples else Sample(time.monotonic())

    def seconds_away(self, since: float, until: float, cores: int) -> float:
        """For how many seconds of that time one of the cores was free, and no pilot would take a job for it."""
        away, last = 0.0, since
        empty = False
        for sample in list(self.samples):
            if since < sample.at <= until:
                away += (sample.at - last) if empty else 0.0
                last = sample.at
            empty = sample.empty(cores) > 0
        return away

    def most_at_once(self, since: float) -> int:
        """How many pilots ran at the same time, at most."""
        return max((len(sample.running) for sample in list(self.samples) if sample.at >= since), default=0)

    def most_used(self, since: float) -> int:
        """How many cores the jobs of all pilots had at the same time, at most."""
        return max((sample.used for sample in list(self.samples) if sample.at >= since), default=0)

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
                    self._see(name, line.split())
            # A collector that is away takes no pilot's word back.
            if name == self._host:
                self._see(name, ())
            time.sleep(PERIOD_SECONDS)

    def _see(self, name: str, words: Sequence[str]) -> None:
        # When the container ends the engine may say so in words.
        with self._lock:
            self._words[name] = words
            startds = [found for found in map(_STARTD.fullmatch, self._words[self._host]) if found]
            running = frozenset(found[2] for found in startds if found[2])
            frozen = frozenset(found[1] for found in startds if found[1])
            slots = dict(_slot(found) for found in map(_SLOT.fullmatch, self._words[self._pool]) if found)
            self._unheard = ((self._unheard & running) - slots.keys()) | frozen
            kept = {name: slot for name, slot in self.now.slots.items() if name in self._unheard}
            self.samples.append(Sample(time.monotonic(), running, frozen, {**kept, **slots}))


def _slot(found: "re.Match[str]") -> tuple[str, Slot]:
    name, left, size, held, refuses = found.groups()
    return name, Slot(int(left), int(size) - int(left), int(held or 0), refuses == "1")


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
