"""One process of ours after another on a host that is played: each takes its events, gives its orders, and ends."""

from functools import partial

from ospool_ep.lifecycle import events as ev
from ospool_ep.lifecycle.actions import Do, Order
from ospool_ep.lifecycle.events import Event
from ospool_ep.lifecycle.state import Stage, Want
from ospool_ep.lifecycle.step import step
from ospool_ep.pilot.state import Pool
from tests.pure.lifecycle.played.orders import PlayedOrders
from tests.pure.lifecycle.played.pilot_orders import PlayedPilotOrders
from tests.pure.lifecycle.played.process import Step
from tests.pure.lifecycle.played.world import Configuration


class PlayedService(PlayedOrders, PlayedPilotOrders):
    """The lifecycle in its process, which may die at any moment, and the next one that systemd starts."""

    def __init__(self, configured: Configuration) -> None:
        super().__init__(configured)
        self.begin()

    def begin(self, *, orders_end: bool = False) -> None:
        """A new process; what the one before had in hand is forgotten, but for what the engine was told before."""
        if orders_end:
            self.end_what_is_under_way()
        self.life += 1
        self.forget()
        for container in self.containers:
            container.stopping = False
        self.take(ev.Began())
        if self.unit_stops:
            self.inbox.append(ev.StopAsked())

    def take_next(self) -> None:
        """Time is up only where there is nothing else to take."""
        self.take(self.inbox.pop(0) if self.inbox else ev.TimeUp())

    def take(self, event: Event) -> None:
        # Why a signal came is asked when it is taken.
        if isinstance(event, ev.StopAsked):
            event = ev.StopAsked(leaving=not self.unit_stops)
        elif isinstance(event, ev.Asked):
            event = ev.Asked(self.want, self.want_since)
        failed = self.state.images.failed
        self.state, actions = step(self.state, event, self.now)
        self.known = self.state.images
        self.told.hear(event, self)
        is_blamed = self.known.failed and not (failed and failed.image.id == self.known.failed.image.id)
        assert not (is_blamed and self.told.host_is_unwell), "no image is given up for a trouble of its host"
        self._note(event)
        for action in actions:
            if action is Order.EXIT:
                self.queue("row", self._exit)
            elif isinstance(action, Order):
                self.give(action)
            elif isinstance(action, Do):
                self.do(action)
        assert sum(pilot.stage is Stage.OPEN for pilot in self.state.pilots) <= 1, "at most one is open"
        assert not self.state.leaving or self.state.phase.value in ("launching", "ended"), "who has to leave, leaves"

    def _note(self, event: Event) -> None:
        for pilot in self.state.pilots:
            self.drains[pilot.container_id] = (pilot.draining_since, pilot.limited_since)
        if not isinstance(event, ev.Observed):
            return
        container, pilot_seen = self.standing(event.container_id), self.state.pilot(event.container_id)
        if container is None or pilot_seen is None:
            return
        if event.state.pool is Pool.ACCEPTS and not container.stopping:
            self.accepted(container, late=self.known.failed)
        # The answer may be from before somebody started it again.
        is_this_one = pilot_seen.started_at == container.started_at
        container.has_left |= is_this_one and pilot_seen.stage is Stage.LEAVING and pilot_seen.confirmed

    def _exit(self) -> None:
        if self.state.leaving:
            self.begin(orders_end=True)
            return
        left = [one for one in self.running if one.id not in self.started_by_others]
        assert self.told.could_not_stop or not left, "a stop leaves no pilot behind"
        self.alive = self.unit_stops = False
        self.watches, self.lanes = {}, {}
        self.want = self.wish = Want.PILOTS
        self.want_since, self.to_go = 0.0, set()

    def next_steps(self) -> list[Step]:
        """What may come next: an order of each lane, what the engine does, what is found, or an event that is taken."""
        lanes = [partial(self.perform, lane) for lane in self.lanes]
        flying = [partial(self._lands, index) for index in range(len(self.flying))]
        questions = [partial(self.ask_on, one, watch) for one, watch in self.watches.items() if watch.is_asking]
        news = self.alive and (self.inbox or 0 < self.state.wake_at <= self.now)
        file = [self.look_at_token] if self.alive and self.token_seen != self.token else []
        return [*lanes, *flying, *questions, *file, *([self.take_next] if news else [])]

    def step_on(self, choice: int) -> None:
        steps = self.next_steps()
        steps[choice % len(steps)]()
        self.jobs_begin()

    def _lands(self, index: int) -> None:
        self.flying.pop(index)()
