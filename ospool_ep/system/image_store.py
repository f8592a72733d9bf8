"""What is known of the images, kept over restarts and reboots; and the lock by which updates take turns.

Times are kept as seconds since the epoch; the lifecycle's clock begins anew at each boot.
"""

import contextlib
import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Optional

from ospool_ep.lifecycle.image_record import FailedImage, ImageRecord, KnownImage
from ospool_ep.system import atomic_file

STATE_DIRECTORY = Path("/var/lib/ospool-ep")


class ImageStore:
    """The state directory of the service."""

    def __init__(self, path: Path = STATE_DIRECTORY) -> None:
        self._path = path
        self._record_file = path / "images.json"
        self._lock_file = path / "update.lock"
        self._pulled_file = path / "pulled"

    def load(self, reference: str) -> ImageRecord:
        """The record of that reference; an empty one where there is none, or none that can be read."""
        try:
            kept = json.loads(self._record_file.read_text(encoding="utf-8"))
            record = _record(kept, time.time() - time.monotonic())
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            # It only spares a trial: what is lost with it is found out again.
            return ImageRecord(reference)
        return record if record.reference == reference else ImageRecord(reference)

    def save(self, record: ImageRecord) -> None:
        """Keep the record. OSError where the directory can't be written."""
        self._path.mkdir(mode=0o755, parents=True, exist_ok=True)
        kept = _kept(record, time.time() - time.monotonic())
        atomic_file.replace(self._record_file, json.dumps(kept), durable=True)

    def note_pull(self, reference: str) -> None:
        """The registry has just said what it has, and it is here."""
        self._path.mkdir(mode=0o755, parents=True, exist_ok=True)
        self._pulled_file.write_text(reference, encoding="utf-8")

    def pulled_at(self, reference: str) -> Optional[float]:
        """When that was noted for this reference, in seconds of the monotonic clock; None for never."""
        try:
            noted = self._pulled_file.read_text(encoding="utf-8")
            seconds_ago = time.time() - self._pulled_file.stat().st_mtime
        except OSError:
            return None
        return time.monotonic() - max(0.0, seconds_ago) if noted == reference else None

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


def _kept(record: ImageRecord, offset: float) -> dict[str, Any]:
    failed = record.failed
    return {
        "reference": record.reference,
        "replaced": list(record.replaced),
        "newest": _kept_image(record.newest, offset),
        "good": _kept_image(record.good, offset),
        "failed": failed
        and {
            "image": _kept_image(failed.image, offset),
            "why": failed.why,
            "since": failed.since + offset,
            "confirmed": failed.confirmed,
            "excused": failed.excused,
        },
    }


def _kept_image(image: Optional[KnownImage], offset: float) -> Optional[dict[str, Any]]:
    return {"id": image.id, "digest": image.digest, "since": image.since + offset} if image else None


def _record(kept: Mapping[str, Any], offset: float) -> ImageRecord:
    return ImageRecord(
        reference=kept["reference"],
        newest=_image(kept["newest"], offset),
        good=_image(kept["good"], offset),
        failed=_failed(kept["failed"], offset),
        replaced=tuple(map(str, kept["replaced"])),
    )


def _failed(kept: Optional[Mapping[str, Any]], offset: float) -> Optional[FailedImage]:
    image = _image(kept["image"], offset) if kept else None
    if kept is None or image is None:
        return None
    return FailedImage(image, kept["why"], kept["since"] - offset, kept["confirmed"], kept["excused"])


def _image(kept: Optional[Mapping[str, Any]], offset: float) -> Optional[KnownImage]:
    return KnownImage(kept["id"], kept["digest"], kept["since"] - offset) if kept else None
