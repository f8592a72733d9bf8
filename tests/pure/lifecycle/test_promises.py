"""The promises of the lifecycle: under any sequence of events, and on a host whose engine and pilots are played."""

import random
from dataclasses import replace
from typing import Optional

from hypothesis import given, settings
from hypothesis import strategies as st

from ospool_ep.configuration.policy import Policy
from ospool_ep.configuration.values import UpdatePolicy
from ospool_ep.lifecycle import events as ev
from ospool_ep.lifecycle.actions import Order, Say
from ospool_ep.lifecycle.events import Event
from ospool_ep.lifecycle.image_record import ImageRecord, KnownImage
from ospool_ep.lifecycle.state import Found, Phase, State, Want
from ospool_ep.lifecycle.step import initial, step
from ospool_ep.pilot.state import Job, PilotState
from tests.pure.lifecycle.host import (
    AWAY,
    BUSY,
    CONTAINER,
    FINGERPRINT,
    FIRST,
    IN_POOL,
    NEXT,
    OTHER,
    REFERENCE,
    REFUSED,
    THIRD,
    pilot,
)

ANY_STATE = st.sampled_from([PilotState(), IN_POOL, BUSY, REFUSED, AWAY])
ANY_IMAGE = st.sampled_from([FIRST, NEXT, THIRD])
ANY_ID = st.sampled_from([CONTAINER, OTHER])
ANY_PILOT = st.builds(
    lambda image, container, fingerprint: pilot(image, container, fingerprint=fingerprint),
    ANY_IMAGE, ANY_ID, st.sampled_from([FINGERPRINT, "another", ""]),
)  # fmt: skip
ANY_POLICY = st.builds(
    Policy,
    update=st.sampled_from(UpdatePolicy),
    drain_seconds=st.sampled_from([None, 600.0]),
    retire_seconds=st.just(3000.0),
    rollback_seconds=st.just(900.0),
)
ANY_EVENT: st.SearchStrategy[Event] = st.one_of(
    st.builds(ev.Looked, st.sampled_from(Found), ANY_PILOT, st.booleans()),
    st.builds(ev.EngineLost, st.just("gone.")),
    st.builds(ev.PullProgressed, st.just(REFERENCE), st.integers(0, 100)),
    st.builds(ev.Pulled, st.sampled_from([REFERENCE, "other"]), ANY_IMAGE, st.sampled_from(["", "old"])),
    st.builds(ev.PullRefused, st.sampled_from([REFERENCE, "other"]), st.just("no.")),
    st.builds(ev.ImageFound, st.sampled_from([REFERENCE, "other"]), st.one_of(st.none(), ANY_IMAGE)),
    st.builds(ev.Launched, ANY_PILOT),
    st.builds(ev.LaunchRefused, st.just("no.")),
    st.builds(ev.Observed, ANY_STATE, st.just("advice")),
    st.builds(ev.Unanswered, st.just("paused.")),
    st.builds(ev.PilotEnded, ANY_ID, st.integers(-1, 137), st.floats(0, 1e6), st.booleans(), st.booleans()),
    st.builds(ev.RunsAgain),
    st.builds(ev.DrainRefused, ANY_ID, st.just("no")),
    st.builds(ev.Asked, st.sampled_from(Want)),
    st.builds(ev.Reconfigured, ANY_POLICY, st.sampled_from([REFERENCE, "other"]),
              st.sampled_from([FINGERPRINT, "another"]), st.just("the configuration has changed")),
    st.builds(ev.TokenSeen, st.sampled_from(["token 1", "token 2", ""]), st.sampled_from(["", "It expires."])),
    st.builds(ev.StopAsked, st.booleans()),
    st.builds(ev.StopBegan, st.sampled_from([None, (), BUSY.jobs])),
    st.builds(ev.StopRefused, ANY_ID, st.just("no")),
    st.builds(ev.TimeUp),
)  # fmt: skip
SEQUENCE = st.lists(st.tuples(ANY_EVENT, st.floats(0, 2000)), max_size=60)
ANSWERED = {Phase.LOOKING, Phase.PULLING, Phase.LAUNCHING, Phase.STOPPING}


def begun(want: Want = Want.PILOTS, policy: Optional[Policy] = None) -> State:
    state = initial(0.0, want, policy or Policy(), ImageRecord(REFERENCE), FINGERPRINT)
    return step(state, ev.Began(), 0.0)[0]


@settings(max_examples=500)
@given(SEQUENCE, st.sampled_from(Want), ANY_POLICY)
def test_promises_hold_under_any_sequence_of_events(
    sequence: list[tuple[Event, float]], want: Want, policy: Policy
) -> None:
    now, exits = 0.0, 0
    state = begun(want, policy)
    for event, seconds in sequence:
        now += seconds
        before = state
        state, actions = step(state, event, now)
        orders = [action for action in actions if isinstance(action, Order)]
        exits += orders.count(Order.EXIT)
        assert (state.phase is Phase.ENDED) == (exits == 1), "one end"
        if Order.STOP in orders:
            said = [action for action in actions if isinstance(action, Say)]
            assert state.stop_asked or any("Stopping the pilot: " in say.text for say in said), (
                "no stop without a reason"
            )
        if Order.LAUNCH in orders:
            assert before.pilot is None, "no second pilot"
            assert state.want is Want.PILOTS, "no pilot after a drain"
        assert not (before.phase is Phase.DRAINING and state.phase is Phase.RUNNING), "a drain is never undone"
        assert (state.pilot is not None) == (state.phase in (Phase.RUNNING, Phase.DRAINING, Phase.STOPPING))
        assert state.phase is not Phase.WAITING or state.wake_at > 0, "always a next step"
        assert state.phase is not Phase.IDLE or state.want in (Want.IDLE, Want.STOP), "idle only when asked for"
        assert not state.leaving or state.phase in (Phase.LAUNCHING, Phase.ENDED)
        # A deadline that has passed and changes nothing would make the service spin.
        calm = step(state, ev.TimeUp(), max(now, state.wake_at))[0]
        assert not calm.wake_at or calm.wake_at > max(now, state.wake_at) or calm.phase is not state.phase


@given(SEQUENCE)
def test_a_stop_ends_from_anywhere(sequence: list[tuple[Event, float]]) -> None:
    """Once asked to stop, the answers that must come in each phase lead to the end in a few steps."""
    now, state = 0.0, begun()
    for event, seconds in sequence:
        now += seconds
        state, _ = step(state, event, now)
    state, _ = step(state, ev.StopAsked(), now)
    for _ in range(4):
        answer = _necessary_answer(state)
        if answer is not None:
            state, _ = step(state, answer, now)
    assert state.phase is Phase.ENDED


def _necessary_answer(state: State) -> Optional[Event]:
    running = state.pilot
    answers: dict[Phase, Event] = {
        Phase.LOOKING: ev.Looked(Found.NOTHING),
        Phase.LAUNCHING: ev.Launched(pilot()),
        Phase.STOPPING: ev.PilotEnded(running.container_id if running else "", 0, 100.0),
    }
    return answers.get(state.phase)


# --- a host that is played ---------------------------------------------------------------------------------


class PlayedHost:
    """One engine, one pool, and one process of ours after another, which may die between any two orders.

    It checks what an operator is promised, on what truly runs and not on what the state says.
    """

    def __init__(self, dice: random.Random, policy: Policy) -> None:
        self.dice = dice
        self.policy = policy
        self.now = 0.0
        self.images = ImageRecord(REFERENCE)  # as kept on disk
        self.want = Want.PILOTS  # as asked for by a file
        self.offered = FIRST
        self.fingerprint = FINGERPRINT
        self.container = 0
        self.runs: Optional[KnownImage] = None
        self.made_for = ""
        self.draining = False
        self.was_in_pool = False
        self.jobs = 0
        self.lost_by_us = 0
        self.may_evict = False
        self.inbox: list[Event] = []
        self.row: list[Order] = []
        self.state = self.begin()

    def begin(self) -> State:
        """A new process; what the one before had in hand is forgotten."""
        self.inbox, self.row = [], []
        state = initial(self.now, self.want, self.policy, replace(self.images, here=False), self.fingerprint)
        self.state = state
        self.take(ev.Began())
        return self.state

    def take(self, event: Event) -> None:
        self.state, actions = step(self.state, event, self.now)
        self.images = self.state.images
        self.row += [action for action in actions if isinstance(action, Order)]

    def perform(self) -> None:
        """One order."""
        order = self.row.pop(0)
        getattr(self, f"do_{order.name.lower()}")()

    def name(self) -> str:
        return f"container {self.container}"

    def seen(self) -> ev.Looked:
        if self.runs is None:
            return ev.Looked(Found.NOTHING)
        found = pilot(self.runs, self.name(), since=self.now, fingerprint=self.made_for)
        return ev.Looked(Found.OURS, found, running=True)

    def do_look(self) -> None:
        self.inbox.append(self.seen())

    def do_pull(self) -> None:
        worked = self.dice.random() < 0.8
        self.inbox.append(ev.Pulled(REFERENCE, self.offered) if worked else ev.PullRefused(REFERENCE, "no."))

    def do_find_image(self) -> None:
        self.inbox.append(ev.ImageFound(REFERENCE, self.offered))

    def do_launch(self) -> None:
        assert self.runs is None, "never two pilots on one scratch directory"
        if self.dice.random() < 0.2:
            self.inbox.append(ev.LaunchRefused("no."))
            return
        self.container += 1
        self.runs, self.made_for = self.state.images.wanted or self.offered, self.state.fingerprint
        self.draining = self.was_in_pool = False
        made = pilot(self.runs, self.name(), since=self.now, fingerprint=self.made_for)
        self.inbox.append(ev.Launched(made))

    def do_follow(self) -> None:
        if self.runs is None:
            self.inbox.append(ev.PilotEnded(self.name(), -1, 0.0, removed=True))

    def do_drain(self) -> None:
        if self.dice.random() < 0.3:
            self.inbox.append(ev.DrainRefused(self.name(), "busy"))
        else:
            self.draining = self.runs is not None

    def do_stop(self) -> None:
        limit = self.policy.drain_seconds is not None or self.policy.update is UpdatePolicy.NOW
        if self.jobs and not self.may_evict and not limit:
            self.lost_by_us += self.jobs
        self.inbox.append(ev.StopBegan(tuple(Job("slot", str(number)) for number in range(self.jobs))))
        self.end()

    def do_remove(self) -> None:
        pass

    def do_tidy(self) -> None:
        pass

    def do_forget_drain(self) -> None:
        self.want = Want.PILOTS

    def do_end_service(self) -> None:
        self.inbox.append(ev.StopAsked())

    def do_exit(self) -> None:
        pass

    def end(self) -> None:
        if self.runs is not None:
            self.runs, self.jobs, self.draining = None, 0, False
            self.inbox.append(ev.PilotEnded(self.name(), 0, self.dice.choice([1.0, 4000.0])))

    # --- what happens by itself, or is done by others ---

    def tick(self) -> None:
        """Some time passes, and something may happen."""
        self.now += self.dice.choice([0.1, 1.0, 30.0, 600.0])
        happening = self.dice.choice([
            self.look_at_pilot, self.look_at_pilot, self.job_comes, self.job_comes, self.job_ends, self.pilot_ends,
            self.we_are_killed, self.we_restart, self.new_image, self.asked, self.engine_restarts, self.reload,
        ])  # fmt: skip
        happening()
        if self.draining and not self.jobs:
            self.end()
        if self.state.wake_at and self.state.wake_at <= self.now:
            self.take(ev.TimeUp())

    def look_at_pilot(self) -> None:
        if self.runs is not None:
            jobs = tuple(Job("slot", str(number)) for number in range(self.jobs))
            accepted = self.dice.random() < 0.7 or self.was_in_pool
            self.was_in_pool |= accepted
            self.inbox.append(ev.Observed(replace(IN_POOL if accepted else AWAY, jobs=jobs)))

    def job_comes(self) -> None:
        # A pilot that we have not seen in the pool has no jobs; that is what in_pool means here.
        if self.runs is not None and not self.draining and self.was_in_pool:
            self.jobs += 1

    def job_ends(self) -> None:
        self.jobs = max(0, self.jobs - 1)

    def pilot_ends(self) -> None:
        if not self.jobs:
            self.end()

    def we_are_killed(self) -> None:
        self.begin()

    def we_restart(self) -> None:
        self.take(ev.StopAsked(leaving=True))
        self.settle()
        if self.state.phase is Phase.ENDED:
            self.begin()

    def new_image(self) -> None:
        self.offered = self.dice.choice([FIRST, NEXT, THIRD])
        self.inbox.append(ev.Asked(self.want))

    def asked(self) -> None:
        self.want = self.dice.choice([Want.PILOTS, Want.PILOTS, Want.IDLE, Want.START])
        self.inbox.append(ev.Asked(self.want))

    def engine_restarts(self) -> None:
        """With live-restore: the pilot goes on."""
        self.row = []
        self.take(ev.EngineLost("gone."))

    def reload(self) -> None:
        self.fingerprint = self.dice.choice([FINGERPRINT, "another"])
        self.inbox.append(ev.Reconfigured(self.policy, REFERENCE, self.fingerprint, "the configuration has changed"))

    def settle(self) -> None:
        """All orders are performed and all answers taken; raises where that never ends."""
        for _ in range(200):
            if self.row:
                self.perform()
            elif self.inbox:
                self.take(self.inbox.pop(0))
            else:
                return
        raise AssertionError("the service spins")

    def quiet(self) -> None:
        """Nobody asks for anything any more: in the end a pilot runs, or none, as is wanted."""
        for _ in range(2000):
            self.settle()
            if self.state.phase in (Phase.RUNNING, Phase.IDLE) and not self.draining:
                return
            self.jobs = 0
            self.now = max(self.now + 1.0, self.state.wake_at)
            if self.draining:
                self.end()
            self.take(ev.TimeUp())
        raise AssertionError(f"the host stays {self.state.phase}: {self.state}")


@settings(max_examples=400)
@given(st.integers(0, 2**32), ANY_POLICY, st.integers(1, 120))
def test_no_job_is_lost_by_us_and_the_host_ends_as_is_wanted(seed: int, policy: Policy, ticks: int) -> None:
    host = PlayedHost(random.Random(seed), policy)
    for _ in range(ticks):
        # A stop waits for nothing that takes long; what happens in those moments is not played.
        if host.row and (Order.STOP in host.row or host.dice.random() < 0.5):
            host.perform()
        elif host.inbox:
            host.take(host.inbox.pop(0))
        else:
            host.tick()
        if host.state.phase is Phase.ENDED:
            host.begin()
    host.quiet()
    assert host.lost_by_us == 0
    assert (host.runs is not None) == (host.state.phase is Phase.RUNNING)
