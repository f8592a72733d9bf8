"""The orders that are about images: pull the newest, see which one is here, keep the last good one, remove the old."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Optional

from ospool_ep.engine.interface import Engine, EngineError, Image, PullFailed
from ospool_ep.lifecycle.events import Event, ImageFound, Pulled, PullProgressed, PullRefused
from ospool_ep.lifecycle.image_events import is_fresh
from ospool_ep.lifecycle.image_record import ImageRecord, KnownImage
from ospool_ep.service.pull_in_turn import turn_to_pull
from ospool_ep.system.host_failures import why
from ospool_ep.system.image_store import NOT_NOTED, ImageStore
from ospool_ep.system.pull_turn import PullTurn
from ospool_ep.this_service import this_service
from ospool_ep.wording import duration

# Where an old image is here, one who waits for a start does not wait for a registry that says nothing: below that is
# what ends such a start (``lifecycle.start``).
WAITED_FOR_SECONDS = 40.0


def last_good() -> str:
    """The name of this service's last good image.

    The engine does not remove an image that has a name when somebody, be it another service of this host, has it remove
    those without.
    """
    instance = this_service().instance
    return f"localhost/ospool-ep:last-good{f'-{instance}' if instance else ''}"


@dataclass(eq=False)
class ImageOrders:
    """Each order asks the engine and posts what came of it. They raise EngineError."""

    engine: Engine
    store: ImageStore
    post: Callable[[Event], None]
    # Whether somebody waits for the start of the service.
    somebody_waits: Callable[[], bool] = lambda: False

    def pull(self, reference: str, only_missing: bool) -> None:
        """Pull, unless what is here is as new as it gets, or ``only_missing``; and fall back on what is here."""
        if self._is_here(reference, only_missing):
            return
        with turn_to_pull(self.store, reference, self.post) as turn:
            # Another service may just have pulled it.
            if not self._is_here(reference, only_missing):
                self._pull(reference, turn)

    def _is_here(self, reference: str, only_missing: bool) -> bool:
        here, pulled_at = self.engine.image(reference), self.store.pulled_at(reference)
        if here and (only_missing or is_fresh(pulled_at, time.monotonic())):
            self.post(Pulled(reference, _known(here), pulled_at=pulled_at))
            return True
        return False

    def _pull(self, reference: str, turn: Optional[PullTurn]) -> None:
        patience = WAITED_FOR_SECONDS if self.engine.image(reference) and self.somebody_waits() else None
        problem = ""
        try:
            for progress in self.engine.pull(reference, patience):
                problem = progress.problem
                if turn:
                    turn.tell(progress.percent)
                self.post(PullProgressed(reference, progress.percent))
            pulled = self.engine.image(reference)
        except PullFailed as error:
            self._fall_back(reference, str(error))
            return
        if pulled is None:
            self.post(PullRefused(reference, f"Somebody removed {reference} as soon as it was pulled."))
            return
        try:
            self.store.note_pull(reference)
        except OSError as error:
            problem = f"{problem} {NOT_NOTED}: {why(error)}".lstrip()
        self.post(Pulled(reference, _known(pulled), remark=problem))

    def _fall_back(self, reference: str, reason: str) -> None:
        here = self.engine.image(reference)
        if here is None:
            self.post(PullRefused(reference, f"{reason} There is no local image either."))
            return
        age = duration(time.time() - here.created)
        self.post(Pulled(reference, _known(here), f"{reason} Going on with the local image, built {age} ago."))

    def find(self, reference: str) -> None:
        """See which image the reference names here."""
        here = self.engine.image(reference)
        self.post(ImageFound(reference, _known(here) if here else None, self.store.pulled_at(reference)))

    def tidy(self, images: ImageRecord) -> None:
        """Name the last good image, and remove those of the repository that nothing names, needs or runs any more."""
        # What stays now is removed after the next update.
        with contextlib.suppress(EngineError):
            if images.good and self.engine.image(images.good.id):
                self.engine.tag(images.good.id, last_good())
            unnamed = [image.id for image in self.engine.unnamed_images(images.reference)]
            for image_id in dict.fromkeys([*images.replaced, *unnamed]):
                if image_id not in images.kept():
                    self.engine.remove_image(image_id)


def _known(image: Image) -> KnownImage:
    return KnownImage(image.id, image.digest, time.monotonic())
