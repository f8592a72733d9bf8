"""What goes wrong beside a pilot that runs, found on the played host: each of these once lost its way."""

from dataclasses import replace

from ospool_ep.configuration.policy import Policy
from ospool_ep.configuration.values import UpdatePolicy
from ospool_ep.lifecycle.actions import Order, Verb
from ospool_ep.lifecycle.events import DrainRefused, EngineLost, LaunchRefused, PilotEnded, RunsAgain, StopAsked, TimeUp
from ospool_ep.lifecycle.state import Phase, Stage
from ospool_ep.pilot.state import Offer
from tests.pure.lifecycle.host import (
    CONTAINER,
    NEXT,
    OTHER,
    TAKES_JOBS,
    WAITS,
    Host,
    found,
    running,
    seen,
)

DENIED = DrainRefused(CONTAINER, "DENIED: osg@host is not authorized")
RETIRED = replace(TAKES_JOBS, offer=Offer.RETIRED)


def making(**kinds: object) -> Host:
    """The next pilot is being made beside the first one."""
    host = running(TAKES_JOBS, **kinds).feed(found(NEXT))
    assert host.state.phase is Phase.LAUNCHING
    return host


def test_an_image_that_somebody_has_removed_comes_again_for_the_next_pilot() -> None:
    host = making()
    assert host.feed(LaunchRefused("There is no such image.")).orders == [Order.FIND_IMAGE]
    assert host.feed(found(None)).later(4000).feed(TimeUp()).state.phase is Phase.RUNNING
    assert Order.PULL in host.feed(seen(RETIRED)).orders, "the next one is needed, and can't be made without it"


def test_a_pilot_that_was_made_while_the_engine_was_away_is_not_taken_for_the_only_one() -> None:
    host = making().feed(EngineLost("gone."))
    assert host.state.pilots == ()
    assert host.feed(host.launched_closed(NEXT)).orders == [Order.LOOK]
    assert host.state.pilots == ()


def test_who_makes_room_for_the_next_process_looks_for_nothing_any_more() -> None:
    for event in (PilotEnded(CONTAINER, 0, 10.0, restarted=True), RunsAgain("another")):
        host = making().feed(StopAsked(leaving=True), event)
        assert (host.orders, host.state.phase) == ([], Phase.LAUNCHING)
        assert host.feed(host.launched_closed(NEXT)).orders == [Order.EXIT]


def test_each_moment_that_is_still_to_come_is_waited_for() -> None:
    """A hand-over for age that is due can't begin where one follows the other; the time of an image still comes."""
    policy = Policy(UpdatePolicy.RETIRE, retire_seconds=3000.0, one_by_one="GPUs are offered")
    host = running(TAKES_JOBS, policy=policy)
    old = replace(TAKES_JOBS, retires_at=1.0 + 3600.0, dies_at=1.0 + 24 * 3600.0)
    host.later(12 * 3600).feed(seen(old), found(replace(NEXT, since=host.now)))
    assert host.state.wake_at == host.now + 3000.0


def test_one_that_refuses_to_drain_and_has_retired_leaves_all_the_same() -> None:
    host = running(TAKES_JOBS).feed(found(NEXT))
    host.feed(host.launched_closed(NEXT), seen(RETIRED), DENIED)
    assert host.stage(CONTAINER) is Stage.LEAVING
    assert host.stage(OTHER) is Stage.CLOSED, "it is not ended for that"
    assert Verb.TELL in host.feed(seen(RETIRED), seen(WAITS, OTHER)).orders, "it takes no claim, and that is enough"


def test_one_that_refuses_to_drain_before_it_retires_takes_jobs_again() -> None:
    host = running(TAKES_JOBS).feed(found(NEXT))
    host.feed(host.launched_closed(NEXT), seen(WAITS, OTHER), DENIED)
    assert (host.stage(CONTAINER), host.stage(OTHER)) == (Stage.OPEN, Stage.STOPPING)
