"""Notices what goes wrong with this host while a pilot runs: its CVMFS dies, its run-time directory is removed."""

import threading
import time
from collections.abc import Callable
from typing import Optional

from ospool_ep.lifecycle.events import Event, HostSeen, TimeUp
from ospool_ep.service.settings import Settings
from ospool_ep.system.helper_program import HelperFailed

# Whether the directory is there costs a system call. A look at the host takes a process, and is as often as other hosts
# expect a sign of this one (``checks.scratch_marks``).
HERE_SECONDS = 30.0
_LOOKS = 10


class HostWatch:
    """A thread of its own: a look at a file system that hangs takes a while."""

    def __init__(
        self, settings: Callable[[], Settings], in_place: Callable[[], bool], post: Callable[[Optional[Event]], None]
    ) -> None:
        """``in_place``: whether the run-time directory is ours."""
        self._settings = settings
        self._in_place = in_place
        self._post = post
        self._noted = ""

    def start(self) -> None:
        """Begin to watch."""
        threading.Thread(target=self._watch, name="host", daemon=True).start()

    def _watch(self) -> None:
        looks = 0
        while True:
            time.sleep(HERE_SECONDS)
            if not self._in_place():
                # Nothing is due; but with each event the report is written, and the directory made anew.
                self._post(TimeUp())
            if looks % _LOOKS == 0:
                self.look()
            looks += 1

    def look(self) -> None:
        """Look at the host where the configuration says that there is something to look at."""
        settings, note = self._settings(), ""
        if settings.looks_at_host:
            try:
                note = settings.look_at_host()
            except HelperFailed:
                return
        if note != self._noted:
            self._noted = note
            self._post(HostSeen(note))
