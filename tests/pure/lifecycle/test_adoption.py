"""A process that is killed in any step of a hand-over: the next one finds out who is what, with no file."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ospool_ep.lifecycle.actions import Order, Verb
from ospool_ep.lifecycle.events import Asked, Began, ImageFound, Looked
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.lifecycle.state import Pilot, Stage, Want
from ospool_ep.pilot.state import EVERYTHING, NOTHING, UNKNOWN, PilotState, Share
from tests.pure.lifecycle.host import (
    CONTAINER,
    FIRST,
    KNOWN,
    NEXT,
    OTHER,
    REFERENCE,
    TAKES_JOBS,
    THIRD_CONTAINER,
    WAITS,
    Host,
    as_found,
    closed,
    drains,
    ended,
    found,
    ours_ended,
    pilot,
    seen,
    silent,
    took,
)
from tests.pure.lifecycle.steps import MISSING, STARTING, STEPS, confirmed, told, told_to_drain


def as_the_engine_has_it(one: Pilot, *, noted: bool) -> Pilot:
    """What the next process knows of that pilot; ``noted``: also since when it was told to drain."""
    labels = {"fingerprint": one.fingerprint, "token": one.token, "begins_closed": one.begins_closed}
    drain = {"draining_since": one.draining_since, "limited_since": one.limited_since} if noted else {}
    kinds: dict[str, Any] = {**labels, **drain, "named": one.named, "stage": Stage.FOUND}
    return Pilot(one.container_id, one.started_at, one.since, one.image_id, one.image_digest, **kinds)


def killed(host: Host, *, noted: bool = True, order: tuple[int, ...] = (0, 1, 2), want: Want = Want.PILOTS) -> Host:
    """The next process, which finds the same pilots; they answer in that order as they would have."""
    pilots = [as_the_engine_has_it(one, noted=noted) for one in host.state.pilots]
    following = Host(want, images=replace(host.state.images, here=False))
    following.now = host.now + 1
    following.feed(Began(), as_found(*pilots), ImageFound(REFERENCE, host.state.images.newest))
    told_early: list[Share] = []
    for index in [index for index in order if index < len(pilots)]:
        assert all(do.verb is not Verb.STOP for do in following.did)
        known = host.state.pilots[index]
        following.feed(seen(known.state, known.container_id))
        told_early += [do.share for do in following.did if do.verb is Verb.TELL]
    assert all(share in {EVERYTHING, held(host)} for share in told_early), "no more than is free"
    return following


def held(host: Host) -> Share:
    """What the pilots that leave hold."""
    return sum((one.holds or EVERYTHING for one in host.state.pilots if one.stage is Stage.LEAVING), NOTHING)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_each_pilot_is_what_it_was(step: Callable[[], Host], order: tuple[int, ...]) -> None:
    before = step()
    host = killed(before, order=order)
    for one in before.state.pilots:
        assert host.stage(one.container_id) is one.stage, one.container_id[:1]
    assert Verb.STOP not in host.orders
    assert Order.LAUNCH_CLOSED not in host.orders


@pytest.mark.parametrize("step", [step for step in STEPS if step is not told_to_drain], ids=lambda step: step.__name__)
def test_no_note_is_needed_for_that(step: Callable[[], Host]) -> None:
    before = step()
    host = killed(before, noted=False)
    for one in before.state.pilots:
        if one.confirmed or one.stage is not Stage.LEAVING:
            assert host.stage(one.container_id) is one.stage, one.container_id[:1]


def test_an_order_to_drain_that_was_not_noted_is_given_again() -> None:
    host = killed(told_to_drain(), noted=False)
    assert host.feed(seen(WAITS, OTHER)).stage(CONTAINER) is Stage.LEAVING
    assert host.feed(seen(drains(4))).told(OTHER) == [Share(4, 4000)]


def test_one_that_was_not_told_any_more_is_told_by_the_next_process() -> None:
    host = killed(confirmed(), order=(1, 0))
    assert host.told(OTHER) == [Share(6, 6000)]


def test_one_that_was_told_goes_on_untold_until_the_others_have_answered() -> None:
    host = killed(told(), order=(1,))
    assert host.did == []
    assert host.feed(seen(drains(2))).told(OTHER) == [Share(2, 2000)]


def test_the_open_one_that_did_not_get_the_known_name_gets_it() -> None:
    before = told()
    before.state = replace(before.state, pilots=tuple(replace(one, named=False) for one in before.state.pilots))
    host = killed(before)
    assert host.stage(OTHER) is Stage.OPEN
    assert Verb.NAME in [do.verb for do in host.did if do.container_id == OTHER]


def test_what_an_open_pilot_believed_for_a_moment_makes_it_no_next_one() -> None:
    """The one that leaves was started again, and the open one was told that it takes jobs."""
    before = told().feed(seen(TAKES_JOBS), replace(took(0), share=EVERYTHING), seen(believing_all(), OTHER))
    for order in ((0, 1), (1, 0)):
        for noted in (True, False):
            host = killed(before, order=order, noted=noted)
            assert (host.stage(CONTAINER), host.stage(OTHER)) == (Stage.LEAVING, Stage.OPEN)
            assert Verb.DRAIN in [do.verb for do in host.did] or host.state.pilots[0].again_at > 0


def believing_all() -> PilotState:
    """It runs jobs, and takes no further one."""
    return replace(TAKES_JOBS, believes=EVERYTHING, heeds=True)


@pytest.mark.parametrize("want", [Want.IDLE, Want.STOP])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_a_drain_that_came_while_no_process_ran_ends_the_closed_and_drains_the_open_one(
    step: Callable[[], Host], want: Want
) -> None:
    before = step()
    pilots = [as_the_engine_has_it(one, noted=True) for one in before.state.pilots]
    host = Host(want, images=KNOWN).feed(Began(), as_found(*pilots))
    stopped = set()
    for one in before.state.pilots:
        host.feed(seen(one.state, one.container_id))
        stopped |= {do.container_id for do in host.did if do.verb is Verb.STOP}
    assert stopped == {one.container_id for one in before.state.pilots if one.stage is Stage.CLOSED}
    assert all(one.stage in (Stage.LEAVING, Stage.STOPPING) for one in host.state.pilots)


# --- other combinations -------------------------------------------------------------------------------------------


def test_two_that_take_jobs_are_one_too_many_and_the_named_one_stays() -> None:
    host = Host(images=KNOWN).feed(Began(), as_found(pilot(), pilot(container=OTHER, since=900.0, named=False)))
    host.feed(seen(TAKES_JOBS))
    assert host.feed(seen(TAKES_JOBS, OTHER)).done_to(OTHER) == [Verb.DRAIN]
    assert host.stage(CONTAINER) is Stage.OPEN


def test_of_two_next_ones_the_newer_one_stays() -> None:
    host = Host(images=KNOWN).feed(Began(), as_found(pilot(), closed(), closed(container=THIRD_CONTAINER)))
    host.feed(Asked(Want.START), seen(TAKES_JOBS), seen(STARTING, OTHER), seen(STARTING, THIRD_CONTAINER))
    assert (host.stage(OTHER), host.stage(THIRD_CONTAINER)) == (Stage.STOPPING, Stage.CLOSED)


def test_a_next_one_that_is_alone_is_the_pilot() -> None:
    host = Host(images=KNOWN).feed(Began(), as_found(closed()))
    assert (host.stage(OTHER), host.done_to(OTHER)) == (Stage.OPEN, [Verb.FOLLOW, Verb.NAME])
    assert host.feed(seen(WAITS, OTHER)).told(OTHER) == [NOTHING]


def test_one_that_does_not_say_what_it_is_keeps_the_next_one_closed() -> None:
    host = Host(images=KNOWN).feed(Began(), as_found(pilot(), closed()), silent(), seen(WAITS, OTHER))
    assert (host.stage(OTHER), host.did) == (Stage.CLOSED, [])
    assert host.feed(seen(drains(3))).told(OTHER) == [Share(3, 3000)]


@pytest.mark.parametrize("answer", [UNKNOWN, STARTING, MISSING, WAITS])
def test_a_next_one_that_has_only_begun_is_the_next_one_of_an_image_that_works(answer: PilotState) -> None:
    host = Host(images=KNOWN).feed(Began(), as_found(pilot(fingerprint="another"), closed(since=999.0)))
    host.feed(seen(answer, OTHER), seen(TAKES_JOBS), found(FIRST))
    assert (host.stage(CONTAINER), host.stage(OTHER)) in {(Stage.OPEN, Stage.CLOSED), (Stage.LEAVING, Stage.CLOSED)}
    assert host.told(CONTAINER) == []


@pytest.mark.parametrize("answer", [replace(WAITS, heeds=False), replace(WAITS, believes=None, heeds=None)])
def test_one_that_ignores_the_others_is_found_by_the_next_process_too(answer: PilotState) -> None:
    host = Host(images=KNOWN).feed(Began(), as_found(pilot(), closed(NEXT)), seen(TAKES_JOBS), seen(answer, OTHER))
    assert host.done_to(OTHER) == [Verb.STOP]
    assert host.stage(CONTAINER) is Stage.OPEN


def test_a_next_one_that_has_taken_jobs_all_the_same_is_drained_and_loses_none() -> None:
    host = Host(images=KNOWN).feed(Began(), as_found(pilot(), closed()), seen(TAKES_JOBS))
    host.feed(seen(replace(WAITS, jobs=TAKES_JOBS.jobs), OTHER))
    assert (host.stage(OTHER), host.done_to(OTHER)) == (Stage.LEAVING, [Verb.DRAIN])


def test_ends_that_came_while_no_process_ran_are_read_and_the_others_go_on() -> None:
    host = Host(images=KNOWN).feed(Began(), Looked(as_found(pilot()).running, (closed(stage=Stage.FOUND),)))
    assert [do.verb for do in host.did] == [Verb.FOLLOW, Verb.FOLLOW]
    host.feed(seen(TAKES_JOBS), ended(container=OTHER))
    assert (host.orders, host.stage(CONTAINER)) == ([Verb.REMOVE], Stage.OPEN)


def test_two_that_ended_are_followed_by_one_new_pilot() -> None:
    ends = (*ours_ended().ended, closed(stage=Stage.FOUND))
    host = Host(images=KNOWN).feed(Began(), Looked(ended=ends))
    assert Order.LOOK not in host.feed(ended()).orders
    assert host.feed(ended(container=OTHER)).orders == [Verb.REMOVE, Order.LOOK]


def test_the_pilot_of_the_release_before_is_taken_over_by_its_label_or_its_name() -> None:
    for one in (pilot(), pilot(fingerprint="", legacy=True)):
        host = Host(images=ImageRecord(REFERENCE)).feed(Began(), as_found(one))
        assert (host.stage(CONTAINER), host.done_to(CONTAINER)) == (Stage.OPEN, [Verb.FOLLOW])


def test_the_known_name_stays_with_the_earlier_services_pilot_as_long_as_that_runs() -> None:
    """That service would know it by nothing else."""
    host = Host(images=KNOWN).feed(Began(), as_found(pilot(fingerprint="", legacy=True)), found(FIRST))
    host.feed(host.launched_closed(), seen(WAITS, OTHER), seen(TAKES_JOBS), seen(WAITS, OTHER), seen(drains(3)))
    assert host.done_to(OTHER) == [Verb.TELL]
    assert set(host.feed(took(3), ended()).done_to(OTHER)) == {Verb.NAME, Verb.TELL}
