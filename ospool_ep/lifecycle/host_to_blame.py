"""Whether this host is to blame where a pilot of a new image fails: it is looked at before that image is given up.

So it is each minute before, as a trouble may pass. A pilot that a trouble of its host has kept from working may never
get well: it is ended, and its image is tried again.
"""

from dataclasses import replace
from typing import Optional

from ospool_ep.lifecycle.actions import Order, Outcome
from ospool_ep.lifecycle.state import Hindrance, Pilot, Stage, State
from ospool_ep.pilot.state import Pool

# What hangs is given up by the look itself, well before this. One that never comes back holds up no verdict for longer.
PATIENCE_SECONDS = 120.0
# A pilot gets into the pool within a minute as a rule. A trouble that passes meanwhile may keep it out for good.
LOOK_EACH_SECONDS = 60.0


def found(state: State, hindrance: Optional[Hindrance], now: float) -> State:
    """With what was found on this host; what was wrong before was so until now."""
    wrong = hindrance or state.hindrance
    state = ailed(state, wrong.reason, now) if wrong else state
    return replace(state, hindrance=hindrance and replace(hindrance, since=now))


def ailed(state: State, trouble: str, now: float) -> State:
    """With what was wrong with this host, in sentences, up to now."""
    return replace(state, trouble=trouble, trouble_until=now)


def look_first(state: State, now: float) -> Optional[Outcome]:
    """What comes before an image is given up; None: this host was looked at, or does not let itself be looked at."""
    if _is_unanswered(state):
        return (state, ()) if is_looked_at(state, now) else None
    # What comes of it is decided in the step that brings the answer.
    return None if 0.0 < state.checked_at == now else _look(state, now)


def looks_at(state: State) -> float:
    """When this host is looked at once more, for a pilot that has yet to show that its image works; 0: it is not."""
    pilot = _on_trial(state)
    if pilot is None or _is_unanswered(state):
        return 0.0
    return max(pilot.since, state.checked_at) + LOOK_EACH_SECONDS


def look_meanwhile(state: State, now: float) -> Outcome:
    """Look at this host as long as such a pilot is not in the pool."""
    due = looks_at(state)
    return _look(state, now) if 0.0 < due <= now else (state, ())


def _look(state: State, now: float) -> Outcome:
    return replace(state, check_asked_at=now), (Order.CHECK_HOST,)


def _is_unanswered(state: State) -> bool:
    return state.checked_at < state.check_asked_at


def _on_trial(state: State) -> Optional[Pilot]:
    before, pilot = state.at(Stage.OPEN), state.at(Stage.CLOSED) or state.at(Stage.OPEN)
    if pilot is None or not state.images.on_trial(pilot.image_id) or state.images.rolled_back:
        return None
    is_judged = (
        before is not None and not before.silent_because and (before is pilot or before.standing is Pool.ACCEPTS)
    )
    return pilot if is_judged and not (pilot.was_in_pool or pilot.standing is Pool.ACCEPTS) else None


def is_looked_at(state: State, now: float) -> bool:
    """Whether such a look is under way."""
    return now < patience_ends(state)


def patience_ends(state: State) -> float:
    """Until when that look is waited for; 0: it has come back."""
    return state.check_asked_at + PATIENCE_SECONDS if _is_unanswered(state) else 0.0


def trouble_since(state: State, since: float) -> str:
    """What is wrong with this host, or was since then, in sentences; empty: nothing that is known."""
    if state.hindrance:
        return state.hindrance.reason
    return state.trouble if state.trouble_until > since else ""
