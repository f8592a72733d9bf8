"""Runs one fault against one service, and measures what came of it."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ospool_ep.service.image_orders import last_good
from tests.faults import lines
from tests.faults.fault import Fault
from tests.faults.rows import Row
from tests.faults.scene import SCRATCH, Ground, Scene
from tests.faults.sides import Side
from tests.support import plain_unit
from tests.support.tokens import Token
from tests.support.waiting import wait_until

CORES = 2
_SETTINGS = {"NUM_CPUS": str(CORES), "WORKER_TEMP_DIR": SCRATCH}
# The last lines of a pilot are in the journal within so many seconds.
_JOURNAL_SECONDS = 5.0
# The second command is for jobs whose pilot is gone: nobody answers for them. What is left is printed.
_EMPTY_QUEUE = """
{ condor_rm -all; condor_rm -all -forcex; } >/dev/null 2>&1
condor_q -allusers -af ClusterId
"""


@contextmanager
def stage(side: Side, ground: Ground, **settings: str) -> Iterator[Scene]:
    """A scene on the host as installed, set up and not started; afterwards what a fault has changed is put back."""
    scene = Scene(ground, side)
    _reset(ground)
    plain_unit.install(scene.host)
    scene.endpoint.set_up(Token.GOOD, **{**_SETTINGS, **settings})
    try:
        yield scene
    finally:
        for put_back in reversed(scene.put_back):
            put_back()


def run(fault: Fault, side: Side, ground: Ground, *, keep: bool = True) -> Row:
    """Run the fault, and keep what was measured for the table."""
    with stage(side, ground, **fault.settings) as scene:
        fault.prepare(scene)
        scene.begin(fault.jobs)
        row = _measure(fault, scene)
    if keep:
        row.save()
    return row


def _measure(fault: Fault, scene: Scene) -> Row:
    presence = scene.ground.presence
    cursor = scene.host.cursor()
    lines.begin(scene.host, SCRATCH)
    began = time.monotonic()
    fault.act(scene)
    back = scene.settle(fault.patience)
    if not back:
        fault.mend(scene)
        scene.settle(fault.patience)
    ended = time.monotonic()
    scene.finish_jobs()
    lost = scene.lost_jobs()
    last = scene.container()
    told = _lines(scene, cursor)
    return Row(
        fault=fault.name,
        side=scene.side.name,
        jobs=len(scene.jobs),
        jobs_lost=lost,
        seconds_away=round(presence.seconds_away(began, ended, CORES), 1),
        lines_lost=told.lost,
        lines_doubled=told.doubled,
        hand=not back,
        same_pilot=scene.first == last,
        pilots=presence.most_at_once(began),
        cores=presence.most_used(began),
        remark=", ".join(scene.remarks),
        bugs=_bugs(scene, cursor),
    )


def _lines(scene: Scene, cursor: str) -> lines.Lines:
    """Wait until what the pilot has written is in the journal, or has had the time to get there."""
    written = lines.written(scene.host, SCRATCH)

    def told() -> lines.Lines:
        entries = scene.host.journal(after=cursor, unit=scene.side.unit)
        return lines.count((entry.message for entry in entries), written)

    deadline = time.monotonic() + _JOURNAL_SECONDS
    wait_until(lambda: not told().lost or time.monotonic() > deadline, "the lines", _JOURNAL_SECONDS + 60, pause=1)
    return told()


def _bugs(scene: Scene, cursor: str) -> tuple[str, ...]:
    messages = [entry.message for entry in scene.host.journal(after=cursor, unit=scene.side.unit)]
    return tuple(message for message in messages if re.search("Traceback|A bug of ospool-ep", message))


def _reset(ground: Ground) -> None:
    host = ground.endpoint.host
    host.do("sh", "-c", f"systemctl stop {plain_unit.UNIT} 2>/dev/null; systemctl reset-failed", timeout=240)
    # To pull all of the image again for each row would take longer than to measure it.
    ground.endpoint.reset(keep_images=True)
    host.run(["docker", "image", "rm", last_good()])
    host.do("sh", "-ec", f"rm -rf {SCRATCH} && install -d -o 1000 -g 1000 {SCRATCH}")
    wait_until(lambda: not ground.pool.command("sh", "-c", _EMPTY_QUEUE).strip(), "the queue is empty")
    ground.pool.forget_pilots()
