"""The host's own work beside a busy pilot: how much of its speed it keeps, and whether the pilot takes what is idle.

In the virtual machine, whose cgroups are of version 2, with real jobs in a real pool. Everything is emulated there, on
a machine that may do other things: what is compared are moments that follow each other, with the pilot and with the
pilot frozen.
"""

import itertools
import json
from collections.abc import Iterator
from typing import Any

from tests.bench.figures import Figure, Goal
from tests.support.endpoint import Endpoint
from tests.support.names import GUEST_SLICE, SLICE
from tests.support.pool import Happening
from tests.world.machines import boot_machine_endpoint

_MEMORY_ROUNDS = 2
BUSY = "while :; do :; done"
_IN_POOL = "In the pool"
_SLICES = {"normal": f"system.slice/{SLICE}", "backfill": f"ospool_ep.slice/{GUEST_SLICE}"}
# Where a service of the host's runs, and where what its users start does.
WORK = {"user.slice": "in users' sessions", "system.slice": "in a service"}

# Loops on each CPU, each of which counts what it has done, and counts of both sides for some seconds each. Of the
# pilot's slice: the path below the cgroups.
_MEASURE = r"""
import json, mmap, os, pathlib, struct, subprocess, sys, tempfile, time
place, slice_of_work, rounds, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
LOOP = '''
import mmap, struct, sys
with open(sys.argv[1], "r+b") as file:
    page = mmap.mmap(file.fileno(), 8)
done = 0
while True:
    for _ in range(2000):
        pass
    done += 1
    page[:8] = struct.pack("q", done)
'''
pilot = pathlib.Path("/sys/fs/cgroup", place)
cpus = os.sched_getaffinity(0)
counters = []
def unit(cpu):
    return f"own-work-{cpu}.service"
def work(what):
    subprocess.run(["systemctl", what, *map(unit, cpus)], check=False, capture_output=True)
for cpu in cpus:
    path = f"/run/own-work-{cpu}"
    pathlib.Path(path).write_bytes(bytes(8))
    with open(path, "r+b") as file:
        counters.append(mmap.mmap(file.fileno(), 8))
    command = ["systemd-run", "--quiet", f"--unit={unit(cpu)}", f"--slice={slice_of_work}"]
    subprocess.run([*command, "--", "python3", "-I", "-S", "-c", LOOP, path], check=True)
def done():
    return sum(struct.unpack("q", counter[:8])[0] for counter in counters)
def used():
    own = [pathlib.Path("/sys/fs/cgroup", slice_of_work, unit(cpu)) for cpu in cpus]
    of_pilot, *of_work = (int((one / "cpu.stat").read_text().split()[1]) for one in (pilot, *own) if one.exists())
    return sum(of_work), of_pilot
def freeze(yes):
    (pilot / "cgroup.freeze").write_text(str(int(yes)))
    wanted = f"frozen {int(yes)}"
    while wanted not in (pilot / "cgroup.events").read_text():
        time.sleep(0.05)
    time.sleep(0.5)
def measure():
    before, spent, began = done(), used(), time.monotonic()
    time.sleep(seconds)
    passed = time.monotonic() - began
    work, of_pilot = (100 * (new - old) / 1e6 / passed / len(cpus) for new, old in zip(used(), spent))
    return (done() - before) / passed, work, of_pilot
# To start takes an emulated machine seconds.
while not all(struct.unpack("q", counter[:8])[0] for counter in counters):
    time.sleep(0.2)
kept, shares, idle = [], [], []
try:
    for turn in range(rounds):
        speeds = {}
        for frozen in (True, False) if turn % 2 else (False, True):
            freeze(frozen)
            speeds[frozen], of_work, of_pilot = measure()
            if not frozen:
                shares.append(100 * of_work / (of_work + of_pilot))
        kept.append(100 * speeds[False] / speeds[True])
    freeze(False)
finally:
    freeze(False)
    work("stop")
time.sleep(1)
for turn in range(rounds):
    idle.append(measure()[2])
print(json.dumps({"kept": kept, "shares": shares, "idle": idle}))
"""


# Of what the host's own work has read the kernel keeps as much as it has no better use for; a job reads more than there
# is memory. None of these files takes room on a disk. What the kernel takes first depends on how it looks for that.
# Source: Linux, admin-guide/mm/multigen_lru.rst.
_LRU, _LRUS = "/sys/kernel/mm/lru_gen/enabled", {"two lists": "n", "generations": "y"}
OWN_FILE, OWN_BYTES = "/srv/own-file", 512 << 20
_READ = f"""
truncate --size={OWN_BYTES} {OWN_FILE}
systemctl stop own-reader.service 2>/dev/null || true
systemd-run --quiet --unit=own-reader --slice=system.slice -- sh -c 'cat {OWN_FILE} >/dev/null; exec sleep 1000'
"""
_READS = "truncate -s 5G big; cat big >/dev/null; rm big"
_RESIDENT = ("fincore", "--bytes", "--noheadings", "--output=RES", OWN_FILE)


def figures(rounds: int = 4, seconds: float = 3.0) -> Iterator[Figure]:
    """What the host's own work keeps beside a pilot of either priority, and what the pilot takes once it has ended."""
    endpoint = boot_machine_endpoint("bench-guest")
    try:
        found = {priority: beside(endpoint, priority, rounds, seconds) for priority in _SLICES}
    finally:
        endpoint.host.close()
    for place, who in WORK.items():
        for priority, goal in (("backfill", Goal(least=95)), ("normal", Goal())):
            name = f"speed that the host's own work {who} keeps on all cores beside a busy pilot, {priority}"
            yield _figure(name, Goal(), found[priority][place]["kept"])
            name = f"its part of the CPU time that it and the pilot use, {priority}"
            yield _figure(name, goal, found[priority][place]["shares"])
    for priority, lru in itertools.product(_SLICES, _LRUS):
        goal = Goal(least=90) if (priority, lru) == ("backfill", "two lists") else Goal()
        name = f"what a kernel with {lru} keeps of the files of the host's own work as a job reads 5 GB, {priority}"
        yield _figure(name, goal, found[priority][lru])
    for priority, goal in (("backfill", Goal(least=90)), ("normal", Goal())):
        taken = [value for place in WORK for value in found[priority][place]["idle"]]
        yield _figure(f"CPU time that the pilot takes once that work has ended, {priority}", goal, taken)


def _figure(name: str, goal: Goal, values: list[float]) -> Figure:
    figure = Figure(name, "%", goal)
    for value in values:
        figure.add("ours", value)
    return figure


def beside(endpoint: Endpoint, priority: str, rounds: int, seconds: float) -> dict[str, Any]:
    """For each place of the host's own work what was measured: in percent, one value for each round."""
    host = endpoint.host
    endpoint.reset(keep_images=True)
    endpoint.set_up(OSPOOL_EP_PRIORITY=priority)
    endpoint.start()
    endpoint.wait_for_summary(_IN_POOL)
    jobs = [endpoint.pool.submit(BUSY) for _ in range(int(host.do("nproc")))]
    for job in jobs:
        job.wait_for(Happening.EXECUTING, 200)
    measure = ("python3", "-c", _MEASURE, _SLICES[priority])
    found = {
        place: json.loads(host.do(*measure, place, str(rounds), str(seconds), timeout=20 * rounds * seconds + 120))
        for place in WORK
    }
    for job in jobs:
        job.remove()
    endpoint.wait_for_summary("waiting for jobs", 120)
    for lru, word in _LRUS.items():
        host.do("sh", "-c", f"echo {word} >{_LRU}")
        found[lru] = [files_kept(endpoint) for _ in range(_MEMORY_ROUNDS)]
    endpoint.stop()
    return found


def files_kept(endpoint: Endpoint) -> float:
    """How much of what its own work has read this host still has in memory once a job has read much, in percent."""
    host = endpoint.host
    host.do("sh", "-c", "sync; echo 3 >/proc/sys/vm/drop_caches")
    host.shell(_READ)

    def resident() -> int:
        return int(host.do(*_RESIDENT).strip() or 0)

    endpoint.wait_until(lambda: resident() == OWN_BYTES, "all of the file is in memory", 30)
    job = endpoint.pool.submit(_READS)
    assert job.wait_for(Happening.TERMINATED, 300).exit_code == 0
    return 100 * resident() / OWN_BYTES
