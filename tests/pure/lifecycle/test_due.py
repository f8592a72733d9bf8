"""What is due is done, also where another event is taken a moment before the clock's own."""

from dataclasses import replace

import pytest

from ospool_ep.configuration.policy import Policy
from ospool_ep.lifecycle.actions import Order
from ospool_ep.lifecycle.events import (
    Began,
    Event,
    FindImageRefused,
    HostChecked,
    LaunchRefused,
    Pulled,
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
    FIRST,
    NEXT,
    REFERENCE,
    TAKES_JOBS,
    Host,
    found,
    running,
    seen,
)

CHANGED = Reconfigured(Policy(), REFERENCE, "another", "the configuration has changed: MEMORY")
OTHERS = [seen(TAKES_JOBS), TokenSeen("token 1", ""), HostChecked(None), TimeUp()]
IDS = ["an answer", "a token", "a check", "time"]


@pytest.mark.parametrize("event", OTHERS[1:], ids=IDS[1:])
def test_a_wait_without_pilots_ends_whatever_comes_first(event: Event) -> None:
    host = Host().feed(Began(), EMPTY, PullRefused(REFERENCE, "no registry"), TokenSeen("token 1", "")).later(5.1)
    host.feed(event)
    if host.state.phase is Phase.WAITING:
        assert host.state.wake_at == host.now
        host.feed(TimeUp())
    assert host.orders == [Order.LOOK]


def test_time_that_is_not_up_changes_nothing() -> None:
    host = Host().feed(Began(), EMPTY, PullRefused(REFERENCE, "no registry")).later(4.9)
    assert host.feed(TimeUp()).orders == []
    assert host.later(0.1).feed(TimeUp()).orders == [Order.LOOK]


def test_news_in_a_wait_do_not_change_when_it_ends() -> None:
    host = Host().feed(Began(), EMPTY, PullRefused(REFERENCE, "no registry"), TokenSeen("token 1", ""))
    assert host.later(1).feed(Pulled("registry.example/other:1", NEXT), HostChecked(None)).state.wake_at == host.now + 4


@pytest.mark.parametrize("event", OTHERS, ids=IDS)
def test_a_wait_beside_a_pilot_ends_whatever_comes_first(event: Event) -> None:
    host = running(TAKES_JOBS).feed(found(NEXT), LaunchRefused("no such runtime"))
    assert (host.state.phase, host.state.wake_at) == (Phase.WAITING, host.now + 5)
    assert host.later(4.9).feed(event).orders == []
    assert host.later(0.2).feed(event).orders == [Order.LAUNCH_CLOSED]


@pytest.mark.parametrize("event", OTHERS, ids=IDS)
def test_an_image_that_the_engine_did_not_tell_of_is_asked_for_whatever_comes_first(event: Event) -> None:
    host = running(TAKES_JOBS).feed(FindImageRefused(REFERENCE, "a bug of the engine")).later(5.1)
    assert host.feed(event).orders == [Order.FIND_IMAGE]
    assert host.feed(TimeUp()).orders == []


def test_an_image_that_the_engine_does_not_tell_of_is_looked_for_again() -> None:
    host = running(BUSY).feed(FindImageRefused(REFERENCE, "a bug of the engine")).later(5)
    assert host.feed(TimeUp()).orders == [Order.FIND_IMAGE]
    assert host.feed(found(FIRST)).state.wake_at == 0.0


@pytest.mark.parametrize("event", OTHERS, ids=IDS)
def test_a_pull_that_was_refused_is_tried_again_whatever_comes_first(event: Event) -> None:
    host = running(TAKES_JOBS).feed(replace(CHANGED, reference="registry.example/other:1"))
    host.feed(PullRefused("registry.example/other:1", "no registry.")).later(5.1)
    assert host.feed(event).orders == [Order.PULL]


@pytest.mark.parametrize("event", OTHERS[:2] + OTHERS[3:], ids=IDS[:2] + IDS[3:])
def test_a_host_that_is_not_ready_is_looked_at_again_whatever_comes_first(event: Event) -> None:
    host = running(TAKES_JOBS).feed(replace(CHANGED, hindrance=Hindrance("No scratch.", ("scratch-missing",))))
    assert host.feed(found(FIRST)).orders == [Order.TIDY]
    assert host.later(30.1).feed(event).orders == [Order.CHECK_HOST]


def test_a_wait_ends_with_what_it_waits_for() -> None:
    host = running(TAKES_JOBS).later(60).feed(found(NEXT), LaunchRefused("no such runtime"), found(FIRST))
    assert host.state.phase is Phase.RUNNING
    assert "the next one is tried" not in summary(host.state, 0.0)
    assert host.state.wake_at == 0.0


def test_a_wait_goes_on_while_a_pilot_leaves() -> None:
    host = running(TAKES_JOBS).feed(CHANGED, found(FIRST), LaunchRefused("no such runtime"), seen(TAKES_JOBS))
    assert host.state.phase is Phase.WAITING
    assert "the next one is tried at" in summary(host.state, 0.0)


def test_a_reload_that_is_taken_back_ends_the_wait() -> None:
    host = running(TAKES_JOBS).feed(CHANGED, found(FIRST), LaunchRefused("no such runtime"))
    host.feed(Reconfigured(Policy(), REFERENCE, FINGERPRINT, ""))
    assert host.state.phase is Phase.RUNNING
