"""What is measured, each side in turn, several rounds."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.bench import least
from tests.bench.figures import Figure, Goal
from tests.bench.stand import Stand, cpu_seconds
from tests.faults import measure
from tests.faults.catalogue import FAULTS
from tests.faults.sides import OURS, PLAIN, SIDES, Side
from tests.support.endpoint import CONFIG, CONTAINER
from tests.support.swap import push_large, seconds_without
from tests.world.images import FIRST_PILOT

JOURNAL, DOCKER, CONTAINERD = "systemd-journald.service", "docker.service", "containerd.service"
_MINUTE = 60.0


def at_rest(stand: Stand, rounds: int, seconds: float) -> Iterator[Figure]:
    """Memory, CPU and wake-ups of a service whose pilot is in the pool and has nothing to do."""
    memory = Figure("memory of the unit at rest (Pss)", "MB", Goal(of_plain=0.5))
    cpu = Figure("CPU of the unit at rest", "ms/min", Goal(of_plain=1.0))
    engine = Figure("CPU of unit, engine and journald at rest", "ms/min", Goal())
    wakeups = Figure("wake-ups of the unit at rest", "1/min", Goal(of_plain=1.0))
    for _ in range(rounds):
        for side in SIDES:

            def act(side: Side = side) -> None:
                # What belongs to the start is over.
                time.sleep(_MINUTE)
                units = (side.unit, DOCKER, CONTAINERD, JOURNAL)
                before, began = stand.usage(*units), time.monotonic()
                time.sleep(seconds)
                after, minutes = stand.usage(*units), (time.monotonic() - began) / _MINUTE
                memory.add(side.name, after[0].pss_kb / 1000)
                spent = [1000 * (new.cpu_seconds - old.cpu_seconds) / minutes for old, new in zip(before, after)]
                cpu.add(side.name, spent[0])
                engine.add(side.name, sum(spent))
                wakeups.add(side.name, (after[0].wakeups - before[0].wakeups) / minutes)

            stand.running(side, act)
    yield from (memory, cpu, engine, wakeups)


# The least that an engine's client can do: two requests, and the log until its first line.
_FLOOR = r"""
curl() { command curl --silent --fail --unix-socket /run/docker.sock "$@"; }
date +%s.%N
curl --header 'Content-Type: application/json' --data @"$2" http://d/containers/create?name="$1" >/dev/null
curl --request POST "http://d/containers/$1/start"
# The moment of the line, and not that of the next one, at which curl notices that nobody reads.
curl --no-buffer "http://d/containers/$1/logs?stdout=1&stderr=1&follow=1" \
    | { grep --text --max-count=1 'supervisord started' >/dev/null; date +%s.%N; }
"""


def start_and_stop(stand: Stand, rounds: int) -> Iterator[Figure]:
    """From the order to start to the pilot's first line; and how long a stop takes with a pilot that has no job."""
    started = Figure("start to the pilot's first line, image present", "s", Goal(of_plain=1.2, of_floor=1.4))
    bound = Figure("the same of the smallest service in Python, which checks nothing", "s", Goal())
    stopped = Figure("stop of an idle pilot", "s", Goal())
    added = Figure(
        "the same without the pilot's own time from SIGTERM to its end", "s", Goal(of_plain=1.2, of_floor=1.4)
    )
    unasked = Figure("the same, and without its answer which jobs run, for which ospool-ep waits", "s", Goal())
    least.install(stand.host)
    for _ in range(rounds):
        for side in SIDES:
            started.add(side.name, stand.start(side))
            stand.wait_until_in_pool()
            if side is OURS:
                _remember_body(stand)
            stop = stand.stop(side)
            stopped.add(side.name, stop.seconds)
            added.add(side.name, stop.added_seconds)
            unasked.add(side.name, stop.unasked_seconds)
            stand.clear()
        stand.settle()
        begin, end = stand.host.do("bash", "-c", _FLOOR, "floor", CONTAINER, least.BODY).split()
        started.add("floor", float(end) - float(begin))
        stand.wait_until_in_pool()
        curl = ["curl", "--silent", "--fail", "--unix-socket", "/run/docker.sock", "--request", "POST"]
        stop = stand.stop_by(*curl, f"http://d/containers/{CONTAINER}/stop?t=120")
        stopped.add("floor", stop.seconds)
        added.add("floor", stop.added_seconds)
        unasked.add("floor", stop.unasked_seconds)
        stand.clear()
        bound.add("ours", stand.start_unit(least.UNIT))
        stand.clear()
    bound.rounds[PLAIN.name] = started.rounds[PLAIN.name]
    yield from (started, bound, stopped, added, unasked)


def _remember_body(stand: Stand) -> None:
    """Have the floor make the very same container."""
    found = json.loads(stand.host.do("docker", "container", "inspect", CONTAINER))[0]
    config = {key: found["Config"][key] for key in ("Image", "User", "Env", "Labels")}
    stand.host.write(least.BODY, json.dumps({**config, "HostConfig": found["HostConfig"]}))


def updates(stand: Stand, megabytes: int, rounds: int) -> Iterator[Figure]:
    """For how long the host has no pilot when a new image of that size comes, where one pilot follows the other."""
    title = f"no pilot in an update of {megabytes / 1000:g} GB, OSPOOL_EP_HAND_OVER=false"
    figure = Figure(title, "s", Goal(of_plain=0.1))
    # With a hand-over there is no moment without one.
    stand.ground.endpoint.configure(OSPOOL_EP_HAND_OVER="false")
    for number in range(rounds):
        for side in SIDES:
            new = push_large(stand.host, f"large-{megabytes}-{number}-{side.name}", megabytes)
            stand.ground.endpoint.offer_image(FIRST_PILOT)
            stand.host.do("ospool-ep", "update")

            def act(side: Side = side, new: str = new) -> None:
                stand.ground.endpoint.offer_image(new)
                figure.add(side.name, seconds_without(stand.host, lambda: stand.host.do(*side.update, timeout=900)))
                stand.wait_until_in_pool()

            stand.running(side, act)
    stand.ground.endpoint.configure(OSPOOL_EP_HAND_OVER="true")
    stand.ground.endpoint.offer_image(FIRST_PILOT)
    stand.host.do("ospool-ep", "update")
    yield figure


_MANY, _FEW = 300_000, 20_000
# journald counts a unit's lines for so long before it drops some; few enough are all kept.
_RATE_LIMIT_SECONDS = 30.0


def log_lines(stand: Stand, rounds: int) -> Iterator[Figure]:
    """Bursts of lines: how many are in the journal, and what that costs unit, engine and journald together."""
    kept = Figure(f"lines kept of {_MANY:,} at once", "%", Goal(least=100.0))
    fair = Figure(f"CPU per log line, {_FEW:,} at once, which both keep", "µs", Goal(of_plain=1.0))
    written = Figure(f"CPU per log line that is written, {_MANY:,} at once", "µs", Goal(of_plain=1.0))
    each_kept = Figure(f"CPU per log line that is kept, {_MANY:,} at once", "µs", Goal(of_plain=1.0))
    for _ in range(rounds):
        for side in SIDES:

            def act(side: Side = side) -> None:
                lines, spent = _burst(stand, side, _FEW)
                if lines == _FEW:
                    fair.add(side.name, 1e6 * spent / _FEW)
                time.sleep(_RATE_LIMIT_SECONDS)
                lines, spent = _burst(stand, side, _MANY)
                kept.add(side.name, 100 * lines / _MANY)
                written.add(side.name, 1e6 * spent / _MANY)
                each_kept.add(side.name, 1e6 * spent / lines)

            stand.running(side, act)
    yield from (kept, fair, written, each_kept)


def _burst(stand: Stand, side: Side, number: int) -> tuple[int, float]:
    """Have the pilot write so many lines; returns how many are in the journal, and the CPU time in seconds."""
    units = (side.unit, DOCKER, CONTAINERD, JOURNAL)
    cursor, before = stand.host.cursor(), stand.usage(*units)
    write = f"seq -f 'line %.0f of {number}' {number} >/proc/1/fd/1"
    stand.host.do("docker", "exec", "--user=1000", CONTAINER, "sh", "-c", write, timeout=300)
    lines = _settled(lambda: _count(stand, side, cursor, number), number)
    return lines, sum(new.cpu_seconds - old.cpu_seconds for old, new in zip(before, stand.usage(*units)))


def _count(stand: Stand, side: Side, cursor: str, number: int) -> int:
    # With a filter, --after-cursor of systemd 252 skips the first entry that passes it.
    found = f"journalctl --unit={side.unit} --cursor='{cursor}' --output=cat --quiet"
    command = f"{found} | grep --count '^line [0-9]* of {number}$'"
    return int(stand.host.run(["sh", "-c", command], timeout=300).stdout or 0)


def _settled(count: Callable[[], int], most: int) -> int:
    """Once all are there, or no more come for a while."""
    last, since = -1, time.monotonic()
    while True:
        now = count()
        if now == most or (now == last and time.monotonic() - since > 15):
            return now
        if now != last:
            last, since = now, time.monotonic()
        time.sleep(1)


def commands(stand: Stand, rounds: int) -> Iterator[Figure]:
    """What the commands cost that people and their monitoring call."""
    check = Figure("`ospool-ep check`", "s of CPU", Goal(most=0.3))
    status = Figure("`ospool-ep status`", "s of CPU", Goal(most=0.5))

    def act() -> None:
        for _ in range(rounds):
            check.add("ours", cpu_seconds(stand.host, "ospool-ep", "check"))
            status.add("ours", cpu_seconds(stand.host, "ospool-ep", "status"))

    stand.running(OURS, act)
    yield from (check, status)
    yield from _reading(stand, rounds)


def _reading(stand: Stand, rounds: int) -> Iterator[Figure]:
    """Reading alone: what ``check`` takes with such a file, less what it takes with the smallest."""
    figure = Figure("reading a configuration of 10,000 lines", "s of CPU", Goal(most=0.2))
    growth = Figure("reading 10,000 lines, to reading 5,000", "times", Goal(most=2.5))
    text = stand.host.read(CONFIG)
    for lines in (0, 5_000, 10_000):
        stand.host.write(f"/root/{lines}.cfg", text + "".join(f"EXTRA_{n}=value {n}\n" for n in range(lines)))
    for _ in range(rounds):
        none, half, whole = (
            cpu_seconds(stand.host, "ospool-ep", "check", "--config", f"/root/{lines}.cfg")
            for lines in (0, 5_000, 10_000)
        )
        figure.add("ours", whole - none)
        growth.add("ours", (whole - none) / max(half - none, 0.001))
    yield from (figure, growth)


# The faults of the matrix that every host meets; an engine restart with live-restore is what the manual advises.
_EVERY_HOSTS = {
    "new-image": "an update",
    "restart": "a restart",
    "upgrade": "an upgrade of the package",
    "sigkill": "a crash",
    "docker-restart-live": "an engine restart with live-restore",
}
_JOBS = 8


def jobs_lost(stand: Stand) -> Iterator[Figure]:
    """With that many jobs in the pilot, however few CPUs this machine has: they only wait."""
    for fault in FAULTS:
        if fault.name not in _EVERY_HOSTS:
            continue
        figure = Figure(f"jobs lost of {_JOBS} in {_EVERY_HOSTS[fault.name]}", "jobs", Goal(most=0.0))
        crowded = replace(fault, jobs=_JOBS, settings={**fault.settings, "TEST_SLOTS": str(_JOBS)})
        for side in SIDES:
            figure.add(side.name, measure.run(crowded, side, stand.ground, keep=False).jobs_lost)
        yield figure
