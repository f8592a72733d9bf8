"""Notices that the token on disk was replaced, or is about to expire, while a pilot runs."""

import threading
import time
from collections.abc import Callable
from typing import Optional

from ospool_ep.configuration.findings import Checked
from ospool_ep.lifecycle.events import Event, TokenSeen
from ospool_ep.service.settings import Settings
from ospool_ep.system.file_stamp import stamp
from ospool_ep.system.helper_program import HelperFailed

# A look at the file costs a system call; what is in it is read only when that has changed, and once a day.
_LOOK_SECONDS = 30.0
_REMIND_SECONDS = 24 * 3600.0


class TokenWatch:
    """A thread of its own, as a file system that hangs would keep any other from its work."""

    def __init__(
        self, settings: Callable[[], Settings], post: Callable[[Optional[Event]], None], over: threading.Event
    ) -> None:
        """``over``: the service has ended."""
        self._settings = settings
        self._post = post
        self._over = over
        self._seen: Optional[tuple[str, object]] = None
        self._reminded = time.monotonic()

    def start(self, checked: Optional[Checked] = None) -> None:
        """Begin to watch. ``checked`` is what was found a moment ago, and saves the first look."""
        if checked:
            self._post(TokenSeen(checked.token, checked.token_note))
        threading.Thread(
            target=self._watch, args=(_LOOK_SECONDS if checked else 0.0,), name="token", daemon=True
        ).start()

    def _watch(self, first_wait: float) -> None:
        wait = first_wait
        while not self._over.wait(wait):
            self._look()
            wait = _LOOK_SECONDS

    def _look(self) -> None:
        settings, now = self._settings(), time.monotonic()
        seen = settings.token_location, stamp(settings.token_location)
        remind = now - self._reminded >= _REMIND_SECONDS
        if seen == self._seen and not remind:
            return
        self._seen = seen
        if remind:
            self._reminded = now
        try:
            token, note = settings.look_at_token()
        except HelperFailed:
            self._seen = None
            return
        self._post(TokenSeen(token, note, remind=remind))
