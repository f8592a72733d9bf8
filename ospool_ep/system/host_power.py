"""Has systemd reboot this host, or power it off: once for all services of this host.

logind is asked first, which tells who is logged in. Where it is not there, or refuses (polkit may be absent), PID 1 is
asked itself: root reaches it on a socket of its own. Neither is asked while somebody holds a shutdown back.
"""

import contextlib
import fcntl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ospool_ep.system import systemctl
from ospool_ep.system.inhibitors import shutdown_blockers

# Who gives the order holds its lock, and notes when it was given: by the clock that goes on until the host is down.
NOTE = Path("/run/ospool-ep-down")
# A host that is still up so long after the order has not gone down.
ONCE_SECONDS = 590.0
# Another service that gives the order has done so by then.
TURN_SECONDS = 30.0
# Within that time logind notices that the holder of a lock has ended.
_FORGOTTEN_SECONDS = 5.0


def order(word: str) -> str:
    """Have the host "reboot" or "poweroff"; returns why it does not, in sentences, and empty where it does. OSError."""
    with _turn() as is_ours:
        if not is_ours:
            return "Another service of this host gives the order just now."
        if _was_given(word) or is_going_down():
            return ""
        problem = _held_back() or _ordered(word)
        if not problem:
            NOTE.write_text(f"{word} {time.monotonic()}\n", encoding="ascii")
        return problem


def forget_order() -> None:
    """An operator has taken it back: where the host is still up then, it may be ordered anew. OSError."""
    if NOTE.exists():
        NOTE.write_text("", encoding="ascii")


def is_going_down() -> bool:
    """Whether it does by now, whoever has ordered that."""
    # systemctl(1): "stopping", with an exit code of its own.
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        return systemctl.run(["/usr/bin/systemctl", "is-system-running"]).stdout.strip() == "stopping"
    return False


@contextlib.contextmanager
def _turn() -> Iterator[bool]:
    """Whether it is ours, by now: two services may have their end at once, and to give the order takes a moment."""
    until = time.monotonic() + TURN_SECONDS
    with NOTE.open("a", encoding="ascii") as file:
        while not (is_ours := _locked(file)) and time.monotonic() < until:
            time.sleep(0.1)
        yield is_ours


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _was_given(word: str) -> bool:
    given, _, when = NOTE.read_text(encoding="ascii", errors="replace").strip().partition(" ")
    with contextlib.suppress(ValueError):
        return given == word and 0.0 <= time.monotonic() - float(when) < ONCE_SECONDS
    return False


def _held_back() -> str:
    until = time.monotonic() + _FORGOTTEN_SECONDS
    while (held := shutdown_blockers()) and not any(lock.lives for lock in held) and time.monotonic() < until:
        # Our own, most often: it was given back just now.
        time.sleep(0.1)
    names = " ".join(str(lock) for lock in held if lock.lives)
    if not names:
        return ""
    return f"Somebody holds a shutdown of this host back. {names} It is tried again once that has ended."


def _ordered(word: str) -> str:
    asked = _asked(word, "--no-block")
    if not asked or is_going_down():
        return ""
    # One may have come meanwhile.
    if held := _held_back():
        return held
    # As systemctl itself does where there is no logind.
    problem = _asked("start", "--no-block", "--job-mode=replace-irreversibly", f"{word}.target")
    if not problem:
        return ""
    return f"systemd does not {word} this host: {asked} {problem} Mend that, or do it by hand: systemctl {word}."


def _asked(*arguments: str) -> str:
    """Why systemd refuses, in a sentence; empty: it does not."""
    try:
        done = systemctl.run(["/usr/bin/systemctl", *arguments])
    except (OSError, subprocess.SubprocessError) as error:
        return f"{error}."
    said = " ".join(done.stderr.split()).rstrip(".")
    return f"{said or f'it ends with {done.returncode}'}." if done.returncode else ""
