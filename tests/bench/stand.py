"""The stand of the benchmark: one host with both services and a pool, and what is read of them from outside."""

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.scene import Ground
from tests.faults.sides import OURS, PLAIN, Side
from tests.support import plain_unit
from tests.support.endpoint import CONTAINER
from tests.support.host import Host
from tests.support.waiting import wait_until

# Of the test host, which has all of this machine's.
CPUS = len(os.sched_getaffinity(0))

# Ticks of the kernel's accounting in a second (sysconf(_SC_CLK_TCK), the same on every Linux that we run on).
_TICKS = 100

# What the processes of a control group have used: the time on the CPU of all their threads in nanoseconds (proc(5),
# /proc/PID/schedstat), and that of their children that have ended, which only comes in ticks (…/stat); and how often a
# thread gave up the CPU to wait for something (…/status).
_USAGE = r"""
import pathlib, sys
def read(path):
    try:
        return path.read_text()
    except OSError:
        return ""
for name in sys.argv[1:]:
    pss = ran = ticks = woken = 0
    for pid in read(pathlib.Path("/sys/fs/cgroup/systemd/system.slice", name, "cgroup.procs")).split() or \
            read(pathlib.Path("/sys/fs/cgroup/system.slice", name, "cgroup.procs")).split():
        process = pathlib.Path("/proc", pid)
        for line in read(process / "smaps_rollup").splitlines():
            if line.startswith("Pss:"):
                pss += int(line.split()[1])
        fields = read(process / "stat").rpartition(")")[2].split()
        ticks += sum(map(int, fields[13:15])) if fields else 0
        for thread in (process / "task").glob("*"):
            ran += int((read(thread / "schedstat") or "0").split()[0])
            for line in read(thread / "status").splitlines():
                if line.startswith("voluntary_ctxt_switches:"):
                    woken += int(line.split()[1])
    print(pss, ran, ticks, woken)
"""


# Ends when the machine has been idle for half a second, but for a twentieth, or after half a minute.
_SETTLED = """
import time
def spent():
    fields = [int(field) for field in open("/proc/stat").readline().split()[1:9]]
    return sum(fields), sum(fields) - fields[3] - fields[4]
for _ in range(60):
    before = spent()
    time.sleep(0.5)
    total, busy = (new - old for new, old in zip(spent(), before))
    if busy < total / 20:
        break
"""


# What the engine tells of a stop.
_ENDING = ("exec_start", "exec_die", "kill", "die")

# Longer than any start takes here.
_UNSEEN_SECONDS = 2


@dataclass(frozen=True)
class Usage:
    """Of one unit so far. ``pss_kb`` of all its processes now; ``cpu_seconds`` includes children that have ended."""

    pss_kb: float
    cpu_seconds: float
    wakeups: float


@dataclass(frozen=True)
class Stop:
    """In seconds: from the order to its end; what of that is not the pilot's own, from SIGTERM to its end.

    ``unasked_seconds``: nor the time in which the pilot says which jobs run, where it is asked.
    """

    seconds: float
    added_seconds: float
    unasked_seconds: float


class Stand:
    """Both sides in turn on one host; only one runs at a time, as both have the same container."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.host: Host = ground.endpoint.host
        ground.endpoint.reset(keep_images=True)
        plain_unit.install(self.host)
        ground.endpoint.set_up()
        # Both have the image from now on.
        self.host.do("ospool-ep", "update")

    def usage(self, *units: str) -> list[Usage]:
        """What units have used so far."""
        lines = self.host.do("python3", "-c", _USAGE, *units).splitlines()
        return [
            Usage(pss, ran / 1e9 + ticks / _TICKS, woken)
            for pss, ran, ticks, woken in (tuple(map(float, line.split())) for line in lines)
        ]

    def start(self, side: Side) -> float:
        """Start it, and wait for the pilot's first line in the journal; seconds from the order to that line."""
        return self.start_unit(side.unit)

    def start_unit(self, unit: str) -> float:
        """The same for a unit that is neither side's."""
        # What has just been measured, or put away, still costs something for a moment, and not each side the same.
        self.settle()
        # In one command: what it takes to send the host another one is no part of a start. And nobody looks for a line
        # while it is being made: each look takes a CPU from those who make it, of which the floor has none.
        script = 'date +%s.%N; systemctl start "$1"; sleep "$2"'
        ordered = float(self.host.do("sh", "-ec", script, "start", unit, str(_UNSEEN_SECONDS)))
        return self.first_line(unit, ordered) - ordered

    def settle(self) -> None:
        """Wait until this machine has nothing else to do, or for half a minute."""
        self.host.do("python3", "-c", _SETTLED)

    def first_line(self, unit: str, since: float) -> float:
        """When the pilot wrote its first line, by the journal, in seconds since the epoch."""
        command = [
            "journalctl",
            f"--unit={unit}",
            f"--since=@{since:.6f}",
            "--output=short-unix",
            "--no-pager",
            "--quiet",
        ]

        def found() -> str:
            lines = self.host.do(*command).splitlines()
            return next((line for line in lines if "supervisord started" in line), "")

        return float(wait_until(found, "the pilot's first line", 60).split()[0])

    def wait_until_in_pool(self) -> None:
        """Wait until the pilot takes jobs; in its first second it would take no notice of a signal either."""
        short = self.ground.endpoint.container_id()[:12]
        wait_until(lambda: short in self.ground.presence.now.taking_jobs, "the pilot takes jobs", 60)

    def stop(self, side: Side) -> Stop:
        """Stop it, with how long that took."""
        return self.stop_by("systemctl", "stop", side.unit)

    def stop_by(self, *command: str) -> Stop:
        """Stop the pilot by a command on the host, with how long that took."""
        # In one command: what it takes to send the host another one is no part of a stop.
        timed = ["bash", "-ec", 'date +%s.%N; "$@" >/dev/null; date +%s.%N', "stop", *command]
        began, ended = map(float, self.host.do(*timed, timeout=240).split())
        period = [f"--since={began:.6f}", f"--until={ended:.6f}"]
        filters = [f"--filter=container={CONTAINER}", *(f"--filter=event={action}" for action in _ENDING)]
        told = self.host.do("docker", "events", *period, *filters, "--format={{json .}}").splitlines()
        # The command stands behind the word of a start.
        when = {event["Action"].partition(":")[0]: event["timeNano"] / 1e9 for event in map(json.loads, told)}
        added = ended - began - (when["die"] - when["kill"])
        return Stop(ended - began, added, added - (when.get("exec_die", 0.0) - when.get("exec_start", 0.0)))

    def running(self, side: Side, measure: Callable[[], object]) -> None:
        """Measure while that side's pilot is in the pool, and stop it then."""
        self.start(side)
        self.wait_until_in_pool()
        try:
            measure()
        finally:
            self.stop(side)

    def clear(self) -> None:
        """Nothing runs and no container is left."""
        for side in (OURS, PLAIN):
            self.host.run(["systemctl", "stop", side.unit], timeout=240)
        self.host.run(["docker", "rm", "--force", CONTAINER])


def cpu_seconds(host: Host, *command: str) -> float:
    """The CPU time of a command, its children included, in seconds: user and system."""
    answer = host.run(["bash", "-c", 'TIMEFORMAT="cpu %U %S"; time "$@" >/dev/null', "time", *command])
    found = re.search(r"cpu ([\d.]+) ([\d.]+)", answer.stderr)
    assert found, answer.stderr
    return float(found[1]) + float(found[2])
