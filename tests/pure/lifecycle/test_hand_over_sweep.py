"""What may happen in each step of a hand-over, on a host that is played: jobs wait all the time, and take each core."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ospool_ep.lifecycle.state import Want
from ospool_ep.pilot.state import Share
from tests.pure.lifecycle.host import NEXT, REFERENCE, THIRD
from tests.pure.lifecycle.played.checks import check_rest
from tests.pure.lifecycle.played.container import Container
from tests.pure.lifecycle.played.host import PlayedHost
from tests.pure.lifecycle.played.world import GOOD_TOKEN, Configuration

BEFORE = Configuration(variant="8 CPUs")


def _an_image_comes(host: PlayedHost) -> None:
    host.registry[REFERENCE] = NEXT
    host.operator_updates()


def _grows_old(host: PlayedHost) -> None:
    host.running[0].dies_at = host.now + 20 * 3600.0


REASONS: dict[str, Callable[[PlayedHost], None]] = {
    "a new image": _an_image_comes,
    "fewer CPUs": lambda host: host.operator_reloads(replace(BEFORE, variant="4 CPUs")),
    "less memory": lambda host: host.operator_reloads(replace(BEFORE, variant="half the memory")),
    "an operator": lambda host: host.operator_asks(Want.START),
    "its age": _grows_old,
}


def _old(host: PlayedHost) -> list[Container]:
    return host.running[:1]


def _next(host: PlayedHost) -> list[Container]:
    return host.running[1:]


def _engine_goes(host: PlayedHost, *, orders_end: bool) -> None:
    host.engine_goes(orders_end=orders_end)
    host.go_on()
    host.engine_answers = True


def _stop_and_start(host: PlayedHost) -> None:
    host.systemctl(stop=True)
    host.go_on()
    assert not host.running
    host.begin()


def _drain_and_resume(host: PlayedHost) -> None:
    host.operator_asks(Want.IDLE)
    host.go_on()
    host.operator_asks(Want.PILOTS)


def _pause(pilots: Callable[[PlayedHost], list[Container]], host: PlayedHost) -> None:
    paused = pilots(host)
    for pilot in paused:
        pilot.paused = True
    host.go_on()
    for pilot in paused:
        pilot.paused = False


def _end(pilots: list[Container], host: PlayedHost, *, removed: bool) -> None:
    for pilot in pilots:
        host.pilot_ends(pilot, removed=removed)


def _start_again(pilots: list[Container], host: PlayedHost) -> None:
    for pilot in pilots:
        host.somebody_starts(pilot)


def _crash(pilots: list[Container], _host: PlayedHost) -> None:
    for pilot in pilots:
        if not pilot.gone:
            pilot.crashes()


def _third_image(host: PlayedHost) -> None:
    host.registry[REFERENCE] = THIRD
    host.operator_updates()


def _token_changes(host: PlayedHost) -> None:
    host.refused_tokens, host.token = frozenset({host.token}), GOOD_TOKEN


HAPPENINGS: dict[str, Callable[[PlayedHost], None]] = {
    "our process is killed": lambda host: host.begin(),
    "our process is killed, what it has ordered is done": lambda host: host.begin(orders_end=True),
    "our process restarts": lambda host: host.systemctl(stop=False),
    "the service is stopped, and started": _stop_and_start,
    "the engine is away for a while": lambda host: _engine_goes(host, orders_end=False),
    "the engine does what it was asked, and is away for a while": lambda host: _engine_goes(host, orders_end=True),
    "an operator drains, and resumes": _drain_and_resume,
    "an operator wants another one": lambda host: host.operator_asks(Want.START),
    "an operator changes the file": lambda host: host.operator_reloads(replace(BEFORE, variant="4 CPUs")),
    "another image comes": _third_image,
    "the pool refuses the token, and there is another one": _token_changes,
    "the old one is removed": lambda host: _end(_old(host), host, removed=True),
    "the next one is removed": lambda host: _end(_next(host), host, removed=True),
    "the old one ends": lambda host: _end(_old(host), host, removed=False),
    "the next one ends": lambda host: _end(_next(host), host, removed=False),
    "the old one is started again": lambda host: _start_again(_old(host), host),
    "the next one is started again": lambda host: _start_again(_next(host), host),
    "the old one's startd crashes": lambda host: _crash(_old(host), host),
    "the next one's startd crashes": lambda host: _crash(_next(host), host),
    "the old one is paused for a while": lambda host: _pause(_old, host),
    "the next one is paused for a while": lambda host: _pause(_next, host),
}


def begun(reason: str) -> PlayedHost:
    """A pilot runs a job on each core, and has to make room."""
    host = PlayedHost(BEFORE)
    host.waiting = Share(2, 2000)
    host.come_to_rest()
    assert host.running[0].holds == Share(8, 8000)
    host.jobs_end = True
    REASONS[reason](host)
    return host


def ends_well(host: PlayedHost) -> None:
    """All comes to its end, and one pilot takes all."""
    host.go_on()
    host.come_to_rest()
    check_rest(host)
    assert len(host.running) == 1


@pytest.mark.parametrize("reason", REASONS)
def test_the_next_pilot_takes_each_core_as_it_becomes_free(reason: str) -> None:
    host = begun(reason)
    host.jobs_end = False
    host.go_on()
    old, following = host.running
    assert old.drains, "the next one works by then"
    while old.jobs:
        host.job_ends(old)
        host.go_on()
        part = old.holds + following.holds
        assert part.cpus == max(following.size.cpus, old.holds.cpus), "no core stands empty, and none is used twice"
    assert host.running == [following]
    ends_well(host)


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("orders_end", [False, True], ids=["killed", "killed with orders under way"])
def test_a_process_that_is_killed_at_each_step_is_followed_by_one_that_goes_on(reason: str, orders_end: bool) -> None:
    steps = begun(reason).go_on()
    assert steps > 50
    # All that differs between the reasons comes before the hand-over itself.
    for step in range(0, steps + 1, 1 if reason == "a new image" else 5):
        host = begun(reason)
        host.go_on(step)
        host.begin(orders_end=orders_end)
        ends_well(host)


@pytest.mark.parametrize("happening", HAPPENINGS)
def test_a_hand_over_ends_well_whatever_happens_in_it(happening: str) -> None:
    steps = begun("a new image").go_on()
    # What follows from a step often takes a few more: each is met by one of the happenings.
    for step in range(list(HAPPENINGS).index(happening) % 3, steps + 1, 3):
        host = begun("a new image")
        host.go_on(step)
        HAPPENINGS[happening](host)
        ends_well(host)


# As many steps as a hand-over has, and more.
@given(
    reason=st.sampled_from(list(REASONS)),
    step=st.integers(0, 80),
    both=st.lists(st.sampled_from(list(HAPPENINGS)), min_size=2, max_size=2, unique=True),
)
@settings(max_examples=300)
def test_a_hand_over_ends_well_where_two_things_happen_at_once(reason: str, step: int, both: list[str]) -> None:
    host = begun(reason)
    host.go_on(step)
    for happening in both:
        HAPPENINGS[happening](host)
    ends_well(host)
