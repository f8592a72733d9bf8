"""What pilots hold and believe: no pilot takes what another one may take, and an image that ignores that is found."""

from dataclasses import replace

import pytest

from ospool_ep.configuration.policy import Policy
from ospool_ep.lifecycle.actions import Order, Verb
from ospool_ep.lifecycle.events import Asked, DrainRefused, PilotEnded, RunsAgain
from ospool_ep.lifecycle.next_pilot import one_by_one
from ospool_ep.lifecycle.report import report
from ospool_ep.lifecycle.shares import held_by_others, is_closed
from ospool_ep.lifecycle.state import Phase, Pilot, Stage, Want
from ospool_ep.pilot.state import EVERYTHING, NOTHING, PilotState, Share, Startd
from tests.pure.lifecycle.host import (
    CONTAINER,
    GONE,
    NEXT,
    OTHER,
    SIZE,
    TAKES_JOBS,
    THIRD_CONTAINER,
    WAITS,
    Host,
    as_found,
    believing,
    closed,
    drains,
    ended,
    found,
    handing_over,
    pilot,
    running,
    seen,
    silent,
    took,
    trying,
)

HEEDLESS = replace(WAITS, heeds=False)
# It has not read the initial values, and its START says nothing of them.
IGNORANT = replace(WAITS, believes=None, heeds=None)
STARTING, MISSING = PilotState(Startd.STARTING), PilotState(Startd.MISSING)


@pytest.mark.parametrize("answer", [HEEDLESS, IGNORANT, replace(HEEDLESS, jobs=TAKES_JOBS.jobs, holds=SIZE)])
def test_an_image_that_takes_jobs_though_it_is_closed_is_stopped_with_its_first_answer(answer: PilotState) -> None:
    host = trying().feed(seen(STARTING, OTHER), seen(answer, OTHER))
    assert Verb.STOP in host.done_to(OTHER)
    assert "can't be told what others hold" in one_by_one(host.state)
    assert host.done_to(CONTAINER) == [Verb.DRAIN], "one follows the other"
    host.feed(ended(container=OTHER), ended())
    assert Order.LAUNCH_CLOSED not in host.orders


@pytest.mark.parametrize("answer", [HEEDLESS, IGNORANT])
def test_so_is_one_that_was_open_at_once_beside_one_that_leaves(answer: PilotState) -> None:
    host = running(TAKES_JOBS).feed(Asked(Want.IDLE), seen(drains(5)), found(NEXT), Asked(Want.PILOTS))
    host.feed(host.launched_closed(NEXT))
    assert host.stage(OTHER) is Stage.OPEN
    host.feed(seen(answer, OTHER))
    assert host.done_to(OTHER) == [Verb.STOP]
    assert Order.LAUNCH_CLOSED not in host.orders
    assert Order.LAUNCH_CLOSED not in host.feed(ended(container=OTHER)).orders, "until the one before has gone"


def test_one_that_is_alone_takes_jobs_and_shows_that_no_other_one_can_run_beside_it() -> None:
    host = trying().feed(ended(), seen(HEEDLESS, OTHER))
    assert (host.stage(OTHER), Verb.STOP in host.orders) == (Stage.OPEN, False)
    assert one_by_one(host.state)


@pytest.mark.parametrize(
    "answer",
    [
        STARTING,
        MISSING,
        PilotState(),
        replace(WAITS, jobs=None, believes=None, heeds=None),
        # Where none of HTCondor's runs there can be no job.
        PilotState(Startd.MISSING, jobs=()),
        PilotState(Startd.GONE, jobs=()),
    ],
)
def test_one_that_is_not_up_or_does_not_answer_is_not_found_to_ignore_it(answer: PilotState) -> None:
    host = trying().feed(seen(answer, OTHER), seen(answer, OTHER))
    assert host.stage(OTHER) is Stage.CLOSED


def test_the_sum_only_falls_after_the_host_is_to_offer_less() -> None:
    host = handing_over(6).feed(took(6), seen(replace(believing(6), size=Share(4, 8000), holds=NOTHING), OTHER))
    offers = [each["offers"] for each in report(host.state, 0.0)["pilots"]]
    assert offers == [{"cpus": 0, "memory": 0}, {"cpus": 0, "memory": 2000}]
    host.feed(seen(drains(3)))
    assert host.told(OTHER) == [Share(3, 3000)]


@pytest.mark.parametrize("back", [TAKES_JOBS, replace(TAKES_JOBS, holds=NOTHING, jobs=())])
def test_a_leaving_container_that_somebody_restarts_closes_the_open_one_before_it_is_drained_anew(
    back: PilotState,
) -> None:
    host = handing_over(3).feed(took(3), seen(believing(3), OTHER), PilotEnded(CONTAINER, 0, 0.0, restarted=True))
    assert host.orders == [Order.LOOK]
    again = pilot(since=host.now, named=False, draining_since=host.now - 60)
    host.feed(as_found(again, closed(NEXT, named=True)), seen(believing(3), OTHER))
    assert host.told(OTHER) == [], "it has not been asked yet"
    host.feed(seen(STARTING))
    assert host.told(OTHER) == [EVERYTHING]
    host.feed(replace(took(0), share=EVERYTHING), DrainRefused(CONTAINER, "no startd")).later(10).feed(seen(back))
    assert host.done_to(CONTAINER) == [Verb.DRAIN]
    assert host.feed(seen(drains(1))).told(OTHER) == [Share(1, 1000)]


def test_one_that_somebody_starts_again_while_the_next_one_is_made_is_found() -> None:
    host = handing_over(3).feed(took(3), seen(believing(3), OTHER), Asked(Want.START), found(NEXT))
    host.feed(ended())
    assert host.state.phase is Phase.LAUNCHING
    assert host.feed(RunsAgain(CONTAINER)).orders == [Order.LOOK]


def test_nothing_is_told_to_one_that_is_silent_or_not_up() -> None:
    host = trying().feed(seen(WAITS, OTHER), silent(container=OTHER), seen(drains(4)))
    assert (host.told(OTHER), host.stage(OTHER)) == ([], Stage.OPEN)
    assert host.feed(seen(MISSING, OTHER)).told(OTHER) == []
    assert host.feed(seen(WAITS, OTHER)).told(OTHER) == [Share(4, 4000)]


LEAVING = pilot(stage=Stage.LEAVING)


@pytest.mark.parametrize(
    ("other", "held"),
    [
        (replace(LEAVING, confirmed=True, holds=Share(3, 3000)), Share(3, 3000)),
        (replace(LEAVING, confirmed=True), EVERYTHING),
        (replace(LEAVING, holds=Share(3, 3000)), EVERYTHING),
        (pilot(stage=Stage.OPEN), EVERYTHING),
        (pilot(stage=Stage.FOUND), None),
        (pilot(stage=Stage.FOUND, asked=True), EVERYTHING),
        (pilot(stage=Stage.STOPPING), EVERYTHING),
        (pilot(stage=Stage.STOPPING, confirmed=True, holds=Share(2, 2000)), Share(2, 2000)),
        (closed(container=CONTAINER), NOTHING),
        (closed(container=CONTAINER, believes=EVERYTHING, was_in_pool=True, state=WAITS), NOTHING),
        (closed(container=CONTAINER, believes=EVERYTHING, telling=Share(1, 1), state=WAITS), EVERYTHING),
        (closed(container=CONTAINER, believes=EVERYTHING, state=HEEDLESS), EVERYTHING),
        (closed(container=CONTAINER, state=IGNORANT), EVERYTHING),
        (closed(container=CONTAINER, believes=Share(2, 2000), state=believing(2, WAITS)), EVERYTHING),
        (closed(container=CONTAINER, was_in_pool=True, state=MISSING, holds=Share(2, 2000)), Share(2, 2000)),
    ],
)
def test_what_another_one_may_be_taken_to_hold(other: Pilot, held: Share) -> None:
    me = closed(NEXT)
    host = Host(policy=Policy())
    assert held_by_others(replace(host.state, pilots=(other, me)), me) == held
    assert (held == NOTHING) <= is_closed(other)


def test_one_that_is_not_known_yet_outweighs_what_is_known() -> None:
    me, leaving = closed(NEXT), replace(LEAVING, confirmed=True, holds=Share(3, 3000))
    pilots = (leaving, pilot(container=THIRD_CONTAINER, stage=Stage.FOUND), me)
    assert held_by_others(replace(Host().state, pilots=pilots), me) is None


def test_what_two_hold_is_added_up() -> None:
    me, leaving = closed(NEXT), replace(LEAVING, confirmed=True, holds=Share(3, 3000))
    pilots = (leaving, replace(leaving, container_id=THIRD_CONTAINER, holds=Share(2, 100)), me)
    assert held_by_others(replace(Host().state, pilots=pilots), me) == Share(5, 3100)


def test_one_whose_startd_has_gone_holds_nothing() -> None:
    host = handing_over(4).feed(took(4), seen(GONE))
    assert host.told(OTHER) == [NOTHING]


def test_one_that_can_not_be_told_to_drain_is_told_what_the_others_hold_as_before() -> None:
    host = handing_over(4).feed(took(4), seen(believing(4), OTHER), Asked(Want.START), found(NEXT))
    host.feed(host.launched_closed(NEXT, THIRD_CONTAINER), seen(WAITS, THIRD_CONTAINER))
    assert host.stage(OTHER) is Stage.LEAVING
    host.feed(DrainRefused(OTHER, "DENIED by its policy"), seen(drains(2)))
    assert (host.stage(OTHER), host.told(OTHER)) == (Stage.OPEN, [Share(2, 2000)])
