"""The hand-over, step by step: the next pilot is there before the one before goes, and takes over core by core."""

from dataclasses import replace

import pytest

from ospool_ep.configuration.policy import Policy
from ospool_ep.lifecycle.actions import Order, Priority, Verb
from ospool_ep.lifecycle.events import (
    Asked,
    DrainRefused,
    EngineLost,
    Event,
    Launched,
    NameRefused,
    PilotEnded,
    Reconfigured,
    RemoveRefused,
    TellRefused,
    TimeUp,
    TokenSeen,
)
from ospool_ep.lifecycle.retries import NAME_AGAIN_SECONDS, REMOVE_AGAIN_SECONDS
from ospool_ep.lifecycle.state import Phase, Stage, Want
from ospool_ep.pilot.state import EVERYTHING, NOTHING, Offer, Share
from tests.pure.lifecycle.host import (
    CONTAINER,
    FIRST,
    GONE,
    NEXT,
    OTHER,
    REFERENCE,
    REFUSED,
    TAKES_JOBS,
    THIRD,
    THIRD_CONTAINER,
    WAITS,
    believing,
    closed,
    drains,
    ended,
    found,
    handing_over,
    launched,
    running,
    seen,
    took,
    trying,
)

CHANGED = Reconfigured(Policy(), REFERENCE, "another", "the configuration has changed: MEMORY")


def test_a_hand_over_from_its_first_step_to_its_last() -> None:
    host = running(TAKES_JOBS).feed(found(NEXT))
    assert (host.orders, host.state.phase) == ([Order.LAUNCH_CLOSED, Order.TIDY], Phase.LAUNCHING)
    assert host.feed(host.launched_closed(NEXT)).orders == [Verb.FOLLOW]
    assert (host.stage(CONTAINER), host.stage(OTHER)) == (Stage.OPEN, Stage.CLOSED)
    assert host.feed(seen(WAITS, OTHER)).orders == [Verb.DRAIN], "it is in the pool, and takes the same jobs"
    assert (host.stage(CONTAINER), host.stage(OTHER)) == (Stage.LEAVING, Stage.CLOSED)
    host.feed(seen(drains(6)))
    assert (host.done_to(OTHER), host.told(OTHER)) == ([Verb.NAME, Verb.TELL], [Share(6, 6000)])
    assert host.stage(OTHER) is Stage.OPEN
    assert host.feed(took(6), seen(drains(2))).told(OTHER) == [Share(2, 2000)]
    assert host.feed(took(2), seen(GONE)).told(OTHER) == [NOTHING]
    host.feed(took(0), ended())
    assert host.orders == [Verb.REMOVE]
    assert "Drained." in host.text
    assert [one.container_id for one in host.state.pilots] == [OTHER]
    assert host.state.images.good is not None
    assert host.state.images.good.id == NEXT.id, "the new image works"


@pytest.mark.parametrize(
    "reason",
    [
        found(NEXT),
        CHANGED,
        Asked(Want.START, since=5000.0),
        # Its token is refused, and there is a new one.
        seen(REFUSED),
    ],
    ids=["image", "configuration", "drain --then start", "token"],
)
def test_each_reason_that_nobody_calls_urgent_makes_the_next_one_first(reason: Event) -> None:
    host = running(TAKES_JOBS).later(3600).feed(TokenSeen("token 1", ""), TokenSeen("token 2", ""))
    host.feed(seen(TAKES_JOBS), *(() if reason != seen(REFUSED) else (reason,)), reason)
    assert Order.LAUNCH_CLOSED in host.orders
    assert host.stage(CONTAINER) is Stage.OPEN
    assert Verb.DRAIN not in host.orders


def test_its_age_makes_the_next_one_first_too() -> None:
    host = running(TAKES_JOBS)
    lasts = replace(TAKES_JOBS, retires_at=1.0 + 62 * 3600, dies_at=1.0 + 72 * 3600)
    host.feed(seen(lasts))
    assert 51 * 3600 < host.state.wake_at - host.now < 52 * 3600, "20 h are left for the longest job"
    assert host.later(51 * 3600).feed(seen(lasts)).orders == []
    host.later(3600).feed(TimeUp())
    assert (host.orders, host.stage(CONTAINER)) == ([Order.LAUNCH_CLOSED], Stage.OPEN)


def test_the_old_one_takes_jobs_until_the_next_one_is_in_the_pool_and_would_take_the_same() -> None:
    host = trying()
    for answer in (replace(WAITS, offer=Offer.UNVALIDATED), replace(WAITS, believes=None, heeds=None, jobs=None)):
        assert host.feed(seen(answer, OTHER), seen(answer, OTHER)).orders == []
        assert host.stage(CONTAINER) is Stage.OPEN
    assert host.feed(seen(WAITS, OTHER)).done_to(CONTAINER) == [Verb.DRAIN]


def test_the_next_one_is_told_nothing_before_the_old_one_has_confirmed_that_it_takes_no_claim() -> None:
    host = trying().feed(seen(WAITS, OTHER))
    for answer in (TAKES_JOBS, replace(drains(8), holds=None)):
        host.feed(seen(answer))
        assert (host.told(OTHER), host.stage(OTHER)) == ([], Stage.CLOSED)
    assert host.feed(seen(drains(8))).told(OTHER) == [Share(8, 8000)]


def test_what_changes_while_it_is_being_told_is_told_next() -> None:
    host = handing_over(8)
    assert host.feed(seen(drains(7))).told(OTHER) == []
    assert host.feed(took(8)).told(OTHER) == [Share(7, 7000)]
    assert host.feed(took(7)).told(OTHER) == []


def test_what_it_refused_to_be_told_is_told_again_and_said_once() -> None:
    host = handing_over(6).feed(TellRefused(OTHER, "no startd"))
    assert [say.priority for say in host.said] == [Priority.WARNING]
    assert host.feed(seen(WAITS, OTHER)).told(OTHER) == [], "not at once"
    assert host.state.wake_at == host.now + 5
    assert host.later(5).feed(TimeUp()).told(OTHER) == [Share(6, 6000)]
    assert host.feed(TellRefused(OTHER, "no startd")).said == []


def test_an_old_one_that_does_not_answer_holds_what_it_held() -> None:
    host = handing_over(6).feed(took(6), seen(replace(drains(0), holds=None)))
    assert host.told(OTHER) == []
    assert host.feed(seen(GONE)).told(OTHER) == [NOTHING]


def test_the_end_of_the_old_container_frees_all_that_it_held() -> None:
    assert handing_over(6).feed(took(6), ended()).told(OTHER) == [NOTHING]


def test_an_open_one_whose_startd_began_anew_is_told_again() -> None:
    host = handing_over(6).feed(took(6), seen(believing(6), OTHER))
    assert host.told(OTHER) == []
    assert host.feed(seen(WAITS, OTHER)).told(OTHER) == [Share(6, 6000)]
    host.feed(took(6), ended(), took(0), seen(believing(0), OTHER)).later(86_400)
    assert host.feed(seen(WAITS, OTHER)).told(OTHER) == [NOTHING], "a day later, alone"


def test_an_old_one_that_forgets_that_it_drains_closes_the_next_one_and_is_drained_anew() -> None:
    host = handing_over(6).feed(took(6), seen(TAKES_JOBS))
    assert host.told(OTHER) == [EVERYTHING]
    assert host.done_to(CONTAINER) == [Verb.DRAIN]
    assert host.feed(took(0, OTHER), seen(drains(3))).told(OTHER) == []
    host.feed(replace(took(0), share=EVERYTHING))
    assert host.told(OTHER) == [Share(3, 3000)]


def test_an_order_to_drain_that_is_not_confirmed_is_given_again() -> None:
    host = trying().feed(seen(WAITS, OTHER))
    assert host.later(59).feed(TimeUp(), seen(TAKES_JOBS)).orders == []
    assert host.later(1).feed(TimeUp()).done_to(CONTAINER) == [Verb.DRAIN]


def test_two_leave_at_most_and_a_further_reason_waits() -> None:
    host = handing_over(4).feed(took(4), seen(believing(4), OTHER), found(THIRD))
    assert Order.LAUNCH_CLOSED in host.orders
    host.feed(host.launched_closed(THIRD, THIRD_CONTAINER), seen(WAITS, THIRD_CONTAINER))
    assert host.done_to(OTHER) == [Verb.DRAIN]
    # Both are confirmed: the open one is told the sum.
    host.feed(seen(drains(3), OTHER))
    assert host.told(THIRD_CONTAINER) == [Share(7, 7000)]
    host.feed(took(7, THIRD_CONTAINER), seen(believing(7), THIRD_CONTAINER), CHANGED)
    assert Order.LAUNCH_CLOSED not in host.orders
    assert host.stage(THIRD_CONTAINER) is Stage.OPEN
    assert Order.LAUNCH_CLOSED in host.feed(ended()).orders, "one of them has gone"


def test_the_next_one_that_dies_is_made_again_later_and_the_old_one_goes_on() -> None:
    host, delays = trying(), []
    for _ in range(2):
        host.feed(ended(lived=1.0, code=1, container=OTHER))
        assert (host.stage(CONTAINER), host.state.phase) == (Stage.OPEN, Phase.WAITING)
        delays.append(host.state.wake_at - host.now)
        assert host.later(delays[-1]).feed(TimeUp()).orders == [Order.LAUNCH_CLOSED]
        host.feed(host.launched_closed(NEXT))
    assert delays == [5.0, 10.0]


def test_the_old_one_dies_in_mid_hand_over_and_the_next_one_takes_all() -> None:
    host = trying().feed(seen(WAITS, OTHER))
    host.feed(PilotEnded(CONTAINER, 137, 4000.0))
    assert host.orders == [Verb.REMOVE, Verb.NAME, Verb.TELL]
    assert host.told(OTHER) == [NOTHING]
    assert host.state.phase is Phase.RUNNING


@pytest.mark.parametrize("lived", [5.0, 4000.0])
@pytest.mark.parametrize("before", [(), (seen(TAKES_JOBS),)], ids=["never in the pool", "in the pool"])
def test_nothing_is_waited_for_where_the_next_one_is_there(before: tuple[Event, ...], lived: float) -> None:
    host = launched().feed(*before, Asked(Want.START), found(FIRST))
    host.feed(host.launched_closed(), PilotEnded(CONTAINER, 1, lived))
    assert (host.state.phase, host.stage(OTHER)) == (Phase.RUNNING, Stage.OPEN)
    assert "Next try" not in host.text


def test_one_that_was_made_while_the_others_are_not_known_is_looked_for_with_them() -> None:
    host = running(TAKES_JOBS).feed(found(NEXT), EngineLost("gone."), Launched(closed(NEXT)))
    assert (host.orders, host.state.pilots) == ([Order.LOOK], ())


@pytest.mark.parametrize("before", [(), (seen(TAKES_JOBS),)], ids=["never in the pool", "in the pool"])
def test_the_next_one_that_is_being_made_while_the_old_one_dies_is_not_lost(before: tuple[Event, ...]) -> None:
    host = launched().feed(*before, Asked(Want.START), found(FIRST), PilotEnded(CONTAINER, 1, 5.0))
    assert host.state.phase is Phase.LAUNCHING
    host.feed(host.launched_closed())
    assert (host.orders, host.stage(OTHER)) == ([Verb.FOLLOW, Order.FORGET_DRAIN, Verb.NAME], Stage.OPEN)
    assert host.feed(seen(WAITS, OTHER)).told(OTHER) == [NOTHING]


def test_one_that_may_never_be_told_to_drain_goes_on_and_the_next_one_follows_when_it_retires() -> None:
    host = trying().feed(seen(WAITS, OTHER), DrainRefused(CONTAINER, "DENIED by its policy"))
    assert host.done_to(OTHER) == [Verb.STOP]
    assert (host.stage(CONTAINER), host.stage(OTHER)) == (Stage.OPEN, Stage.STOPPING)
    host.feed(ended(container=OTHER)).later(3600)
    assert host.feed(TimeUp(), found(NEXT)).orders == [Order.TIDY]
    retired = replace(TAKES_JOBS, offer=Offer.RETIRED)
    assert Order.LAUNCH_CLOSED in host.feed(seen(retired)).orders
    host.feed(host.launched_closed(NEXT), seen(retired))
    assert host.stage(OTHER) is Stage.OPEN, "it takes none any more, whatever it was told"


@pytest.mark.parametrize(
    "answer", [DrainRefused(CONTAINER, "timeout"), DrainRefused(CONTAINER, "its container is paused")]
)
def test_one_that_refuses_for_a_moment_is_told_again_and_the_next_one_waits(answer: DrainRefused) -> None:
    host = trying().feed(seen(WAITS, OTHER), answer)
    assert (host.stage(CONTAINER), host.stage(OTHER)) == (Stage.LEAVING, Stage.CLOSED)
    assert host.later(10).feed(TimeUp()).done_to(CONTAINER) == [Verb.DRAIN]


def test_the_name_that_it_did_not_get_is_no_harm_and_is_asked_for_again() -> None:
    host = handing_over().feed(NameRefused(OTHER, "somebody has it"))
    assert (host.done_to(OTHER), host.stage(OTHER)) == ([], Stage.OPEN)
    assert "keeps its other name" in host.text
    assert host.state.wake_at <= host.now + NAME_AGAIN_SECONDS
    assert Verb.NAME not in host.later(NAME_AGAIN_SECONDS - 1).feed(TimeUp(), seen(drains(8))).orders
    assert Verb.NAME in host.later(1).feed(TimeUp()).done_to(OTHER)
    assert Verb.NAME not in host.feed(seen(drains(8))).orders, "it is on its way"
    assert host.feed(NameRefused(OTHER, "somebody has it still")).said == []


def test_a_container_that_was_not_removed_is_removed_later_unless_it_is_a_pilot_by_then() -> None:
    host = handing_over().feed(ended(), RemoveRefused(CONTAINER, "busy"), RemoveRefused(THIRD_CONTAINER, "busy"))
    assert host.orders == []
    assert host.later(REMOVE_AGAIN_SECONDS - 1).feed(TimeUp(), seen(WAITS, OTHER)).orders == []
    assert host.state.wake_at == host.now + 1
    host.later(1).feed(TimeUp())
    assert (host.done_to(CONTAINER), host.done_to(THIRD_CONTAINER)) == ([Verb.REMOVE], [Verb.REMOVE])
    assert host.later(REMOVE_AGAIN_SECONDS).feed(TimeUp()).orders == [], "it was, or it is told that it was not"
    host.feed(RemoveRefused(OTHER, "it runs")).later(REMOVE_AGAIN_SECONDS)
    assert host.feed(TimeUp()).orders == []


def test_the_own_end_of_an_idle_pilot_is_no_hand_over_and_no_failure() -> None:
    host = running(TAKES_JOBS).later(7200).feed(ended(lived=7200.0))
    assert (host.orders, host.state.failures) == ([Verb.REMOVE, Order.LOOK], 0)
    host = trying().feed(seen(WAITS, OTHER), DrainRefused(CONTAINER, "timeout"))
    host.feed(ended(lived=7200.0, container=OTHER))
    assert (Order.LAUNCH_CLOSED in host.orders, host.state.failures) == (True, 0)
