"""Our process on a host that is played: what it has in hand, what is on its way to it, and its watch over pilots."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Optional

from ospool_ep.lifecycle import events as ev
from ospool_ep.lifecycle.events import Event
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.lifecycle.state import Hours, Stage, Want
from ospool_ep.lifecycle.step import initial
from ospool_ep.pilot.state import Offer, PilotState, Pool, Startd
from tests.pure.lifecycle.played.container import Container
from tests.pure.lifecycle.played.told import Told
from tests.pure.lifecycle.played.world import Configuration, World

_ASKED_AGAIN_SECONDS = 60.0
# The lanes of orders about one pilot.
LANES = ("stop", "removal", "drain", "opening")

Step = Callable[[], None]


@dataclass
class Watch:
    """How a process watches one pilot: a question takes its time, and so does its answer."""

    heard: list[Optional[PilotState]] = field(default_factory=list)
    asked_at: float = 0.0
    # What a question under way has found by now: the startd first, then what it holds.
    startd: Optional[Startd] = None
    held_only: bool = False
    answer: list[Optional[PilotState]] = field(default_factory=list)

    @property
    def is_asking(self) -> bool:
        return self.startd is not None or bool(self.answer)


class PlayedProcess(World):
    """A process of ours, and what it finds on the host of those before it."""

    def __init__(self, configured: Configuration) -> None:
        super().__init__(configured)
        # What an operator asked for last, and what lies in the run-time directory of it, and since when.
        self.wish = self.want = Want.PILOTS
        self.want_since = 0.0
        # Whether it is within the hours of OSPOOL_EP_HOURS.
        self.are_open = True
        # The containers that an operator wants to be followed by another one.
        self.to_go: set[str] = set()
        self.known = ImageRecord(configured.reference)
        # Since when a pilot drains, and since when with a limit, as the service notes it.
        self.drains: dict[str, tuple[Optional[float], Optional[float]]] = {}
        self.unit_stops = False
        # The engine does what is under way, and nobody hears its answer.
        self.answers_get_lost = False
        # In which lane the next order is done so: it is the engine that goes, or our process.
        self.lost_in, self.lost_with_engine = "", False
        self.life = 0
        self.forget()

    def forget(self) -> None:
        """It is a new process, which knows only what the one before has written down."""
        self.alive = True
        # What the engine does by now, whatever becomes of the one who has asked for it.
        self.flying: list[Step] = []
        self.inbox: list[Event] = []
        self.lanes: dict[str, list[Step]] = {}
        self.pulls: list[str] = []
        self.watches: dict[str, Watch] = {}
        # Which pilots have said that they are in the pool, and whether they would take jobs.
        self.ready: dict[str, bool] = {}
        # The token that it has seen on disk; None: it has not looked yet.
        self.token_seen: Optional[str] = None
        self.next_directory = ""
        # The engine makes the next container.
        self.makes_next = False
        self.settings = self.configured
        self.told = Told(self.configured.as_event(), self.want, self.are_open)
        reference = self.configured.reference
        known = replace(self.known, here=False) if self.known.reference == reference else ImageRecord(reference)
        self.state = initial(
            self.now, self.want, self.configured.policy, known, self.configured.fingerprint, hindrance=self.found,
            want_since=self.want_since, hours=Hours(self.are_open),
        )  # fmt: skip

    # --- its lanes and its inbox ---

    def queue(self, lane: str, order: Step) -> None:
        self.lanes.setdefault(lane, []).append(order)

    def perform(self, lane: str) -> None:
        order = self.lanes[lane].pop(0)
        if not self.lanes[lane]:
            del self.lanes[lane]
        order()

    def fails(self, order: object, refusal: Event, *, is_barred: bool = False) -> bool:
        """Whether the engine does not do what it is asked; our process is told."""
        is_barred |= self.refuses is order
        if not self.engine_answers:
            self.inbox.append(ev.EngineLost("gone."))
        elif is_barred:
            self.engine_says(refusal)
        return not self.engine_answers or is_barred

    def engine_says(self, event: Event) -> None:
        """The engine answers, unless it goes before that."""
        self.inbox.append(ev.EngineLost("gone.") if self.answers_get_lost else event)

    def is_change(self, lane: str) -> bool:
        """Whether the next order there makes a container, or changes something about one."""
        return self.makes_next if lane == "row" else lane.startswith(LANES)

    def end_what_is_under_way(self) -> None:
        """The engine, and HTCondor, do what they were asked, and none of their answers comes."""
        self.answers_get_lost, self.lost_in = True, ""
        for lane in filter(self.is_change, list(self.lanes)):
            self.perform(lane)
        flying, self.flying = self.flying, []
        for effect in flying:
            effect()
        self.answers_get_lost, self.flying = False, []

    def post(self, life: int, event: Event) -> None:
        """The answer comes to the one who has asked, in time, and to nobody else."""
        if life == self.life and self.alive:
            self.engine_says(event)

    def systemctl(self, *, stop: bool) -> None:
        """Our process gets the same signal for a restart and for a stop."""
        self.unit_stops |= stop
        self.inbox.append(ev.StopAsked())

    def look_at_token(self) -> None:
        """The one on disk is another one than before."""
        self.token_seen = self.token
        self.inbox.append(ev.TokenSeen(self.token, "" if self.token else "There is no token."))

    # --- its watch over the pilots ---

    def asks(self, container_id: str) -> bool:
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

    def ask_on(self, container_id: str, watch: Watch) -> None:
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

    def pilot_ends(
        self, pilot: Container, *, removed: bool = False, exit_code: int = 0, oom_killed: bool = False
    ) -> None:
        """Its container ends; ``removed``: by somebody who removes it."""
        pilot.ends(exit_code, oom_killed=oom_killed)
        if removed:
            self.containers.remove(pilot)
        if pilot.id in self.watches:
            self.tell_end(pilot.id, None if removed else pilot)

    def tell_end(self, container_id: str, container: Optional[Container], *, restarted: bool = False) -> None:
        lived = self.now - container.started_at if container else 0.0
        del self.watches[container_id]
        code, oom_killed = (container.exit_code, container.oom_killed) if container else (-1, False)
        removed = container is None
        self.engine_says(ev.PilotEnded(container_id, code, lived, oom_killed, removed=removed, restarted=restarted))
