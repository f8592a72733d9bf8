"""A hand-over in each of its steps."""

from collections.abc import Callable
from dataclasses import replace

from ospool_ep.pilot.state import Offer, PilotState, Startd
from tests.pure.lifecycle.host import (
    GONE,
    OTHER,
    THIRD,
    THIRD_CONTAINER,
    WAITS,
    Host,
    believing,
    drains,
    found,
    handing_over,
    seen,
    took,
    trying,
)

STARTING, MISSING = PilotState(Startd.STARTING), PilotState(Startd.MISSING)


def made() -> Host:
    return trying()


def coming_up() -> Host:
    return trying().feed(seen(STARTING, OTHER))


def on_trial() -> Host:
    return trying().feed(seen(replace(WAITS, offer=Offer.UNVALIDATED), OTHER))


def told_to_drain() -> Host:
    return trying().feed(seen(WAITS, OTHER))


def confirmed() -> Host:
    return handing_over(6)


def told() -> Host:
    return handing_over(6).feed(took(6), seen(believing(6), OTHER))


def old_one_gone() -> Host:
    return told().feed(seen(GONE))


def startd_of_the_open_one_down() -> Host:
    return told().feed(seen(MISSING, OTHER))


def two_leave_and_the_next_one_comes() -> Host:
    host = told().feed(found(THIRD))
    host.feed(host.launched_closed(THIRD, THIRD_CONTAINER), seen(STARTING, THIRD_CONTAINER))
    return host.feed(seen(WAITS, THIRD_CONTAINER))


def two_leave_and_one_is_open() -> Host:
    host = two_leave_and_the_next_one_comes().feed(seen(drains(2), OTHER))
    return host.feed(took(8, THIRD_CONTAINER), seen(believing(8), THIRD_CONTAINER))


STEPS: list[Callable[[], Host]] = [
    made, coming_up, on_trial, told_to_drain, confirmed, told, old_one_gone, startd_of_the_open_one_down,
    two_leave_and_the_next_one_comes, two_leave_and_one_is_open,
]  # fmt: skip
