"""A drain before a reboot or a power-off of the host: when the order is given, and what is said meanwhile."""

import pytest

from ospool_ep.lifecycle.actions import Order, Priority, Verb
from ospool_ep.lifecycle.events import Asked, Began, HostGoesDown, HostStaysUp, StopAsked, TimeUp
from ospool_ep.lifecycle.host_down import GIVEN_SECONDS, OTHERS_SECONDS, REFUSED_SECONDS
from ospool_ep.lifecycle.report import is_well, report, summary
from ospool_ep.lifecycle.state import Phase, Want
from tests.pure.lifecycle.host import BUSY, EMPTY, Host, ended, running

OTHERS = HostStaysUp("ospool-ep@b is not drained yet.")
REFUSED = HostStaysUp("systemd refuses.", refused=True)


def drained(want: Want = Want.REBOOT) -> Host:
    return running(BUSY).feed(Asked(want), ended(), EMPTY)


@pytest.mark.parametrize(("want", "does"), [(Want.REBOOT, "reboots"), (Want.POWEROFF, "powers off")])
def test_the_host_goes_down_after_the_last_job_and_not_before(want: Want, does: str) -> None:
    host = running(BUSY).feed(Asked(want))
    assert host.orders == [Verb.DRAIN, Order.FIND_IMAGE]
    assert summary(host.state, 0.0) == f"Draining, 1 job left: an operator asked for it; then the host {does}"
    host.feed(ended(), EMPTY)
    assert host.orders == [Order.TAKE_DOWN]
    host.feed(HostGoesDown())
    assert f"The host {does} now" in host.text
    assert summary(host.state, 0.0) == f"Drained: no pilot runs, and the host {does} now"
    assert report(host.state, 0.0)["down"] == {"given": True, "because": ""}


def test_where_no_pilot_runs_the_host_goes_down_at_once() -> None:
    host = Host().feed(Began(), EMPTY, Asked(Want.REBOOT))
    assert host.orders == [Order.TAKE_DOWN]


def test_a_process_that_follows_goes_on_with_it() -> None:
    assert Host(Want.REBOOT).feed(Began(), EMPTY).orders == [Order.TAKE_DOWN]


def test_it_waits_for_another_service_and_says_for_which_once() -> None:
    host = drained().feed(OTHERS)
    assert [say.priority for say in host.said] == [Priority.NOTICE]
    assert "ospool-ep@b" in summary(host.state, 0.0)
    assert "ospool-ep resume" in summary(host.state, 0.0)
    assert is_well(host.state)
    assert host.later(OTHERS_SECONDS - 1).feed(TimeUp()).orders == []
    assert host.later(1).feed(TimeUp()).orders == [Order.TAKE_DOWN]
    assert host.feed(OTHERS).said == []
    assert host.later(OTHERS_SECONDS).feed(TimeUp()).orders == [Order.TAKE_DOWN]
    assert host.feed(HostGoesDown()).state.down


def test_a_refusal_is_an_error_and_is_tried_again() -> None:
    host = drained().feed(REFUSED)
    assert [say.priority for say in host.said] == [Priority.ERROR]
    assert not is_well(host.state)
    assert host.later(REFUSED_SECONDS - 1).feed(TimeUp()).orders == []
    assert host.later(1).feed(TimeUp()).orders == [Order.TAKE_DOWN]


def test_the_order_is_not_given_again_while_the_host_goes_down() -> None:
    host = drained().feed(HostGoesDown())
    assert host.later(GIVEN_SECONDS - 1).feed(TimeUp()).orders == []
    assert host.later(1).feed(TimeUp()).orders == [Order.TAKE_DOWN]


@pytest.mark.parametrize("answer", [OTHERS, REFUSED])
def test_a_resume_takes_it_back_until_the_order_is_given(answer: HostStaysUp) -> None:
    host = drained().feed(answer, Asked(Want.PILOTS), EMPTY)
    assert host.orders == [Order.LAUNCH]
    assert host.later(REFUSED_SECONDS).feed(TimeUp(), answer).orders == []
    assert host.state.down is None
    assert host.state.phase is Phase.LAUNCHING


def test_a_resume_that_comes_too_late_is_told_so() -> None:
    host = drained().feed(Asked(Want.PILOTS), HostGoesDown())
    assert [say.priority for say in host.said] == [Priority.WARNING]


def test_a_drain_that_is_changed_to_idle_leaves_the_host_up() -> None:
    host = drained().feed(OTHERS, Asked(Want.IDLE), EMPTY)
    assert host.orders == []
    assert host.state.phase is Phase.IDLE
    assert host.later(3600).feed(TimeUp()).orders == []


def test_a_reboot_that_is_changed_to_a_power_off_is_asked_for_anew() -> None:
    host = drained().feed(OTHERS, Asked(Want.POWEROFF), EMPTY)
    assert host.orders == [Order.TAKE_DOWN]
    assert host.state.down is None


def test_who_asks_once_more_need_not_wait() -> None:
    host = drained().feed(REFUSED)
    assert Order.TAKE_DOWN in host.feed(Asked(Want.REBOOT)).orders
    assert Order.TAKE_DOWN not in host.feed(HostGoesDown(), Asked(Want.REBOOT)).orders


def test_a_stop_meanwhile_ends_the_service_and_the_host_stays_up() -> None:
    assert drained().feed(OTHERS, StopAsked()).orders == [Order.EXIT]


@pytest.mark.parametrize(("want", "does"), [(Want.REBOOT, "reboots"), (Want.POWEROFF, "powers off")])
def test_systemd_may_stop_the_service_before_the_order_is_known_to_be_given(want: Want, does: str) -> None:
    host = drained(want).feed(StopAsked())
    assert host.orders == [Order.EXIT]
    host.feed(HostGoesDown())
    assert [(say.priority, say.text) for say in host.said] == [
        (Priority.NOTICE, f"The host {does} now, as asked by 'ospool-ep drain --then {want.value}'.")
    ]
    assert host.orders == []
    assert host.state.phase is Phase.ENDED


def test_a_drain_that_was_asked_for_again_in_that_moment_is_no_resume() -> None:
    host = drained().feed(Asked(Want.PILOTS), Asked(Want.REBOOT), HostGoesDown())
    assert [say.priority for say in host.said] == [Priority.NOTICE]
