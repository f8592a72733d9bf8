"""What is known of the images, kept over restarts and reboots; and the turns that pulls of an image take.

Each service has a record of its own. When an image was pulled, and whose turn it is to, is the same for all of them.
Times are kept as seconds since the epoch; the lifecycle's clock begins anew at each boot.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

from ospool_ep.lifecycle.image_record import ImageRecord, KnownImage
from ospool_ep.system import atomic_file
from ospool_ep.system.json_data import decode, encode
from ospool_ep.system.pull_turn import PullTurn
from ospool_ep.this_service import ServiceName, this_service

# What is said where ``note_pull`` fails, before the reason.
NOT_NOTED = "That the image was pulled just now was not kept, so that the next pilot's start asks the registry again"
# A note that is older says nothing any more: an image is fresh for a day (``lifecycle.image_events``).
_NOTED_SECONDS = 7 * 86400.0


@dataclass(frozen=True)
class _Kept(ImageRecord):
    """A record as it is on disk, and which engine it is about; releases before 25.3 did not say."""

    engine: str = ""


class ImageStore:
    """The state directory of the service. ``engine`` is the socket of the one that has the images."""

    def __init__(self, engine: str, path: Optional[Path] = None, shared: Optional[Path] = None) -> None:
        """``path``: None for that of this process's service; ``shared``: for what all services of this host share."""
        self._engine = engine
        self._shared = shared or path or ServiceName().state_directory
        path = path or this_service().state_directory
        self._path = path
        self._record_file = path / "images.json"
        self._lock_file = self._shared / "update.lock"
        self._pulled_file = self._shared / "pulled"

    def load(self, reference: str) -> ImageRecord:
        """The record of that reference; an empty one where there is none, or none that can be read."""
        try:
            kept = decode(_Kept, self._record_file.read_bytes())
        except (OSError, ValueError):
            # It only spares a trial: what is lost with it is found out again.
            return ImageRecord(reference)
        if kept.reference != reference or kept.engine not in ("", self._engine):
            return ImageRecord(reference)
        known = {name: value for name, value in vars(kept).items() if name != "engine"}
        # Whether the image is still here is found out anew.
        return replace(_shifted(ImageRecord(**known), time.monotonic() - time.time()), here=False)

    def save(self, record: ImageRecord) -> None:
        """Keep the record. OSError where the directory can't be written."""
        self._path.mkdir(mode=0o755, parents=True, exist_ok=True)
        kept = _shifted(record, time.time() - time.monotonic())
        atomic_file.replace(self._record_file, encode(_Kept(**vars(kept), engine=self._engine)), durable=True)

    def note_pull(self, reference: str) -> None:
        """The registry has just said what it has, and it is here. OSError as for ``save``."""
        self._shared.mkdir(mode=0o755, parents=True, exist_ok=True)
        with self._alone():
            now = time.time()
            notes = {what: at for what, at in self._notes().items() if now - at < _NOTED_SECONDS}
            notes = {**notes, f"{reference} {self._engine}": now}
            atomic_file.replace(self._pulled_file, "".join(f"{what} {at:.3f}\n" for what, at in notes.items()))

    def pulled_at(self, reference: str) -> Optional[float]:
        """When that was noted for this reference and engine, in seconds of the monotonic clock; None for never."""
        notes = self._notes()
        # Releases before 25.3 did not say in which engine.
        noted = notes.get(f"{reference} {self._engine}", notes.get(reference))
        return None if noted is None else time.monotonic() - max(0.0, time.time() - noted)

    def _notes(self) -> dict[str, float]:
        """When which image was pulled into which engine, in seconds since the epoch."""
        try:
            lines = self._pulled_file.read_text(encoding="utf-8").splitlines()
            changed = self._pulled_file.stat().st_mtime
        except (OSError, ValueError):
            return {}
        found = [re.fullmatch(r"(.+?)(?: (\d+\.\d+))?", line) for line in lines]
        # Earlier there was one note, and the time of the file was its time.
        return {note[1]: float(note[2]) if note[2] else changed for note in found if note}

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else changes the notes meanwhile; where there is no room for the lock, one of two may be lost."""
        with contextlib.ExitStack() as held:
            with contextlib.suppress(OSError):
                file = held.enter_context(self._lock_file.open("w", encoding="utf-8"))
                # Another user could lock a file that he may read, too.
                os.fchmod(file.fileno(), 0o600)
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def turn(self, reference: str, who: str) -> PullTurn:
        """The turn to pull that into this engine, for all of this host; ``who`` is what those who wait are told."""
        key = hashlib.sha256(f"{reference} {self._engine}".encode()).hexdigest()[:16]
        return PullTurn(self._shared / f"pull-{key}.lock", who)

    @contextlib.contextmanager
    def updating(self, reference: str, busy: str) -> Iterator[PullTurn]:
        """Pull when no other one does: wait for its end, and tell a person ``busy``. OSError as for ``save``."""
        turn = self.turn(reference, "ospool-ep update")
        if not turn.take():
            print(busy, file=sys.stderr, flush=True)
            while not turn.take(wait=True):
                pass
        try:
            yield turn
        finally:
            turn.give_back()


def _shifted(record: ImageRecord, seconds: float) -> ImageRecord:
    """The same by another clock, which is ahead by that much."""

    def shifted(image: KnownImage) -> KnownImage:
        return replace(image, since=image.since + seconds)

    newest, good, failed = record.newest, record.good, record.failed
    if failed:
        failed = replace(failed, image=shifted(failed.image), since=failed.since + seconds)
    return replace(record, newest=newest and shifted(newest), good=good and shifted(good), failed=failed)
