"""New images: what becomes of the running pilot by each policy, and the way back to the last good one."""

from dataclasses import replace

import pytest

from ospool_ep.configuration.policy import Policy
from ospool_ep.configuration.values import UpdatePolicy
from ospool_ep.lifecycle.actions import Order, Verb
from ospool_ep.lifecycle.events import (
    Asked,
    Began,
    ImageFound,
    Pulled,
    PullRefused,
    TimeUp,
)
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.lifecycle.state import Phase, Want
from tests.pure.lifecycle.host import (
    AWAY,
    BUSY,
    EMPTY,
    FIRST,
    IN_POOL,
    NEXT,
    OTHER,
    REFERENCE,
    THIRD,
    WELL,
    Host,
    as_found,
    ended,
    found,
    launched,
    ours,
    pilot,
    running,
    seen,
    silent,
)

MINUTES = 60.0
HOURS = 3600.0
IN_TIME = Policy().rollback_seconds
ONE_BY_ONE = Policy(one_by_one="GPUs are offered")


def policy(update: UpdatePolicy) -> Policy:
    return Policy(update=update)


def swapped(host: Host) -> Host:
    """The pilot of the first image has ended, and one of the next begins."""
    return host.feed(ended(), EMPTY, host.launched(NEXT, OTHER))


def updated() -> Host:
    """A new image has come, and its first pilot has begun, where two can't run at once."""
    return swapped(running(BUSY, policy=ONE_BY_ONE).feed(found(NEXT)))


def test_the_same_image_changes_nothing() -> None:
    host = running(BUSY).feed(found(FIRST))
    assert host.orders == [Order.TIDY]
    assert host.state.phase is Phase.RUNNING


def test_a_new_image_drains_the_pilot_where_two_can_not_run_at_once_and_the_next_one_follows() -> None:
    host = running(BUSY, policy=ONE_BY_ONE).feed(found(NEXT))
    assert host.orders == [Verb.DRAIN, Order.TIDY]
    assert "a new image, sha256:digest-2" in host.text
    assert host.feed(ended(), EMPTY).orders == [Order.LAUNCH]


def test_an_image_that_comes_while_no_process_looked_is_found_at_the_adoption() -> None:
    images = ImageRecord(REFERENCE, newest=FIRST, good=FIRST)
    assert Host(images=images).feed(Began(), ours(), found(NEXT)).orders == [Order.LAUNCH_CLOSED, Order.TIDY]


def test_retire_waits_for_the_pilots_own_end() -> None:
    host = running(BUSY, policy=policy(UpdatePolicy.RETIRE)).feed(found(NEXT))
    assert host.orders == [Order.TIDY]
    assert host.later(71 * HOURS).feed(TimeUp(), seen(BUSY)).orders == []
    assert host.feed(ended(), EMPTY).orders == [Order.PULL]  # of three days ago


def test_retire_waits_no_longer_than_it_may() -> None:
    host = running(BUSY, policy=policy(UpdatePolicy.RETIRE)).feed(found(replace(NEXT, since=1000.0)))
    assert host.later(72 * HOURS).feed(TimeUp()).orders == [Order.LAUNCH_CLOSED]


def test_now_stops_the_pilot_with_a_reason_and_the_next_one_follows() -> None:
    host = running(BUSY, policy=policy(UpdatePolicy.NOW)).feed(found(NEXT))
    assert host.orders == [Verb.STOP, Order.TIDY]
    assert "OSPOOL_EP_UPDATE=now" in host.text
    assert host.feed(ended(), EMPTY).orders == [Order.LAUNCH]


def test_off_leaves_the_pilot_alone_and_its_successor_uses_what_is_here() -> None:
    host = running(BUSY, policy=policy(UpdatePolicy.OFF)).feed(found(NEXT))
    assert host.orders == [Order.TIDY]
    assert host.later(100 * HOURS).feed(TimeUp()).orders == []


def test_an_image_that_was_pulled_today_is_used_without_asking_the_registry() -> None:
    host = running(BUSY).later(24 * HOURS)
    assert host.feed(ended(), EMPTY).orders == [Order.LAUNCH]
    assert running(BUSY).later(26 * HOURS).feed(ended(), EMPTY).orders == [Order.PULL]


def test_what_could_not_be_pulled_is_asked_for_again_by_the_next_pilot() -> None:
    host = Host().feed(Began(), EMPTY, Pulled(REFERENCE, FIRST, "The registry is away."))
    assert host.feed(host.launched(), seen(IN_POOL), ended(), EMPTY).orders == [Order.PULL]


def test_an_update_that_succeeds_ends_the_wait_for_the_registry() -> None:
    host = Host().feed(Began(), EMPTY, PullRefused(REFERENCE, "no registry.")).later(3)
    assert host.feed(ImageFound(REFERENCE, FIRST, pulled_at=host.now - 100)).orders == [Order.TIDY]
    assert host.feed(ImageFound(REFERENCE, FIRST, pulled_at=host.now - 1)).orders == [Order.LOOK]
    assert host.feed(EMPTY).orders == [Order.LAUNCH]


def test_an_image_that_somebody_pulls_beside_us_is_used_by_the_next_pilot_which_goes_on() -> None:
    host = running().feed(ended(), EMPTY)
    assert host.feed(host.launched(NEXT, OTHER)).orders == [Verb.FOLLOW]
    assert host.feed(seen(IN_POOL)).state.phase is Phase.RUNNING


# --- the way back ------------------------------------------------------------------------------------------


def test_an_image_is_good_once_its_pilot_is_in_the_pool() -> None:
    host = running()
    assert host.state.images.good is not None
    assert host.state.images.good.id == FIRST.id
    assert Order.TIDY in launched().feed(seen(IN_POOL)).orders


def test_the_first_image_of_all_has_no_trial() -> None:
    host = launched().later(100 * HOURS).feed(TimeUp(), seen(AWAY), seen(AWAY))
    assert host.state.images.failed is None
    assert host.orders == []


def test_a_new_image_whose_pilot_is_not_in_the_pool_in_time_is_rolled_back() -> None:
    host = updated().feed(seen(AWAY, OTHER), seen(AWAY, OTHER)).later(IN_TIME - 1).feed(TimeUp(), WELL)
    assert host.orders == []
    assert host.later(1).feed(TimeUp(), WELL).orders == [Verb.STOP]
    assert (
        "Rolled back: the image sha256:digest-2 does not work, its pilot was not in the pool within 15 min" in host.text
    )
    host.feed(ended(container=OTHER), EMPTY)
    assert host.orders == [Order.LAUNCH]
    assert host.state.images.wanted is not None
    assert host.state.images.wanted.id == FIRST.id


def rolled_back() -> Host:
    """The next image has failed, and a pilot of the last good one has begun."""
    host = updated().feed(seen(AWAY, OTHER), seen(AWAY, OTHER)).later(IN_TIME).feed(TimeUp(), WELL)
    return host.feed(ended(container=OTHER), EMPTY, host.launched(FIRST))


def test_an_image_that_comes_while_the_last_good_one_is_launched_is_used() -> None:
    host = updated().feed(seen(AWAY, OTHER), seen(AWAY, OTHER)).later(IN_TIME).feed(TimeUp(), WELL)
    host.feed(ended(container=OTHER), EMPTY, found(THIRD), host.launched(FIRST))
    assert host.orders == [Verb.FOLLOW, Order.FIND_IMAGE]
    assert host.feed(found(THIRD)).orders == [Verb.DRAIN, Order.TIDY]


def test_a_failed_image_is_not_tried_again_until_its_tag_names_another() -> None:
    host = rolled_back().feed(seen(IN_POOL))
    assert host.feed(found(NEXT)).orders == [Order.TIDY]
    assert host.feed(ended(), EMPTY).orders == [Order.LAUNCH]
    assert host.state.images.rolled_back
    host.feed(host.launched(FIRST), seen(IN_POOL))
    assert host.feed(found(THIRD)).orders == [Verb.DRAIN, Order.TIDY]


def test_an_image_is_not_blamed_where_the_last_good_one_fares_no_better() -> None:
    host = rolled_back().feed(seen(AWAY), seen(AWAY)).later(IN_TIME).feed(TimeUp())
    assert host.orders == []
    assert "The last good image fares no better" in host.text
    assert host.state.images.rolled_back
    # It is tried again at the next update, and not before.
    assert host.feed(seen(IN_POOL)).orders == []
    assert host.feed(found(NEXT)).orders == [Verb.DRAIN, Order.TIDY]


def test_a_verdict_that_the_last_good_image_has_confirmed_stands() -> None:
    host = rolled_back().feed(seen(IN_POOL), ended(), EMPTY)
    host.feed(host.launched(FIRST), seen(AWAY), seen(AWAY)).later(IN_TIME).feed(TimeUp())
    assert host.said == []
    assert host.feed(found(NEXT)).orders == [Order.TIDY]


def test_a_new_image_that_dies_young_three_times_is_rolled_back() -> None:
    host = running(BUSY).feed(found(NEXT), ended(), EMPTY)
    for _ in range(2):
        host.feed(host.launched(NEXT, OTHER), ended(lived=1.0, code=1, container=OTHER))
        host.later(60).feed(TimeUp(), EMPTY, Pulled(REFERENCE, NEXT))
    host.feed(host.launched(NEXT, OTHER), ended(lived=1.0, code=1, container=OTHER))
    assert host.orders == [Verb.REMOVE, Order.LOOK]
    host.feed(WELL, EMPTY)
    assert "died young 3 times" in host.text
    assert host.state.images.rolled_back


def test_an_image_is_not_blamed_for_the_one_before_it() -> None:
    host = updated().feed(seen(AWAY, OTHER), seen(AWAY, OTHER)).later(IN_TIME).feed(found(THIRD), WELL)
    assert host.state.images.failed is None
    assert "Rolled back" not in host.text
    host = running(BUSY).feed(found(NEXT), ended(), EMPTY)
    for _ in range(2):
        host.feed(host.launched(NEXT, OTHER), ended(lived=1.0, code=1, container=OTHER))
        host.later(60).feed(TimeUp(), EMPTY, Pulled(REFERENCE, NEXT))
    host.feed(host.launched(NEXT, OTHER), found(THIRD), ended(lived=1.0, code=1, container=OTHER), WELL, EMPTY)
    assert host.state.images.failed is None
    host = rolled_back().feed(seen(AWAY, OTHER), seen(AWAY, OTHER)).later(IN_TIME).feed(found(THIRD), WELL)
    assert "fares no better" not in host.text


def test_a_new_image_whose_pilot_is_in_the_pool_while_it_drains_works() -> None:
    host = updated().feed(Asked(Want.START))
    assert host.orders == [Verb.DRAIN, Order.FIND_IMAGE]
    host.feed(seen(IN_POOL, OTHER)).later(IN_TIME)
    assert host.feed(ended(container=OTHER), EMPTY).orders == [Order.FORGET_DRAIN, Order.LAUNCH]
    assert not host.state.images.rolled_back


def test_the_newest_image_is_used_where_somebody_removed_the_last_good_one() -> None:
    host = rolled_back().feed(seen(IN_POOL), ended(), EMPTY)
    assert host.feed(host.launched(NEXT, OTHER)).orders == [Verb.FOLLOW]
    assert host.later(IN_TIME).feed(seen(AWAY), seen(AWAY), TimeUp()).state.phase is Phase.RUNNING


def test_a_silent_pilot_is_not_judged() -> None:
    host = updated().feed(silent("The engine hangs.", OTHER)).later(IN_TIME).feed(TimeUp())
    assert host.orders == []


def test_a_new_image_in_the_pool_ends_its_trial_and_becomes_the_last_good_one() -> None:
    host = updated().feed(seen(IN_POOL, OTHER))
    assert host.orders == [Order.TIDY]
    assert host.state.images.good is not None
    assert host.state.images.good.id == NEXT.id
    assert host.later(IN_TIME).feed(seen(AWAY, OTHER), seen(AWAY, OTHER), TimeUp()).state.phase is Phase.RUNNING


@pytest.mark.parametrize("minutes", [0.5, 15.0, 90.0])
def test_the_time_of_a_trial_is_the_operators(minutes: float) -> None:
    host = running(policy=replace(ONE_BY_ONE, rollback_seconds=minutes * MINUTES)).feed(found(NEXT))
    swapped(host).feed(seen(AWAY, OTHER), seen(AWAY, OTHER))
    assert host.later(minutes * MINUTES - 1).feed(TimeUp(), WELL).orders == []
    assert host.later(1).feed(TimeUp(), WELL).orders == [Verb.STOP]


def test_a_pilot_that_is_adopted_in_mid_trial_gets_a_minute_to_answer() -> None:
    images = ImageRecord(REFERENCE, newest=NEXT, good=FIRST)
    host = Host(images=images)
    host.feed(Began(), ours(), found(NEXT))
    assert host.state.trial is None  # it is of the good image
    host = Host(images=images).later(10 * IN_TIME)
    host.feed(Began(), as_found(pilot(NEXT)), found(NEXT), seen(AWAY))
    assert host.later(59).feed(TimeUp()).orders == []
    assert host.later(1).feed(TimeUp(), WELL).orders == [Verb.STOP]
