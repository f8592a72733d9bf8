"""The run-time directory: who runs, what it reports, and what an operator asked for.

What is asked for is a file, so that it outlives our process and asking twice is asking once; a signal only says
that it is worth a look. What is reported is a file, too, which anybody may read.
"""

import contextlib
import errno
import fcntl
import json
import os
import signal
import struct
from pathlib import Path
from typing import Any, Optional

from ospool_ep.lifecycle.state import Want
from ospool_ep.system import atomic_file
from ospool_ep.this_service import this_service

# More pilots than drain at once; those that have ended are forgotten by and by.
_MOST_NOTES = 8

# struct flock of fcntl(2) on 64-bit Linux: l_type, l_whence, l_start, l_len, l_pid.
_FLOCK = "hhqqi"


class AlreadyRunning(Exception):
    """Another process of this service holds the lock."""


class RunDirectory:
    """Access to the directory, for the service and for the commands that talk to it."""

    def __init__(self, path: Optional[Path] = None) -> None:
        """``path``: None for that of this process's service."""
        path = path or this_service().run_directory
        self.path = path
        self._lock_file = path / "lock"
        self._status_file = path / "status.json"
        self._drain_file = path / "drain"
        self._reload_file = path / "reload.json"
        self._draining_file = path / "draining.json"
        self._cursors_file = path / "cursors.json"
        self.token_file = path / "token"
        self._place_file = path / "has-place"
        self._held: Optional[int] = None

    def lock(self) -> None:
        """Become the one service. AlreadyRunning when there is one; OSError where the directory is not ours."""
        self.path.mkdir(mode=0o755, exist_ok=True)
        descriptor = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # Another user could lock a file that he may read, too, as that of release 25.1.0 was.
        os.fchmod(descriptor, 0o600)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise AlreadyRunning(f"The service runs already, as process {self.service_pid()}.") from None
        self._held = descriptor
        # So that there is a place for the answer where the disk is full by then, and who asked waits for it.
        with contextlib.suppress(OSError):
            if not self._reload_file.exists():
                self.answer_reload({})

    def in_place(self) -> bool:
        """Whether the file of the lock that we hold is still there, as far as that can be told."""
        if self._held is None:
            return True
        try:
            there = self._lock_file.stat().st_ino
        except FileNotFoundError:
            there = 0
        except OSError:
            return True
        return there == os.fstat(self._held).st_ino

    def hold_lock(self) -> bool:
        """Take the lock anew where somebody has removed its file, or the whole directory; returns whether that was so.

        Raises what ``lock`` does.
        """
        if self.in_place():
            return False
        self.lock()
        return True

    def service_pid(self) -> Optional[int]:
        """The process that holds the lock, as the kernel knows it; None when no service runs.

        PermissionError for all but root.
        """
        if self._held is not None:
            # To open and close the file here would give the lock up (fcntl(2), "Record locking").
            return os.getpid()
        try:
            with self._lock_file.open("rb") as file:
                question = struct.pack(_FLOCK, fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
                answer = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, question))
        except FileNotFoundError:
            return None
        return None if answer[0] == fcntl.F_UNLCK else int(answer[4])

    def nudge(self, number: int = signal.SIGUSR1) -> bool:
        """Tell the service to look at what is asked for; False when no service runs."""
        pid = self.service_pid()
        with contextlib.suppress(ProcessLookupError):
            if pid is not None:
                os.kill(pid, number)
                return True
        return False

    @property
    def want(self) -> Want:
        """What an operator asked for; pilots, unless it was a drain that was not taken back."""
        try:
            return Want(self._drain_file.read_text(encoding="ascii").strip() or Want.IDLE)
        except FileNotFoundError:
            return Want.PILOTS
        except ValueError:
            return Want.IDLE

    @property
    def wanted_since(self) -> Optional[float]:
        """When the drain was asked for, in seconds since the epoch; None where none is."""
        try:
            return self._drain_file.stat().st_mtime
        except OSError:
            return None

    def ask_drain(self, then: Want = Want.IDLE, since: Optional[float] = None) -> None:
        """Ask for a drain. PermissionError for all but root, FileNotFoundError when there is no service.

        ``since``: when it was asked for first, in seconds since the epoch; None: now.
        """
        atomic_file.replace(self._drain_file, then.value + "\n")
        if since is not None:
            os.utime(self._drain_file, (since, since))

    def clear_drain(self, done: Optional[Want] = None) -> None:
        """Take the drain back; none is no error. ``done``: only that one, and none that was asked for since."""
        if done is not None and self.want is not done:
            return
        with contextlib.suppress(FileNotFoundError):
            self._drain_file.unlink()

    @property
    def has_place(self) -> bool:
        """Whether this service was found to lend no more than the others leave, since it was started."""
        return self._place_file.exists()

    def take_place(self) -> None:
        """It was found so: it keeps its place until it is stopped, also while no pilot is there. OSError."""
        if not self.has_place:
            atomic_file.replace(self._place_file, "")

    def note_drain(self, container_id: str, since: float, limited_since: Optional[float]) -> None:
        """Remember since when a pilot drains, for the process after this one; what was noted of others stays.

        Times are those of the monotonic clock, which goes on from process to process and ends with the boot, as this
        directory does. OSError where it can't be written.
        """
        notes = {other: note for other, note in self._noted_drains().items() if other != container_id}
        notes[container_id] = {"since": since, "limited_since": limited_since}
        kept = dict(list(notes.items())[-_MOST_NOTES:])
        atomic_file.replace(self._draining_file, json.dumps(kept))

    def noted_drain(self, container_id: str) -> tuple[Optional[float], Optional[float]]:
        """Since when that pilot drains, and since when with a limit; None each where that was not noted."""
        with contextlib.suppress(ValueError, KeyError, TypeError):
            note = self._noted_drains()[container_id]
            limited = note["limited_since"]
            return float(note["since"]), None if limited is None else float(limited)
        return None, None

    def _noted_drains(self) -> dict[str, Any]:
        """The notes, by container, the last one made at the end."""
        try:
            notes = json.loads(self._draining_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        if not isinstance(notes, dict):
            return {}
        # Releases up to 25.3 noted that of their one pilot.
        return {str(notes["container"]): notes} if "container" in notes else notes

    def keep_cursors(self, cursors: dict[str, str]) -> None:
        """Tell the process after this one up to which line each container's log was copied. OSError."""
        atomic_file.replace(self._cursors_file, json.dumps(cursors))

    def take_cursors(self) -> dict[str, str]:
        """What the process before this one has told, once; empty where it has not ended in order."""
        with contextlib.suppress(OSError, ValueError):
            cursors: dict[str, str] = json.loads(self._cursors_file.read_text(encoding="utf-8"))
            self._cursors_file.unlink()
            return cursors
        return {}

    def ask_reload(self) -> bool:
        """Tell the service to read its configuration again; False when no service runs."""
        return self.nudge(signal.SIGHUP)

    def answer_reload(self, answer: dict[str, Any]) -> None:
        """What came of reading the configuration again. OSError."""
        _tell(self._reload_file, answer, mode=0o600)

    def reload_answer(self) -> dict[str, Any]:
        """The last answer; empty when there is none."""
        try:
            answer: dict[str, Any] = json.loads(self._reload_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return answer

    def write_status(self, report: dict[str, Any]) -> None:
        """Replace the report in one step, so that a reader never sees half of one. OSError: there is none now."""
        _tell(self._status_file, report)

    def read_status(self) -> Optional[dict[str, Any]]:
        """The last report; None when there is none."""
        try:
            report: dict[str, Any] = json.loads(self._status_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return report

    def write_attributes(self, text: str, *, closed: bool) -> Path:
        """Keep what a pilot advertises beside its image's own in a file that it can read. OSError.

        ``closed``: of one that begins so. A container that is started again finds what its kind gets.
        """
        path = self.path / ("attributes-closed" if closed else "attributes")
        # Somebody may have removed all of it; the service puts the rest back by and by.
        self.path.mkdir(mode=0o755, exist_ok=True)
        atomic_file.replace(path, text)
        return path

    def write_token(self, token: str, uid: int) -> Path:
        """Keep a token that stands in the configuration in a file that only the pilot can read. OSError."""
        atomic_file.replace(self.token_file, token + "\n", mode=0o400, owner=uid)
        return self.token_file


def _tell(path: Path, news: dict[str, Any], mode: int = 0o644) -> None:
    """Replace what was told before; where there is no room for both, the old one goes, as it would be believed."""
    text = json.dumps(news)
    try:
        atomic_file.replace(path, text, mode=mode)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        if not path.exists():
            raise
        atomic_file.write_over(path, text)
