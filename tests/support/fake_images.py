"""The local images of the fake engine: which names each has, and from which repositories it came."""

import hashlib
from dataclasses import dataclass, field
from typing import Optional

from ospool_ep.engine.interface import Image


@dataclass
class _FakeImage:
    id: str
    created: float
    names: set[str] = field(default_factory=set)
    digests: dict[str, str] = field(default_factory=dict)  # by repository

    def seen_as(self, reference: str) -> Image:
        """What the engine answers to who asks by that reference; by an id, any digest will do."""
        any_digest = next(iter(self.digests.values()), "")
        digest = any_digest if reference == self.id else self.digests.get(repository(reference), "")
        return Image(self.id, digest, self.created)


def repository(reference: str) -> str:
    """The reference without its digest and its tag."""
    name = reference.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


class FakeImages:
    """Images by their names, digests and ids."""

    def __init__(self) -> None:
        self._images: dict[str, _FakeImage] = {}

    def add(self, reference: str, digest: str, created: float) -> None:
        """An image of that name; one that had the name before loses it. A reference with a digest gives no name."""
        identity = f"sha256:{hashlib.sha256((digest or reference).encode()).hexdigest()}"
        image = self._images.setdefault(identity, _FakeImage(identity, created))
        image.created = created
        if digest:
            image.digests[repository(reference)] = digest
        if "@" not in reference:
            self._name(image, reference)

    def find(self, reference: str) -> Optional[Image]:
        """The image of that name, digest or id."""
        found = self._find(reference)
        return found.seen_as(reference) if found else None

    def tag(self, image_id: str, reference: str) -> bool:
        """Whether there is such an image, which now has that name, too."""
        image = self._images.get(image_id)
        if image:
            self._name(image, reference)
        return image is not None

    def remove(self, image_id: str) -> bool:
        """Whether it is gone; a name holds it."""
        image = self._images.get(image_id)
        if image and not image.names:
            del self._images[image_id]
        return image_id not in self._images

    def unnamed(self, reference: str) -> tuple[Image, ...]:
        """Those of that repository without a name."""
        found = (image for image in self._images.values() if not image.names and repository(reference) in image.digests)
        return tuple(image.seen_as(reference) for image in found)

    def _find(self, reference: str) -> Optional[_FakeImage]:
        name, _, digest = reference.partition("@")
        for image in self._images.values():
            pinned = bool(digest) and image.digests.get(repository(name)) == digest
            if pinned or reference in image.names or reference == image.id:
                return image
        return None

    def _name(self, image: _FakeImage, reference: str) -> None:
        for other in self._images.values():
            other.names.discard(reference)
        image.names.add(reference)
