"""What comes from outside on a host that is played: what people do, and an engine that goes away."""

from dataclasses import replace
from typing import Optional

from ospool_ep.lifecycle import events as ev
from ospool_ep.lifecycle.state import Hindrance, Hours, Want
from ospool_ep.pilot.state import EVERYTHING
from tests.pure.lifecycle.played.container import Container
from tests.pure.lifecycle.played.process import PlayedProcess
from tests.pure.lifecycle.played.world import Configuration


class PlayedPeople(PlayedProcess):
    """What an operator asks for, and what others do to pilots, to the engine and to this host."""

    def is_found(self, hindrance: Optional[Hindrance]) -> None:
        """This host is ready for a pilot, or not; one that begins meanwhile does not get into the pool."""
        self.hindrance = hindrance
        for pilot in self.running if hindrance else ():
            pilot.spoiled |= not pilot.accepted

    def operator_asks(self, want: Want) -> None:
        self.now += 1.0
        self.want = self.wish = want
        self.want_since = self.now
        self.to_go = {one.id for one in self.running if one.accepted and one.believes != EVERYTHING}
        self.to_go = self.to_go if want is Want.START else set()
        self.inbox.append(ev.Asked(want))

    def hours_turn(self, *, are_open: bool) -> None:
        """They begin or end, or are others; a process that runs notices that."""
        self.are_open = are_open
        if self.alive:
            self.inbox.append(ev.HoursSeen(Hours(are_open)))

    def operator_updates(self) -> None:
        self.image_comes(self.configured.reference)
        if self.alive:
            self.inbox.append(ev.Asked(self.want))

    def operator_reloads(self, configured: Configuration) -> None:
        """The file is another one; a process that runs reads it, beside all else."""
        self.configured = configured
        if self.alive:
            self.queue("reload", self._read_again)

    def _read_again(self) -> None:
        self.settings = self.configured
        self.inbox.append(replace(self.configured.as_event(), hindrance=self.found))

    def somebody_starts(self, pilot: Container) -> None:
        """The container, anew, whether or not it runs."""
        pilot.starts(self.now)
        pilot.slow = not pilot.closed
        # It is another pilot.
        self.to_go.discard(pilot.id)
        if pilot.id in self.watches:
            self.tell_end(pilot.id, pilot, restarted=True)

    def engine_goes(self, *, orders_end: bool) -> None:
        """The pilots go on (live-restore); all that waits for an answer gets none, also where it is done."""
        if orders_end:
            self.end_what_is_under_way()
        waiting = len(self.pulls) + len(self.watches) + len(self.flying)
        self.engine_answers = False
        self.pulls, self.watches, self.flying = [], {}, []
        self.inbox += [ev.EngineLost("gone.")] * waiting
