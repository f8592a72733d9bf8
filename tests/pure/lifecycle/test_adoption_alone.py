"""One pilot that the next process finds: it goes on as it was, with its drain and what is left of its limit."""

from dataclasses import replace

import pytest

from ospool_ep.configuration.policy import Policy
from ospool_ep.lifecycle.actions import Order, Verb
from ospool_ep.lifecycle.events import Asked, Began, DrainRefused, Looked, TimeUp, TokenSeen
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.lifecycle.report import summary
from ospool_ep.lifecycle.state import Phase, Stage, Want
from tests.pure.lifecycle.host import (
    AWAY,
    BUSY,
    CONTAINER,
    FIRST,
    KNOWN,
    NEXT,
    REFERENCE,
    REFUSED,
    WELL,
    Host,
    as_found,
    ended,
    found,
    limit_of,
    ours,
    ours_ended,
    pilot,
    seen,
)


def test_a_running_pilot_is_adopted() -> None:
    host = Host().feed(Began(), ours())
    assert host.orders == [Verb.FOLLOW, Order.FIND_IMAGE]
    assert host.feed(found(FIRST)).orders == [Order.TIDY]
    assert host.state.phase is Phase.RUNNING


@pytest.mark.parametrize("looked", [ours(fingerprint="another"), as_found(pilot(fingerprint="", legacy=True))])
def test_a_pilot_made_otherwise_is_followed_by_the_next_one_once_its_image_is_here(looked: Looked) -> None:
    host = Host().feed(Began(), looked)
    assert host.orders == [Verb.FOLLOW, Order.PULL, Order.FIND_IMAGE]
    assert host.feed(found(FIRST)).orders == [Order.LAUNCH_CLOSED, Order.TIDY]
    assert host.stage(CONTAINER) is Stage.OPEN


def test_a_pilot_that_ended_while_no_service_ran_is_not_said_to_have_missed_the_pool() -> None:
    host = Host().feed(Began(), ours_ended(), ended(code=137))
    assert host.orders == [Verb.REMOVE, Order.LOOK]
    assert "never in the pool" not in host.text


def test_a_token_that_was_replaced_while_no_process_looked_is_noticed() -> None:
    host = Host().feed(Began(), ours(), found(FIRST), TokenSeen("token 2", ""), seen(REFUSED), seen(REFUSED))
    assert host.orders == [Order.LAUNCH_CLOSED]


def test_a_pilot_with_jobs_is_not_stopped_though_it_is_refused_and_nobody_has_noted_that_it_was_in_the_pool() -> None:
    on_trial = replace(KNOWN, newest=NEXT)
    host = Host(images=on_trial).feed(Began(), as_found(pilot(NEXT)), WELL, found(NEXT), TokenSeen("token 2", ""))
    with_jobs = replace(REFUSED, jobs=BUSY.jobs)
    host.feed(seen(with_jobs), seen(with_jobs))
    assert host.orders == [Order.LAUNCH_CLOSED]
    assert host.stage(CONTAINER) is Stage.OPEN


# --- it was told to drain before ---------------------------------------------------------------------------


def test_drain_survives_our_own_process() -> None:
    assert Host(Want.IDLE).feed(Began(), ours()).orders == [Verb.FOLLOW, Verb.DRAIN, Order.FIND_IMAGE]


def test_a_pilot_that_was_told_to_drain_before_is_told_again_though_nothing_asks_for_it_now() -> None:
    host = Host(images=KNOWN).feed(Began())
    host.feed(as_found(replace(pilot(), draining_since=host.now - 60)))
    assert host.done_to(CONTAINER) == [Verb.FOLLOW, Verb.DRAIN]
    assert "it was told to drain before" in summary(host.state, 0.0)


def test_a_pilot_that_drained_before_our_process_began_may_have_been_in_the_pool() -> None:
    host = Host(images=ImageRecord(REFERENCE, newest=NEXT, good=FIRST)).feed(Began())
    draining = replace(pilot(NEXT), draining_since=host.now - 60)
    host.feed(as_found(draining), seen(AWAY), DrainRefused(CONTAINER, "busy"))
    assert host.stage(CONTAINER) is Stage.LEAVING


def test_the_limit_of_a_drain_counts_from_its_beginning_over_our_death() -> None:
    limited = Policy(drain_seconds=3600.0)
    host = Host(policy=limited, images=KNOWN).feed(Began())
    before = replace(pilot(fingerprint="another"), draining_since=host.now - 3000, limited_since=host.now - 3000)
    host.feed(as_found(before), found(FIRST))
    assert host.stage(CONTAINER) is Stage.LEAVING
    assert host.later(599).feed(TimeUp(), seen(BUSY)).orders == []
    assert host.later(1).feed(TimeUp()).orders == [Verb.STOP]


def test_the_limit_of_a_drain_ends_where_an_operator_has_asked_for_it_while_no_pilot_was_known() -> None:
    limit = Policy(drain_seconds=600.0)
    before = replace(pilot(fingerprint="another"), draining_since=0.0, limited_since=0.0)
    host = Host(policy=limit).later(9000).feed(Began(), Asked(Want.IDLE), as_found(before), seen(BUSY))
    assert Verb.STOP not in host.orders
    assert Verb.STOP in Host(policy=limit).later(9000).feed(Began(), as_found(before)).orders


def test_a_drain_that_an_operator_began_has_no_limit_though_the_service_has_a_reason_of_its_own_by_now() -> None:
    host = Host(policy=Policy(drain_seconds=3600.0), images=KNOWN).feed(Began())
    before = replace(pilot(fingerprint="another"), draining_since=host.now - 90_000)
    host.feed(as_found(before), found(FIRST))
    assert limit_of(host) == 0.0
