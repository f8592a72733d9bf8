"""The orders of our process that are about one pilot: to follow, drain, tell, name, stop and remove it.

Each kind has its lane for each pilot; what its HTCondor does about one comes in time, or not at all.
"""

from collections.abc import Callable

from ospool_ep.lifecycle import events as ev
from ospool_ep.lifecycle.actions import Do, Verb
from tests.pure.lifecycle.played.checks import check_drain
from tests.pure.lifecycle.played.container import Container
from tests.pure.lifecycle.played.process import PlayedProcess, Step, Watch

_LANES = {Verb.FOLLOW: "stop", Verb.STOP: "stop", Verb.REMOVE: "removal", Verb.DRAIN: "drain"}


class PlayedPilotOrders(PlayedProcess):
    """What the engine, and a pilot's HTCondor, do with that pilot."""

    def do(self, order: Do) -> None:
        container_id, pilot = order.container_id, self.standing(order.container_id)
        if order.verb is Verb.STOP and pilot:
            pilot.stopping = True
        if order.verb is Verb.DRAIN and pilot:
            check_drain(self, pilot)
            self._note_drain(pilot)
        may_evict = pilot is None or self.told.may_evict(self, pilot)
        performers: dict[Verb, Step] = {
            Verb.FOLLOW: lambda: self._follow(container_id),
            Verb.DRAIN: lambda: self._order(order, self._drain),
            Verb.TELL: lambda: self._order(order, self._tell),
            Verb.NAME: lambda: self._name(container_id),
            Verb.STOP: lambda: self._stop(order, may_evict=may_evict),
            Verb.REMOVE: lambda: self._remove(container_id),
        }
        self.queue(f"{_LANES.get(order.verb, 'opening')} {container_id}", performers[order.verb])

    def _note_drain(self, pilot: Container) -> None:
        known = self.state.pilot(pilot.id)
        limited = not self.told.wants_none and known is not None and known.limited_since is not None
        if limited and pilot.limit_from is None:
            pilot.limit_from = self.now
        pilot.to_drain = True

    def _follow(self, container_id: str) -> None:
        if not self.engine_answers:
            self.inbox.append(ev.EngineLost("gone."))
            return
        self.watches[container_id] = Watch()
        if self.refuses is Verb.FOLLOW:
            self.inbox.append(ev.LogRefused(container_id, "no."))
        container = self.standing(container_id)
        if container is None or not container.running:
            self.tell_end(container_id, container)

    def _order(self, order: Do, perform: Callable[[Container, Do, int], None]) -> None:
        """A command for the pilot's HTCondor: the engine has it, and it takes its time."""
        pilot, life = self.standing(order.container_id), self.life
        refused = ev.DrainRefused if order.verb is Verb.DRAIN else ev.TellRefused
        if pilot and pilot.running and not self.fails(order.verb, refused(order.container_id, "busy")):
            self.flying.append(lambda: perform(pilot, order, life))

    def _drain(self, pilot: Container, _order: Do, life: int) -> None:
        if not pilot.running or pilot.gone:
            return
        denied = "DENIED: no authorization" if self.is_a(pilot, "denied") else ""
        if denied or pilot.paused or pilot.dead:
            self.post(life, ev.DrainRefused(pilot.id, denied or "it does not answer"))
        else:
            pilot.drains = True

    def _tell(self, pilot: Container, order: Do, life: int) -> None:
        if not pilot.running:
            return
        if pilot.paused or pilot.dead or pilot.gone:
            self.post(life, ev.TellRefused(pilot.id, "it does not answer"))
            return
        pilot.believes = order.share
        # What the ad says of it comes later, and so does the answer.
        self.flying.append(lambda: self.post(life, ev.Told(pilot.id, order.share)))

    def _name(self, container_id: str) -> None:
        container = self.standing(container_id)
        if container is None:
            return
        # It goes on under its other name then, until it is tried again.
        if not self.fails(Verb.NAME, ev.NameRefused(container_id, "no."), is_barred=bool(self.stranger)):
            self.name_it(container)

    def _stop(self, order: Do, *, may_evict: bool) -> None:
        pilot, life = self.standing(order.container_id), self.life
        if pilot is None or not pilot.running:
            return
        if pilot.id in self.watches:
            self.inbox.append(ev.StopBegan(pilot.id, None if pilot.paused else pilot.running_jobs))
        if self.fails(Verb.STOP, ev.StopRefused(pilot.id, "frozen")):
            pilot.stopping = False
            return
        self.flying.append(lambda: self._stops(pilot, life, may_evict=may_evict))

    def _stops(self, pilot: Container, life: int, *, may_evict: bool) -> None:
        if pilot.paused:
            pilot.stopping = False
            self.post(life, ev.StopRefused(pilot.id, "frozen"))
            return
        assert may_evict or not pilot.jobs, "no job is lost that nobody gave up"
        if pilot.running:
            self.pilot_ends(pilot)

    def _remove(self, container_id: str) -> None:
        self.watches.pop(container_id, None)
        container = self.standing(container_id)
        if not self.engine_answers:
            return
        if container and container.running:
            self.engine_says(ev.RunsAgain(container_id))
        elif container and self.refuses is Verb.REMOVE:
            self.engine_says(ev.RemoveRefused(container_id, "no."))
        else:
            self.containers = [one for one in self.containers if one is not container]
            if not self.answers_get_lost:
                self.sweep(self.next_directory)
