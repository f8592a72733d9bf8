"""The simulated month checked: some minutes of a real host, with real jobs of seconds, against the same simulated.

What is compressed is the time between faults and the length of jobs. What takes its time by itself, a container's start
or a slot's first job, does so in both, with the simulation told how long that is on this host.
"""

import random
import re
import time
from collections.abc import Iterator
from statistics import mean

from tests.bench import goodput
from tests.bench.figures import Figure, Goal
from tests.bench.job_log import seconds
from tests.bench.month import Assumptions, Fault, job_length
from tests.bench.stand import CPUS, Stand
from tests.faults.catalogue import FAULTS
from tests.faults.measure import stage
from tests.faults.scene import Scene
from tests.faults.sides import SIDES, Side
from tests.support.pool import PROJECT
from tests.world.images import NEXT_PILOT

ASSUMED = Assumptions(
    slots=min(CPUS, 4),
    until=420.0,
    job_median=20.0,
    job_sigma=0.5,
    job_longest=60.0,
    first_job=10.0,
    next_job=3.0,
    boot=0.0,
    pull=3.0,
    joins=3.0,
    takes_jobs=5.0,
)
# The faults at their seconds; an image is brought by an order, as its timer would take a day.
SCHEDULE = [Fault(80, "crash"), Fault(160, "upgrade"), Fault(230, "engine restart"), Fault(310, "image")]
_ACTS = {"crash": "sigkill", "upgrade": "upgrade", "engine restart": "docker-restart-live"}
_JOBS = 150
_MOST_POINTS = 10.0

SUBMIT = """
executable = /bin/sh
transfer_executable = False
arguments = "-c 'sleep $(seconds)'"
should_transfer_files = YES
when_to_transfer_output = ON_EXIT
initialdir = /home/alice
log = bench.log
request_cpus = 1
request_memory = 16
request_disk = 1024
+ProjectName = "{project}"
queue seconds from (
{lengths}
)
"""
_EVENT = re.compile(r"^(\d{3}) \(\d+\.(\d+)\.\d+\) (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)", re.MULTILINE)


def figures(stand: Stand) -> Iterator[Figure]:
    """Measured and simulated share of the slot time, and by how much they differ, for each side."""
    measured = Figure(f"goodput of {ASSUMED.until / 60:g} real minutes", "% of slot time", Goal())
    simulated = Figure("the same minutes simulated", "% of slot time", Goal())
    difference = Figure("simulation to measurement, the larger difference", "points", Goal(most=_MOST_POINTS))
    worst = 0.0
    for side in SIDES:
        real = 100 * run(stand, side)
        same = 100 * mean(simulate(side, seed) for seed in goodput.SEEDS)
        measured.add(side.name, real)
        simulated.add(side.name, same)
        worst = max(worst, abs(real - same))
    difference.add("ours", worst)
    yield from (measured, simulated, difference)


def simulate(side: Side, seed: int) -> float:
    """The share in the simulation."""
    # The daily timer does not come in these minutes: the order to update is its fault "image".
    faults = [*SCHEDULE, *(Fault(fault.at + 0.1, "update") for fault in SCHEDULE if fault.kind == "image")]
    return goodput.simulate(goodput.SIDES[side.name], ASSUMED, faults, seed).share


def run(stand: Stand, side: Side) -> float:
    """The share on the host: the run time of the jobs that ended, and of those that run at the end."""
    live_restore = next(fault.prepare for fault in FAULTS if fault.name == _ACTS["engine restart"])
    pool = stand.ground.pool
    with stage(side, stand.ground, NUM_CPUS=str(ASSUMED.slots)) as scene:
        live_restore(scene)
        stand.host.do("ospool-ep", "update")
        pool.command("sh", "-c", "rm -f ~/bench.log", user="alice")
        scene.systemctl("start")
        began = time.monotonic()
        start = pool.command("date", "+%F %T").strip()
        jobs = SUBMIT.format(project=PROJECT, lengths=_lengths())
        pool.command("condor_submit", "-terse", "-", user="alice", input=jobs)
        for fault in SCHEDULE:
            time.sleep(max(0.0, began + fault.at - time.monotonic()))
            _act(fault.kind, stand, scene)
        time.sleep(max(0.0, began + ASSUMED.until - time.monotonic()))
        end = pool.command("date", "+%F %T").strip()
        log = pool.command("sh", "-c", "cat ~/bench.log", user="alice")
        stand.clear()
    return delivered(log, seconds(end)) / (ASSUMED.slots * (seconds(end) - seconds(start)))


def _lengths() -> str:
    chance = random.Random(1)
    return "\n".join(f"{job_length(ASSUMED, chance):.1f}" for _ in range(_JOBS))


def _act(kind: str, stand: Stand, scene: Scene) -> None:
    if kind == "image":
        stand.ground.endpoint.offer_image(NEXT_PILOT)
        if scene.ours:
            stand.host.do("ospool-ep", "update")
    else:
        next(fault.act for fault in FAULTS if fault.name == _ACTS[kind])(scene)


def delivered(log: str, end: float) -> float:
    """From the event log of all jobs: seconds of run time that were not lost, up to that moment."""
    begun: dict[str, float] = {}
    total = 0.0
    for number, job, moment in _EVENT.findall(log):
        at = seconds(moment)
        if number == "001":
            begun[job] = at
        elif number == "005":
            total += at - begun.pop(job)
        elif number in ("004", "007", "024"):
            begun.pop(job, None)
    return total + sum(max(0.0, end - at) for at in begun.values())
