"""A host that is played, with one process of ours after another, which may die at any moment.

It checks what an operator is promised on what truly runs, and not on what the lifecycle says of it.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Optional

from ospool_ep.configuration.values import UpdatePolicy
from ospool_ep.lifecycle import events as ev
from ospool_ep.lifecycle.actions import Do, Order, Verb
from ospool_ep.lifecycle.events import Event
from ospool_ep.lifecycle.image_events import is_fresh
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.lifecycle.sight import ABSENT_SECONDS
from ospool_ep.lifecycle.state import Hindrance, Pilot, Stage, Want
from ospool_ep.lifecycle.step import initial, step
from ospool_ep.pilot.state import EVERYTHING, NOTHING, Offer, Pool, Startd
from tests.pure.lifecycle.host import IN_POOL
from tests.pure.lifecycle.played_process import NO_PILOT, Told, Watch
from tests.pure.lifecycle.played_world import KNOWN_NAME, LASTING, Configuration, Container, World

# More steps than ever follow from one happening: a service that gets there spins.
_MOST_STEPS = 1500
_MOST_RESTS = 150
_ASKED_AGAIN_SECONDS = 60.0
_MOST_BESIDE = 2
_LANES = {Verb.FOLLOW: "stop", Verb.STOP: "stop", Verb.REMOVE: "removal", Verb.DRAIN: "drain"}
_BESIDE = (Order.PULL, Order.FIND_IMAGE, Order.CHECK_HOST, Order.TIDY)

Step = Callable[[], None]


class PlayedHost(World):
    """Our process and its orders; and what people do to it."""

    def __init__(self, configured: Configuration) -> None:
        super().__init__(configured)
        # What an operator asked for last, and what lies in the run-time directory of it, and since when.
        self.wish = self.want = Want.PILOTS
        self.want_since = 0.0
        # The containers that an operator wants to be followed by another one.
        self.to_go: set[str] = set()
        self.known = ImageRecord(configured.reference)
        # Since when a pilot drains, and since when with a limit, as the service notes it.
        self.drains: dict[str, tuple[Optional[float], Optional[float]]] = {}
        self.unit_stops = False
        # What keeps the next pilot from being made.
        self.hindrance: Optional[Hindrance] = None
        # The jobs of those that leave come to their end by themselves.
        self.jobs_end = False
        self.life = 0
        # What the engine does by now, whatever becomes of the one who has asked for it.
        self.flying: list[Step] = []
        self.begin()

    # --- our process ---------------------------------------------------------------------------------------

    def begin(self, *, orders_end: bool = False) -> None:
        """A new process; what the one before had in hand is forgotten, but for what the engine was told before."""
        self.life += 1
        flying, self.flying = self.flying, []
        for effect in flying if orders_end else ():
            effect()
        self.flying = []
        self.alive = True
        self.inbox: list[Event] = []
        self.lanes: dict[str, list[Step]] = {}
        self.pulls: list[str] = []
        self.watches: dict[str, Watch] = {}
        # Which pilots have said that they are in the pool, and whether they would take jobs.
        self.ready: dict[str, bool] = {}
        self.next_directory = ""
        self.settings = self.configured
        self.told = Told(self.configured.as_event(), self.want)
        for container in self.containers:
            container.stopping = False
        reference = self.configured.reference
        known = replace(self.known, here=False) if self.known.reference == reference else ImageRecord(reference)
        self.state = initial(
            self.now, self.want, self.configured.policy, known, self.configured.fingerprint, hindrance=self.hindrance,
            want_since=self.want_since,
        )  # fmt: skip
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
        self.state, actions = step(self.state, event, self.now)
        self.known = self.state.images
        self.told.hear(event, self)
        self._note(event)
        for action in actions:
            if isinstance(action, Order):
                self._give(action)
            elif isinstance(action, Do):
                self._do(action)
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
            self.accepted(container)
        container.has_left |= pilot_seen.stage is Stage.LEAVING and pilot_seen.confirmed

    def next_steps(self) -> list[Step]:
        """What may come next: an order of each lane, what the engine does, an answer, or our process takes an event."""
        lanes = [partial(self._perform, lane) for lane in self.lanes]
        flying = [partial(self._lands, index) for index in range(len(self.flying))]
        questions = [partial(self._ask_on, one, watch) for one, watch in self.watches.items() if watch.is_asking]
        news = self.alive and (self.inbox or 0 < self.state.wake_at <= self.now)
        return [*lanes, *flying, *questions, *([self.take_next] if news else [])]

    def step_on(self, choice: int) -> None:
        steps = self.next_steps()
        steps[choice % len(steps)]()
        self.jobs_begin()

    def _perform(self, lane: str) -> None:
        order = self.lanes[lane].pop(0)
        if not self.lanes[lane]:
            del self.lanes[lane]
        order()

    def _lands(self, index: int) -> None:
        self.flying.pop(index)()

    def go_on(self, steps: Optional[int] = None) -> int:
        """All that follows by itself, or the first steps of it, and how many there were; fails where it never ends."""
        self.jobs_begin()
        for count in range(_MOST_STEPS if steps is None else steps):
            if not self._goes_on():
                self.check_quiet()
                return count
            self.jobs_begin()
        assert steps is not None, f"the host never comes to rest: {self.state}"
        return steps

    def _goes_on(self) -> bool:
        if steps := self.next_steps():
            steps[0]()
            return True
        if self.pulls and not self.registry_is_slow:
            self.pull_ends(0, registry_answers=True)
            return True
        return any(self._asks(one) for one in self.watches) or any(map(self._pilot_goes_on, self.running))

    def _pilot_goes_on(self, pilot: Container) -> bool:
        """What a pilot does by itself, in time."""
        if pilot.paused:
            return False
        dies = self.is_a(pilot, "dies") and pilot.accepted and not pilot.dead
        if dies or pilot.gone or (pilot.retired and not pilot.jobs):
            self.pilot_ends(pilot)
        elif pilot.shown != pilot.believes:
            pilot.shown = pilot.believes
        elif not pilot.validated and not self.is_a(pilot, "never validated"):
            pilot.validated = True
        elif pilot.slow and self._is_seen(pilot):
            pilot.slow = False
        elif pilot.drains and not pilot.jobs and not pilot.dead:
            pilot.gone = True
        elif pilot.drains and pilot.jobs and self.jobs_end:
            self.job_ends(pilot)
        else:
            return False
        return True

    def _is_seen(self, pilot: Container) -> bool:
        """Whether nothing keeps our process from seeing what has become of it, and from doing something about it."""
        faults = not self.engine_answers or self.refuses is not None or self.answer is None
        known = self.state.pilot(pilot.id)
        # An order that a startd has forgotten in its first minute is given again after that.
        order_is_under_way = known is not None and known.stage is Stage.LEAVING and not known.confirmed
        return self.alive and not faults and pilot.id in self.watches and not order_is_under_way

    # --- the orders ----------------------------------------------------------------------------------------

    def _give(self, order: Order) -> None:
        images = self.state.images
        if order in (Order.LAUNCH, Order.LAUNCH_CLOSED):
            assert self.told.want not in NO_PILOT, "no pilot follows a drain"
        elif order is Order.FORGET_DRAIN:
            self.told.want = Want.PILOTS
        performers: dict[Order, Step] = {
            Order.LOOK: self._look,
            Order.PULL: lambda: self._pull(images.reference),
            Order.FIND_IMAGE: lambda: self._find_image(images.reference),
            Order.CHECK_HOST: self._check_host,
            Order.LAUNCH: lambda: self._launch(images, Order.LAUNCH),
            Order.LAUNCH_CLOSED: lambda: self._launch(images, Order.LAUNCH_CLOSED),
            Order.TIDY: lambda: None,
            Order.FORGET_DRAIN: self._forget_drain,
            Order.END_SERVICE: lambda: self.systemctl(stop=True),
            Order.EXIT: self._exit,
        }
        self._queue(f"{order.name} {self.life}" if order in _BESIDE else "row", performers[order])

    def _do(self, order: Do) -> None:
        container_id, pilot = order.container_id, self.standing(order.container_id)
        if order.verb is Verb.STOP and pilot:
            pilot.stopping = True
        if order.verb is Verb.DRAIN and pilot:
            self._check_drain(pilot)
        may_evict = pilot is None or self.told.may_evict(self, pilot)
        performers: dict[Verb, Step] = {
            Verb.FOLLOW: lambda: self._follow(container_id),
            Verb.DRAIN: lambda: self._order(order, self._drain),
            Verb.TELL: lambda: self._order(order, self._tell),
            Verb.NAME: lambda: self._name(container_id),
            Verb.STOP: lambda: self._stop(order, may_evict=may_evict),
            Verb.REMOVE: lambda: self._remove(container_id),
        }
        self._queue(f"{_LANES.get(order.verb, 'opening')} {container_id}", performers[order.verb])

    def _queue(self, lane: str, order: Step) -> None:
        self.lanes.setdefault(lane, []).append(order)

    def _check_drain(self, pilot: Container) -> None:
        """It is being told to drain: the next one works by then, but where there can be none beside it."""
        told, known = self.told, self.state.pilot(pilot.id)
        # As it said when it was asked last; it may have ended since.
        ready = any(works or not pilot.validated or pilot.dead for one, works in self.ready.items() if one != pilot.id)
        follows = told.want in NO_PILOT or bool(told.goes_by.policy.one_by_one or self.state.no_room)
        untold = bool(self.state.heedless) or pilot.to_drain or pilot.had_to_go
        assert ready or follows or untold, "no pilot makes room before the next one works"
        if told.want not in NO_PILOT and pilot.limit_from is None and known and known.limited_since is not None:
            pilot.limit_from = self.now
        pilot.to_drain = True

    def _fails(self, order: object, refusal: Event) -> bool:
        """Whether the engine does not do what it is asked; our process is told."""
        if not self.engine_answers:
            self.inbox.append(ev.EngineLost("gone."))
        elif self.refuses is order:
            self.inbox.append(refusal)
        return not self.engine_answers or self.refuses is order

    def _look(self) -> None:
        for lane in [lane for lane in self.lanes if lane.startswith("removal")]:
            self._perform(lane)
        if self._fails(Order.LOOK, ev.LookRefused("no.")):
            return
        # It takes a moment.
        self.now += 0.001
        known = {container.id for container in self.containers}
        self.watches = {one: watch for one, watch in self.watches.items() if one in known}
        self.sweep()
        if not self.running and self.want in (Want.PILOTS, Want.START):
            self._check_host()
        running = tuple(self._found(container) for container in self.containers if container.running)
        ended = tuple(self._found(container) for container in self.containers if not container.running)
        self.inbox.append(ev.Looked(running, ended))

    def _found(self, container: Container) -> Pilot:
        container.removal_refused = False
        since, limited_since = self.drains.get(container.id, (None, None))
        return replace(container.as_pilot(Stage.FOUND), draining_since=since, limited_since=limited_since)

    def _check_host(self) -> None:
        self.inbox.append(ev.HostChecked(self.hindrance, self.no_room))

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

    def _launch(self, images: ImageRecord, order: Order) -> None:
        if self.state.stop_asked or self.state.leaving:
            self.inbox.append(ev.LaunchRefused("The service ends."))
            return
        settings = self.settings
        if self.hindrance or (self.no_room and order is Order.LAUNCH_CLOSED):
            self._check_host()
            return
        self.next_directory = f"directory {self.life} {self.now} {len(self.directories)} {self.made}"
        self.directories.add(self.next_directory)
        # The engine takes its time: what happens meanwhile comes too late for this container.
        self.lanes.setdefault("row", []).insert(0, lambda: self._start_container(settings, images, order))

    def _start_container(self, settings: Configuration, images: ImageRecord, order: Order) -> None:
        good = images.stand_in(settings.reference)
        image = good if good and good.id in self.stored else self.here.get(settings.reference)
        directory, self.next_directory = self.next_directory, ""
        self.now += 1.0
        if self._fails(order, ev.LaunchRefused("no.")):
            self.directories.discard(directory)
            return
        taken = order is Order.LAUNCH and any(one.name == KNOWN_NAME for one in self.containers)
        if image is None or taken:
            self.directories.discard(directory)
            self.inbox.append(ev.LaunchRefused("There is no such image, or the name is taken."))
            return
        closed = order is Order.LAUNCH_CLOSED
        assert closed or not self.running, "never a second pilot that takes all"
        # One that somebody starts again after its end is found only when it is to be removed.
        beside = [one for one in self.running if self.state.pilot(one.id)]
        assert not closed or len(beside) <= _MOST_BESIDE, "one is open and two leave, at most"
        made = self.make_container(image, settings, directory, closed=closed)
        self.inbox.append(ev.Launched(made.as_pilot(Stage.CLOSED if closed else Stage.OPEN)))

    def _follow(self, container_id: str) -> None:
        if not self.engine_answers:
            self.inbox.append(ev.EngineLost("gone."))
            return
        self.watches[container_id] = Watch()
        container = self.standing(container_id)
        if container is None or not container.running:
            self._tell_end(container_id, container)

    def _order(self, order: Do, perform: Callable[[Container, Do, int], None]) -> None:
        """A command for the pilot's HTCondor: the engine has it, and it takes its time."""
        pilot, life = self.standing(order.container_id), self.life
        refused = ev.DrainRefused if order.verb is Verb.DRAIN else ev.TellRefused
        if pilot and pilot.running and not self._fails(order.verb, refused(order.container_id, "busy")):
            self.flying.append(lambda: perform(pilot, order, life))

    def _post(self, life: int, event: Event) -> None:
        """The answer comes to the one who has asked, in time, and to nobody else."""
        if life == self.life and self.alive:
            self.inbox.append(event)

    def _drain(self, pilot: Container, _order: Do, life: int) -> None:
        if not pilot.running or pilot.gone:
            return
        denied = "DENIED: no authorization" if self.is_a(pilot, "denied") else ""
        if denied or pilot.paused or pilot.dead:
            self._post(life, ev.DrainRefused(pilot.id, denied or "it does not answer"))
        else:
            pilot.drains = True

    def _tell(self, pilot: Container, order: Do, life: int) -> None:
        if not pilot.running:
            return
        if pilot.paused or pilot.dead or pilot.gone:
            self._post(life, ev.TellRefused(pilot.id, "it does not answer"))
            return
        pilot.believes = order.share
        # What the ad says of it comes later, and so does the answer.
        self.flying.append(lambda: self._post(life, ev.Told(pilot.id, order.share)))

    def _name(self, container_id: str) -> None:
        container = self.standing(container_id)
        if container is None:
            return
        # It goes on under its other name then.
        container.nameless = self._fails(Verb.NAME, ev.NameRefused(container_id, "no."))
        if not container.nameless:
            self.name_it(container)

    def _stop(self, order: Do, *, may_evict: bool) -> None:
        pilot, life = self.standing(order.container_id), self.life
        if pilot is None or not pilot.running:
            return
        if pilot.id in self.watches:
            self.inbox.append(ev.StopBegan(pilot.id, None if pilot.paused else pilot.running_jobs))
        if self._fails(Verb.STOP, ev.StopRefused(pilot.id, "frozen")):
            pilot.stopping = False
            return
        self.flying.append(lambda: self._stops(pilot, life, may_evict=may_evict))

    def _stops(self, pilot: Container, life: int, *, may_evict: bool) -> None:
        if pilot.paused:
            pilot.stopping = False
            self._post(life, ev.StopRefused(pilot.id, "frozen"))
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
            self.inbox.append(ev.RunsAgain(container_id))
        elif container and self.refuses is Verb.REMOVE:
            container.removal_refused = True
        else:
            self.containers = [one for one in self.containers if one is not container]
            self.sweep(self.next_directory)

    def _forget_drain(self) -> None:
        # An operator may have asked for another one meanwhile.
        if self.want is Want.START:
            self.want, self.want_since = Want.PILOTS, 0.0

    def _exit(self) -> None:
        if self.state.leaving:
            self.begin(orders_end=True)
            return
        assert self.told.could_not_stop or not self.running, "a stop leaves no pilot behind"
        self.alive = self.unit_stops = False
        self.watches, self.lanes = {}, {}
        self.want = self.wish = Want.PILOTS
        self.want_since, self.to_go = 0.0, set()

    # --- the watch over the pilots -------------------------------------------------------------------------

    def _asks(self, container_id: str) -> bool:
        """Whether our process asks that pilot now: what is new is asked twice, and all again in a minute."""
        watch, pilot = self.watches[container_id], self.standing(container_id)
        if pilot is None or not pilot.running:
            return False
        startd = self.startd(pilot)
        held_only = self._is_asked_for_held_only(container_id)
        expected = self.says(pilot, startd, held_only=held_only)
        if watch.heard[-2:] == [expected] * 2 and self.now < watch.asked_at + _ASKED_AGAIN_SECONDS:
            return False
        watch.startd, watch.held_only, watch.asked_at = startd, held_only, self.now
        return True

    def _is_asked_for_held_only(self, container_id: str) -> bool:
        known = self.state.pilot(container_id)
        return known is not None and known.stage is Stage.LEAVING and known.confirmed

    def _ask_on(self, container_id: str, watch: Watch) -> None:
        """The next part of a question: what is held, after the startd was asked for, or the answer comes."""
        pilot = self.standing(container_id)
        if watch.answer:
            answer = watch.answer.pop()
            watch.heard.append(answer)
            self.inbox.append(ev.Observed(container_id, answer) if answer else ev.Unanswered(container_id, "paused."))
        elif pilot and watch.startd:
            answer = self.says(pilot, watch.startd, held_only=watch.held_only)
            watch.answer, watch.startd = [answer], None
            if answer and answer.startd is Startd.READY and answer.pool is Pool.ACCEPTS:
                self.ready[container_id] = answer.offer is Offer.OPEN
            else:
                self.ready.pop(container_id, None)

    def pilot_ends(self, pilot: Container, *, removed: bool = False) -> None:
        """Its container ends; ``removed``: by somebody who removes it."""
        pilot.ends()
        if removed:
            self.containers.remove(pilot)
        if pilot.id in self.watches:
            self._tell_end(pilot.id, None if removed else pilot)

    def _tell_end(self, container_id: str, container: Optional[Container], *, restarted: bool = False) -> None:
        lived = self.now - container.started_at if container else 0.0
        del self.watches[container_id]
        self.inbox.append(ev.PilotEnded(container_id, 0, lived, removed=container is None, restarted=restarted))

    def somebody_starts(self, pilot: Container) -> None:
        """The container, anew, whether or not it runs."""
        pilot.starts(self.now)
        pilot.slow = not pilot.closed
        # It is another pilot.
        self.to_go.discard(pilot.id)
        if pilot.id in self.watches:
            self._tell_end(pilot.id, pilot, restarted=True)

    def engine_goes(self) -> None:
        """The pilots go on (live-restore); all that waits for an answer of the engine gets none."""
        self.engine_answers = False
        waiting = len(self.pulls) + len(self.watches) + len(self.flying)
        self.pulls, self.watches, self.flying = [], {}, []
        self.inbox += [ev.EngineLost("gone.")] * waiting

    # --- people --------------------------------------------------------------------------------------------

    def operator_asks(self, want: Want) -> None:
        self.now += 1.0
        self.want = self.wish = want
        self.want_since = self.now
        self.to_go = {one.id for one in self.running if one.accepted and one.believes != EVERYTHING}
        self.to_go = self.to_go if want is Want.START else set()
        self.inbox.append(ev.Asked(want))

    def operator_updates(self) -> None:
        self.image_comes(self.configured.reference)
        if self.alive:
            self.inbox.append(ev.Asked(self.want))

    def operator_reloads(self, configured: Configuration) -> None:
        """The file is another one; a process that runs reads it, beside all else."""
        self.configured = configured
        if self.alive:
            self._queue("reload", self._read_again)

    def _read_again(self) -> None:
        self.settings = self.configured
        self.inbox.append(replace(self.configured.as_event(), hindrance=self.hindrance))

    def systemctl(self, *, stop: bool) -> None:
        """Our process gets the same signal for a restart and for a stop."""
        self.unit_stops |= stop
        self.inbox.append(ev.StopAsked())

    # --- what has to be true -------------------------------------------------------------------------------

    def _nothing_is_wrong(self) -> bool:
        faults = not self.engine_answers or self.refuses or self.hindrance or self.no_room or self.registry_is_slow
        troubled = any(one.paused or one.dead or one.id not in self.watches for one in self.running)
        return self.alive and not faults and not troubled and self.answer == IN_POOL

    def check_quiet(self) -> None:
        """Nothing is on its way any more: what the pilots go by is what is true."""
        if not self._nothing_is_wrong():
            return
        takers = [one for one in self.running if not one.drains and one.believes != EVERYTHING]
        takers = [one for one in takers if not self.is_a(one, *LASTING)]
        assert len(takers) <= 1, "one takes jobs, at most"
        for taker in takers:
            held = sum((one.holds for one in self.running if one is not taker), NOTHING)
            assert not taker.closed or taker.believes == held, "it takes all that the others do not hold"
            assert taker.closed or held == NOTHING or taker.retired, "one that can't be told is alone"
        if self.told.want not in NO_PILOT and not (self.told.to_stop or self._follow_each_other()):
            is_there = any(not (one.drains or one.stopping) for one in self.running)
            assert is_there or self.state.wake_at > self.now, "one is open, or on its way, or is tried again"

    def _follow_each_other(self) -> bool:
        """Whether none can be made beside those that run."""
        odd = any(quality in LASTING for quality in self.qualities.values())
        why = self.told.goes_by.policy.one_by_one or self.state.no_room
        return bool(why) or odd or len(self.running) > _MOST_BESIDE

    def come_to_rest(self) -> None:
        """Nobody asks for anything any more, and all goes well, until time alone changes nothing."""
        self.engine_answers, self.refuses, self.answer, self.hindrance, self.no_room = True, None, IN_POOL, None, ""
        self.qualities = {image: quality for image, quality in self.qualities.items() if quality in LASTING}
        for container in self.running:
            container.paused = False
        for _ in range(_MOST_RESTS):
            self.go_on()
            dead = any(container.dead for container in self.running)
            if self.pulls:
                self.pull_ends(0, registry_answers=True)
            elif self.alive and dead:
                self.now += ABSENT_SECONDS
            elif leaving := [one for one in self.running if one.jobs and (one.drains or one.retired)]:
                for container in leaving:
                    container.jobs = []
            elif self.alive and self._denied_retires():
                continue
            elif self.alive and self.state.wake_at:
                self.now = max(self.now, self.state.wake_at)
            else:
                return
        raise AssertionError(f"there always is a next time: {self.state}")

    def _denied_retires(self) -> bool:
        """One that refuses to drain, and has to go, comes to its end in time."""
        image = self.here.get(self.configured.reference)
        wanted = self.configured.fingerprint, image and image.id
        for one in self.running:
            stays = self.wish not in NO_PILOT and one.id not in self.to_go
            as_wanted = (one.fingerprint, one.image.id) == wanted and stays
            if self.is_a(one, "denied") and not one.retired and not as_wanted:
                one.had_to_go, one.retired, one.jobs = True, True, []
                return True
        return False

    def check_rest(self) -> None:
        """What an operator is promised to find in the end."""
        left = [one for one in self.containers if not one.running and not one.removal_refused]
        assert not self.alive or not left, "what has ended is removed"
        assert not self.alive or self.directories == {one.directory for one in self.containers}, "and so is its scratch"
        if not self.alive:
            assert self.told.could_not_stop or not self.running, "no pilot runs without a service"
            return
        assert self.want is not Want.START, "a drain that is done is forgotten"
        assert len(self.running) == (self.wish not in NO_PILOT), "one pilot runs, or none, as is wanted"
        for pilot in self.running:
            self._check_pilot(pilot)

    def _check_pilot(self, pilot: Container) -> None:
        configured = self.configured
        assert pilot.id in self.watches, "the pilot that runs is watched"
        assert not pilot.dead, "HTCondor runs in it"
        assert not pilot.retired, "it takes jobs"
        assert not pilot.drains, "and is not meant to end"
        assert not pilot.closed or pilot.believes == NOTHING or self.is_a(pilot, "ignorant"), "it has all"
        assert pilot.name == KNOWN_NAME or pilot.nameless, "it is found under its name"
        assert pilot.id not in self.to_go, "it is the one that an operator wanted to come"
        assert pilot.fingerprint == configured.fingerprint, "it is the one that the configuration asks for"
        assert pilot.image.id in self.named[configured.reference], "its image is one of the configured name"
        newest = self.here.get(configured.reference, pilot.image)
        # What somebody pulls by hand is noticed at the next update.
        may_be_older = configured.policy.update is UpdatePolicy.OFF or configured.reference in self.pulled_by_hand
        assert newest.id in (pilot.image.id, *self.on_trial) or may_be_older, "its image is the newest"
