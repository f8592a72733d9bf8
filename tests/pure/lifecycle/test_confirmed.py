"""From when on a pilot takes no claim any more, by its own answers, and what it holds then."""

from dataclasses import replace
from typing import Optional

import pytest

from ospool_ep.lifecycle.sight import seen
from ospool_ep.lifecycle.state import Pilot, Stage
from ospool_ep.pilot.state import EVERYTHING, NOTHING, Offer, PilotState, Pool, Share, Startd
from tests.pure.lifecycle.host import AWAY, IN_POOL, REFUSED, TAKES_JOBS, WAITS, closed, drains, pilot

NOT_UP, MISSING, STARTING = PilotState(), PilotState(Startd.MISSING), PilotState(Startd.STARTING)
GONE = PilotState(Startd.GONE, jobs=(), holds=NOTHING)
UNTOLD = replace(drains(3), holds=None)
RETIRED = replace(TAKES_JOBS, offer=Offer.RETIRED)
MUTE = replace(TAKES_JOBS, jobs=None, holds=None)


def after(*answers: PilotState, before: Optional[Pilot] = None) -> Pilot:
    """A pilot that leaves, once it has answered so."""
    one = before or pilot(stage=Stage.LEAVING)
    for answer in answers:
        one = seen(one, answer, 1000.0)
    return one


@pytest.mark.parametrize(
    ("answers", "confirmed"),
    [
        ((TAKES_JOBS,), False),
        ((drains(3),), True),
        # It has taken the order, and has not said since then what its jobs hold.
        ((UNTOLD,), False),
        ((drains(3), UNTOLD), True),
        ((GONE,), True),
        # Retired, as any clause, may be seen by mistake once.
        ((RETIRED,), False),
        ((RETIRED, RETIRED), True),
        ((RETIRED, RETIRED, TAKES_JOBS), False),
        # A startd that is not up does not say that it has forgotten the order.
        ((drains(3), NOT_UP), True),
        ((drains(3), MISSING), True),
        ((drains(3), STARTING), True),
        ((drains(3), TAKES_JOBS), False),
        ((drains(3), TAKES_JOBS, drains(2)), True),
        ((NOT_UP,), False),
        ((MUTE,), False),
        ((drains(3), MUTE), False),
    ],
)
def test_it_takes_no_claim_once_its_startd_has_said_so(answers: tuple[PilotState, ...], confirmed: bool) -> None:
    assert after(*answers).confirmed is confirmed


@pytest.mark.parametrize(
    ("answers", "holds"),
    [
        ((NOT_UP,), None),
        ((drains(3),), Share(3, 3000)),
        ((drains(3), UNTOLD), Share(3, 3000)),
        ((drains(3), NOT_UP), Share(3, 3000)),
        ((drains(3), drains(1)), Share(1, 1000)),
        ((drains(3), GONE), NOTHING),
        ((drains(3), PilotState(Startd.GONE, jobs=())), Share(3, 3000)),
        ((drains(3), replace(MISSING, holds=NOTHING)), NOTHING),
        ((drains(3), MISSING), Share(3, 3000)),
    ],
)
def test_what_it_said_last_stands(answers: tuple[PilotState, ...], holds: Optional[Share]) -> None:
    assert after(*answers).holds == holds


def test_one_that_is_asked_only_for_what_it_holds_keeps_what_the_pool_makes_of_it() -> None:
    one = after(replace(TAKES_JOBS, retires_at=5.0, dies_at=6.0), drains(2), drains(1))
    assert (one.standing, one.offer, one.state.pool) == (Pool.ACCEPTS, Offer.OPEN, Pool.ACCEPTS)
    assert (one.state.identity, one.state.retires_at, one.state.dies_at) == (IN_POOL.identity, 5.0, 6.0)
    assert one.holds == Share(1, 1000)


@pytest.mark.parametrize(
    ("answer", "believes"),
    [
        (WAITS, EVERYTHING),
        (replace(WAITS, believes=Share(2, 2)), Share(2, 2)),
        (replace(WAITS, believes=None), None),
        # What a startd that does not answer believes is not known, and does not change.
        (replace(WAITS, believes=None, jobs=None), Share(5, 5)),
        (STARTING, Share(5, 5)),
        (drains(1), Share(5, 5)),
    ],
)
def test_what_it_believes_is_in_its_ad(answer: PilotState, believes: Optional[Share]) -> None:
    assert after(answer, before=closed(believes=Share(5, 5))).believes == believes


def test_what_it_was_told_just_now_may_not_be_in_its_ad_yet() -> None:
    assert after(WAITS, before=closed(believes=Share(5, 5), telling=Share(4, 4))).believes == Share(5, 5)


@pytest.mark.parametrize(
    ("answers", "back"),
    [
        ((IN_POOL, IN_POOL), 0.0),
        ((IN_POOL, AWAY, IN_POOL), 0.0),
        ((IN_POOL, AWAY, AWAY), 0.0),
        ((IN_POOL, AWAY, AWAY, IN_POOL), 1000.0),
        ((IN_POOL, REFUSED, REFUSED, IN_POOL), 1000.0),
    ],
)
def test_since_when_it_is_back_in_the_pool(answers: tuple[PilotState, ...], back: float) -> None:
    assert after(*answers, before=pilot()).back_since == back


def test_one_that_was_silent_is_back_with_its_answer() -> None:
    assert after(IN_POOL, before=pilot(silent_because="It is paused.")).back_since == 1000.0
