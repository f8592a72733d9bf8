"""A service as the commands see it: it holds the lock in a run-time directory, and reports what a test says."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

from ospool_ep.configuration.policy import Policy
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.lifecycle.report import report
from ospool_ep.lifecycle.state import Phase, Pilot, Stage, State, Want
from ospool_ep.pilot.state import PilotState, Pool, Startd
from ospool_ep.system.run_directory import RunDirectory
from ospool_ep.system.systemctl import UnitState

IMAGE = "registry.example/pilot:1"
# The digest that the registry has, where a test has an engine.
NEW = "sha256:new"
DRAINS = Policy()
IMAGES = ImageRecord(IMAGE)

# It holds the lock, and at each nudge says that it wants what is asked for, if it is to heed that at all. A reload has
# the exit code that a test says; where that says none, it ends as it is asked for one.
_SERVICE = """
import json, signal, sys, time
from pathlib import Path
from ospool_ep.system.run_directory import RunDirectory
directory = RunDirectory(Path(sys.argv[1]))
def heed(*_):
    report = directory.read_status()
    if report and sys.argv[2] == "heeds":
        directory.write_status({**report, "wanted": directory.want.value, **json.loads(sys.argv[3])})
def reload(*_):
    code = json.loads(sys.argv[3])["reload"]
    directory.answer_reload({"asked_at": time.monotonic(), "code": code, "lines": ["The file was read.", "Twice."]})
if "reload" in json.loads(sys.argv[3]):
    signal.signal(signal.SIGHUP, reload)
signal.signal(signal.SIGUSR1, heed)
directory.lock()
print("locked", flush=True)
while True:
    signal.pause()
"""


def reported(
    phase: Phase,
    want: Want = Want.PILOTS,
    policy: Policy = DRAINS,
    made_from: str = "sha256:old",
    images: ImageRecord = IMAGES,
    **of_pilot: Any,
) -> dict[str, Any]:
    """What the service reports in that phase; with a pilot where there is one in it, which is open."""
    runs = phase in (Phase.RUNNING, Phase.STOPPING)
    ready = PilotState(Startd.READY, Pool.ACCEPTS, ())
    kinds: dict[str, Any] = {"stage": Stage.STOPPING if phase is Phase.STOPPING else Stage.OPEN, **of_pilot}
    pilot = Pilot("c" * 64, 50.0, image_digest=made_from, state=ready, standing=Pool.ACCEPTS, **kinds)
    pilots = (pilot,) if runs else ()
    return report(State(phase, 100.0, want=want, policy=policy, images=images, pilots=pilots), 0.0)


def beside(**of_pilot: Any) -> dict[str, Any]:
    """What it reports of a pilot beside one that leaves."""
    before, (pilot,) = draining(), reported(Phase.RUNNING, **of_pilot)["pilots"]
    return {**before, "pilots": [*before["pilots"], pilot]}


def draining(want: Want = Want.PILOTS, policy: Policy = DRAINS) -> dict[str, Any]:
    """What the service reports while its only pilot leaves."""
    return reported(Phase.RUNNING, want, policy, stage=Stage.LEAVING, draining_since=60.0)


class PlayedService:
    """Not started before a test says so."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.directory = RunDirectory(path)
        # How systemd has the unit, when the process has ended.
        self.unit = UnitState("loaded", "inactive", "enabled")
        self._process: Optional[subprocess.Popen[str]] = None
        # A test may start or end it from a thread, which may still be about it when the test is over.
        self._changing = threading.Lock()

    def start(
        self, news: Optional[dict[str, Any]], *, heeds: bool = True, then: Optional[Mapping[str, Any]] = None
    ) -> None:
        """Run, with that report; ``then``: what changes in it with the first nudge."""
        if news:
            self.directory.write_status(news)
        heeding, changes = "heeds" if heeds else "", json.dumps(dict(then or {}))
        command = [sys.executable, "-c", _SERVICE, str(self.path), heeding, changes]
        with self._changing:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            assert self._process.stdout is not None
            assert self._process.stdout.readline() == "locked\n"

    def end(self) -> None:
        """No process runs any more."""
        with self._changing:
            if self._process:
                self._process.send_signal(signal.SIGKILL)
                self._process.communicate()
                self._process = None
