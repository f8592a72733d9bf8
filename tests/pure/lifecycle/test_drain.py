"""A drain of the only pilot: how it is ordered, what it leads to, and how long it may last."""

import pytest

from ospool_ep.configuration.policy import Policy
from ospool_ep.lifecycle.actions import Order, Priority, Verb
from ospool_ep.lifecycle.events import (
    Asked,
    Began,
    DrainRefused,
    Event,
    Observed,
    PilotEnded,
    Reconfigured,
    StopAsked,
    StopBegan,
    StopRefused,
    TimeUp,
)
from ospool_ep.lifecycle.state import Phase, Want
from tests.pure.lifecycle.host import (
    AWAY,
    BUSY,
    CONTAINER,
    EMPTY,
    LAUNCHED,
    OTHER,
    PULLED,
    REFERENCE,
    Host,
    drains,
    ended,
    limit_of,
    running,
    seen,
    silent,
)


def test_drain_ends_idle_and_resume_starts_again() -> None:
    host = running(BUSY).feed(Asked(Want.IDLE))
    assert host.orders == [Verb.DRAIN, Order.FIND_IMAGE]
    host.feed(ended())
    assert host.orders == [Verb.REMOVE, Order.LOOK]
    assert host.feed(EMPTY).state.phase is Phase.IDLE
    assert host.feed(Asked(Want.PILOTS), EMPTY).orders == [Order.LAUNCH]


@pytest.mark.parametrize(
    ("end", "priority"),
    [
        (PilotEnded(CONTAINER, 0, 10.0), Priority.INFO),
        (PilotEnded(CONTAINER, -1, 0.0, removed=True), Priority.WARNING),
        (PilotEnded(CONTAINER, 137, 10.0, oom_killed=True), Priority.WARNING),
    ],
)
def test_a_drain_claims_no_more_than_it_knows(end: PilotEnded, priority: Priority) -> None:
    host = running(BUSY).feed(Asked(Want.IDLE), end)
    assert [say.priority for say in host.said] == [priority]


def test_a_second_drain_is_the_first_one() -> None:
    host = running(BUSY).feed(Asked(Want.IDLE), Asked(Want.IDLE))
    assert Verb.DRAIN not in host.orders


def test_drain_while_launching_drains_the_pilot_that_comes() -> None:
    host = Host().feed(Began(), EMPTY, PULLED, Asked(Want.IDLE), LAUNCHED)
    assert host.orders == [Verb.FOLLOW, Verb.DRAIN]


def test_drain_while_pulling_is_idle_at_once_and_stays_so() -> None:
    host = Host().feed(Began(), EMPTY, Asked(Want.IDLE))
    assert host.state.phase is Phase.IDLE
    assert host.feed(PULLED).state.phase is Phase.IDLE


# --- what follows it ---------------------------------------------------------------------------------------


def test_a_drain_with_the_next_pilot_to_follow() -> None:
    host = running(BUSY, policy=Policy(one_by_one="GPUs are offered")).feed(Asked(Want.START))
    assert host.orders == [Verb.DRAIN, Order.FIND_IMAGE]
    assert host.feed(seen(drains(1))).orders == [Order.FORGET_DRAIN]
    assert host.state.want is Want.PILOTS
    assert host.feed(ended(), EMPTY).orders == [Order.LAUNCH]


def test_a_drain_with_the_end_of_the_service_to_follow() -> None:
    host = running(BUSY).feed(Asked(Want.STOP), ended(), EMPTY)
    assert host.orders == [Order.END_SERVICE]
    assert host.feed(StopAsked()).orders == [Order.EXIT]


@pytest.mark.parametrize("before", [(), (PULLED,)], ids=["pulling", "launching"])
def test_a_drain_to_the_next_pilot_is_done_where_none_runs(before: tuple[Event, ...]) -> None:
    host = Host().feed(Began(), EMPTY, *before)
    assert host.feed(Asked(Want.START)).orders == [Order.FORGET_DRAIN]
    assert host.state.want is Want.PILOTS


# --- its limit ---------------------------------------------------------------------------------------------


def test_a_drain_of_the_service_has_a_limit_and_that_of_an_operator_has_none() -> None:
    limited = Policy(drain_seconds=3600.0, one_by_one="GPUs are offered")
    host = running(BUSY, policy=limited).feed(Reconfigured(limited, REFERENCE, "another", "the file has changed"))
    assert host.orders == [Verb.DRAIN, Order.FIND_IMAGE]
    assert limit_of(host) == host.now + 3600.0
    assert host.later(3599).feed(TimeUp(), seen(BUSY)).orders == []
    assert host.later(1).feed(TimeUp()).orders == [Verb.STOP]
    host.feed(StopBegan(CONTAINER, BUSY.jobs), ended())
    assert "1 running job was evicted: 12.0. The next pilot starts." in host.text
    assert host.orders == [Verb.REMOVE, Order.LOOK]
    assert limit_of(running(BUSY, policy=limited).feed(Asked(Want.IDLE))) == 0.0


def test_a_drain_that_an_operator_asked_for_gets_no_limit_when_it_is_taken_back() -> None:
    host = running(BUSY, policy=Policy(drain_seconds=60.0)).feed(Asked(Want.IDLE)).later(3600)
    assert host.feed(Asked(Want.PILOTS), seen(BUSY), TimeUp()).orders == []
    assert limit_of(host) == 0.0


# --- the pilot does not take it ----------------------------------------------------------------------------


def test_drain_that_the_pilot_does_not_take_is_tried_again() -> None:
    host = running().feed(Asked(Want.IDLE), DrainRefused(CONTAINER, "no startd")).later(10)
    assert host.feed(TimeUp()).orders == [Verb.DRAIN]


def test_a_drain_that_is_refused_is_tried_again_whatever_is_seen_meanwhile() -> None:
    host = running(BUSY).feed(Asked(Want.IDLE), DrainRefused(CONTAINER, "busy"), seen(BUSY)).later(10)
    assert host.feed(TimeUp()).orders == [Verb.DRAIN]


def test_a_pilot_that_answers_again_is_told_again_to_drain() -> None:
    host = running(BUSY).feed(Asked(Want.IDLE), silent("it is paused"), DrainRefused(CONTAINER, "it is paused"))
    assert host.feed(seen(BUSY)).orders == [Verb.DRAIN]


@pytest.mark.parametrize(("seen", "priority"), [([], Priority.INFO), ([seen(BUSY)], Priority.WARNING)])
def test_a_pilot_that_is_not_up_yet_is_nothing_to_warn_of(seen: list[Observed], priority: Priority) -> None:
    host = (
        Host()
        .feed(Began(), EMPTY, PULLED, LAUNCHED, *seen)
        .feed(Asked(Want.IDLE), DrainRefused(CONTAINER, "no master"))
    )
    assert [say.priority for say in host.said if "does not drain" in say.text] == [priority]


def test_a_pilot_that_never_was_in_the_pool_and_does_not_drain_is_stopped() -> None:
    host = running(AWAY).feed(Asked(Want.IDLE), DrainRefused(CONTAINER, "no startd"))
    assert host.orders == [Verb.STOP]
    assert "never was in the pool" in host.text


def test_what_a_container_refused_that_is_gone_by_now_changes_nothing() -> None:
    host = running(BUSY).feed(Asked(Want.IDLE))
    before = host.state
    assert host.feed(DrainRefused(OTHER, "gone"), StopRefused(OTHER, "gone")).state == before
