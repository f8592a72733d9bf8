"""The promises of the lifecycle on a host that is played: what may happen there, in any order."""

import functools
import itertools
from collections.abc import Callable
from typing import Any, Optional

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from ospool_ep.configuration.policy import Policy
from ospool_ep.configuration.values import UpdatePolicy
from ospool_ep.lifecycle.actions import Order
from ospool_ep.lifecycle.image_record import KnownImage
from ospool_ep.lifecycle.state import Hindrance, Want
from ospool_ep.pilot.state import PilotState
from tests.pure.lifecycle.host import AWAY, FIRST, IN_POOL, NEXT, THIRD
from tests.pure.lifecycle.played_host import PlayedHost
from tests.pure.lifecycle.played_world import REFERENCES, Configuration

POLICIES = [
    Policy(update=update, drain_seconds=limit, retire_seconds=3000.0, rollback_seconds=900.0)
    for update in UpdatePolicy
    for limit in (None, 600.0)
]
ANY_CONFIGURATION = st.sampled_from(
    [Configuration(*values) for values in itertools.product(REFERENCES, ("8 CPUs", "4 CPUs"), POLICIES)]
)
REFUSABLE = (Order.DRAIN, Order.STOP, Order.LAUNCH, Order.LOOK, Order.PULL, Order.FIND_IMAGE, Order.REMOVE)
# How much of what follows from a happening by itself comes before the next one; None for all.
STEPS: st.SearchStrategy[Optional[int]] = st.sampled_from([None, 0, 1, 2, 3, 5])
# Its overloads know no draws that are handed on.
RULE: Any = rule


def happens(**draws: Any) -> Callable[[Callable[..., None]], Any]:
    """A rule, and what follows from it by itself."""

    def rule_of(act: Callable[..., None]) -> Any:
        @functools.wraps(act)
        def act_and_go_on(machine: "OnAPlayedHost", steps: Optional[int], **drawn: Any) -> None:
            act(machine, **drawn)
            machine.host.go_on(steps)

        return RULE(steps=STEPS, **draws)(act_and_go_on)

    return rule_of


class OnAPlayedHost(RuleBasedStateMachine):
    """What may happen, in any order; the host checks the promises as it goes."""

    @initialize(configured=ANY_CONFIGURATION, registry_is_slow=st.booleans())
    def begin(self, configured: Configuration, registry_is_slow: bool) -> None:
        self.host = PlayedHost(configured)
        self.host.come_to_rest()
        self.host.registry_is_slow = registry_is_slow

    # --- our process ---

    @precondition(lambda self: self.host.next_steps())
    @rule(choice=st.integers(0, 3))
    def our_process_takes_a_step(self, choice: int) -> None:
        steps = self.host.next_steps()
        steps[choice % len(steps)]()

    @precondition(lambda self: self.host.alive)
    @happens(how=st.sampled_from(["killed", "restarted", "stopped"]))
    def our_process_is(self, how: str) -> None:
        if how == "killed":
            self.host.begin()
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
    @happens(comes_back=st.booleans())
    def the_engine_goes(self, comes_back: bool) -> None:
        self.host.engine_goes()
        self.host.engine_answers = comes_back

    @rule(order=st.sampled_from(REFUSABLE))
    def the_engine_refuses(self, order: Order) -> None:
        self.host.refuses = order

    @precondition(lambda self: self.host.pulls)
    @happens(index=st.integers(0, 3), registry_answers=st.booleans())
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

    @precondition(lambda self: self.host.here)
    @rule()
    def somebody_prunes_the_images(self) -> None:
        self.host.somebody_prunes()

    @happens(hindrance=st.sampled_from([None, Hindrance("No scratch.", ("scratch-missing",))]))
    def this_host_is_found_ready_or_not(self, hindrance: Optional[Hindrance]) -> None:
        self.host.hindrance = hindrance

    # --- the pilot ---

    @happens(answer=st.sampled_from([IN_POOL, AWAY, None]))
    def the_pilot_answers(self, answer: Optional[PilotState]) -> None:
        self.host.answer = answer

    @happens(others_wait=st.booleans())
    def the_jobs_end(self, others_wait: bool) -> None:
        self.host.jobs_end(others_wait=others_wait)

    @precondition(lambda self: self.host.pilot_runs)
    @happens(removed=st.booleans())
    def the_pilot_ends(self, removed: bool) -> None:
        self.host.pilot_ends(removed=removed)

    @happens()
    def the_pilot_dies_inside(self) -> None:
        self.host.dies_inside()

    @happens()
    def the_pilot_retires(self) -> None:
        self.host.retires()

    # --- people ---

    @precondition(lambda self: self.host.alive)
    @happens(want=st.sampled_from(Want))
    def an_operator_asks(self, want: Want) -> None:
        self.host.operator_asks(want)

    @happens(configured=ANY_CONFIGURATION)
    def an_operator_reloads(self, configured: Configuration) -> None:
        self.host.operator_reloads(configured)

    @precondition(lambda self: self.host.alive)
    @rule()
    def then_all_is_quiet(self) -> None:
        self.host.come_to_rest()
        self.host.check_rest()


def test_no_job_is_lost_by_us_and_the_host_ends_as_is_wanted() -> None:
    run_state_machine_as_test(OnAPlayedHost, settings=settings(max_examples=1500, stateful_step_count=30))
