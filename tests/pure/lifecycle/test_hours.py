"""The hours of OSPOOL_EP_HOURS begin and end: which pilots drain, when the next one is made, and what is said."""

import time
from dataclasses import replace
from typing import Optional

import pytest

from ospool_ep.configuration.policy import Policy
from ospool_ep.lifecycle.actions import Order, Priority, Verb
from ospool_ep.lifecycle.events import (
    Asked,
    Began,
    Event,
    HostChecked,
    HoursSeen,
    LaunchRefused,
    Looked,
    Observed,
    PullRefused,
    Reconfigured,
    StopAsked,
    TimeUp,
)
from ospool_ep.lifecycle.report import is_well, report, summary
from ospool_ep.lifecycle.state import Hindrance, Hours, Phase, Stage, Want
from ospool_ep.pilot.state import Offer, PilotState, Startd
from tests.pure.lifecycle.host import (
    BUSY,
    CONTAINER,
    EMPTY,
    FIRST,
    IN_POOL,
    KNOWN,
    NEXT,
    OTHER,
    PULLED,
    REFERENCE,
    TAKES_JOBS,
    WAITS,
    Host,
    as_found,
    closed,
    drains,
    ended,
    found,
    limit_of,
    ours,
    pilot,
    running,
    seen,
    trying,
)

BORDER = 1_800_000_000.0
AT = time.strftime("%a %H:%M", time.localtime(BORDER))
BEGIN, END = HoursSeen(Hours(True, BORDER)), HoursSeen(Hours(False, BORDER))


def outside(want: Want = Want.PILOTS) -> Host:
    """The service starts outside of its hours."""
    host = Host(want, images=KNOWN)
    host.state = replace(host.state, hours=Hours(False, BORDER))
    return host


def test_at_their_end_the_pilot_drains_without_a_limit_and_none_follows() -> None:
    host = running(BUSY, policy=Policy(drain_seconds=600.0)).feed(END)
    assert host.done_to(CONTAINER) == [Verb.DRAIN]
    assert f"The hours of OSPOOL_EP_HOURS are over: no new jobs start, until {AT}." in host.text
    assert limit_of(host) == 0.0
    assert [say.priority for say in host.said] == [Priority.NOTICE, Priority.NOTICE]
    assert host.feed(seen(drains(1)), ended()).orders == [Verb.REMOVE, Order.LOOK]
    host.feed(EMPTY)
    assert (host.state.phase, host.orders) == (Phase.IDLE, [])
    assert host.text == f"No pilot runs outside of OSPOOL_EP_HOURS; the next one starts on {AT}."


def test_a_drain_that_had_a_limit_has_none_at_their_end() -> None:
    changed = Reconfigured(Policy(drain_seconds=600.0, one_by_one="GPUs"), REFERENCE, "another", "it has changed")
    host = running(BUSY).feed(changed, found(FIRST))
    assert limit_of(host) > 0.0
    assert limit_of(host.feed(END)) == 0.0


def test_as_they_begin_a_pilot_is_made_at_once() -> None:
    host = running(BUSY).feed(found(FIRST), END, ended(), EMPTY)
    assert host.feed(BEGIN).orders == [Order.LOOK]
    assert host.text == f"The hours of OSPOOL_EP_HOURS have begun: jobs are accepted, until {AT}."
    assert host.feed(EMPTY).orders == [Order.LAUNCH]


def test_as_they_begin_the_next_pilot_is_made_beside_one_that_still_drains() -> None:
    host = running(TAKES_JOBS).feed(found(FIRST), END, seen(drains(5)))
    assert host.feed(BEGIN).orders == [Order.LAUNCH_CLOSED]
    host.feed(host.launched_closed())
    assert (host.stage(CONTAINER), host.stage(OTHER)) == (Stage.LEAVING, Stage.OPEN)


def test_as_they_begin_one_pilot_follows_the_other_where_two_can_not_run() -> None:
    host = running(TAKES_JOBS, policy=Policy(one_by_one="GPUs")).feed(found(FIRST), END, seen(drains(5)), BEGIN)
    assert Order.LAUNCH_CLOSED not in host.orders
    assert host.feed(ended(), EMPTY).orders == [Order.LAUNCH]


def test_a_start_outside_of_them_makes_no_pilot_and_pulls_nothing() -> None:
    host = outside().feed(Began(), EMPTY)
    assert (host.state.phase, host.orders) == (Phase.IDLE, [])
    assert summary(host.state, 0.0) == f"Idle: no pilot runs outside of OSPOOL_EP_HOURS; no new jobs until {AT}"
    assert is_well(host.state)
    assert report(host.state, 0.0)["hours"] == {"open": False, "until": BORDER}


def test_a_host_that_is_not_ready_is_not_tried_again_and_again_outside_of_them() -> None:
    host = outside()
    host.state = replace(host.state, hindrance=Hindrance("No scratch.", ("scratch-missing",)))
    assert host.feed(Began(), EMPTY).state.phase is Phase.IDLE


def test_a_start_that_somebody_waits_for_is_through_outside_of_them() -> None:
    host = outside()
    host.state = replace(host.state, start_by=host.now + 60.0)
    assert not host.feed(Began(), EMPTY).state.start_by
    assert not host.state.start_failed


@pytest.mark.parametrize("hours", [Hours(False, BORDER), Hours(True, BORDER)])
def test_a_pilot_that_is_found_drains_only_outside_of_them(hours: Hours) -> None:
    host = Host(images=KNOWN)
    host.state = replace(host.state, hours=hours)
    host.feed(Began(), ours())
    assert host.stage(CONTAINER) is (Stage.OPEN if hours.are_open else Stage.LEAVING)


def test_a_drain_that_is_found_with_a_limit_has_none_outside_of_them() -> None:
    host = outside()
    host.state = replace(host.state, policy=Policy(drain_seconds=600.0))
    leaves = pilot(draining_since=900.0, limited_since=900.0, stage=Stage.FOUND)
    host.feed(Began(), Looked((leaves,)))
    assert (host.stage(CONTAINER), limit_of(host)) == (Stage.LEAVING, 0.0)


def test_a_next_pilot_that_is_found_outside_of_them_is_ended() -> None:
    host = outside().feed(Began(), as_found(pilot(), closed()), seen(TAKES_JOBS), seen(WAITS, OTHER))
    assert host.stage(CONTAINER) is Stage.LEAVING
    assert host.stage(OTHER) is Stage.STOPPING


@pytest.mark.parametrize(
    ("before", "then"),
    [
        ([], EMPTY),
        ([EMPTY], PULLED),
        ([EMPTY, PullRefused(REFERENCE, "no.")], EMPTY),
        ([EMPTY], PullRefused(REFERENCE, "no.")),
    ],
)
def test_their_end_before_a_pilot_is_made_ends_the_tries(before: list[Event], then: Event) -> None:
    host = Host().feed(Began(), *before, END)
    if before:
        host.feed(EMPTY)
    host.feed(then)
    assert (host.state.phase, host.state.wake_at) == (Phase.IDLE, 0.0)
    assert Order.LAUNCH not in host.orders


def test_a_pilot_that_was_being_made_at_their_end_drains_as_it_comes() -> None:
    host = Host().feed(Began(), EMPTY, PULLED, END)
    host.feed(host.launched())
    assert host.done_to(CONTAINER) == [Verb.FOLLOW, Verb.DRAIN]


@pytest.mark.parametrize("refusal", [LaunchRefused("no."), HostChecked(Hindrance("No scratch.", ("scratch-missing",)))])
def test_a_launch_that_fails_after_their_end_is_not_tried_again(refusal: Event) -> None:
    host = Host().feed(Began(), EMPTY, PULLED, END, refusal)
    while host.state.wake_at:
        host.later(host.state.wake_at - host.now)
        host.feed(EMPTY if host.state.phase is Phase.LOOKING else TimeUp())
    host.feed(EMPTY)
    assert host.state.phase is Phase.IDLE


def test_their_end_in_mid_hand_over_ends_the_next_pilot_and_no_image_is_blamed() -> None:
    host = trying().feed(END)
    assert (host.done_to(CONTAINER), host.done_to(OTHER)) == ([Verb.DRAIN], [Verb.STOP])
    host.feed(ended(container=OTHER, lived=5.0), seen(drains(3)), ended(), EMPTY)
    assert host.state.phase is Phase.IDLE
    assert host.state.images.failed is None
    assert host.later(40000.0).feed(BEGIN, EMPTY).orders == [Order.LAUNCH]
    assert host.state.images.failed is None


@pytest.mark.parametrize(("end", "begin"), [(END, BEGIN), (Asked(Want.IDLE), Asked(Want.PILOTS))])
def test_a_trial_that_is_cut_short_by_hours_or_a_drain_begins_anew(end: Event, begin: Event) -> None:
    host = Host(images=KNOWN).feed(Began(), EMPTY, replace(PULLED, image=NEXT))
    host.feed(host.launched(NEXT)).later(100.0).feed(end, ended(lived=100.0), EMPTY)
    host.later(40000.0).feed(begin, EMPTY)
    assert host.state.images.failed is None
    assert host.orders == [Order.LAUNCH] or host.state.phase is Phase.PULLING


@pytest.mark.parametrize("end", [ended(lived=5.0), ended(lived=5.0, code=1)])
def test_a_pilot_that_ends_after_their_end_is_no_failure(end: Event) -> None:
    host = running(replace(IN_POOL, offer=Offer.RETIRED)).feed(END, end)
    assert host.feed(EMPTY).state.phase is Phase.IDLE
    assert host.state.failures == 0


def test_a_pilot_that_is_due_for_its_age_is_not_followed_outside_of_them() -> None:
    due = replace(TAKES_JOBS, retires_at=1000.0, dies_at=1000.0)
    host = running(TAKES_JOBS).feed(found(FIRST), END, seen(due))
    assert host.later(90000.0).feed(TimeUp(), Observed(CONTAINER, due)).state.phase is Phase.RUNNING
    assert Order.LAUNCH_CLOSED not in host.orders


def test_an_operators_drain_counts_more_than_hours_that_begin() -> None:
    host = running(BUSY).feed(Asked(Want.IDLE), END, ended(), EMPTY)
    assert "ospool-ep drain" in host.text
    assert (host.feed(BEGIN).orders, host.said) == ([], [])
    assert host.state.phase is Phase.IDLE
    assert "ospool-ep resume" in summary(host.state, 0.0)
    assert host.feed(Asked(Want.PILOTS)).orders == [Order.LOOK]


def test_a_resume_outside_of_them_waits_for_their_beginning() -> None:
    host = outside(Want.IDLE).feed(Began(), EMPTY, Asked(Want.PILOTS), EMPTY)
    assert host.state.phase is Phase.IDLE
    assert host.text.endswith(f"the next one starts on {AT}.")
    assert host.feed(BEGIN, EMPTY).orders[:1] in ([Order.LAUNCH], [Order.PULL])


@pytest.mark.parametrize(("want", "order"), [(Want.START, Order.FORGET_DRAIN), (Want.STOP, Order.END_SERVICE)])
def test_what_is_to_follow_a_drain_outside_of_them(want: Want, order: Order) -> None:
    host = outside().feed(Began(), EMPTY, Asked(want), EMPTY)
    assert order in host.orders
    assert host.state.phase is Phase.IDLE


def test_a_drain_to_the_next_pilot_is_done_with_where_the_hours_end_meanwhile() -> None:
    host = running(TAKES_JOBS).feed(Asked(Want.START, since=2000.0), END)
    assert host.feed(seen(drains(3))).orders == [Order.FORGET_DRAIN]
    assert host.feed(host.launched_closed()).done_to(OTHER) == [Verb.FOLLOW, Verb.STOP]
    assert host.feed(ended(container=OTHER), ended(), EMPTY).state.phase is Phase.IDLE


def test_a_stop_is_a_stop_at_all_hours() -> None:
    host = running(BUSY).feed(END, StopAsked())
    assert host.orders == [Verb.STOP]
    assert host.feed(BEGIN).orders == []


def test_another_moment_of_their_end_only_changes_the_status() -> None:
    host = running(TAKES_JOBS).feed(BEGIN)
    assert (host.orders, host.said) == ([], [])
    assert summary(host.state, 0.0) == f"In the pool, running 1 job; jobs are accepted until {AT}"
    later = HoursSeen(Hours(True, BORDER + 3600))
    assert (host.feed(later).said, host.state.hours.until) == ([], BORDER + 3600)


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (TAKES_JOBS, f"Draining, 1 job left: the hours of OSPOOL_EP_HOURS are over; no new jobs until {AT}"),
        (PilotState(Startd.DRAINING, jobs=()), None),
    ],
)
def test_the_status_says_until_when_no_jobs_begin(state: PilotState, text: Optional[str]) -> None:
    host = running(state).feed(END)
    assert f"no new jobs until {AT}" in summary(host.state, 0.0)
    assert text in (None, summary(host.state, 0.0))
    assert report(host.state, 0.0)["phase"] == "draining"


def test_without_hours_nothing_is_said_of_them() -> None:
    host = running(TAKES_JOBS)
    assert summary(host.state, 0.0) == "In the pool, running 1 job"
    assert report(host.state, 0.0)["hours"] is None
