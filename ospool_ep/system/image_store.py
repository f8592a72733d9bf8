"""What is known of the images, kept over restarts and reboots; and the lock by which updates take turns.

Times are kept as seconds since the epoch; the lifecycle's clock begins anew at each boot.
"""

import contextlib
import fcntl
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

from ospool_ep.lifecycle.image_record import ImageRecord, KnownImage
from ospool_ep.system import atomic_file
from ospool_ep.system.json_data import decode, encode
from ospool_ep.this_service import this_service

# What is said where ``note_pull`` fails, before the reason.
NOT_NOTED = "That the image was pulled just now was not kept, so that the next pilot's start asks the registry again"


@dataclass(frozen=True)
class _Kept(ImageRecord):
    """A record as it is on disk, and which engine it is about; releases before 25.3 did not say."""

    engine: str = ""


class ImageStore:
    """The state directory of the service. ``engine`` is the socket of the one that has the images."""

    def __init__(self, engine: str, path: Optional[Path] = None) -> None:
        """``path``: None for that of this process's service."""
        self._engine = engine
        path = path or this_service().state_directory
        self._path = path
        self._record_file = path / "images.json"
        self._lock_file = path / "update.lock"
        self._pulled_file = path / "pulled"

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
        self._path.mkdir(mode=0o755, parents=True, exist_ok=True)
        atomic_file.replace(self._pulled_file, f"{reference} {self._engine}")

    def pulled_at(self, reference: str) -> Optional[float]:
        """When that was noted for this reference and engine, in seconds of the monotonic clock; None for never."""
        try:
            noted = self._pulled_file.read_text(encoding="utf-8")
            seconds_ago = time.time() - self._pulled_file.stat().st_mtime
        except OSError:
            return None
        # Releases before 25.3 did not say in which engine.
        ours = noted in (reference, f"{reference} {self._engine}")
        return time.monotonic() - max(0.0, seconds_ago) if ours else None

    @contextlib.contextmanager
    def updating(self, busy: str = "") -> Iterator[None]:
        """One update at a time: wait for the other one, and tell a person ``busy``. OSError as for ``save``."""
        self._path.mkdir(mode=0o755, parents=True, exist_ok=True)
        with self._lock_file.open("w", encoding="utf-8") as file:
            # Another user could lock a file that he may read, too.
            os.fchmod(file.fileno(), 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(busy, file=sys.stderr, flush=True)
                fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _shifted(record: ImageRecord, seconds: float) -> ImageRecord:
    """The same by another clock, which is ahead by that much."""

    def shifted(image: KnownImage) -> KnownImage:
        return replace(image, since=image.since + seconds)

    newest, good, failed = record.newest, record.good, record.failed
    if failed:
        failed = replace(failed, image=shifted(failed.image), since=failed.since + seconds)
    return replace(record, newest=newest and shifted(newest), good=good and shifted(good), failed=failed)
