"""A host that is played, with one process of ours after another, which may die at any moment.

It checks what an operator is promised on what truly runs, and not on what the lifecycle says of it.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Optional

from ospool_ep.configuration.values import UpdatePolicy
from ospool_ep.lifecycle import events as ev
from ospool_ep.lifecycle.actions import Order
from ospool_ep.lifecycle.events import Event
from ospool_ep.lifecycle.image_events import is_fresh
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.lifecycle.sight import ABSENT_SECONDS
from ospool_ep.lifecycle.state import Found, Hindrance, Want
from ospool_ep.lifecycle.step import initial, step
from ospool_ep.pilot.state import Offer, PilotState, Pool, Startd
from tests.pure.lifecycle.host import IN_POOL
from tests.pure.lifecycle.played_world import Configuration, Container, Told, World

MISSING = PilotState(Startd.MISSING, jobs=())
# More steps than ever follow from one happening: a service that gets there spins.
_MOST_STEPS = 200
_NO_PILOT = (Want.IDLE, Want.STOP)


class PlayedHost(World):
    """Our process and its orders; and what people do to it."""

    def __init__(self, configured: Configuration) -> None:
        super().__init__(configured)
        # What an operator asked for last, and what lies in the run-time directory of it.
        self.wish = self.want = Want.PILOTS
        self.known = ImageRecord(configured.reference)
        # Since when a pilot drains, and since when with a limit, as the service notes it.
        self.drains: dict[str, tuple[float, Optional[float]]] = {}
        self.unit_stops = False
        # What keeps the next pilot from being made.
        self.hindrance: Optional[Hindrance] = None
        self.begin()

    # --- our process ---------------------------------------------------------------------------------------

    def begin(self) -> None:
        """A new process; what the one before had in hand is forgotten."""
        self.alive = True
        self.inbox: list[Event] = []
        self.row: list[Callable[[], None]] = []
        self.beside: list[Callable[[], None]] = []
        self.pulls: list[str] = []
        self.watched = ""
        self.heard: list[Optional[PilotState]] = []
        self.settings = self.configured
        self.told = Told(self.configured.as_event(), self.want)
        if self.container:
            self.container.stopping = False
        reference = self.configured.reference
        known = replace(self.known, here=False) if self.known.reference == reference else ImageRecord(reference)
        self.state = initial(
            self.now, self.want, self.configured.policy, known, self.configured.fingerprint, hindrance=self.hindrance
        )
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
            event = ev.Asked(self.want)
        before = self.state
        self.state, actions = step(before, event, self.now)
        self.known = self.state.images
        pilot = self.state.pilot
        if pilot and pilot.draining_since is not None:
            self.drains = {pilot.container_id: (pilot.draining_since, pilot.limited_since)}
        container = self.standing(pilot.container_id) if pilot else None
        self.told.hear(event, container)
        accepted = isinstance(event, ev.Observed) and event.state.pool is Pool.ACCEPTS
        if accepted and container and not container.stopping:
            self.accepted(container, self.told.goes_by.policy.rollback_seconds)
        pilot = pilot or before.pilot
        for order in actions:
            if isinstance(order, Order):
                self._give(order, pilot.container_id if pilot else "")

    def next_steps(self) -> list[Callable[[], None]]:
        """What our process may do next: an order beside the row, the first in the row, or to take an event."""
        orders = [(self.beside, index) for index in range(len(self.beside))] + [(self.row, 0)] * bool(self.row)
        steps = [partial(self._perform, *order) for order in orders]
        news = self.alive and (self.inbox or 0 < self.state.wake_at <= self.now)
        return [*steps, self.take_next] if news else [*steps]

    def _perform(self, orders: list[Callable[[], None]], index: int) -> None:
        orders.pop(index)()

    def go_on(self, steps: Optional[int] = None) -> None:
        """All that follows by itself, or the first steps of it; fails where it never ends."""
        for _ in range(_MOST_STEPS if steps is None else steps):
            if not self._goes_on():
                return
        assert steps is not None, "the host never comes to rest"

    def _goes_on(self) -> bool:
        steps, pilot = self.next_steps(), self.container
        if steps:
            steps[0]()
        elif self.pulls and not self.registry_is_slow:
            self.pull_ends(0, registry_answers=True)
        elif self.watched and self.heard[-2:] != [self._says()] * 2:
            # What is new is asked twice.
            self._ask_pilot()
        elif self.watched and self._is_dead_for_long():
            self._ask_pilot()
        elif pilot and pilot.drains and not pilot.jobs and not pilot.dead:
            self.pilot_ends()
        else:
            return self.a_job_comes()
        return True

    # --- the orders ----------------------------------------------------------------------------------------

    def _give(self, order: Order, container_id: str) -> None:
        images, pilot, told = self.state.images, self.container, self.told
        may_evict = pilot is None or told.may_evict(pilot, self.now)
        if order is Order.LAUNCH:
            assert told.want not in _NO_PILOT, "no pilot follows a drain"
        elif order is Order.FORGET_DRAIN:
            told.want = Want.PILOTS
        elif order is Order.STOP and pilot:
            pilot.stopping = True
        elif order is Order.DRAIN and pilot:
            image_is_here = told.image is not None or pilot.told_to_drain or told.want is not Want.PILOTS
            assert image_is_here or pilot.retired, "no pilot makes room before the next one's image is here"
            pilot.told_to_drain = True
            by_itself = self.state.pilot and self.state.pilot.limited_since is None
            if told.want is Want.PILOTS and pilot.limit_from is None and not by_itself:
                pilot.limit_from = self.now
        beside: dict[Order, Callable[[], None]] = {
            Order.PULL: lambda: self._pull(images.reference),
            Order.FIND_IMAGE: lambda: self._find_image(images.reference),
            Order.CHECK_HOST: self._check_host,
            Order.DRAIN: lambda: self._drain(container_id),
            Order.TIDY: lambda: None,
        }
        in_a_row: dict[Order, Callable[[], None]] = {
            Order.LOOK: self._look,
            Order.LAUNCH: lambda: self._launch(images),
            Order.FOLLOW: lambda: self._follow(container_id),
            Order.STOP: lambda: self._stop(container_id, may_evict),
            Order.REMOVE: lambda: self._remove(container_id),
            Order.FORGET_DRAIN: self._forget_drain,
            Order.END_SERVICE: lambda: self.systemctl(stop=True),
            Order.EXIT: self._exit,
        }
        if order in beside:
            self.beside.append(beside[order])
        else:
            self.row.append(in_a_row[order])

    def _fails(self, order: Order, refusal: Event) -> bool:
        """Whether the engine does not do what it is asked; our process is told."""
        if not self.engine_answers:
            self.inbox.append(ev.EngineLost("gone."))
        elif self.refuses is order:
            self.inbox.append(refusal)
        return not self.engine_answers or self.refuses is order

    def _look(self) -> None:
        if self._fails(Order.LOOK, ev.LookRefused("no.")):
            return
        found = self.container
        if found is None:
            if self.want in (Want.PILOTS, Want.START):
                self._check_host()
            self.inbox.append(ev.Looked(Found.NOTHING))
            return
        since, limited_since = self.drains.get(found.id, (None, None)) if found.running else (None, None)
        pilot = replace(found.as_pilot(), draining_since=since, limited_since=limited_since)
        self.inbox.append(ev.Looked(Found.OURS, pilot, found.running))

    def _check_host(self) -> None:
        self.inbox.append(ev.HostChecked(self.hindrance))

    def _pull(self, reference: str) -> None:
        if self._fails(Order.PULL, ev.PullRefused(reference, "no.")):
            return
        image, pulled_at = self.here.get(reference), self.pulled.get(reference)
        if image and is_fresh(pulled_at, self.now):
            self.inbox.append(ev.Pulled(reference, image, pulled_at=pulled_at))
        else:
            self.pulls.append(reference)

    def pull_ends(self, index: int, *, registry_answers: bool) -> None:
        """One of the pulls that go on has come to its end."""
        reference = self.pulls.pop(index)
        if registry_answers:
            self.image_comes(reference)
            self.inbox.append(ev.Pulled(reference, self.here[reference]))
        elif reference in self.here:
            self.inbox.append(ev.Pulled(reference, self.here[reference], "No registry: going on with the old image."))
        else:
            self.inbox.append(ev.PullRefused(reference, "no registry."))

    def _find_image(self, reference: str) -> None:
        if not self._fails(Order.FIND_IMAGE, ev.FindImageRefused(reference, "no.")):
            self.inbox.append(ev.ImageFound(reference, self.here.get(reference), self.pulled.get(reference)))

    def _launch(self, images: ImageRecord) -> None:
        if self.state.stop_asked or self.state.leaving:
            self.inbox.append(ev.LaunchRefused("The service ends."))
            return
        settings = self.settings
        if self.hindrance:
            self._check_host()
            return
        # The engine takes its time: what happens meanwhile comes too late for this container.
        self.row.insert(0, lambda: self._start_container(settings, images))

    def _start_container(self, settings: Configuration, images: ImageRecord) -> None:
        assert not self.pilot_runs, "never two pilots on one scratch directory"
        good = images.stand_in(settings.reference)
        image = good if good and good.id in self.stored else self.here.get(settings.reference)
        if self._fails(Order.LAUNCH, ev.LaunchRefused("no.")):
            return
        if image is None or self.container:
            self.inbox.append(ev.LaunchRefused("There is no such image, or the name is taken."))
        else:
            self.inbox.append(ev.Launched(self.make_container(image, settings.fingerprint).as_pilot()))

    def _follow(self, container_id: str) -> None:
        if not self.engine_answers:
            self.inbox.append(ev.EngineLost("gone."))
            return
        self.watched, self.heard = container_id, []
        container = self.standing(container_id)
        if container is None or not container.running:
            self._tell_end(container_id, container)

    def _drain(self, container_id: str) -> None:
        pilot = self.standing(container_id)
        if pilot and pilot.running and not self._fails(Order.DRAIN, ev.DrainRefused(container_id, "busy")):
            pilot.drains = True

    def _stop(self, container_id: str, may_evict: bool) -> None:
        pilot = self.standing(container_id)
        if pilot is None or not pilot.running:
            return
        if self.watched:
            self.inbox.append(ev.StopBegan(pilot.running_jobs))
        if self._fails(Order.STOP, ev.StopRefused(container_id, "frozen")):
            pilot.stopping = False
            return
        assert may_evict or not pilot.jobs, "no job is lost that nobody gave up"
        self.pilot_ends()

    def _remove(self, container_id: str) -> None:
        self.watched = ""
        if self.standing(container_id) and self.engine_answers and self.refuses is not Order.REMOVE:
            self.container = None

    def _forget_drain(self) -> None:
        # An operator may have asked for another one meanwhile.
        if self.want is Want.START:
            self.want = Want.PILOTS

    def _exit(self) -> None:
        if self.state.leaving:
            self.begin()
            return
        assert self.told.could_not_stop or not self.pilot_runs, "a stop leaves no pilot behind"
        self.alive = self.unit_stops = False
        self.want = self.wish = Want.PILOTS

    # --- the watch over the pilot --------------------------------------------------------------------------

    def _says(self) -> Optional[PilotState]:
        """What the pilot answers, but for its jobs and its drain."""
        if self.answer is None or self.container is None:
            return None
        if self.container.dead:
            return MISSING
        return replace(self.answer, offer=Offer.RETIRED if self.container.retired else self.answer.offer)

    def _is_dead_for_long(self) -> bool:
        pilot = self.state.pilot
        since = pilot.absent_since if pilot and self._says() is MISSING else None
        return since is not None and self.now >= since + ABSENT_SECONDS

    def _ask_pilot(self) -> None:
        answer = self._says()
        self.heard.append(answer)
        if answer is None or self.container is None:
            self.inbox.append(ev.Unanswered("paused."))
            return
        if answer is MISSING:
            self.inbox.append(ev.Observed(answer))
            return
        startd = Startd.DRAINING if self.container.drains else Startd.READY
        self.inbox.append(ev.Observed(replace(answer, startd=startd, jobs=self.container.running_jobs)))

    def pilot_ends(self, *, removed: bool = False) -> None:
        """Its container ends; ``removed``: by somebody who removes it."""
        ended = self.container
        assert ended
        ended.running, ended.drains, ended.jobs = False, False, 0
        self.container = None if removed else ended
        if self.watched == ended.id:
            self._tell_end(ended.id, self.container)

    def _tell_end(self, container_id: str, container: Optional[Container]) -> None:
        lived = self.now - container.started_at if container else 0.0
        self.watched = ""
        self.inbox.append(ev.PilotEnded(container_id, 0, lived, removed=container is None))

    def engine_goes(self) -> None:
        """The pilot goes on (live-restore); all that waits for an answer of the engine gets none."""
        self.engine_answers = False
        waiting = len(self.pulls) + bool(self.watched)
        self.pulls, self.watched = [], ""
        self.inbox += [ev.EngineLost("gone.")] * waiting

    # --- people --------------------------------------------------------------------------------------------

    def operator_asks(self, want: Want) -> None:
        self.want = self.wish = want
        self.inbox.append(ev.Asked(want))

    def operator_updates(self) -> None:
        self.image_comes(self.configured.reference)
        if self.alive:
            self.inbox.append(ev.Asked(self.want))

    def operator_reloads(self, configured: Configuration) -> None:
        """The file is another one; a process that runs reads it, beside all else."""
        self.configured = configured
        if self.alive:
            self.beside.append(self._read_again)

    def _read_again(self) -> None:
        self.settings = self.configured
        self.inbox.append(replace(self.configured.as_event(), hindrance=self.hindrance))

    def systemctl(self, *, stop: bool) -> None:
        """Our process gets the same signal for a restart and for a stop."""
        self.unit_stops |= stop
        self.inbox.append(ev.StopAsked())

    # --- the end -------------------------------------------------------------------------------------------

    def come_to_rest(self) -> None:
        """Nobody asks for anything any more, and all goes well, until time alone changes nothing."""
        self.engine_answers, self.refuses, self.answer, self.hindrance = True, None, IN_POOL, None
        for _ in range(_MOST_STEPS):
            self.go_on()
            if self.pulls:
                self.pull_ends(0, registry_answers=True)
            elif self.alive and self.container and self.container.running and self.container.dead:
                self.now += ABSENT_SECONDS
            elif self.container and self.container.drains:
                self.container.jobs = 0
            elif self.alive and self.state.wake_at:
                self.now = max(self.now, self.state.wake_at)
            else:
                return
        raise AssertionError(f"there always is a next time: {self.state}")

    def check_rest(self) -> None:
        """What an operator is promised to find in the end."""
        if not self.alive:
            assert self.told.could_not_stop or not self.pilot_runs, "no pilot runs without a service"
            return
        assert self.want is not Want.START, "a drain that is done is forgotten"
        assert self.pilot_runs == (self.wish not in _NO_PILOT), "a pilot runs, or none, as is wanted"
        pilot, configured = self.container, self.configured
        if pilot is None:
            return
        assert self.watched == pilot.id, "the pilot that runs is watched"
        assert not pilot.dead, "HTCondor runs in it"
        assert not pilot.retired, "it takes jobs"
        assert pilot.fingerprint == configured.fingerprint, "it is the one that the configuration asks for"
        assert pilot.image.id in self.named[configured.reference], "its image is one of the configured name"
        newest = self.here.get(configured.reference, pilot.image)
        # What somebody pulls by hand is noticed at the next update.
        may_be_older = configured.policy.update is UpdatePolicy.OFF or configured.reference in self.pulled_by_hand
        assert newest.id in (pilot.image.id, *self.on_trial) or may_be_older, "its image is the newest"
