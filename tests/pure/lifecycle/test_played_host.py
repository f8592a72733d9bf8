"""The promises of the lifecycle on a host that is played: what may happen there, in any order."""

import functools
import itertools
from collections.abc import Callable
from typing import Any, Optional, Union

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from ospool_ep.configuration.policy import Policy
from ospool_ep.configuration.values import UpdatePolicy
from ospool_ep.lifecycle.actions import Order, Verb
from ospool_ep.lifecycle.image_record import KnownImage
from ospool_ep.lifecycle.state import Hindrance, Want
from ospool_ep.pilot.state import PilotState, Share
from tests.pure.lifecycle.host import AWAY, FIRST, IN_POOL, NEXT, REFUSED, THIRD
from tests.pure.lifecycle.played.checks import check_rest
from tests.pure.lifecycle.played.container import Container
from tests.pure.lifecycle.played.host import PlayedHost
from tests.pure.lifecycle.played.process import LANES
from tests.pure.lifecycle.played.world import QUALITIES, REFERENCES, SIZES, TOKENS, Configuration

POLICIES = [
    Policy(update=update, drain_seconds=limit, retire_seconds=3000.0, rollback_seconds=900.0, one_by_one=one_by_one)
    for update in UpdatePolicy
    for limit in (None, 600.0)
    for one_by_one in ("", "", "GPUs are offered")
]
ANY_CONFIGURATION = st.sampled_from(
    [Configuration(*values) for values in itertools.product(REFERENCES, SIZES, POLICIES)]
)
ANY_JOB = st.sampled_from([None, Share(1, 1000), Share(1, 8000), Share(2, 2000), Share(4, 1000), Share(8, 8000)])
ANY_ANSWER = st.sampled_from([IN_POOL, AWAY, REFUSED, None])
ENDS: list[dict[str, Any]] = [
    {}, {"removed": True}, {"exit_code": 1}, {"exit_code": 137}, {"exit_code": 137, "oom_killed": True},
]  # fmt: skip
REFUSABLE = (
    Order.LAUNCH, Order.LAUNCH_CLOSED, Order.LOOK, Order.PULL, Order.FIND_IMAGE, Verb.DRAIN, Verb.TELL, Verb.NAME,
    Verb.STOP, Verb.REMOVE, Verb.FOLLOW,
)  # fmt: skip
# How much of what follows from a happening by itself comes before the next one; None for all.
STEPS: st.SearchStrategy[Optional[int]] = st.sampled_from([None, None, 0, 1, 2, 3, 5, 8, 13])
# Its overloads know no draws that are handed on.
RULE: Any = rule
INDEX = st.integers(0, 3)


def happens(**draws: Any) -> Callable[[Callable[..., None]], Any]:
    """A rule, and what follows from it by itself."""

    def rule_of(act: Callable[..., None]) -> Any:
        @functools.wraps(act)
        def act_and_go_on(machine: "OnAPlayedHost", steps: Optional[int], **drawn: Any) -> None:
            act(machine, **drawn)
            machine.host.go_on(steps)

        return RULE(steps=STEPS, **draws)(act_and_go_on)

    return rule_of


def some_pilot_runs(machine: "OnAPlayedHost") -> bool:
    return bool(machine.host.running)


class OnAPlayedHost(RuleBasedStateMachine):
    """What may happen, in any order; the host checks the promises as it goes."""

    @initialize(configured=ANY_CONFIGURATION, registry_is_slow=st.booleans(), job=ANY_JOB)
    def begin(self, configured: Configuration, registry_is_slow: bool, job: Optional[Share]) -> None:
        self.host = PlayedHost(configured)
        self.host.waiting = job
        self.host.come_to_rest()
        self.host.registry_is_slow = registry_is_slow

    def pilot(self, index: int) -> Container:
        return self.host.running[index % len(self.host.running)]

    # --- our process ---

    @precondition(lambda self: self.host.next_steps())
    @rule(choices=st.lists(st.integers(0, 7), min_size=1, max_size=8))
    def steps_come_in_any_order(self, choices: list[int]) -> None:
        for choice in choices:
            if self.host.next_steps():
                self.host.step_on(choice)

    @precondition(lambda self: self.host.alive)
    @happens(how=st.sampled_from(["killed", "killed with orders under way", "restarted", "stopped"]))
    def our_process_is(self, how: str) -> None:
        if how.startswith("killed"):
            self.host.begin(orders_end="orders" in how)
        else:
            self.host.systemctl(stop=how == "stopped")

    @precondition(lambda self: not self.host.alive)
    @happens()
    def an_operator_starts_the_service(self) -> None:
        self.host.begin()

    # --- time, the engine and the registry ---

    @happens(seconds=st.sampled_from([5, 400, 100000]))
    def time_passes(self, seconds: int) -> None:
        self.host.now += seconds

    @happens(faults_pass=st.booleans())
    def it_is_time(self, faults_pass: bool) -> None:
        if faults_pass:
            self.host.engine_answers, self.host.refuses = True, None
        self.host.now = max(self.host.now, self.host.state.wake_at)

    @precondition(lambda self: self.host.engine_answers)
    @happens(comes_back=st.booleans(), orders_end=st.booleans())
    def the_engine_goes(self, comes_back: bool, orders_end: bool) -> None:
        self.host.engine_goes(orders_end=orders_end)
        self.host.engine_answers = comes_back

    @rule(lane=st.sampled_from(["row", *LANES]), with_engine=st.booleans())
    def the_next_answer_gets_lost(self, lane: str, with_engine: bool) -> None:
        self.host.lost_in, self.host.lost_with_engine = lane, with_engine

    @happens(comes=st.booleans())
    def a_stranger_takes_the_known_name_or_goes(self, comes: bool) -> None:
        self.host.stranger_comes = comes

    @rule(order=st.sampled_from(REFUSABLE))
    def the_engine_refuses(self, order: Union[Order, Verb]) -> None:
        self.host.refuses = order

    @precondition(lambda self: self.host.pulls)
    @happens(index=INDEX, registry_answers=st.booleans())
    def a_pull_ends(self, index: int, registry_answers: bool) -> None:
        self.host.pull_ends(index % len(self.host.pulls), registry_answers=registry_answers)

    @happens(
        image=st.sampled_from([FIRST, NEXT, THIRD]), pulled_by=st.sampled_from(["an update", "somebody", "nobody yet"])
    )
    def the_registry_gets(self, image: KnownImage, pulled_by: str) -> None:
        self.host.registry[self.host.configured.reference] = image
        if self.host.engine_answers and pulled_by == "an update":
            self.host.operator_updates()
        if self.host.engine_answers and pulled_by == "somebody":
            self.host.somebody_pulls()

    @precondition(lambda self: not self.host.qualities)
    @rule(image=st.sampled_from([NEXT, THIRD]), quality=st.sampled_from(QUALITIES))
    def an_image_is_odd(self, image: KnownImage, quality: str) -> None:
        if all(container.image.id != image.id for container in self.host.containers):
            self.host.qualities[image.id] = quality

    @precondition(lambda self: self.host.here)
    @rule()
    def somebody_prunes_the_images(self) -> None:
        self.host.somebody_prunes()

    @happens(hindrance=st.sampled_from([None, Hindrance("No scratch.", ("scratch-missing",))]))
    def this_host_is_found_ready_or_not(self, hindrance: Optional[Hindrance]) -> None:
        self.host.is_found(hindrance)

    @happens(no_room=st.sampled_from(["", "The scratch is too small for two pilots."]))
    def there_is_room_for_two_or_not(self, no_room: str) -> None:
        self.host.no_room = no_room

    # --- the pilots ---

    @happens(answer=ANY_ANSWER, only=st.one_of(st.none(), INDEX))
    def the_pilots_answer(self, answer: Optional[PilotState], only: Optional[int]) -> None:
        if only is None:
            self.host.answer = answer
        elif self.host.running:
            self.pilot(only).answer = answer

    @happens(refused=st.sampled_from([(), TOKENS[:1], TOKENS[:2]]), on_disk=st.sampled_from(["", *TOKENS]))
    def tokens_change(self, refused: tuple[str, ...], on_disk: str) -> None:
        self.host.refused_tokens, self.host.token = frozenset(refused), on_disk

    @happens(job=ANY_JOB)
    def other_jobs_wait(self, job: Optional[Share]) -> None:
        self.host.waiting = job

    @precondition(some_pilot_runs)
    @happens(index=INDEX, all_end=st.booleans())
    def jobs_end(self, index: int, all_end: bool) -> None:
        pilot = self.pilot(index)
        for _ in range(len(pilot.jobs) if all_end else 1):
            self.host.job_ends(pilot)

    @precondition(some_pilot_runs)
    @happens(index=INDEX, how=st.sampled_from(ENDS))
    def a_pilot_ends(self, index: int, how: dict[str, Any]) -> None:
        self.host.pilot_ends(self.pilot(index), **how)

    @precondition(some_pilot_runs)
    @happens(index=INDEX)
    def a_pilot_has_been_idle_for_long(self, index: int) -> None:
        pilot = self.pilot(index)
        if not (pilot.jobs or pilot.dead):
            pilot.gone = pilot.had_to_go = True

    @precondition(some_pilot_runs)
    @happens(index=INDEX)
    def a_pilot_dies_inside(self, index: int) -> None:
        pilot = self.pilot(index)
        pilot.dead, pilot.jobs = True, []

    @precondition(some_pilot_runs)
    @happens(index=INDEX)
    def a_startd_begins_anew(self, index: int) -> None:
        pilot = self.pilot(index)
        if not (pilot.dead or pilot.gone):
            pilot.crashes()

    @precondition(some_pilot_runs)
    @happens(index=INDEX, how=st.sampled_from(["retires", "will end", "is told to drain by somebody"]))
    def time_of_a_pilot_is_over(self, index: int, how: str) -> None:
        pilot = self.pilot(index)
        pilot.had_to_go |= how != "will end"
        pilot.retired |= how == "retires"
        pilot.drains |= how == "is told to drain by somebody"
        if how == "will end" and pilot.dies_at is None:
            pilot.dies_at = self.host.now + 20 * 3600.0

    @precondition(some_pilot_runs)
    @happens(index=INDEX, paused=st.booleans())
    def somebody_pauses_a_pilot(self, index: int, paused: bool) -> None:
        self.pilot(index).paused = paused

    # --- people ---

    @precondition(lambda self: self.host.alive and self.host.containers)
    @happens(index=INDEX)
    def somebody_starts_a_container(self, index: int) -> None:
        container = self.host.containers[index % len(self.host.containers)]
        # Nobody looks for it after the service's stop.
        if container.running or not self.host.unit_stops:
            self.host.somebody_starts(container)

    @precondition(lambda self: self.host.alive)
    @happens(want=st.sampled_from(Want))
    def an_operator_asks(self, want: Want) -> None:
        self.host.operator_asks(want)

    @happens(are_open=st.booleans())
    def hours_turn(self, are_open: bool) -> None:
        self.host.hours_turn(are_open=are_open)

    @happens(configured=ANY_CONFIGURATION)
    def an_operator_reloads(self, configured: Configuration) -> None:
        self.host.operator_reloads(configured)

    @precondition(lambda self: self.host.alive)
    @rule()
    def then_all_is_quiet(self) -> None:
        self.host.come_to_rest()
        check_rest(self.host)


def test_no_job_is_lost_by_us_and_the_host_ends_as_is_wanted() -> None:
    run_state_machine_as_test(OnAPlayedHost, settings=settings(max_examples=1500, stateful_step_count=30))
