"""Notices that the token on disk was replaced, or is about to expire, while a pilot runs."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Optional

from ospool_ep.events import Event, TokenSeen
from ospool_ep.setup import Setup

# A look at the file costs a system call; what is in it is read only when that has changed, and once a day.
_LOOK_SECONDS = 30.0
_REMIND_SECONDS = 24 * 3600.0


class TokenWatch:
    """A thread of its own, as a file system that hangs would keep any other from its work."""

    def __init__(self, setup: Callable[[], Setup], post: Callable[[Optional[Event]], None]) -> None:
        self._setup = setup
        self._post = post
        self._seen: Optional[tuple[str, object]] = None
        self._reminded = time.monotonic()

    def start(self) -> None:
        """Begin to watch."""
        threading.Thread(target=self._watch, name="token", daemon=True).start()

    def _watch(self) -> None:
        while True:
            self.look()
            time.sleep(_LOOK_SECONDS)

    def look(self) -> None:
        """Look once, and post what is new."""
        setup, now = self._setup(), time.monotonic()
        seen, remind = (setup.token_location, _stamp(setup.token_location)), now - self._reminded >= _REMIND_SECONDS
        if seen == self._seen and not remind:
            return
        self._seen = seen
        if remind:
            self._reminded = now
        token, note = setup.look_at_token()
        self._post(TokenSeen(token, note, remind=remind))


def _stamp(path: str) -> object:
    """Another file, other content or other rights give another one."""
    try:
        found = Path(path).stat()
    except OSError as error:
        return error.errno
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size
