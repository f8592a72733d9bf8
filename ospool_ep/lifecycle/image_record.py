"""What is remembered of the pilot's images: the newest here, the last good one, and one that did not work.

An image is *good* once a pilot made from it was accepted by the pool. A new one is on trial until then; when it fails,
the last good one is used again, and the failed one is not tried again before its tag names another image.
"""

from dataclasses import dataclass, replace
from typing import Optional

# Those that could not be removed before so many others came are somebody else's by now.
_MOST_REPLACED = 8


@dataclass(frozen=True)
class KnownImage:
    """An image by the engine's id, and by the registry's digest (empty where there is none).

    ``since``: when it was first seen here, in seconds of the state's clock.
    """

    id: str
    digest: str
    since: float = 0.0

    @property
    def name(self) -> str:
        """How a person tells it from others."""
        return (self.digest or self.id)[:19]


@dataclass(frozen=True)
class FailedImage:
    """An image that was rolled back, why, and since when (seconds of the state's clock).

    ``confirmed``: the last good one then did get into the pool. ``excused``: it did not either, so it was not the
    image's fault, and it is tried again when the image is looked for the next time.
    """

    image: KnownImage
    why: str
    since: float
    confirmed: bool = False
    excused: bool = False


@dataclass(frozen=True)
class ImageRecord:
    """The memory. ``newest`` is what ``reference`` named here when last looked at; ``here`` once it was looked at.

    ``replaced`` are the ids of the images before them, the last of all at the end: not every engine can tell later
    which images were once of that reference.
    """

    reference: str = ""
    newest: Optional[KnownImage] = None
    here: bool = False
    good: Optional[KnownImage] = None
    failed: Optional[FailedImage] = None
    replaced: tuple[str, ...] = ()

    @property
    def wanted(self) -> Optional[KnownImage]:
        """The image that the next pilot is made from; None while none is known to be here."""
        if not self.here:
            return None
        return self.good if self.rolled_back else self.newest

    @property
    def rolled_back(self) -> bool:
        """Whether the last good image is used in place of the newest."""
        return bool(self.good and self.newest and self.failed and self.failed.image.id == self.newest.id)

    @property
    def undecided(self) -> bool:
        """Whether it is open yet if the newest was to blame: the last good one has not been tried in its place."""
        return self.rolled_back and self.failed is not None and not (self.failed.confirmed or self.failed.excused)

    def stands_in(self, image_id: str) -> bool:
        """Whether that is the last good image, used in place of the newest."""
        return self.rolled_back and self.good is not None and self.good.id == image_id

    def stand_in(self, reference: str) -> Optional[KnownImage]:
        """The last good image, where it is used in place of the newest of that reference."""
        # Another one may have been configured since this was recorded.
        return self.good if self.rolled_back and reference == self.reference else None

    def on_trial(self, image_id: str) -> bool:
        """Whether a pilot of that image has yet to show that it works, and there is one to go back to if not."""
        return bool(self.good and self.newest and image_id == self.newest.id != self.good.id)

    def kept(self) -> frozenset[str]:
        """The ids of the images that must stay on this host, also while no container uses them."""
        return frozenset(image.id for image in (self.newest, self.good) if image)

    def found(self, image: KnownImage) -> "ImageRecord":
        """The reference names this image here. One that it named before keeps its time."""
        failed = None if self.failed and (self.failed.excused or self.failed.image.id != image.id) else self.failed
        if self.newest and self.newest.id == image.id:
            image = replace(image, since=self.newest.since)
        return replace(self, newest=image, here=True, failed=failed, replaced=self._replaced_by(image.id, self.newest))

    def used(self, image: KnownImage) -> "ImageRecord":
        """A pilot was made from this image, because it was wanted, or was what the engine had in its place."""
        if self.wanted is None or self.wanted.id == image.id:
            return self
        # The last good one is gone where the newest was used in its place.
        record = replace(self, good=None, failed=None) if self.rolled_back else self
        return record.found(image)

    def proved(self, image_id: str, digest: str, now: float) -> "ImageRecord":
        """A pilot of that image is in the pool."""
        if self.good and self.good.id == image_id:
            return self
        failed = None if self.failed and self.failed.image.id == image_id else self.failed
        replaced = self._replaced_by(image_id, self.good)
        return replace(self, good=KnownImage(image_id, digest, now), failed=failed, replaced=replaced)

    def _replaced_by(self, image_id: str, before: Optional[KnownImage]) -> tuple[str, ...]:
        others = [known for known in self.replaced if known != image_id and (before is None or known != before.id)]
        if before and before.id != image_id:
            others.append(before.id)
        return tuple(others[-_MOST_REPLACED:])

    def condemned(self, why: str, now: float) -> "ImageRecord":
        """The newest failed its trial."""
        return replace(self, failed=FailedImage(self.newest, why, now)) if self.newest else self

    def confirmed(self) -> "ImageRecord":
        """The last good image works where the newest failed."""
        return replace(self, failed=replace(self.failed, confirmed=True)) if self.failed else self

    def excused(self) -> "ImageRecord":
        """The last good image failed in the same way."""
        return replace(self, failed=replace(self.failed, excused=True)) if self.failed else self
