"""What changes around a pilot that runs: the configuration, the token, and the host itself."""

from typing import Union

import pytest

from ospool_ep.configuration.policy import Policy
from ospool_ep.lifecycle.actions import Order, Priority, Verb
from ospool_ep.lifecycle.events import (
    Began,
    EngineLost,
    Event,
    HostChecked,
    HostSeen,
    LaunchRefused,
    PullRefused,
    Reconfigured,
    TimeUp,
    TokenSeen,
)
from ospool_ep.lifecycle.report import summary
from ospool_ep.lifecycle.state import Hindrance, Phase
from tests.pure.lifecycle.host import (
    BUSY,
    EMPTY,
    FINGERPRINT,
    OTHER,
    OTHER_REFERENCE,
    PULLED,
    REFERENCE,
    REFUSED,
    Host,
    ended,
    launched,
    running,
    seen,
)


def test_a_reload_that_changes_nothing_of_the_pilot_leaves_it_alone() -> None:
    host = running(BUSY).feed(Reconfigured(Policy(drain_seconds=1.0), REFERENCE, FINGERPRINT, ""))
    assert host.orders == [Order.FIND_IMAGE]
    assert host.state.policy.drain_seconds == 1.0


def test_a_reload_ends_a_wait() -> None:
    host = Host().feed(Began(), EMPTY, PullRefused(REFERENCE, "no"))
    assert host.feed(Reconfigured(Policy(), OTHER_REFERENCE, "another", "")).orders == [Order.LOOK]


# --- the token ---------------------------------------------------------------------------------------------


def test_a_token_that_was_replaced_is_said_and_used_by_the_next_pilot() -> None:
    host = running(BUSY).feed(TokenSeen("token 1", ""), TokenSeen("token 2", ""))
    assert "The token on disk has changed" in host.text
    assert host.orders == []


def test_a_token_that_was_removed_is_said_and_its_return_ends_a_wait() -> None:
    host = running(BUSY).feed(TokenSeen("token 1", ""), TokenSeen("", "There is no token."))
    assert host.text == "There is no token."
    assert host.feed(TokenSeen("", "There is no token.", remind=True)).text == "There is no token."
    assert host.feed(TokenSeen("token 1", "")).said == []  # the one that this pilot has
    host = Host().feed(Began(), EMPTY, PULLED, LaunchRefused("No token."), TokenSeen("", "There is no token."))
    assert host.feed(TokenSeen("token 1", "")).orders == [Order.LOOK]


@pytest.mark.parametrize(
    ("before", "then"),
    [((), Verb.STOP), ((seen(BUSY),), Order.LAUNCH_CLOSED)],
    ids=["it never was in the pool", "it was"],
)
def test_a_pilot_whose_token_the_pool_refuses_makes_room_for_the_new_token(
    before: tuple[Event, ...], then: Union[Order, Verb]
) -> None:
    host = launched().feed(*before, seen(REFUSED), seen(REFUSED), TokenSeen("token 1", ""))
    assert host.orders == []
    assert host.feed(TokenSeen("token 2", "")).orders == [then]


def test_what_is_wrong_with_the_token_is_said_when_it_is_new_and_each_day() -> None:
    host = running().feed(TokenSeen("token 1", "It expires."))
    assert host.said == []  # the start of the service has said it
    assert host.feed(TokenSeen("token 1", "It expires.")).said == []
    assert host.feed(TokenSeen("token 1", "It expires.", remind=True)).text == "It expires."
    assert host.state.token_note == "It expires."  # noqa: S105 - a note


# --- the host ----------------------------------------------------------------------------------------------


def test_what_goes_wrong_with_the_host_is_said_once_and_so_is_its_end() -> None:
    host = running(BUSY).feed(HostSeen("CVMFS has died."))
    assert [(say.priority, say.text) for say in host.said] == [(Priority.WARNING, "CVMFS has died.")]
    assert host.state.phase is Phase.RUNNING
    assert summary(host.state, 0.0).endswith("; CVMFS has died.")
    assert host.feed(HostSeen("CVMFS has died.")).said == []
    host.feed(HostSeen(""))
    assert [(say.priority, say.text) for say in host.said] == [(Priority.NOTICE, "This is mended: CVMFS has died.")]
    assert "CVMFS" not in summary(host.state, 0.0)


def test_what_has_gone_wrong_is_forgotten_with_the_pilot() -> None:
    """What keeps the next one from running says it from then on; and nothing does, once the host has healed."""
    died = Hindrance("No pilot can run now: CVMFS has died.", ("cvmfs-not-mounted",))
    host = running().feed(HostSeen("CVMFS has died."), ended(), HostChecked(died), EMPTY)
    assert host.state.phase is Phase.WAITING
    assert summary(host.state, 0.0).count("CVMFS") == 1
    assert host.feed(HostSeen("CVMFS has died.")).said == [], "the watch comes late"
    host.later(60).feed(TimeUp(), HostChecked(None), EMPTY, PULLED, host.launched(container=OTHER))
    assert summary(host.state, 0.0) == "Pilot starting, not in the pool yet"


def test_whether_the_pilot_has_ended_or_its_engine_is_away() -> None:
    for event in (ended(), EngineLost("Nobody listens.")):
        host = running().feed(HostSeen("CVMFS has died."), event)
        assert host.state.phase in (Phase.LOOKING, Phase.WAITING)
        assert "CVMFS" not in summary(host.state, 0.0)


def test_a_host_that_is_found_well_has_nothing_wrong_any_more() -> None:
    host = running(BUSY).feed(HostSeen("CVMFS has died."), HostChecked(None))
    assert host.state.host_note == ""
    died = Hindrance("CVMFS has died.", ("cvmfs-not-mounted",))
    assert running(BUSY).feed(HostSeen("CVMFS has died."), HostChecked(died)).state.host_note == "CVMFS has died."
