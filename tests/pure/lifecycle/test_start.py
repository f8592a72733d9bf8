"""A start that somebody waits for, and what is done while this host is not ready for a pilot."""

from dataclasses import replace

import pytest

from ospool_ep.configuration.policy import Policy
from ospool_ep.lifecycle.actions import Order
from ospool_ep.lifecycle.events import (
    Began,
    EngineLost,
    Event,
    HostChecked,
    LaunchRefused,
    Looked,
    LookRefused,
    PilotEnded,
    PullProgressed,
    PullRefused,
    Reconfigured,
    StopAsked,
    TimeUp,
)
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.lifecycle.report import summary
from ospool_ep.lifecycle.state import Hindrance, Phase, Stage, Want
from ospool_ep.lifecycle.step import initial
from tests.pure.lifecycle.host import (
    CONTAINER,
    EMPTY,
    FINGERPRINT,
    FIRST,
    IN_POOL,
    PULLED,
    REFERENCE,
    Host,
    found,
    ours,
    running,
    seen,
)

NO_SCRATCH = Hindrance("No pilot can run now: There is no directory /scratch. [scratch-missing]", ("scratch-missing",))
NO_TOKEN = Hindrance("No pilot can run now: There is no file /token. [token-missing]", ("token-missing",))
NOT_READY, READY = HostChecked(NO_SCRATCH), HostChecked(None)
FOREIGN = Looked(foreign=CONTAINER)


def started(want: Want = Want.PILOTS) -> Host:
    """A start that somebody waits for has just begun."""
    host = Host()
    host.state = initial(host.now, want, Policy(), ImageRecord(REFERENCE), FINGERPRINT, start_by=host.now + 60)
    return host.feed(Began())


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ((NOT_READY, EMPTY), "No pilot can run now: mend the errors above (scratch-missing)."),
        ((EngineLost("Nobody listens."),), "Nobody listens."),
        ((LookRefused("It does not say."),), "It does not say."),
        ((FOREIGN,), "A container of our name is not ours"),
        ((READY, EMPTY, PullRefused(REFERENCE, "No such host.")), "No such host."),
        ((READY, EMPTY, PULLED, LaunchRefused("No such runtime.")), "No such runtime."),
        ((READY, EMPTY, PULLED, NOT_READY), "No pilot can run now: mend the errors above (scratch-missing)."),
        ((READY, EMPTY, PULLED, EngineLost("Nobody listens.")), "Nobody listens."),
    ],
)
def test_the_first_failure_ends_a_start_that_somebody_waits_for(events: tuple[Event, ...], said: str) -> None:
    host = started().feed(*events)
    assert (host.state.phase, host.state.start_failed) == (Phase.ENDED, True)
    assert host.orders == [Order.EXIT]
    assert said in host.text
    assert "The start has failed; the service goes on and tries again by itself." in host.text
    assert "Next try" not in host.text


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ((), "The container engine has not answered within 60 s."),
        ((READY, EMPTY), f"Nothing of the image {REFERENCE} has come for 60 s."),
        ((READY, EMPTY, PULLED), "The container engine has not started the pilot within 60 s."),
    ],
)
def test_so_does_a_minute_in_which_nothing_moves(events: tuple[Event, ...], said: str) -> None:
    host = started().feed(*events)
    assert host.later(59).feed(TimeUp()).state.phase is not Phase.ENDED
    assert host.later(1.1).feed(TimeUp()).state.start_failed
    assert said in host.text


def test_a_download_that_goes_on_is_waited_for_as_long_as_it_takes() -> None:
    host = started().feed(READY, EMPTY)
    for _ in range(100):
        host.later(50).feed(TimeUp(), PullProgressed(REFERENCE, 7), TimeUp())
    assert host.state.phase is Phase.PULLING
    assert host.feed(PULLED, host.launched()).state.phase is Phase.RUNNING


def test_the_download_of_another_image_is_no_move() -> None:
    """That of a reference which a reload has replaced goes on beside."""
    host = started().feed(READY, EMPTY)
    for _ in range(3):
        host.later(25).feed(PullProgressed("registry.example/other:1", 7))
    assert host.state.start_failed
    assert f"Nothing of the image {REFERENCE} has come for 60 s." in host.text


def test_a_start_is_over_once_a_pilot_runs_or_none_is_wanted() -> None:
    for host in (started().feed(ours()), started(Want.IDLE).feed(EMPTY)):
        assert host.later(600).feed(EngineLost("Nobody listens.")).state.phase in (Phase.WAITING, Phase.IDLE)
        assert not host.state.start_failed


def test_a_stop_of_a_start_is_no_failure() -> None:
    host = started().feed(StopAsked(), EngineLost("Nobody listens."))
    assert (host.state.phase, host.state.start_failed) == (Phase.ENDED, False)


# --- this host is not ready --------------------------------------------------------------------------------


def test_nothing_is_downloaded_for_a_host_that_is_not_ready() -> None:
    host = Host().feed(Began(), NOT_READY, EMPTY)
    assert host.state.phase is Phase.WAITING
    assert host.orders == []
    assert host.feed(READY).state.phase is Phase.WAITING
    assert host.later(5).feed(TimeUp(), READY, EMPTY).orders == [Order.PULL]


def test_it_is_looked_at_again_after_half_a_minute_at_most_and_said_while_that_grows() -> None:
    host = Host().feed(Began())
    delays, said = [], []
    for _ in range(8):
        host.feed(NOT_READY, EMPTY)
        delays.append(host.state.wake_at - host.now)
        said.append(host.text)
        host.later(delays[-1]).feed(TimeUp())
    assert delays == [5.0, 10.0, 20.0, 30.0, 30.0, 30.0, 30.0, 30.0]
    assert [bool(text) for text in said] == [True] * 4 + [False] * 4
    host.feed(HostChecked(NO_TOKEN), EMPTY)
    assert "(token-missing)" in host.text


def test_the_same_reason_in_other_words_is_no_news() -> None:
    host = Host().feed(Began())
    for number in range(8):
        reason = replace(NO_SCRATCH, reason=f"It is {number}.")
        host.feed(HostChecked(reason), EMPTY)
        if number < 7:
            host.later(60).feed(TimeUp())
    assert host.text == ""
    assert "It is 7." in summary(host.state, 0.0)


CHANGE = Reconfigured(Policy(), REFERENCE, "another", "the configuration has changed: MEMORY")


def test_a_pilot_does_not_make_room_on_a_host_that_is_not_ready_for_the_next_one() -> None:
    host = running().feed(replace(CHANGE, hindrance=NO_SCRATCH), found(FIRST))
    assert (host.orders, host.stage(CONTAINER)) == ([Order.TIDY], Stage.OPEN)
    assert "planned: the next pilot follows once this host is ready for the next pilot" in summary(host.state, 0.0)
    assert host.later(30).feed(TimeUp()).orders == [Order.CHECK_HOST]
    assert host.feed(TimeUp()).orders == []
    assert host.feed(NOT_READY).orders == []
    assert host.later(30).feed(TimeUp()).orders == [Order.CHECK_HOST]
    assert host.feed(READY).orders == [Order.LAUNCH_CLOSED]


def test_nor_does_one_that_another_process_finds() -> None:
    host = Host()
    host.state = replace(host.state, hindrance=NO_SCRATCH)
    host.feed(Began(), ours(fingerprint="another"), found(FIRST), seen(IN_POOL))
    assert host.state.phase is Phase.RUNNING
    assert host.feed(READY).orders == [Order.LAUNCH_CLOSED]


def test_the_pilot_that_the_file_asks_for_goes_on_whatever_this_host_lacks() -> None:
    host = running().feed(NOT_READY)
    assert (host.orders, host.state.wake_at) == ([], 0.0)
    host.feed(PilotEnded(CONTAINER, 0, 4000.0))
    assert Order.LOOK in host.orders
