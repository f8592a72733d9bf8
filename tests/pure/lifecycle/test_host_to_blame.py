"""An image is not given up for what is wrong with its host: it is tried again once the host is well."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from ospool_ep.configuration.policy import Policy
from ospool_ep.lifecycle.actions import Order, Priority, Verb
from ospool_ep.lifecycle.events import Event, HostChecked, HostSeen, Pulled, Reconfigured, TimeUp
from ospool_ep.lifecycle.host_to_blame import LOOK_EACH_SECONDS, PATIENCE_SECONDS
from ospool_ep.lifecycle.state import Hindrance, Phase, Stage
from ospool_ep.lifecycle.trial import VALIDATED_WITHIN_SECONDS
from ospool_ep.pilot.state import Offer
from tests.pure.lifecycle.host import (
    AWAY,
    CONTAINER,
    EMPTY,
    FINGERPRINT,
    FIRST,
    IN_POOL,
    NEXT,
    OTHER,
    REFERENCE,
    TAKES_JOBS,
    THIRD_CONTAINER,
    WAITS,
    WELL,
    Host,
    ended,
    found,
    running,
    seen,
    silent,
    trying,
)

IN_TIME = Policy().rollback_seconds
FULL = Hindrance("The pilot (uid 1000) cannot work in /scratch: the file system is full. Make room.", ("scratch-full",))
NO_ROOM = "only 0.1 GB are free in /var/lib/docker, and a second pilot needs 5 GB there"
UNWELL = HostChecked(FULL)
PULLED_NEXT = Pulled(REFERENCE, NEXT)
ALONE = Policy(one_by_one="GPUs are offered")


def alone() -> Host:
    """A pilot of a new image has begun after the one before, and is not in the pool in time."""
    host = running(IN_POOL, policy=ALONE).feed(found(NEXT), ended(), EMPTY)
    return host.feed(host.launched(NEXT, OTHER), seen(AWAY, OTHER), seen(AWAY, OTHER))


def is_blamed(host: Host) -> bool:
    return host.state.images.failed is not None


def judged(host: Host, found_out: Event) -> Host:
    """The time of the next pilot is over, and this host was looked at."""
    assert host.later(IN_TIME).feed(TimeUp()).orders == [Order.CHECK_HOST]
    assert host.feed(seen(TAKES_JOBS)).orders == [], "it is looked at once"
    return host.feed(found_out)


# --- beside another one -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble", [UNWELL, HostChecked(None, NO_ROOM)], ids=["full scratch", "full disk of the engine"]
)
def test_no_image_is_given_up_for_a_trouble_of_its_host(trouble: HostChecked) -> None:
    host = judged(trying(), trouble)
    assert (host.done_to(OTHER), is_blamed(host)) == ([Verb.STOP], False)
    (said,) = [say for say in host.said if say.priority is Priority.WARNING]
    assert "The image sha256:digest-2 is not given up" in said.text
    assert (trouble.no_room or FULL.reason) in said.text


def test_it_is_tried_again_once_the_host_is_well_and_given_up_if_it_fails_then() -> None:
    host = judged(trying(), UNWELL)
    assert (host.orders, host.stage(CONTAINER)) == ([Verb.STOP], Stage.OPEN)
    host.feed(ended(container=OTHER))
    assert host.later(30).feed(TimeUp()).orders == [Order.CHECK_HOST]
    assert host.feed(UNWELL).said == []
    host.later(30).feed(TimeUp())
    assert host.feed(WELL).orders == [Order.LAUNCH_CLOSED]
    judged(host.feed(host.launched_closed(NEXT)), WELL)
    assert is_blamed(host)


def test_or_where_the_disk_has_no_room_for_two_after_the_one_that_runs() -> None:
    host = judged(trying(), HostChecked(None, NO_ROOM))
    assert host.done_to(CONTAINER) == [Verb.DRAIN]
    host.feed(ended(container=OTHER))
    assert host.feed(ended(), WELL, EMPTY).orders == [Order.LAUNCH]


def test_one_that_takes_no_jobs_for_a_trouble_of_its_host_is_not_to_blame_either() -> None:
    bars = replace(WAITS, offer=Offer.CLOSED, closed_because="the scratch is full", unmet=("HasScratch",))
    host = trying().feed(seen(bars, OTHER), seen(bars, OTHER)).later(IN_TIME + VALIDATED_WITHIN_SECONDS).feed(TimeUp())
    assert host.orders == [Order.CHECK_HOST]
    assert not is_blamed(host.feed(UNWELL))


@pytest.mark.parametrize(
    "troubles",
    [
        (HostSeen("CVMFS has died."), HostSeen("")),
        (Reconfigured(Policy(), REFERENCE, FINGERPRINT, "", FULL), Reconfigured(Policy(), REFERENCE, FINGERPRINT, "")),
    ],
    ids=["CVMFS", "a reload"],
)
def test_what_was_wrong_meanwhile_and_is_mended_counts_for_those_that_ran_then(troubles: tuple[Event, ...]) -> None:
    host = judged(trying().later(59).feed(*troubles), WELL)
    assert (host.orders, is_blamed(host)) == ([Verb.STOP, Order.LAUNCH_CLOSED], False)
    host.feed(ended(container=OTHER))
    assert is_blamed(judged(host.feed(host.launched_closed(NEXT)), WELL))


@pytest.mark.parametrize("makes", [trying, alone], ids=["beside another one", "alone"])
def test_a_trouble_that_passes_is_seen_as_long_as_its_pilot_is_not_in_the_pool(makes: Callable[[], Host]) -> None:
    host = makes().later(LOOK_EACH_SECONDS - 1).feed(TimeUp())
    assert (host.orders, host.state.wake_at) == ([], host.now + 1)
    assert host.later(1).feed(TimeUp()).orders == [Order.CHECK_HOST]
    assert host.later(LOOK_EACH_SECONDS).feed(TimeUp()).orders == [], "one look at a time"
    assert host.feed(UNWELL).orders == []
    assert host.later(LOOK_EACH_SECONDS).feed(TimeUp()).orders == [Order.CHECK_HOST]
    host.feed(WELL).later(IN_TIME).feed(TimeUp(), WELL)
    assert (Verb.STOP in host.done_to(OTHER), is_blamed(host)) == (True, False)


def test_no_look_is_for_one_that_is_in_the_pool_nor_while_nothing_can_be_judged() -> None:
    hosts = [trying().feed(seen(WAITS, OTHER)), trying().feed(silent()), alone().feed(silent(container=OTHER))]
    for host in hosts:
        assert Order.CHECK_HOST not in host.later(LOOK_EACH_SECONDS).feed(TimeUp()).orders


def test_what_is_noted_of_the_host_stands_while_it_is_looked_at_for_a_pilot() -> None:
    host = trying().feed(HostSeen("Another host works there, too.")).later(LOOK_EACH_SECONDS).feed(TimeUp(), WELL)
    assert host.state.host_note
    assert host.feed(HostSeen("Another host works there, too.")).said == [], "it is said once"


def test_pilots_that_die_young_for_a_trouble_of_their_host_give_up_no_image() -> None:
    host = trying()
    for _ in range(2):
        host.feed(ended(lived=1.0, code=1, container=OTHER), seen(TAKES_JOBS)).later(60).feed(TimeUp())
        host.feed(host.launched_closed(NEXT))
    host.feed(ended(lived=1.0, code=1, container=OTHER))
    assert (host.orders, host.state.phase) == ([Verb.REMOVE, Order.CHECK_HOST], Phase.RUNNING)
    assert not is_blamed(host.feed(UNWELL))
    assert "not given up (its pilots died young 3 times, never in the pool)" in host.text


def test_a_look_that_never_comes_back_holds_up_no_verdict() -> None:
    host = trying().later(IN_TIME).feed(TimeUp())
    assert host.state.wake_at == host.now + PATIENCE_SECONDS
    assert host.later(PATIENCE_SECONDS - 1).feed(TimeUp()).orders == []
    assert host.later(1).feed(TimeUp()).orders == [Verb.STOP]
    assert is_blamed(host)


def test_one_that_works_while_the_host_is_looked_at_is_judged_no_more() -> None:
    host = trying().later(IN_TIME).feed(TimeUp(), seen(WAITS, OTHER), seen(WAITS, OTHER), UNWELL)
    assert (host.stage(CONTAINER), host.stage(OTHER)) == (Stage.LEAVING, Stage.CLOSED)


# --- alone --------------------------------------------------------------------------------------------------------


def test_one_that_is_alone_makes_room_for_another_of_its_image_once_the_host_is_well() -> None:
    host = alone().later(IN_TIME).feed(TimeUp())
    assert host.orders == [Order.CHECK_HOST]
    host.feed(UNWELL)
    assert (host.done_to(OTHER), is_blamed(host)) == ([Verb.STOP], False)
    assert FULL.reason in host.text
    host.feed(ended(container=OTHER), UNWELL, EMPTY)
    assert host.state.phase is Phase.WAITING
    host.later(60).feed(TimeUp(), WELL, EMPTY, PULLED_NEXT)
    assert (host.orders, is_blamed(host)) == ([Order.LAUNCH], False)
    host.feed(host.launched(NEXT, THIRD_CONTAINER), seen(AWAY, THIRD_CONTAINER), seen(AWAY, THIRD_CONTAINER))
    assert is_blamed(host.later(IN_TIME).feed(TimeUp(), WELL))


def test_a_disk_that_is_small_for_two_is_no_excuse_for_one() -> None:
    assert is_blamed(alone().later(IN_TIME).feed(TimeUp(), HostChecked(None, NO_ROOM)))


def test_one_that_does_not_answer_is_left_alone_until_it_does() -> None:
    host = alone().later(IN_TIME).feed(silent(container=OTHER), UNWELL)
    assert (host.orders, is_blamed(host)) == ([], False)
    assert host.feed(seen(AWAY, OTHER)).done_to(OTHER) == [Verb.STOP]


def test_the_time_of_an_image_that_passes_while_its_host_is_not_ready_does_not_count() -> None:
    host = alone().feed(ended(lived=9.0, container=OTHER)).later(60).feed(TimeUp(), UNWELL, EMPTY)
    host.later(IN_TIME).feed(TimeUp(), UNWELL, EMPTY).later(60).feed(TimeUp(), WELL, EMPTY, PULLED_NEXT)
    assert (host.orders, is_blamed(host)) == ([Order.LAUNCH], False)


def test_nor_do_deaths_of_those_that_are_alone() -> None:
    host = alone()
    for _ in range(2):
        host.feed(ended(lived=1.0, code=1, container=OTHER)).later(60).feed(TimeUp(), WELL, EMPTY, PULLED_NEXT)
        host.feed(host.launched(NEXT, OTHER))
    host.feed(ended(lived=1.0, code=1, container=OTHER))
    assert host.orders == [Verb.REMOVE, Order.LOOK]
    host.feed(UNWELL, EMPTY).later(60).feed(TimeUp(), WELL, EMPTY, PULLED_NEXT)
    assert (host.orders, is_blamed(host)) == ([Order.LAUNCH], False)
    assert host.state.images.wanted is not None
    assert host.state.images.wanted.id == NEXT.id != FIRST.id
