"""Counts, second by second, what each pilot of a host runs: from the startds themselves, as the pool may be behind."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ospool_ep.container.specification import FINGERPRINT_LABEL
from tests.support.host import Host

_FILE = "/run/core-count"
_STOP = "/run/core-count.stop"

# Runs on the host: one line for each second, with what condor_status says of each pilot's slots.
_SCRIPT = f"""
import json, os, subprocess, sys, threading, time
engine = sys.argv[1]
ask = ["/bin/sh", "-c", 'timeout 3 condor_status -direct "$(head -n1 /pilot/log/.startd_address)"'
       " -af Name State PartitionableSlot Cpus Memory TotalSlotCpus TotalSlotMemory JobId"]
def answer(name, found):
    done = subprocess.run([engine, "exec", "--user=1000", name, *ask], capture_output=True, text=True)
    found[name] = [line.split() for line in done.stdout.splitlines() if "@" in line]
with open("{_FILE}", "w") as out:
    while not os.path.exists("{_STOP}"):
        began, found = time.time(), {{}}
        listed = subprocess.run([engine, "ps", "--quiet", "--no-trunc", "--filter", "label={FINGERPRINT_LABEL}"],
                                capture_output=True, text=True).stdout.split()
        threads = [threading.Thread(target=answer, args=(name, found)) for name in listed]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        print(json.dumps([began, found]), file=out, flush=True)
        time.sleep(max(0, began + 1 - time.time()))
"""


@dataclass(frozen=True)
class Slots:
    """What a pilot ran at a moment: cores, memory in MB, and the jobs."""

    cpus: int
    memory: int
    jobs: frozenset[str]


@dataclass(frozen=True)
class Count:
    """What all pilots ran at a moment, in seconds since the epoch, by their containers' ids."""

    at: float
    pilots: dict[str, Slots]

    @property
    def cpus(self) -> int:
        """The cores that all of them ran jobs on."""
        return sum(slots.cpus for slots in self.pilots.values())

    @property
    def memory(self) -> int:
        """The memory that their jobs had, in MB."""
        return sum(slots.memory for slots in self.pilots.values())


@contextmanager
def counting(host: Host) -> Iterator[list[Count]]:
    """Count in the meantime; the list is filled when it ends."""
    found: list[Count] = []
    host.do("rm", "-f", _STOP, _FILE)
    host.do("systemd-run", "--quiet", "--collect", "--unit=core-count", "python3", "-c", _SCRIPT, host.engine.command)
    try:
        yield found
    finally:
        host.do("touch", _STOP)
        host.run(["sh", "-c", "while systemctl is-active --quiet core-count; do sleep 0.2; done"])
        found += map(_count, host.read(_FILE).splitlines())


def _count(line: str) -> Count:
    at, pilots = json.loads(line)
    return Count(at, {name: _slots(rows) for name, rows in pilots.items()})


def _slots(rows: Sequence[Sequence[str]]) -> Slots:
    claimed = [row for row in rows if row[2] != "true" and row[1] in ("Claimed", "Preempting")]
    jobs = frozenset(row[7] for row in claimed if row[7] != "undefined")
    return Slots(sum(int(row[3]) for row in claimed), sum(int(row[4]) for row in claimed), jobs)
