"""The next pilot on trial beside the one that takes jobs: what ends it, what is to blame, and what it has cost."""

from dataclasses import replace

import pytest

from ospool_ep.configuration.policy import Policy
from ospool_ep.lifecycle.actions import Order, Priority, Verb
from ospool_ep.lifecycle.events import Asked, Began, Event, Reconfigured, TimeUp, TokenSeen
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.lifecycle.report import summary
from ospool_ep.lifecycle.state import Phase, Stage, Want
from ospool_ep.lifecycle.trial import VALIDATED_WITHIN_SECONDS
from ospool_ep.pilot.state import Offer, PilotState, Startd
from tests.pure.lifecycle.host import (
    AWAY,
    CONTAINER,
    FINGERPRINT,
    FIRST,
    NEXT,
    OTHER,
    REFERENCE,
    REFUSED,
    TAKES_JOBS,
    THIRD,
    THIRD_CONTAINER,
    WAITS,
    WELL,
    Host,
    as_found,
    closed,
    ended,
    found,
    pilot,
    running,
    seen,
    silent,
    trying,
)

IN_TIME = Policy().rollback_seconds
CHANGED = Reconfigured(Policy(), REFERENCE, "another", "the configuration has changed: MEMORY")
STARTING = PilotState(Startd.STARTING)
UNVALIDATED = replace(WAITS, offer=Offer.UNVALIDATED)
CLOSED = replace(WAITS, offer=Offer.CLOSED, closed_because="Apptainer does not work", unmet=("HAS_SINGULARITY",))
# Closed as it is made, it is up and is not accepted.
OUTSIDE = replace(WAITS, pool=AWAY.pool)
BARRED = replace(WAITS, pool=REFUSED.pool, refusal=REFUSED.refusal)


def twice(state: PilotState, container: str = OTHER) -> tuple[Event, Event]:
    return seen(state, container), seen(state, container)


@pytest.mark.parametrize("answers", [(), twice(OUTSIDE), twice(BARRED), (seen(PilotState(), OTHER),)])
def test_a_bad_image_costs_nothing(answers: tuple[Event, ...]) -> None:
    host = trying().feed(*answers).later(IN_TIME - 1).feed(TimeUp(), seen(TAKES_JOBS))
    assert host.orders == []
    host.later(1).feed(TimeUp(), WELL)
    assert (host.orders, host.stage(CONTAINER)) == ([Verb.STOP], Stage.OPEN)
    assert "Stopping the next pilot: its pilot was not in the pool" in host.text
    assert host.said[-1].priority is Priority.ERROR
    assert (
        "Rolled back: the image sha256:digest-2 does not work, its pilot was not in the pool within 15 min" in host.text
    )
    host.feed(ended(container=OTHER))
    assert (host.orders, host.state.phase) == ([Verb.REMOVE], Phase.RUNNING)
    assert host.later(86_400).feed(found(NEXT), seen(TAKES_JOBS)).orders == [], "before its tag names another"
    assert Order.LAUNCH_CLOSED in host.feed(found(THIRD)).orders


@pytest.mark.parametrize(("answer", "says"), [(UNVALIDATED, "have not ended"), (CLOSED, "Apptainer does not work")])
def test_one_in_the_pool_has_half_an_hour_more_to_take_the_jobs_that_the_old_one_takes(
    answer: PilotState, says: str
) -> None:
    host = trying().feed(*twice(answer)).later(IN_TIME + VALIDATED_WITHIN_SECONDS - 1).feed(TimeUp())
    assert host.feed(seen(answer, OTHER)).orders == []
    assert host.later(1).feed(TimeUp(), WELL).orders == [Verb.STOP]
    assert says in host.text
    assert host.state.images.rolled_back


def test_one_that_takes_no_more_than_the_old_one_did_is_as_good() -> None:
    host = running(TAKES_JOBS).feed(*twice(replace(CLOSED, believes=None), CONTAINER)).feed(found(NEXT))
    host.feed(host.launched_closed(NEXT), *twice(CLOSED))
    assert host.stage(CONTAINER) is Stage.LEAVING


@pytest.mark.parametrize("minutes", [0.5, 15.0, 90.0])
def test_the_time_is_the_operators(minutes: float) -> None:
    host = trying(policy=Policy(rollback_seconds=minutes * 60)).later(minutes * 60 - 1).feed(TimeUp(), WELL)
    assert host.orders == []
    assert host.later(1).feed(TimeUp(), WELL).orders == [Verb.STOP]


def test_three_early_deaths_are_enough() -> None:
    host = trying()
    for _ in range(2):
        host.feed(ended(lived=1.0, code=1, container=OTHER), seen(TAKES_JOBS)).later(60).feed(TimeUp())
        host.feed(host.launched_closed(NEXT))
    host.feed(ended(lived=1.0, code=1, container=OTHER), WELL)
    assert "died young 3 times" in host.text
    assert (host.state.phase, host.state.images.rolled_back) == (Phase.RUNNING, True)
    assert host.stage(CONTAINER) is Stage.OPEN


def test_deaths_of_a_pilot_of_the_same_image_blame_none() -> None:
    host = running(TAKES_JOBS).feed(CHANGED, found(FIRST))
    for _ in range(4):
        host.feed(host.launched_closed(fingerprint="another"), ended(lived=1.0, code=1, container=OTHER))
        host.later(60).feed(TimeUp())
    assert host.state.images.failed is None


# --- the old one is the control -----------------------------------------------------------------------------------


@pytest.mark.parametrize("away", [twice(AWAY, CONTAINER), (silent(),)], ids=["the pool is away", "it is silent"])
@pytest.mark.parametrize("next_one", [(), twice(OUTSIDE)])
def test_nothing_is_judged_while_the_old_one_is_not_in_the_pool_either(
    away: tuple[Event, ...], next_one: tuple[Event, ...]
) -> None:
    host = trying().feed(*next_one, *away).later(3 * 3600).feed(TimeUp())
    assert host.orders == []
    # It counts from when the old one was back.
    host.feed(seen(TAKES_JOBS)).later(IN_TIME - 1)
    assert host.feed(TimeUp(), WELL, seen(TAKES_JOBS)).orders == []
    assert host.later(1).feed(TimeUp(), WELL).orders == [Verb.STOP]
    assert host.state.images.rolled_back


def test_one_that_was_in_the_pool_in_time_is_not_given_up_in_the_moment_in_which_the_pool_goes_away() -> None:
    host = trying().feed(seen(UNVALIDATED, OTHER)).later(IN_TIME + 60).feed(*twice(OUTSIDE))
    assert host.orders == []
    assert host.feed(*twice(AWAY, CONTAINER)).orders == []
    assert host.later(3 * 3600).feed(TimeUp(), *twice(OUTSIDE)).orders == []
    assert (host.stage(CONTAINER), host.stage(OTHER)) == (Stage.OPEN, Stage.CLOSED)
    assert not host.state.images.rolled_back


def test_the_pool_that_is_away_later_takes_back_no_verdict() -> None:
    host = trying().later(IN_TIME).feed(TimeUp(), WELL, ended(container=OTHER)).feed(*twice(AWAY, CONTAINER))
    host.later(3600).feed(TimeUp(), seen(AWAY))
    assert "fares no better" not in host.text
    assert host.feed(seen(TAKES_JOBS), found(NEXT)).orders == [Order.TIDY]


def test_an_old_one_whose_token_is_refused_is_no_control_and_the_next_one_is_judged() -> None:
    host = trying().feed(*twice(REFUSED, CONTAINER)).later(IN_TIME).feed(TimeUp())
    assert host.orders == [Verb.STOP]
    assert not host.state.images.rolled_back
    assert host.state.phase is Phase.WAITING


def test_one_whose_token_is_refused_makes_room_for_a_newer_one_at_once() -> None:
    host = running(TAKES_JOBS).feed(found(FIRST), TokenSeen("token 1", ""), *twice(REFUSED, CONTAINER))
    assert host.feed(TokenSeen("token 2", "")).orders == [Order.LAUNCH_CLOSED]
    host.feed(host.launched_closed(token="token 2"), *twice(BARRED))  # noqa: S106 - a hash
    assert host.orders == []
    assert host.feed(TokenSeen("token 3", "")).orders == [Verb.STOP, Order.LAUNCH_CLOSED]


# --- what the next one is: image, configuration, or both ----------------------------------------------------------


def test_a_configuration_whose_pilot_fails_is_tried_again_later_and_later_and_at_a_reload() -> None:
    host, delays = running(TAKES_JOBS).feed(CHANGED, found(FIRST)), []
    for _ in range(3):
        host.feed(host.launched_closed(fingerprint="another")).later(IN_TIME).feed(TimeUp(), ended(container=OTHER))
        assert (host.stage(CONTAINER), host.state.phase) == (Stage.OPEN, Phase.WAITING)
        assert "the next one is tried at" in summary(host.state, 0.0)
        delays.append(host.state.wake_at - host.now)
        assert Order.LAUNCH_CLOSED in host.later(delays[-1]).feed(TimeUp()).orders
    assert delays == [5.0, 10.0, 20.0]
    host.feed(host.launched_closed(fingerprint="another")).later(IN_TIME).feed(TimeUp(), ended(container=OTHER))
    assert Order.LAUNCH_CLOSED in host.feed(CHANGED).orders
    assert host.state.images.failed is None


def both() -> Host:
    """A new image came together with another configuration, and their pilot was not in the pool in time."""
    host = running(TAKES_JOBS).feed(found(FIRST), CHANGED, found(NEXT))
    host.feed(host.launched_closed(NEXT, fingerprint="another")).later(IN_TIME).feed(TimeUp(), WELL)
    assert host.state.images.rolled_back
    host.feed(ended(container=OTHER))
    assert host.state.phase is Phase.LAUNCHING, "the configuration is tried with the last good image"
    return host.feed(host.launched_closed(FIRST, THIRD_CONTAINER, fingerprint="another"))


def test_where_both_are_new_the_last_good_image_shows_that_the_new_one_was_to_blame() -> None:
    host = both().feed(seen(WAITS, THIRD_CONTAINER), ended(), seen(WAITS, THIRD_CONTAINER))
    assert host.stage(THIRD_CONTAINER) is Stage.OPEN
    assert host.state.images.failed is not None
    assert host.state.images.failed.confirmed


def test_or_that_it_was_not() -> None:
    host = both().later(IN_TIME).feed(TimeUp())
    assert host.orders == [Verb.STOP]
    assert "The last good image fares no better" in host.text
    assert host.state.images.failed is not None
    assert host.state.images.failed.excused
    host.feed(ended(container=THIRD_CONTAINER), found(NEXT))
    assert not host.state.images.rolled_back


# --- it is ready when it answers so -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        STARTING,
        PilotState(Startd.MISSING),
        replace(WAITS, startd=Startd.DRAINING),
        replace(WAITS, jobs=None),
        UNVALIDATED,
        CLOSED,
        PilotState(Startd.GONE),
        OUTSIDE,
        BARRED,
    ],
)
def test_the_old_one_is_not_drained_for_one_that_can_take_no_job_now(answer: PilotState) -> None:
    host = running(TAKES_JOBS).feed(Asked(Want.START), found(FIRST))
    host.feed(host.launched_closed(), seen(UNVALIDATED, OTHER), seen(answer, OTHER), seen(TAKES_JOBS))
    assert host.stage(CONTAINER) is Stage.OPEN


def test_one_that_was_found_on_trial_gets_a_minute_at_least() -> None:
    images = ImageRecord(REFERENCE, newest=NEXT, here=True, good=FIRST)
    host = Host(images=images).later(10 * IN_TIME).feed(Began(), as_found(pilot(), closed(NEXT)))
    host.feed(*twice(TAKES_JOBS, CONTAINER), *twice(OUTSIDE), found(NEXT)).later(59)
    assert host.feed(TimeUp(), WELL, seen(TAKES_JOBS)).orders == []
    assert host.later(1).feed(TimeUp(), WELL).orders == [Verb.STOP]
    assert host.state.images.rolled_back


def test_a_reload_forgets_no_trial() -> None:
    host = trying().feed(Reconfigured(Policy(), REFERENCE, FINGERPRINT, "")).later(IN_TIME).feed(TimeUp(), WELL)
    assert host.orders == [Verb.STOP]


def test_what_a_silent_pilot_has_said_last_of_its_own_tests_makes_no_untested_one_ready() -> None:
    untested = replace(TAKES_JOBS, offer=Offer.UNVALIDATED)
    host = running(untested).feed(silent(), Asked(Want.START))
    host.feed(host.launched_closed(FIRST), *twice(UNVALIDATED))
    assert host.stage(CONTAINER) is Stage.OPEN
    assert host.feed(*twice(WAITS)).stage(CONTAINER) is Stage.LEAVING
