"""Notices what goes wrong with this host while a pilot runs: its CVMFS dies, its run-time directory is removed."""

import threading
from collections.abc import Callable
from typing import Optional

from ospool_ep.lifecycle.events import Event, HostSeen, TimeUp
from ospool_ep.system.helper_program import HelperFailed

# Whether the directory is there costs a system call. A look at the host takes a process, and is as often as other hosts
# expect a sign of this one (``checks.scratch_marks``).
HERE_SECONDS = 30.0
LOOKS = 10


class HostWatch:
    """A thread of its own: a look at a file system that hangs takes a while."""

    def __init__(
        self,
        look_at_host: Callable[[], Optional[str]],
        noted: Callable[[], str],
        in_place: Callable[[], bool],
        post: Callable[[Optional[Event]], None],
        over: threading.Event,
    ) -> None:
        """``look_at_host`` says what has gone wrong, None where no pilot runs. It raises HelperFailed.

        ``noted``: what is known to have gone wrong. ``in_place``: whether the run-time directory is ours.
        ``over``: the service has ended.
        """
        self._look_at_host = look_at_host
        self._noted = noted
        self._in_place = in_place
        self._post = post
        self._over = over

    def start(self) -> None:
        """Begin to watch."""
        threading.Thread(target=self._watch, name="host", daemon=True).start()

    def _watch(self) -> None:
        looks = 0
        while not self._over.wait(HERE_SECONDS):
            if not self._in_place():
                # Nothing is due; but with each event the report is written, and the directory made anew.
                self._post(TimeUp())
            if looks % LOOKS or self.look():
                looks += 1

    def look(self) -> bool:
        """Look at the host, and tell what is new; returns whether a pilot runs, for which one is to be looked."""
        try:
            note = self._look_at_host()
        except HelperFailed:
            return True
        if note not in (None, self._noted()):
            self._post(HostSeen(note or ""))
        return note is not None
