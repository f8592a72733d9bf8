"""What an operator asks for in the middle of a hand-over: a drain, its end, a start, another configuration."""

from dataclasses import replace
from typing import Union

import pytest

from ospool_ep.configuration.policy import Policy
from ospool_ep.lifecycle.actions import Order, Verb
from ospool_ep.lifecycle.events import Asked, Began, Reconfigured
from ospool_ep.lifecycle.state import Stage, Want
from ospool_ep.pilot.state import Share
from tests.pure.lifecycle.host import (
    CONTAINER,
    FINGERPRINT,
    FIRST,
    NEXT,
    OTHER,
    REFERENCE,
    TAKES_JOBS,
    THIRD_CONTAINER,
    WAITS,
    Host,
    as_found,
    drains,
    ended,
    found,
    running,
    seen,
    trying,
)

CHANGED = Reconfigured(Policy(), REFERENCE, "another", "the configuration has changed: MEMORY")


@pytest.mark.parametrize("want", [Want.IDLE, Want.STOP])
def test_a_drain_in_mid_hand_over_ends_the_closed_one_at_once(want: Want) -> None:
    host = trying().feed(Asked(want))
    assert (host.done_to(CONTAINER), host.done_to(OTHER)) == ([Verb.DRAIN], [Verb.STOP])
    host.feed(ended(container=OTHER), seen(drains(3)))
    assert Order.LAUNCH_CLOSED not in host.orders


def test_the_one_that_is_being_made_is_ended_too() -> None:
    host = running(TAKES_JOBS).feed(found(NEXT), Asked(Want.IDLE))
    assert host.feed(host.launched_closed(NEXT)).done_to(OTHER) == [Verb.FOLLOW, Verb.STOP]


def test_a_resume_during_a_drain_starts_the_next_one_at_once_beside_the_last_jobs() -> None:
    host = running(TAKES_JOBS).feed(Asked(Want.IDLE), found(FIRST), seen(drains(5)))
    assert host.orders == []
    assert Order.LAUNCH_CLOSED in host.feed(Asked(Want.PILOTS)).orders
    host.feed(host.launched_closed())
    assert host.stage(OTHER) is Stage.OPEN
    assert host.feed(seen(WAITS, OTHER)).told(OTHER) == [Share(5, 5000)]


def test_a_resume_of_a_drain_to_the_next_one_leaves_the_old_one_alone() -> None:
    host = running(TAKES_JOBS).feed(Asked(Want.START, since=2000.0), found(FIRST))
    host.feed(host.launched_closed(), Asked(Want.PILOTS))
    assert (host.done_to(OTHER), host.stage(CONTAINER)) == ([Verb.STOP], Stage.OPEN)


def told_to_make_room() -> Host:
    """An operator wants the next pilot. It is there, and the one before is told to drain."""
    host = running(TAKES_JOBS).later(3600)
    host.feed(Asked(Want.START, since=host.now), found(FIRST)).later(1)
    host.feed(host.launched_closed()).later(60).feed(seen(WAITS, OTHER))
    assert Verb.DRAIN in host.orders
    return host


def test_what_was_asked_for_is_kept_until_the_pilot_has_confirmed_the_order() -> None:
    # Our process may be killed before it has given the order, and the next one knows of it by nothing else.
    host = told_to_make_room()
    assert (host.state.want, Order.FORGET_DRAIN in host.orders) == (Want.START, False)
    assert Order.FORGET_DRAIN in host.feed(seen(drains(4))).orders
    assert (host.state.want, host.stage(OTHER)) == (Want.PILOTS, Stage.OPEN)


@pytest.mark.parametrize("carried_out", [False, True])
@pytest.mark.parametrize("first", [CONTAINER, OTHER], ids=["old", "next"])
def test_the_next_process_goes_on_with_a_drain_that_may_not_have_been_ordered(carried_out: bool, first: str) -> None:
    before = told_to_make_room()
    pilots = [replace(one, stage=Stage.FOUND, draining_since=None, asked=False) for one in before.state.pilots]
    host = Host(Want.START, images=before.state.images).later(before.now - 1000)
    host.state = replace(host.state, want_since=before.state.want_since)
    host.feed(Began(), as_found(*pilots), found(FIRST))
    answers = {CONTAINER: drains(4) if carried_out else TAKES_JOBS, OTHER: WAITS}
    did: list[Union[Order, Verb]] = []
    for container in (first, *({CONTAINER, OTHER} - {first})) * 2:
        did += host.feed(seen(answers[container], container)).orders
    assert Verb.STOP not in did
    assert Order.LAUNCH_CLOSED not in did
    host.feed(seen(drains(4)))
    assert (host.stage(CONTAINER), host.stage(OTHER), host.state.want) == (Stage.LEAVING, Stage.OPEN, Want.PILOTS)


@pytest.mark.parametrize(
    ("since", "then"), [(4500.0, [Order.FORGET_DRAIN]), (5000.0, [Order.LAUNCH_CLOSED]), (0.0, [Order.LAUNCH_CLOSED])]
)
def test_a_start_that_was_asked_for_before_the_pilot_began_is_done(
    since: float, then: list[Union[Order, Verb]]
) -> None:
    host = running(TAKES_JOBS)
    host.state = replace(host.state, pilots=(replace(host.state.pilots[0], since=4600.0),))
    host.later(4000).feed(Asked(Want.START, since=since))
    assert host.orders[:1] == then


def test_a_reload_while_the_next_one_is_on_trial_makes_another_one() -> None:
    host = trying().feed(CHANGED)
    assert host.done_to(OTHER) == [Verb.STOP]
    assert Order.LAUNCH_CLOSED in host.orders, "the one that is ended takes no job"
    host.feed(host.launched_closed(NEXT, THIRD_CONTAINER, fingerprint="another"), ended(container=OTHER))
    assert host.stage(THIRD_CONTAINER) is Stage.CLOSED


def test_a_reason_that_is_taken_back_ends_the_next_one() -> None:
    host = running(TAKES_JOBS).feed(CHANGED, found(FIRST))
    host.feed(host.launched_closed(fingerprint="another"), Reconfigured(Policy(), REFERENCE, FINGERPRINT, ""))
    assert (host.done_to(OTHER), host.stage(CONTAINER)) == ([Verb.STOP], Stage.OPEN)
    assert Order.LAUNCH_CLOSED not in host.orders
