"""Saying what happens: one line for each step, with the time that it takes."""

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.world import BUILD


class StepFailed(Exception):
    """A command of a step failed; the text says which, and ends with the last lines of its output."""


@contextlib.contextmanager
def step(title: str) -> Iterator[None]:
    """Announce a step, say every few seconds that it still runs, and say how long it took."""
    began = time.monotonic()
    done = threading.Event()
    on_terminal = sys.stderr.isatty()

    def tick() -> None:
        while not done.wait(1 if on_terminal else 15):
            elapsed = f"{time.monotonic() - began:.0f} s"
            _say(f"\r    {title} … {elapsed}" if on_terminal else f"    {title} … {elapsed} so far\n")

    ticker = threading.Thread(target=tick, daemon=True)
    _say(f"    {title} …" + ("" if on_terminal else "\n"))
    ticker.start()
    outcome = "failed after"
    try:
        yield
        outcome = "done in"
    finally:
        done.set()
        ticker.join()
        start = "\r" if on_terminal else ""
        _say(f"{start}    {title}: {outcome} {time.monotonic() - began:.1f} s\n")


def headline(text: str) -> None:
    """Announce a part of the whole."""
    _say(f"==> {text}\n")


def note(text: str) -> None:
    """One line of news within a part."""
    _say(f"    {text}\n")


def _say(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def logged(command: Sequence[str], log: str) -> None:
    """Run a command with its output in ``build/log/LOG``. StepFailed with the end of that output if it fails."""
    path = BUILD / "log" / log
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as output:
        result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, check=False)
    if result.returncode != 0:
        raise StepFailed(f"{command[0]} failed with exit code {result.returncode}; the end of {path}:\n{tail(path)}")


def tail(path: Path, lines: int = 25) -> str:
    """The last lines of a file that a command wrote."""
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
