"""The end of our process: a stop, which ends the pilot and says what that cost, or a restart, which leaves it alone."""

from typing import Union

import pytest

from ospool_ep.configuration.policy import Policy
from ospool_ep.lifecycle.actions import Order, Priority, Say, Verb
from ospool_ep.lifecycle.events import (
    Asked,
    Began,
    EngineLost,
    Event,
    LaunchRefused,
    Looked,
    PullRefused,
    StopAsked,
    StopBegan,
    StopRefused,
    TimeUp,
)
from ospool_ep.lifecycle.state import Phase, Want
from ospool_ep.pilot.state import PilotState
from tests.pure.lifecycle.host import (
    BUSY,
    CONTAINER,
    EMPTY,
    IN_POOL,
    LAUNCHED,
    PULLED,
    REFERENCE,
    Host,
    as_found,
    ended,
    ours,
    pilot,
    running,
    seen,
    silent,
)


def test_stop_with_a_job_says_which_was_evicted() -> None:
    host = running(BUSY).feed(StopAsked())
    assert host.orders == [Verb.STOP]
    host.feed(StopBegan(CONTAINER, BUSY.jobs), ended())
    assert host.orders == [Verb.REMOVE, Order.EXIT]
    assert "1 running job was evicted: 12.0" in host.text


def test_stop_without_a_job_says_so() -> None:
    host = running().feed(StopAsked(), StopBegan(CONTAINER, ()), ended())
    assert host.said == [Say(Priority.INFO, "Stopped. No job was running.", CONTAINER)]


@pytest.mark.parametrize(
    "before",
    [seen(BUSY), silent("paused"), seen(IN_POOL)],
    ids=["busy", "silent", "idle, but a job may have begun since"],
)
def test_stop_of_a_pilot_that_does_not_answer_claims_nothing(before: Event) -> None:
    host = running().feed(before, StopAsked(), StopBegan(CONTAINER, None), ended())
    assert host.said[-1].priority is Priority.WARNING
    assert "did not say whether jobs ran" in host.said[-1].text


def test_a_pilot_that_was_never_in_the_pool_had_no_job_to_lose() -> None:
    host = running(PilotState()).feed(StopAsked(), StopBegan(CONTAINER, None), ended())
    assert host.text == "Stopped. No job was running."


def test_a_second_stop_does_not_order_a_second_one() -> None:
    assert running().feed(StopAsked(), StopAsked()).orders == []


def test_stop_that_the_engine_does_not_carry_out_is_said() -> None:
    host = running().feed(StopAsked(), StopRefused(CONTAINER, "frozen"))
    assert host.orders == [Order.EXIT]
    assert "could not be stopped: frozen" in host.text


def test_after_a_stop_that_was_refused_what_runs_is_looked_for_each_minute() -> None:
    host = running(BUSY, policy=Policy(drain_seconds=60.0)).feed(EngineLost("gone."))
    for _ in range(8):
        host.later(3600).feed(TimeUp())
        host.feed(as_found(pilot(draining_since=900.0, limited_since=900.0)))
        assert host.feed(TimeUp(), StopRefused(CONTAINER, "frozen.")).orders == []
        assert (host.state.phase, host.state.wake_at <= host.now + 60.0) == (Phase.WAITING, True)


# --- where no pilot runs -----------------------------------------------------------------------------------


def test_stop_while_pulling_ends_at_once() -> None:
    assert Host().feed(Began(), EMPTY, StopAsked()).orders == [Order.EXIT]


def test_stop_while_launching_stops_the_pilot_that_comes() -> None:
    host = Host().feed(Began(), EMPTY, PULLED, StopAsked())
    assert host.orders == []
    assert host.feed(LAUNCHED).orders == [Verb.FOLLOW, Verb.STOP]


def test_stop_while_waiting_for_an_image_ends() -> None:
    host = Host().feed(Began(), EMPTY, PullRefused(REFERENCE, "x"), StopAsked(), EMPTY)
    assert host.orders == [Order.EXIT]
    assert host.said == []


def test_stop_while_waiting_looks_for_a_pilot_that_came_back_with_its_engine() -> None:
    host = running().feed(EngineLost("gone"), StopAsked())
    assert host.orders == [Order.LOOK]
    assert host.feed(ours()).orders == [Verb.FOLLOW, Verb.STOP]


def test_a_stop_is_a_stop_where_another_engine_is_due() -> None:
    host = Host().feed(Began(), StopAsked(leaving=False), Looked(elsewhere=True))
    assert host.state.phase is Phase.ENDED
    assert not host.state.leaving


# --- the process makes room, and the pilot goes on ---------------------------------------------------------


@pytest.mark.parametrize("before", [seen(BUSY), Asked(Want.IDLE)], ids=["running", "draining"])
def test_a_process_that_makes_room_for_the_next_one_leaves_the_pilot_alone(before: Event) -> None:
    host = running(BUSY).feed(before)
    assert host.feed(StopAsked(leaving=True)).orders == [Order.EXIT]
    assert "the pilot in container cccccccccccc goes on" in host.text


def test_a_process_that_makes_room_waits_for_the_container_that_is_being_made() -> None:
    host = Host().feed(Began(), EMPTY, PULLED, StopAsked(leaving=True))
    assert host.orders == []
    assert host.feed(LAUNCHED).orders == [Order.EXIT]


@pytest.mark.parametrize("answer", [LaunchRefused("no"), EngineLost("gone")])
def test_a_process_that_makes_room_ends_without_a_container_too(answer: Union[LaunchRefused, EngineLost]) -> None:
    assert Host().feed(Began(), EMPTY, PULLED, StopAsked(leaving=True), answer).orders == [Order.EXIT]
