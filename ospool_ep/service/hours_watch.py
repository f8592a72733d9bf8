"""Notices that the hours of OSPOOL_EP_HOURS begin or end, by this host's clock; and makes the pilots guests outside.

The lifecycle has a clock that never jumps; this host's is set by hand, sleeps with the host, and changes with its time
zone. So what is waited for is the next border, but for a minute at most.
"""

import threading
import time
from collections.abc import Callable
from typing import Optional

from ospool_ep.lifecycle.events import Event, HoursSeen
from ospool_ep.lifecycle.state import Hours
from ospool_ep.service.settings import Settings
from ospool_ep.system.guest_slice import set_guest
from ospool_ep.system.slices import cgroups_are_unified

# To look at the clock costs a millisecond at most.
LONGEST_WAIT_SECONDS = 60.0


def hours_now(text: str) -> Hours:
    """What those of OSPOOL_EP_HOURS say by this host's clock; empty: jobs are always accepted."""
    if not text:
        return Hours()
    from ospool_ep.configuration.day_hours import parse  # noqa: PLC0415 - for what few sites set

    # Somebody may have chosen another time zone since; a process reads its own only once by itself.
    time.tzset()
    day_hours, now = parse(text), time.time()
    return Hours(day_hours.accept(now), day_hours.next_change(now))


def make_guests(are_guests: bool) -> bool:
    """Let the pilots have what this host leaves idle, or their share; returns whether there is nothing to do any more.

    With cgroups of version 1 they are in no slice of systemd's. To set a weight of one there makes systemd take away
    groups of Docker's, and no command runs in a container any more (seen with systemd 252).
    """
    return not cgroups_are_unified() or set_guest(are_guests)


class HoursWatch:
    """A thread of its own, which is there only where the configuration names hours."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        seen: Hours,
        post: Callable[[Optional[Event]], None],
        make_guest: Callable[[bool], bool] = make_guests,
    ) -> None:
        """``seen``: what the lifecycle knows. ``make_guest`` takes whether the pilots are guests of this host."""
        self._settings = settings
        self._seen = seen
        self._post = post
        self._make_guest = make_guest
        self._wake = threading.Event()
        self._over = False
        self._thread: Optional[threading.Thread] = None
        # What systemd was told last; None: it is to be told.
        self._guest: Optional[bool] = None

    def look(self) -> None:
        """Look at once: the configuration is another one, or a pilot was made or found. Returns before that is done."""
        self._wake.set()
        if self._thread is None and self._settings().hours:
            self._thread = threading.Thread(target=self._watch, name="hours", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Nothing is told from now on, unless a look is under way."""
        self._over = True
        self._wake.set()

    def _watch(self) -> None:
        while True:
            woken = self._wake.wait(self.seconds_to_wait())
            if self._over:
                return
            if woken:
                self._wake.clear()
                # The slice of a pilot that has just come may be a new one.
                self._guest = None
            self._look()

    def seconds_to_wait(self) -> Optional[float]:
        """How long nothing is to be done; None: until somebody asks for a look."""
        if not self._settings().hours:
            return None
        until = self._seen.until
        return LONGEST_WAIT_SECONDS if until is None else min(LONGEST_WAIT_SECONDS, max(0.0, until - time.time()))

    def _look(self) -> None:
        settings = self._settings()
        seen = hours_now(settings.hours)
        if seen != self._seen:
            self._seen = seen
            self._post(HoursSeen(seen))
        guest = settings.is_backfill or not seen.are_open
        # Where systemd does not do it, it is told again with the next look: a minute later at most.
        if guest is not self._guest and self._make_guest(guest):
            self._guest = guest
