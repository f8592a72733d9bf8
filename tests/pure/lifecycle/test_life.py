"""One pilot from its start to its end: what is said of it, and when the next one follows."""

import pytest

from ospool_ep.lifecycle.actions import Order, Priority, Verb
from ospool_ep.lifecycle.events import Began, PilotEnded, PullProgressed, TimeUp
from ospool_ep.lifecycle.retries import LONGEST_DELAY_SECONDS, retry_delay
from ospool_ep.lifecycle.state import Phase
from tests.pure.lifecycle.host import (
    CONTAINER,
    EMPTY,
    IN_POOL,
    LAUNCHED,
    PULLED,
    REFERENCE,
    REFUSED,
    Host,
    ended,
    ours_ended,
    running,
    seen,
)


def test_from_nothing_to_a_pilot_in_the_pool() -> None:
    host = Host().feed(Began())
    assert host.orders == [Order.LOOK]
    assert host.feed(EMPTY).orders == [Order.PULL]
    assert host.feed(PullProgressed(REFERENCE, 40)).state.percent == 40
    assert host.feed(PULLED).orders == [Order.LAUNCH]
    assert host.feed(LAUNCHED).orders == [Verb.FOLLOW]
    assert host.state.phase is Phase.RUNNING
    assert "In the pool as ep@flock.opensciencegrid.org" in host.feed(seen(IN_POOL)).text


def test_a_pilot_that_ends_by_itself_is_followed_by_the_next() -> None:
    host = running().feed(ended())
    assert host.orders == [Verb.REMOVE, Order.LOOK]
    assert [say.priority for say in host.said] == [Priority.INFO]


def test_a_pilot_killed_for_its_memory_is_said() -> None:
    host = running().feed(PilotEnded(CONTAINER, 137, 4000.0, oom_killed=True))
    assert "memory limit" in host.text


def test_a_refused_pilot_is_said_once_with_the_advice() -> None:
    host = Host().feed(Began(), EMPTY, PULLED, LAUNCHED, seen(REFUSED, advice="Do X."))
    assert host.said == []
    host.feed(seen(REFUSED, advice="Do X."))
    assert host.said[0].priority is Priority.ERROR
    assert host.text.endswith("Do X.")
    assert host.feed(seen(REFUSED, advice="Do X.")).said == []


def test_a_refusal_that_passes_is_never_said() -> None:
    host = Host().feed(Began(), EMPTY, PULLED, LAUNCHED, seen(REFUSED))
    assert host.feed(seen(IN_POOL)).text.startswith("In the pool as")


# --- when the next one follows -----------------------------------------------------------------------------


def test_a_pilot_that_never_was_in_the_pool_is_no_ordinary_end() -> None:
    host = running(REFUSED).feed(ended(lived=4000.0))
    assert host.state.phase is Phase.WAITING
    assert "never in the pool" in host.text


@pytest.mark.parametrize("failures", range(1, 40))
def test_the_delay_grows_to_half_an_hour(failures: int) -> None:
    assert 5.0 <= retry_delay(failures) <= LONGEST_DELAY_SECONDS
    assert retry_delay(failures + 1) == min(2 * retry_delay(failures), LONGEST_DELAY_SECONDS)


def test_a_pilot_that_keeps_dying_young_waits_longer_each_time() -> None:
    host = Host().feed(Began())
    delays = []
    for _ in range(4):
        host.feed(EMPTY, PULLED, LAUNCHED, ended(lived=0.1, code=1))
        assert host.orders == [Verb.REMOVE]
        delays.append(host.state.wake_at - host.now)
        host.later(delays[-1]).feed(TimeUp())
        assert host.orders == [Order.LOOK]
    assert delays == [5.0, 10.0, 20.0, 40.0]


def test_a_pilot_that_was_well_and_is_ended_young_is_replaced_at_once_and_then_later() -> None:
    host = Host().feed(Began(), EMPTY, PULLED, LAUNCHED, seen(IN_POOL), ended(lived=9.0, code=137))
    assert host.orders == [Verb.REMOVE, Order.LOOK]
    assert host.text.endswith("The next one starts at once.")
    delays = []
    # The image is fresh at first; before it is tried again after a wait, it is pulled.
    for image in ((), (PULLED,)):
        host.feed(EMPTY, *image, LAUNCHED, seen(IN_POOL), ended(lived=9.0, code=137))
        delays.append(host.state.wake_at - host.now)
        host.later(delays[-1]).feed(TimeUp())
    assert delays == [10.0, 20.0]


def test_a_good_life_forgets_the_failures_before_it() -> None:
    host = Host().feed(Began(), EMPTY, PULLED, LAUNCHED, ended(lived=1.0))
    assert host.state.failures == 1
    host.later(5).feed(TimeUp(), EMPTY, PULLED, LAUNCHED, seen(IN_POOL), ended())
    assert host.state.failures == 0


def test_a_container_that_cannot_be_removed_is_tried_later_and_later() -> None:
    host = running().feed(ended(), ours_ended())
    delays = []
    for _ in range(3):
        assert host.feed(ended()).orders == [Verb.REMOVE]
        delays.append(host.state.wake_at - host.now)
        host.later(delays[-1]).feed(TimeUp(), ours_ended())
    assert delays == [5.0, 10.0, 20.0]
