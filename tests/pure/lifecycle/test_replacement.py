"""When a pilot makes room for its age, so that the longest job of the pool still ends in it; and what is planned."""

from dataclasses import replace

import pytest

from ospool_ep.configuration.policy import Policy
from ospool_ep.configuration.values import UpdatePolicy
from ospool_ep.lifecycle.actions import Order, Verb
from ospool_ep.lifecycle.due import limit_at
from ospool_ep.lifecycle.events import Asked, Reconfigured, TimeUp
from ospool_ep.lifecycle.replacement import deadlines, hands_over_at, plan
from ospool_ep.lifecycle.state import Hindrance, Stage, Want
from ospool_ep.pilot.state import Offer, PilotState, Startd
from tests.pure.lifecycle.host import (
    BUSY,
    CONTAINER,
    FIRST,
    NEXT,
    OTHER,
    REFERENCE,
    TAKES_JOBS,
    THIRD,
    THIRD_CONTAINER,
    WAITS,
    Host,
    believing,
    drains,
    found,
    handing_over,
    pilot,
    running,
    seen,
    silent,
    took,
)

HOURS = 3600.0
AHEAD = 0.75  # hours: the time in which the next one has to be in the pool, and half an hour for its own tests


def lasting(retires: float, dies: float, state: PilotState = TAKES_JOBS) -> PilotState:
    """It takes jobs until then, and ends then, in hours after its start."""
    return replace(state, retires_at=1.0 + retires * HOURS, dies_at=1.0 + dies * HOURS)


@pytest.mark.parametrize(
    ("retires", "dies", "longest", "hours"),
    [
        (62, 72, 20, 52 - AHEAD),
        (62, 72, 40, 32 - AHEAD),
        (72, 96, 20, 72 - AHEAD),
        (40, 72, 20, 40 - AHEAD),
        # No time is left for the longest job: it is there when the one before retires.
        (10, 12, 20, 10 - AHEAD),
        (19, 20, 20, 19 - AHEAD),
        # A tenth of its time at most goes there.
        (62, 22, 20, 1.8),
        (1, 2, 20, 0.9),
        (0, 0, 20, 0),
    ],
)
def test_how_many_hours_after_its_start_the_next_one_begins(
    retires: float, dies: float, longest: float, hours: float
) -> None:
    state = replace(Host().state, policy=Policy(longest_job_seconds=longest * HOURS))
    one = pilot(since=500.0, state=lasting(retires, dies))
    assert hands_over_at(state, one) == pytest.approx(500.0 + hours * HOURS)


@pytest.mark.parametrize("state", [TAKES_JOBS, replace(TAKES_JOBS, dies_at=1.0), replace(TAKES_JOBS, retires_at=1.0)])
def test_one_that_does_not_say_how_long_it_lasts_goes_on(state: PilotState) -> None:
    assert hands_over_at(Host().state, pilot(state=state)) == 0.0
    assert running(state).later(999 * HOURS).feed(TimeUp(), seen(state)).orders == []


def test_the_clock_alone_is_enough() -> None:
    host = running(lasting(62, 72))
    assert host.state.wake_at - host.now == pytest.approx((52 - AHEAD) * HOURS)
    host.now = host.state.wake_at
    assert host.feed(TimeUp()).orders == [Order.LAUNCH_CLOSED]


def test_it_takes_jobs_until_the_next_one_is_there_and_its_jobs_have_all_the_time_that_they_need() -> None:
    host = running(lasting(62, 72), policy=Policy(drain_seconds=HOURS)).later(52 * HOURS).feed(TimeUp())
    host.feed(host.launched_closed())
    assert host.stage(CONTAINER) is Stage.OPEN
    host.feed(seen(WAITS, OTHER))
    assert "it ends in 20 h, and a job may take 20 h" in host.text
    assert limit_at(host.state, host.state.pilots[0]) == 0.0, "OSPOOL_EP_DRAIN_HOURS is for what need not be"
    host.later(19 * HOURS).feed(TimeUp(), seen(drains(1)))
    assert Verb.STOP not in host.orders


def test_other_reasons_have_the_operators_limit() -> None:
    host = running(TAKES_JOBS, policy=Policy(drain_seconds=HOURS)).feed(found(NEXT))
    host.feed(host.launched_closed(NEXT), seen(WAITS, OTHER), seen(drains(8))).later(HOURS - 1)
    assert host.feed(TimeUp(), seen(drains(8))).done_to(CONTAINER) == []
    assert host.later(1).feed(TimeUp()).done_to(CONTAINER) == [Verb.STOP]
    assert "OSPOOL_EP_DRAIN_HOURS" in host.text


def test_one_that_does_not_answer_is_left_as_it_is() -> None:
    host = running(lasting(62, 72)).feed(silent()).later(60 * HOURS).feed(TimeUp())
    assert (host.orders, host.state.wake_at) == ([], 0.0)
    assert host.feed(seen(lasting(62, 72))).orders == [Order.LAUNCH_CLOSED]


RETIRED = lasting(62, 72, replace(TAKES_JOBS, offer=Offer.RETIRED))


def test_one_that_has_retired_drains_at_once_and_is_followed_at_once() -> None:
    host = running(TAKES_JOBS).later(62 * HOURS).feed(seen(RETIRED))
    assert host.orders == [Verb.DRAIN, Order.LAUNCH_CLOSED]
    host.feed(host.launched_closed(), seen(RETIRED))
    assert host.stage(OTHER) is Stage.OPEN, "it takes no claim, whatever its startd says of the order"


@pytest.mark.parametrize(
    "reason",
    [
        Reconfigured(Policy(), "registry.example/other:1", "another", "changed"),
        Reconfigured(Policy(), REFERENCE, "another", "changed", Hindrance("No scratch.", ("scratch-missing",))),
    ],
)
def test_so_does_one_that_retires_while_what_else_is_planned_for_it_can_not_be(reason: Reconfigured) -> None:
    host = running(TAKES_JOBS).feed(found(FIRST), reason).later(62 * HOURS).feed(seen(RETIRED))
    assert host.done_to(CONTAINER) == [Verb.DRAIN]
    assert limit_at(host.state, host.state.pilots[0]) == 0.0


def test_a_third_one_that_retires_drains_and_its_next_one_waits() -> None:
    host = handing_over(4).feed(took(4), seen(believing(4), OTHER), found(THIRD))
    host.feed(host.launched_closed(THIRD, THIRD_CONTAINER), seen(WAITS, THIRD_CONTAINER), seen(drains(2), OTHER))
    host.feed(took(6, THIRD_CONTAINER)).later(62 * HOURS)
    host.feed(seen(replace(RETIRED, believes=believing(6).believes), THIRD_CONTAINER))
    assert host.stage(THIRD_CONTAINER) is Stage.LEAVING
    assert Order.LAUNCH_CLOSED not in host.orders


def test_one_that_somebody_has_drained_by_hand_is_followed() -> None:
    host = running(TAKES_JOBS).feed(found(FIRST), seen(drains(4)))
    assert (host.stage(CONTAINER), host.orders) == (Stage.LEAVING, [Order.LAUNCH_CLOSED])
    assert "somebody has told it to drain" in host.text


def test_one_that_ends_by_itself_with_no_job_left_is_waited_for() -> None:
    host = running(TAKES_JOBS).feed(found(FIRST), seen(PilotState(Startd.GONE, jobs=())))
    assert (host.stage(CONTAINER), host.orders) == (Stage.OPEN, [])


def test_the_end_of_the_wait_for_its_own_end_is_a_deadline_too() -> None:
    retire = Policy(update=UpdatePolicy.RETIRE, retire_seconds=10 * HOURS)
    host = running(lasting(62, 72), policy=retire).feed(found(replace(NEXT, since=2000.0)))
    assert host.state.main is not None
    assert 2000.0 + 10 * HOURS in deadlines(host.state, host.state.main)
    assert host.later(10 * HOURS + 1000).feed(TimeUp()).orders == [Order.LAUNCH_CLOSED]


def test_what_is_planned() -> None:
    assert plan(Host().state) is None
    assert plan(running(TAKES_JOBS).state) is None
    host = running(TAKES_JOBS).feed(Reconfigured(Policy(), "registry.example/other:1", "another", "changed"))
    planned = plan(host.state)
    assert planned is not None
    assert planned.what == "the next pilot follows once the image is here: changed"
    host = running(TAKES_JOBS, policy=Policy(update=UpdatePolicy.OFF)).feed(found(NEXT), Asked(Want.PILOTS))
    planned = plan(host.state)
    assert planned is not None
    assert (planned.what, planned.until) == ("the next pilot uses the new image, sha256:digest-2", None)


def test_nothing_is_planned_where_an_operator_drains_or_for_a_pilot_that_leaves_for_it_already() -> None:
    changed = Reconfigured(Policy(), REFERENCE, "another", "changed")
    planned = plan(running(BUSY).feed(changed).state)
    assert planned is not None
    assert planned.what == "the next pilot follows: changed"
    assert plan(running(BUSY).feed(changed, Asked(Want.IDLE)).state) is None
    assert plan(running(BUSY, policy=Policy(update=UpdatePolicy.OFF)).feed(found(NEXT), Asked(Want.STOP)).state) is None
    one_by_one = Policy(one_by_one="GPUs are offered")
    leaving = running(BUSY, policy=one_by_one).feed(replace(changed, policy=one_by_one))
    assert leaving.stage(CONTAINER) is Stage.LEAVING
    assert plan(leaving.state) is None
