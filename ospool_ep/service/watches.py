"""The watches of this host's pilots, one for each, and how far the log of each was copied."""

import threading
from collections.abc import Callable, Collection
from typing import Optional

from ospool_ep.service.pilot_watch import PilotWatch


class Watches:
    """They may be begun and left by several threads."""

    def __init__(self, make: Callable[[str, Optional[str]], PilotWatch], cursors: dict[str, str]) -> None:
        """``make`` gives a watch of that container, from that cursor on; ``cursors``: where those before have ended."""
        self._make = make
        self._watches: dict[str, PilotWatch] = {}
        # How far the log of each container was copied. Only the journal knows it after a crash.
        self._cursors = cursors
        self._turn = threading.Lock()

    def of(self, container_id: str) -> Optional[PilotWatch]:
        """The watch of the pilot in that container, where there is one."""
        return self._watches.get(container_id)

    def knows_cursor(self, container_id: str) -> bool:
        """Whether it is known how far that log was copied."""
        return container_id in self._cursors or container_id in self._watches

    def copied_to(self, container_id: str, cursor: str) -> None:
        """The log of that container is in the journal up to there; empty: nothing of it is."""
        self._cursors[container_id] = cursor

    def begin(self, container_id: str) -> None:
        """Watch it, from where its log was copied last."""
        self.leave(container_id)
        watch = self._make(container_id, self._cursors.get(container_id))
        self._watches[container_id] = watch
        watch.start()

    def leave(self, container_id: str) -> None:
        """End the watch, where there is one, and keep how far it came."""
        with self._turn:
            watch = self._watches.pop(container_id, None)
        if watch is None:
            return
        cursor = watch.leave()
        if cursor is None:
            self._cursors.pop(container_id, None)
        else:
            self._cursors[container_id] = cursor

    def forget(self, container_id: str) -> None:
        """The container is gone, or will be."""
        self.leave(container_id)
        self._cursors.pop(container_id, None)

    def keep_only(self, containers: Collection[str]) -> None:
        """Forget all that are none of these."""
        for container_id in {*self._watches, *self._cursors}.difference(containers):
            self.forget(container_id)

    def end(self) -> dict[str, str]:
        """End all of them; returns how far the log of each was copied."""
        for container_id in tuple(self._watches):
            self.leave(container_id)
        return dict(self._cursors)
