"""What the service notes of its engine, and of the pilot there: for the processes that follow, and for the commands."""

import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Optional

from ospool_ep.engine.address import EngineAddress, at
from ospool_ep.engine.choice import Kept
from ospool_ep.engine.presence import has_containers
from ospool_ep.system import atomic_file
from ospool_ep.system.run_directory import RUN_DIRECTORY, STATE_DIRECTORY, RunDirectory

# It outlives a crash and a restart of the service, but no stop.
NOTE = RUN_DIRECTORY / "engine"
# Where a service has ended and left a pilot running: with a wrong configuration, or as its engine did not answer.
LEFT_NOTE = STATE_DIRECTORY / "engine"


class EngineNote:
    """Kept by the service while it runs. Where it can't be written, the choice is made anew each time."""

    def __init__(
        self, address: EngineAddress, basis: str, not_kept: Callable[[OSError], None] = lambda _error: None
    ) -> None:
        """``not_kept`` is told when it can't be written, once until it can be again."""
        self._not_kept = not_kept
        self._failed = False
        # Whether a service runs is not asked here: to close the lock's file would give up the lock that it holds.
        before = _read(NOTE) or _read(LEFT_NOTE)
        container = before.container if before and before.address.socket == address.socket else None
        self.kept = Kept(address, basis, holds=True, container=container)
        self._write()
        with contextlib.suppress(OSError):
            LEFT_NOTE.unlink()

    def pilot_is(self, container: Optional[str]) -> None:
        """The engine has said which container has the pilot, or that none has (""); None before one may be made."""
        if container != self.kept.container:
            self.kept = replace(self.kept, container=container)
            self._write()

    def _write(self) -> None:
        failed, self._failed = self._failed, False
        try:
            _write(NOTE, self.kept)
        except OSError as error:
            self._failed = True
            if not failed:
                self._not_kept(error)

    def service_ends(self) -> None:
        """A pilot that could not be stopped goes on: the next start has to look for it there."""
        if self.kept.container and has_containers(self.kept.address.kind, self.kept.container):
            try:
                pilot_is_left(self.kept.address, self.kept.container)
            except OSError as error:
                self._not_kept(error)


def pilot_is_left(address: EngineAddress, container: str) -> None:
    """Note, beyond the end of the service, where its pilot goes on without it. OSError."""
    _write(LEFT_NOTE, Kept(address, "", holds=False, container=container))


def noted() -> Optional[Kept]:
    """What the service has chosen, or where it has left a pilot; None where there is no such note in order."""
    kept = _read(NOTE)
    return replace(kept, holds=_service_runs()) if kept else _read(LEFT_NOTE)


def _write(path: Path, kept: Kept) -> None:
    address = kept.address
    note = {"socket": address.socket, "kind": address.kind, "basis": kept.basis, "container": kept.container}
    atomic_file.replace(path, json.dumps(note))


def _read(path: Path) -> Optional[Kept]:
    try:
        text = path.read_text(encoding="utf-8").strip()
        # Releases before 25.3 noted the path and nothing else.
        note = json.loads(text) if text.startswith("{") else {"socket": text, "basis": ""}
        address, basis, container = at(str(note["socket"])), str(note["basis"]), note.get("container")
        if not address.service and note.get("kind") in ("docker", "podman"):
            address = EngineAddress(note["kind"], address.socket)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if not address.socket.startswith("/") or not (container is None or isinstance(container, str)):
        return None
    return Kept(address, basis, holds=False, container=container)


def _service_runs() -> bool:
    try:
        return RunDirectory().service_pid() is not None
    except PermissionError:
        # Only root can tell. The note goes with the service, as a rule.
        return True
