"""What the service notes of its engine, and of the pilots in it: for the next process, and for the commands."""

import contextlib
import json
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

from ospool_ep.engine.address import EngineAddress, at
from ospool_ep.engine.choice import Kept
from ospool_ep.engine.presence import has_containers
from ospool_ep.system import atomic_file
from ospool_ep.system.run_directory import RunDirectory
from ospool_ep.this_service import this_service


def note() -> Path:
    """It outlives a crash and a restart of the service, but no stop."""
    return this_service().run_directory / "engine"


def left_note() -> Path:
    """Where a service has ended and left a pilot running: with a wrong configuration, or its engine did not answer."""
    return this_service().state_directory / "engine"


class EngineNote:
    """Kept by the service while it runs. Where it can't be written, the choice is made anew each time."""

    def __init__(
        self, address: EngineAddress, basis: str, not_kept: Callable[[OSError], None] = lambda _error: None
    ) -> None:
        """``not_kept`` is told when it can't be written, once until it can be again."""
        self._not_kept = not_kept
        self._failed = False
        # Whether a service runs is not asked here: to close the lock's file would give up the lock that it holds.
        before = _read(note()) or _read(left_note())
        containers = before.containers if before and before.address.socket == address.socket else None
        self.kept = Kept(address, basis, holds=True, containers=containers)
        self._write()
        with contextlib.suppress(OSError):
            left_note().unlink()

    def pilots_are(self, containers: Optional[Collection[str]]) -> None:
        """The engine has said which containers have pilots; None before one may be made."""
        known = None if containers is None else frozenset(containers)
        if known != self.kept.containers:
            self.kept = replace(self.kept, containers=known)
            self._write()

    def _write(self) -> None:
        failed, self._failed = self._failed, False
        try:
            _write(note(), self.kept)
        except OSError as error:
            self._failed = True
            if not failed:
                self._not_kept(error)

    def service_ends(self) -> None:
        """A pilot that could not be stopped goes on: the next start has to look for it there."""
        if self.kept.containers and has_containers(self.kept.address.kind, self.kept.containers):
            try:
                pilots_are_left(self.kept.address, self.kept.containers)
            except OSError as error:
                self._not_kept(error)


def pilots_are_left(address: EngineAddress, containers: Collection[str]) -> None:
    """Note, beyond the end of the service, where its pilots go on without it. OSError."""
    _write(left_note(), Kept(address, "", holds=False, containers=frozenset(containers)))


def noted() -> Optional[Kept]:
    """What the service has chosen, or where it has left a pilot; None where there is no such note in order."""
    kept = _read(note())
    return replace(kept, holds=_service_runs()) if kept else _read(left_note())


def _write(path: Path, kept: Kept) -> None:
    address = kept.address
    containers = None if kept.containers is None else sorted(kept.containers)
    note = {"socket": address.socket, "kind": address.kind, "basis": kept.basis, "containers": containers}
    atomic_file.replace(path, json.dumps(note))


def _read(path: Path) -> Optional[Kept]:
    try:
        text = path.read_text(encoding="utf-8").strip()
        # Releases before 25.3 noted the path and nothing else.
        note = json.loads(text) if text.startswith("{") else {"socket": text, "basis": ""}
        address, basis = at(str(note["socket"])), str(note["basis"])
        if not address.service and note.get("kind") in ("docker", "podman"):
            address = EngineAddress(note["kind"], address.socket)
        containers = _containers(note)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return Kept(address, basis, holds=False, containers=containers) if address.socket.startswith("/") else None


def _containers(note: dict[str, Any]) -> Optional[frozenset[str]]:
    """Those of the pilots. Up to release 25.3 there was one at most, and "" for none."""
    names = note.get("containers")
    if note.get("container") is not None:
        names = [note["container"]] if note["container"] != "" else []
    if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise ValueError("no containers")
    return None if names is None else frozenset(names)


def _service_runs() -> bool:
    try:
        return RunDirectory().service_pid() is not None
    except PermissionError:
        # Only root can tell. The note goes with the service, as a rule.
        return True
