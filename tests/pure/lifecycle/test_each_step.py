"""What is asked for, or goes wrong, in each step of a hand-over: which pilots are ended, drained, or left alone."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from ospool_ep.configuration.policy import Policy
from ospool_ep.lifecycle.actions import Order, Verb
from ospool_ep.lifecycle.events import (
    Asked,
    DrainRefused,
    EngineLost,
    Event,
    HostChecked,
    HostSeen,
    LogRefused,
    PilotEnded,
    Reconfigured,
    StopAsked,
    TellRefused,
    TimeUp,
    TokenSeen,
)
from ospool_ep.lifecycle.state import Stage, Want
from ospool_ep.pilot.state import EVERYTHING
from tests.pure.lifecycle.host import (
    CONTAINER,
    FINGERPRINT,
    OTHER,
    REFERENCE,
    THIRD_CONTAINER,
    Host,
    ended,
    found,
    seen,
    silent,
    took,
)
from tests.pure.lifecycle.steps import STEPS, told_to_drain

AT_EACH = pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
CONTAINERS = (CONTAINER, OTHER, THIRD_CONTAINER)


def stages(host: Host) -> dict[str, Stage]:
    return {one.container_id: one.stage for one in host.state.pilots}


def stopped(host: Host) -> set[str]:
    return {do.container_id for do in host.did if do.verb is Verb.STOP}


@AT_EACH
@pytest.mark.parametrize(
    "event",
    [
        TokenSeen("token 2", ""),
        HostSeen("CVMFS has died."),
        HostChecked(None),
        TimeUp(),
        Reconfigured(Policy(), REFERENCE, FINGERPRINT, ""),
        Asked(Want.PILOTS),
        LogRefused(CONTAINER, "no such driver"),
        DrainRefused("f" * 64, "gone"),
        TellRefused("f" * 64, "gone"),
        ended(container="f" * 64),
        silent(container="f" * 64),
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_asks_for_nothing_changes_no_pilot(step: Callable[[], Host], event: Event) -> None:
    host = step().feed(TokenSeen("token 1", ""))
    before = stages(host)
    assert stages(host.feed(event)) == before
    assert {Order.LAUNCH, Order.LAUNCH_CLOSED, Order.LOOK, Verb.STOP}.isdisjoint(host.orders)


@AT_EACH
@pytest.mark.parametrize("want", [Want.IDLE, Want.STOP])
def test_a_drain_ends_the_closed_one_and_drains_the_open_one(step: Callable[[], Host], want: Want) -> None:
    host = step()
    before = stages(host)
    host.feed(Asked(want))
    assert stopped(host) == {one for one, stage in before.items() if stage is Stage.CLOSED}
    assert set(stages(host).values()) <= {Stage.LEAVING, Stage.STOPPING}
    for one in before:
        assert Order.LAUNCH_CLOSED not in host.feed(ended(container=one)).orders
    assert host.orders == [Verb.REMOVE, Order.LOOK]


@AT_EACH
def test_a_drain_that_is_taken_back_has_one_on_its_way_at_once(step: Callable[[], Host]) -> None:
    host = step().feed(Asked(Want.IDLE), Asked(Want.PILOTS))
    gone = [one for one in host.state.pilots if one.stage is Stage.STOPPING]
    leaving = [one for one in host.state.pilots if one.stage is Stage.LEAVING]
    assert (Order.LAUNCH_CLOSED in host.orders) == (len(gone) + len(leaving) <= 2)


@AT_EACH
@pytest.mark.parametrize("leaving", [True, False])
def test_a_stop_ends_all_and_a_restart_none(step: Callable[[], Host], leaving: bool) -> None:
    host = step()
    before = stages(host)
    host.feed(StopAsked(leaving=leaving))
    assert stopped(host) == (set() if leaving else set(before))
    assert (host.orders == [Order.EXIT]) == leaving
    if not leaving:
        for one in before:
            host.feed(ended(container=one))
        assert host.orders == [Verb.REMOVE, Order.EXIT]


@AT_EACH
def test_a_changed_file_replaces_the_next_one_or_makes_it(step: Callable[[], Host]) -> None:
    host = step()
    before = stages(host)
    host.feed(Reconfigured(Policy(), REFERENCE, "another", "the configuration has changed: MEMORY"))
    assert stopped(host) == {one for one, stage in before.items() if stage is Stage.CLOSED}
    assert all(stages(host)[one] is stage for one, stage in before.items() if stage is not Stage.CLOSED)
    assert (Order.LAUNCH_CLOSED in host.orders) == (len(before) < 3)


@AT_EACH
@pytest.mark.parametrize("container", CONTAINERS, ids=["c", "d", "e"])
@pytest.mark.parametrize("lived", [5.0, 9000.0])
def test_the_end_of_any_of_them_leaves_one_open_or_on_its_way(
    step: Callable[[], Host], container: str, lived: float
) -> None:
    host = step().feed(PilotEnded(container, 137, lived))
    left = stages(host)
    is_open, comes = Stage.OPEN in left.values(), Stage.CLOSED in left.values()
    assert is_open or comes or {Order.LAUNCH_CLOSED, Order.LOOK} & set(host.orders)
    assert list(left.values()).count(Stage.OPEN) <= 1
    assert not stopped(host)


@AT_EACH
@pytest.mark.parametrize("container", CONTAINERS, ids=["c", "d", "e"])
def test_one_that_is_silent_is_left_alone_and_frees_nothing(step: Callable[[], Host], container: str) -> None:
    host = step()
    before, held = stages(host), [one.holds for one in host.state.pilots]
    host.feed(silent(container=container))
    assert (stages(host), [one.holds for one in host.state.pilots]) == (before, held)
    assert Verb.STOP not in host.orders
    host.later(3600).feed(TimeUp())
    assert not {one for one in stopped(host) if before[one] is not Stage.CLOSED}


@AT_EACH
def test_an_engine_that_goes_forgets_none_and_tells_none(step: Callable[[], Host]) -> None:
    host = step().feed(EngineLost("gone."))
    assert (host.did, host.state.pilots) == ([], ())
    host.feed(seen(step().state.pilots[0].state), took(3), replace(took(3), share=EVERYTHING), found(None))
    assert (host.did, host.state.pilots) == ([], ())
    assert host.later(10).feed(TimeUp()).orders == [Order.LOOK]


def test_the_order_to_drain_may_be_refused_in_each_way_and_be_taken_at_last() -> None:
    host = told_to_drain()
    for reason in ("timeout", "its container is paused", "Can't connect to the startd"):
        host.feed(DrainRefused(CONTAINER, reason))
        pause = host.state.pilots[0].again_at - host.now
        assert 10.0 <= pause <= 600.0
        assert host.later(pause).feed(TimeUp()).done_to(CONTAINER) == [Verb.DRAIN]
