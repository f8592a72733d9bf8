"""What keeps the service itself from beginning is waited for, and said, like all else."""

import os
import signal
import threading
import time

import pytest

from ospool_ep.lifecycle import retries
from ospool_ep.service.not_yet import Patience
from ospool_ep.system import systemctl, systemd
from ospool_ep.system.run_directory import RunDirectory
from tests.pure.service.stage import Stage
from tests.support.waiting import wait_until

REASON = "/etc/osg/ospool-ep.cfg: error: The configuration cannot be read: No such file or directory."


def test_it_is_reported_and_said_once(stage: Stage) -> None:
    patience = Patience(stage.journal, stage.run_directory)
    for _ in range(3):
        patience.wait(REASON)
    wait_until(lambda: "READY=1" in stage.notifications, "systemd is told")
    assert REASON in stage.report["summary"]
    assert "(attempt 3 failed)" in stage.report["summary"]
    assert not stage.report["well"]
    assert stage.journal.has(f"{REASON} Next try in ")


def test_a_reload_ends_the_wait(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_DELAY_SECONDS", 30.0)
    began, main = time.monotonic(), threading.get_ident()

    def reload() -> None:
        wait_until(lambda: REASON in stage.report.get("summary", ""), "it waits")
        signal.pthread_kill(main, signal.SIGHUP)

    threading.Thread(target=reload, daemon=True).start()
    # A signal that comes a moment early must not end the tests.
    signal.signal(signal.SIGHUP, lambda *_: None)
    Patience(stage.journal, stage.run_directory).wait(REASON)
    assert time.monotonic() - began < 20


def test_the_report_of_another_service_stays(stage: Stage) -> None:
    stage.run_directory.write_status({"summary": "In the pool"})
    pid = os.fork()
    if pid == 0:
        # A process of its own: a lock is a process's.
        Patience(stage.journal, RunDirectory(stage.run_directory.token_file.parent)).wait(REASON)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert stage.report == {"summary": "In the pool"}


@pytest.mark.parametrize(
    ("answer", "waits"), [("0\n", True), ("1\n", False), ("17\n", False), (None, False), ("", False)]
)
def test_somebody_waits_for_the_first_process_of_a_start_only(
    monkeypatch: pytest.MonkeyPatch, answer: str, waits: bool
) -> None:
    monkeypatch.setenv("INVOCATION_ID", "1")
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/none")
    monkeypatch.setattr(systemctl, "ask", lambda *_words: answer)
    assert systemd.somebody_waits() is waits
    monkeypatch.delenv("NOTIFY_SOCKET")
    assert not systemd.somebody_waits(), "a person at a terminal"
