"""SIGKILL at every step: the main process is killed at each of its calls to the engine, before it is made and after.

A proxy in the place of the engine's socket does it. A course is run again and again, killed one call later each time,
until it comes to its end without being killed.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ospool_ep.container.specification import FINGERPRINT_LABEL
from tests.faults.measure import CORES
from tests.faults.rows import Row
from tests.faults.scene import Scene
from tests.support import engine_proxy
from tests.support.endpoint import CONTAINER
from tests.support.waiting import wait_until
from tests.world.images import FIRST_PILOT, NEXT_PILOT

_SOCKET, _BEHIND = "/run/docker.sock", "/run/docker-behind.sock"
_PROXY, _ORDER, _REPORT = "/srv/engine-proxy", "/run/engine-proxy.order", "/run/engine-proxy.report"
MOST_CALLS = 80


@dataclass(frozen=True)
class Course:
    """What is swept. ``act`` begins it; ``replaces``: another pilot takes over, and the first one goes."""

    name: str
    title: str
    act: Callable[[Scene], None]
    replaces: bool

    def __str__(self) -> str:
        return self.name

    @property
    def row(self) -> str:
        """The name of its row."""
        return f"sweep-{self.name}"


@dataclass
class Outcome:
    """What came of one run."""

    killed: str
    jobs: int
    lost: int
    away: float
    back: bool
    pilots: int
    wrong: list[str] = field(default_factory=list)


def _start(scene: Scene) -> None:
    scene.systemctl("start", "--no-block")


def _update(scene: Scene) -> None:
    newest = scene.host.run(["docker", "exec", CONTAINER, "cat", "/etc/image-variant"]).stdout.strip() == "next"
    scene.endpoint.offer_image(FIRST_PILOT if newest else NEXT_PILOT)
    scene.host.run(scene.side.update)


def _drain(scene: Scene) -> None:
    # While the service is away the command says so, and asks for nothing.
    drain = ["ospool-ep", "drain", "--no-wait", "--then", "start"]
    wait_until(lambda: scene.host.run(drain).returncode == 0, "the service takes the order")


COURSES = [
    Course("start", "a start", _start, replaces=False),
    Course("update", "an update to a new image", _update, replaces=True),
    Course("drain", "a drain, and the start of the next pilot", _drain, replaces=True),
]


@contextmanager
def proxied(scene: Scene) -> Iterator[None]:
    """The proxy is in the socket's place meanwhile."""
    scene.host.write(_PROXY, Path(engine_proxy.__file__).read_text())
    _order(scene, 0, after=False)
    scene.do("mv", _SOCKET, _BEHIND)
    scene.run_beside("engine-proxy", "python3", _PROXY, _SOCKET, _BEHIND, _ORDER, _REPORT, scene.side.unit)
    try:
        wait_until(lambda: scene.host.run(["docker", "version"]).returncode == 0, "the proxy answers")
        yield
    finally:
        scene.end_beside("engine-proxy")
        scene.do("mv", _BEHIND, _SOCKET)


def sweep(course: Course, scene: Scene, calls: Iterable[tuple[int, bool]]) -> list[Outcome]:
    """Run the course with a kill at each of these calls, (number, after it or not); a run without one is the last."""
    outcomes: list[Outcome] = []
    for at, after in calls:
        outcomes.append(_run(course, scene, at, after=after))
        if not outcomes[-1].killed:
            break
    return outcomes


def every_call() -> Iterator[tuple[int, bool]]:
    """Each call of a course, before and after it."""
    for at in range(1, MOST_CALLS + 1):
        yield at, False
        yield at, True


def _run(course: Course, scene: Scene, at: int, *, after: bool) -> Outcome:
    scene.host.run(["systemctl", "reset-failed", scene.side.unit])
    if course.replaces:
        scene.submit(1)
    else:
        scene.systemctl("stop")
        scene.host.run(["docker", "rm", "--force", CONTAINER])
        scene.jobs, scene.first = [], ""
    presence, began, clock = scene.ground.presence, time.monotonic(), time.time()
    _order(scene, at, after=after)
    course.act(scene)
    if course.replaces:
        wait_until(lambda: scene.first[:12] not in presence.now.taking_jobs, "the pilot takes no more jobs", 90)
        scene.finish_jobs()
    killed = _await_end(scene)
    back = scene.settle(60)
    if not back:
        scene.hand()
        scene.settle(60)
    ended = time.monotonic()
    lost = scene.lost_jobs() if scene.jobs else 0
    away = presence.seconds_away(began, ended, CORES)
    outcome = Outcome(killed, len(scene.jobs), lost, away, back, presence.most_at_once(began))
    if scene.ours:
        outcome.wrong = _wrong(course, scene, outcome, clock)
    return outcome


def _await_end(scene: Scene) -> str:
    """Wait until a pilot takes jobs, or longer than that should last; from then on nobody is killed.

    Returns the request at which the service was killed; empty where it came to the end of the course before.
    """
    presence, deadline = scene.ground.presence, time.monotonic() + 60
    wait_until(lambda: presence.now.taking_jobs - {scene.first[:12]} or time.monotonic() > deadline, "the end", 70)
    killed = str(json.loads(scene.host.read(_REPORT))["killed"])
    _order(scene, 0, after=False)
    return killed


def _wrong(course: Course, scene: Scene, outcome: Outcome, clock: float) -> list[str]:
    """What ours must not do, whenever it is killed."""
    events = scene.host.run(
        ["docker", "events", f"--since={clock:.6f}", f"--until={time.time():.6f}", "--format={{.Action}}",
         f"--filter=label={FINGERPRINT_LABEL}", "--filter=event=start", "--filter=event=kill"]
    ).stdout.split()  # fmt: skip
    found = [f"pilots started: {events.count('start')}"] if events.count("start") != 1 else []
    found += ["a pilot was stopped"] if "kill" in events else []
    found += [f"jobs lost: {outcome.lost}"] if outcome.lost else []
    found += ["a hand was needed"] if not outcome.back else []
    found += [f"pilots at once: {outcome.pilots}"] if outcome.pilots > 1 + course.replaces else []
    return [f"{outcome.killed}: {what}" for what in found]


def row(course: Course, scene: Scene, outcomes: list[Outcome]) -> Row:
    """All runs in one row; the time is the longest."""
    return Row(
        fault=course.row,
        side=scene.side.name,
        jobs=sum(one.jobs for one in outcomes),
        jobs_lost=sum(one.lost for one in outcomes),
        seconds_away=round(max(one.away for one in outcomes), 1),
        lines_lost=None,
        lines_doubled=0,
        hand=not all(one.back for one in outcomes),
        same_pilot=not course.replaces,
        pilots=max(one.pilots for one in outcomes),
        remark=f"{sum(bool(one.killed) for one in outcomes)} kills",
    )


def _order(scene: Scene, at: int, *, after: bool) -> None:
    scene.host.write(_ORDER, json.dumps({"at": at, "after": after}))
