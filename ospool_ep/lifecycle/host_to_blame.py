"""Whether this host is to blame where a pilot of a new image fails: it is looked at before that image is given up.

A pilot that a trouble of its host has kept from working may never get well: it is ended, and its image is tried again.
"""

from dataclasses import replace
from typing import Optional

from ospool_ep.lifecycle.actions import Order, Outcome
from ospool_ep.lifecycle.state import Hindrance, State

# What hangs is given up by the look itself, well before this. One that never comes back holds up no verdict for longer.
PATIENCE_SECONDS = 120.0
# What was found so lately is not looked for again.
_HOLDS_SECONDS = 2.0


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
    if state.check_asked_at > state.checked_at:
        return (state, ()) if is_looked_at(state, now) else None
    if state.checked_at > 0.0 and now <= state.checked_at + _HOLDS_SECONDS:
        return None
    return replace(state, check_asked_at=now), (Order.CHECK_HOST,)


def is_looked_at(state: State, now: float) -> bool:
    """Whether the look is under way that comes before an image is given up."""
    return state.checked_at < state.check_asked_at and now < state.check_asked_at + PATIENCE_SECONDS


def patience_ends(state: State) -> float:
    """Until when that look is waited for; 0: it has come back."""
    return state.check_asked_at + PATIENCE_SECONDS if state.checked_at < state.check_asked_at else 0.0


def trouble_since(state: State, since: float) -> str:
    """What is wrong with this host, or was since then, in sentences; empty: nothing that is known."""
    if state.hindrance:
        return state.hindrance.reason
    return state.host_note or (state.trouble if state.trouble_until > since else "")
