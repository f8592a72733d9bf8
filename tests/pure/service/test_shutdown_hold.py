"""The child that holds a shutdown back lives as long as jobs run, and never longer than our process."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ospool_ep.configuration.policy import Policy
from ospool_ep.lifecycle.actions import Priority
from ospool_ep.lifecycle.events import StopAsked
from ospool_ep.service import shutdown_hold
from ospool_ep.service.shutdown_hold import ShutdownHold
from tests.pure.lifecycle.host import BUSY, IN_POOL, running, seen
from tests.pure.service.stage import ONE_BY_ONE, Stage
from tests.support.waiting import wait_until

HOLDS = Policy(hold_shutdown=True)
# As systemd-inhibit does, it runs the program that it is given; it writes down that it began, and that it has ended.
_INHIBIT = """#!/bin/sh
echo $$ >>{path}/began
while [ "${{1#--}}" != "$1" ]; do shift; done
"$@"
echo $$ >>{path}/ended
"""


class Said(list[tuple[Priority, str]]):
    def __call__(self, priority: Priority, text: str) -> None:
        self.append((priority, text))


@pytest.fixture
def inhibit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "systemd-inhibit"
    program.write_text(_INHIBIT.format(path=tmp_path))
    program.chmod(0o755)
    made = shutdown_hold.command
    monkeypatch.setattr(shutdown_hold, "command", lambda: made(str(program)))
    return program


def began(inhibit: Path) -> list[str]:
    path = inhibit.parent / "began"
    return path.read_text().split() if path.exists() else []


def test_it_is_held_while_jobs_run_and_there_is_no_child_else(inhibit: Path) -> None:
    said = Said()
    hold, host = ShutdownHold(said), running(IN_POOL, policy=HOLDS)
    held = []
    for event in (seen(IN_POOL), seen(BUSY), seen(BUSY), StopAsked()):
        hold.follow(host.feed(event).state)
        held.append(hold.is_held)
        wait_until(lambda: len(began(inhibit)) == any(held), "one child began")
    assert held == [False, True, True, False]
    assert said == []


def test_what_is_refused_is_said_once_and_tried_again(inhibit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutdown_hold, "AGAIN_SECONDS", 0.0)
    record = inhibit.parent / "began"
    inhibit.write_text(f"#!/bin/sh\necho $$ >>{record}\necho 'Failed to inhibit: Access denied' >&2\nexit 1\n")
    said = Said()
    hold, state = ShutdownHold(said), running(BUSY, policy=HOLDS).state

    def is_tried_thrice() -> bool:
        hold.follow(state)
        return len(began(inhibit)) > 2

    wait_until(is_tried_thrice, "it is tried again and again")
    hold.release()
    assert [priority for priority, _ in said] == [Priority.WARNING]
    assert "Failed to inhibit: Access denied. " in said[0][1]
    assert "ospool-ep drain --then reboot" in said[0][1]


def test_where_there_is_no_systemd_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    said = Said()
    monkeypatch.setattr(shutdown_hold, "command", lambda: ["/nonexistent"])
    ShutdownHold(said).follow(running(BUSY, policy=HOLDS).state)
    assert "No process can be started" in said[0][1]


_SERVICE = """
import sys
from ospool_ep.service import shutdown_hold
from ospool_ep.configuration.policy import Policy
from tests.pure.lifecycle.host import BUSY, running
made = shutdown_hold.command
shutdown_hold.command = lambda: made(sys.argv[1])
hold = shutdown_hold.ShutdownHold(print)
hold.follow(running(BUSY, policy=Policy(hold_shutdown=True)).state)
print("held", flush=True)
sys.stdin.read()
"""


def test_it_ends_with_our_process_however_that_ends(inhibit: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVICE, str(inhibit)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    wait_until(lambda: began(inhibit), "the child began")
    assert not (inhibit.parent / "ended").exists()
    process.kill()
    process.communicate()
    wait_until((inhibit.parent / "ended").exists, "the child has ended")


def test_the_service_holds_it_from_the_first_job_on_and_its_stop_gives_it_back(stage: Stage, inhibit: Path) -> None:
    stage.policy = replace(ONE_BY_ONE, hold_shutdown=True)

    def scenario() -> None:
        stage.summary_has("In the pool, waiting for jobs")
        assert began(inhibit) == []
        stage.probe_output = "busy_one_job"
        # As it does: else it is asked again in two minutes, where it has said twice that it has none.
        stage.engine.write(stage.pilot(), b"Changing activity: Idle -> Busy")
        stage.summary_has("In the pool, running")
        wait_until(lambda: len(began(inhibit)) == 1, "the child began")

    assert stage.play(scenario) == 0
    (child,) = began(inhibit)
    assert not Path("/proc", child).exists()
