"""When a shutdown of the host is held back: while jobs run, as far as that is known."""

from dataclasses import replace

import pytest

from ospool_ep.configuration.policy import Policy
from ospool_ep.lifecycle.events import Asked, Began, EngineLost, StopAsked
from ospool_ep.lifecycle.holding import holds
from ospool_ep.lifecycle.state import Want
from tests.pure.lifecycle.host import BUSY, EMPTY, IN_POOL, LAUNCHED, PULLED, Host, ended, running, seen, silent

HOLDS = Policy(hold_shutdown=True)


def test_it_is_held_from_the_first_job_to_the_last() -> None:
    host = running(IN_POOL, policy=HOLDS)
    assert holds(host.state) is False
    assert holds(host.feed(seen(BUSY)).state) is True
    assert holds(host.feed(Asked(Want.REBOOT)).state) is True
    assert holds(host.feed(ended(), EMPTY).state) is False


def test_nothing_is_held_unless_that_is_asked_for() -> None:
    assert holds(running(BUSY).state) is False


@pytest.mark.parametrize("leaving", [False, True])
def test_a_service_that_ends_holds_nothing(leaving: bool) -> None:
    assert holds(running(BUSY, policy=HOLDS).feed(StopAsked(leaving)).state) is False


def test_what_is_not_known_changes_nothing() -> None:
    host = running(BUSY, policy=HOLDS)
    assert holds(host.feed(seen(replace(BUSY, jobs=None))).state) is None
    assert holds(running(BUSY, policy=HOLDS).feed(silent("It is paused.")).state) is True
    assert holds(running(BUSY, policy=HOLDS).feed(EngineLost("gone.")).state) is None


def test_a_pilot_that_never_was_in_the_pool_has_no_job() -> None:
    host = Host(policy=HOLDS).feed(Began(), EMPTY, PULLED, LAUNCHED)
    assert holds(host.feed(seen(replace(IN_POOL, jobs=None))).state) is None
