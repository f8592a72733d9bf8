"""A limit on the number of processes, TasksMax as a rule, is told in one line; the pilot goes on."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ospool_ep import exit_codes
from ospool_ep.lifecycle.actions import Priority
from tests.pure.service.stage import Stage

# What a thread of the service does that fails in such a way. The journal's lines come to standard output.
_PROGRAM = """
import sys, threading
sys.path.insert(0, sys.argv[1])
from ospool_ep.service.last_words import crash
from ospool_ep.system.journal import Journal
class Told(Journal):
    def say(self, priority, text):
        print(priority.name, text, flush=True)
threading.excepthook = lambda failure: crash(failure, Told())
def fail():
    raise RuntimeError(sys.argv[2])
thread = threading.Thread(target=fail)
thread.start()
thread.join()
"""


@pytest.mark.parametrize(
    ("reason", "code", "told", "lines"),
    [
        ("can't start new thread", exit_codes.FAILED, "The service starts anew, what runs goes on. No process can", 1),
        ("odd", exit_codes.BUG, "A bug of ospool-ep; the service starts anew, what runs goes on.", 5),
    ],
)
def test_a_thread_that_cannot_start_another_one(reason: str, code: int, told: str, lines: int) -> None:
    command = [sys.executable, "-c", _PROGRAM, str(Path(__file__).parents[3]), reason]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == code
    assert done.stdout.startswith(f"ERROR {told}")
    assert (len(done.stdout.splitlines()) > 1) == (lines > 1)


def test_a_service_whose_own_thread_can_start_no_other(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def start() -> None:
        raise RuntimeError("can't start new thread")

    service = stage.service()
    monkeypatch.setattr(threading.Thread, "start", lambda _thread: start())
    assert service.run() == exit_codes.FAILED
    (priority, text) = stage.journal.said[-1]
    assert priority is Priority.ERROR
    assert text.startswith("The service starts anew, what runs goes on. No process can be started")
