"""Three hand-overs in 40 real minutes, with jobs of two minutes: what they cost, and what the simulation makes of them.

Two are for new images, one is for a pilot's end of life. Compressed are the hours of the pilot and of the jobs.
"""

import random
import time
from collections.abc import Iterator
from statistics import mean, median

from ospool_ep.configuration.policy import Policy
from tests.bench import goodput, job_log
from tests.bench.figures import Figure, Goal
from tests.bench.job_log import Run
from tests.bench.minutes import SUBMIT
from tests.bench.month import HOUR, Assumptions, Fault, job_length
from tests.bench.ours import Ours
from tests.bench.stand import Stand
from tests.faults.measure import stage
from tests.faults.scene import Scene
from tests.faults.sides import OURS, PLAIN
from tests.support.pool import PROJECT
from tests.world.images import FIRST_PILOT, NEXT_PILOT

_MINUTE = 60.0
# A pilot ends after two hours, and hands over 13.5 minutes after its start: so early that a job of 1.75 h still ends.
_LONGEST_HOURS = 1.75
ASSUMED = Assumptions(
    slots=8,
    until=40 * _MINUTE,
    job_median=2 * _MINUTE,
    job_sigma=0.3,
    job_longest=4 * _MINUTE,
    first_job=6.0,
    next_job=3.0,
    accepts_jobs=HOUR,
    retirement=HOUR,
    pull=3.0,
    joins=5.0,
    takes_jobs=8.0,
)
# The pilot of the first image is there for 9 minutes, and hands over for its age at minute 22 or so.
IMAGES = {9 * _MINUTE: NEXT_PILOT, 31 * _MINUTE: FIRST_PILOT}
_HAND_OVERS = len(IMAGES) + 1
_JOBS = 400
# In one of each: the jobs only wait.
_SETTINGS = {
    "_CONDOR_NUM_CPUS": str(ASSUMED.slots),
    "ACCEPT_JOBS_FOR_HOURS": "1",
    "RETIREMENT_HOURS": "1",
    "OSPOOL_EP_LONGEST_JOB_HOURS": f"{_LONGEST_HOURS:g}",
}


def figures(stand: Stand) -> Iterator[Figure]:
    """What the hand-overs cost, how long a core waits for its next job, and what was simulated."""
    memory = Figure("memory of the unit during a hand-over (Pss)", "MB", Goal(of_plain=0.6))
    log, begin, end = _run(stand, memory)
    _measure_plain(stand, memory)
    yield from judge(job_log.runs(log), begin, end)
    yield memory


def judge(found: list[Run], begin: float, end: float) -> Iterator[Figure]:
    """The figures of that run, which lasted from ``begin`` to ``end``, in seconds since the epoch."""
    possible = ASSUMED.slots * (end - begin)
    # What still runs at the end has been delivered.
    delivered = sum(min(run.end or end, end) - run.begin for run in found if not run.cut_off and run.begin < end)
    hand_overs = list(job_log.hand_overs(found))
    lost = sum(ASSUMED.slots * (each.end - each.begin) - each.busy for each in hand_overs)
    waits = [wait for each in hand_overs for wait in each.waits] or [0.0]
    simulated = 100 * mean(simulate(seed) for seed in goodput.SEEDS)
    rows = (
        ("hand-overs in 40 real minutes", "", Goal(least=_HAND_OVERS), len(hand_overs)),
        ("goodput of these minutes", "% of slot time", Goal(), 100 * delivered / possible),
        ("the same minutes simulated", "% of slot time", Goal(), simulated),
        ("simulation to measurement", "points", Goal(most=5.0), abs(simulated - 100 * delivered / possible)),
        ("what the hand-overs cost", "% of slot time", Goal(most=3.0), 100 * lost / possible),
        ("from a core that is free to its next job in another pilot, median", "s", Goal(most=5.0), median(waits)),
        ("the longest", "s", Goal(most=12.0), max(waits)),
        ("most jobs at once, of 8 cores", "jobs", Goal(most=ASSUMED.slots), job_log.most_at_once(found)),
        ("jobs cut off", "jobs", Goal(most=0.0), sum(run.cut_off for run in found)),
    )
    for name, unit, goal, value in rows:
        yield Figure(name, unit, goal, {"ours": [value]})


def simulate(seed: int) -> float:
    """The share in the simulation."""
    policy = Policy(longest_job_seconds=_LONGEST_HOURS * HOUR)
    faults = [Fault(at + late, kind) for at in IMAGES for late, kind in ((0.0, "image"), (0.1, "update"))]
    return goodput.simulate(lambda host: Ours(host, policy), ASSUMED, faults, seed).share


def _run(stand: Stand, memory: Figure) -> tuple[str, float, float]:
    pool = stand.ground.pool
    with stage(OURS, stand.ground, **_SETTINGS) as scene:
        stand.host.do("ospool-ep", "update")
        pool.command("sh", "-c", "rm -f ~/bench.log", user="alice")
        scene.systemctl("start")
        began, start = time.monotonic(), pool.command("date", "+%F %T").strip()
        pool.command("condor_submit", "-terse", "-", user="alice", input=_jobs())
        for at, image in IMAGES.items():
            _wait_until(began + at)
            _offer(scene, image)
            # The next one is up by then, and jobs still run in the old one.
            _wait_until(began + at + _MINUTE)
            memory.add("ours", stand.usage(OURS.unit)[0].pss_kb / 1000)
        _wait_until(began + ASSUMED.until)
        end = pool.command("date", "+%F %T").strip()
        log = pool.command("sh", "-c", "cat ~/bench.log", user="alice")
        stand.clear()
    return log, job_log.seconds(start), job_log.seconds(end)


def _measure_plain(stand: Stand, memory: Figure) -> None:
    with stage(PLAIN, stand.ground):

        def act() -> None:
            time.sleep(_MINUTE)
            memory.add("plain", stand.usage(PLAIN.unit)[0].pss_kb / 1000)

        stand.running(PLAIN, act)


def _offer(scene: Scene, image: str) -> None:
    scene.endpoint.offer_image(image)
    scene.host.do("ospool-ep", "update")


def _jobs() -> str:
    chance = random.Random(1)
    return SUBMIT.format(project=PROJECT, lengths="\n".join(f"{job_length(ASSUMED, chance):.1f}" for _ in range(_JOBS)))


def _wait_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))
