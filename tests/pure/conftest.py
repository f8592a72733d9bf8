"""Directories in which the pilot's user can move, which those of pytest are not; and the stage for a whole service."""

import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ospool_ep.lifecycle import retries
from ospool_ep.system.run_directory import RunDirectory
from tests.pure.service.stage import IMAGE, OTHER_IMAGE, SIGNALS, RecordingJournal, Stage
from tests.support.fake_engine import FakeEngine


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A fresh directory that everybody can pass through. What is mounted in it is unmounted again."""
    path = Path(tempfile.mkdtemp(prefix="ospool-ep-test-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    for line in reversed(Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()):
        # proc(5): blanks and the like are written as \040, three octal digits.
        point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), line.split()[4])
        if point.startswith(f"{path}/"):
            subprocess.run(["umount", "--lazy", point], check=True)
    shutil.rmtree(path)


@pytest.fixture
def notifications(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What systemd is told, as it is told."""
    received: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))

        def receive() -> None:
            while True:
                message = systemd.recv(65536).decode()
                if message == "END":
                    return
                received.extend(message.splitlines())

        receiver = threading.Thread(target=receive)
        receiver.start()
        yield received
        systemd.sendto(b"END", str(tmp_path / "notify"))
        receiver.join()


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notifications: list[str]) -> Iterator[Stage]:
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    hook = threading.excepthook
    monkeypatch.setattr(retries, "FIRST_DELAY_SECONDS", 0.05)
    engine = FakeEngine()
    engine.registry[IMAGE] = engine.registry[OTHER_IMAGE] = "sha256:1"
    run_directory = RunDirectory(tmp_path / "run")
    run_directory.lock()
    stage = Stage(engine, RecordingJournal(), run_directory, notifications)
    engine.answer = stage.answer
    yield stage
    threading.excepthook = hook
    for number, handler in handlers.items():
        signal.signal(number, handler)
