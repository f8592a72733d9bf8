"""Containers that have ended and were not removed: beside the pilots that run that is tried again after a while.

Where no pilot runs, the next look at the engine finds them.
"""

from dataclasses import replace

from ospool_ep.lifecycle import events as ev
from ospool_ep.lifecycle.actions import Do, Outcome, Verb
from ospool_ep.lifecycle.retries import REMOVE_AGAIN_SECONDS
from ospool_ep.lifecycle.state import State


def refused(state: State, event: ev.RemoveRefused, now: float) -> State:
    """With a container that is to be removed once more."""
    again_at = state.remove_again_at if state.unremoved else now + REMOVE_AGAIN_SECONDS
    others = tuple(one for one in state.unremoved if one != event.container_id)
    return replace(state, unremoved=(*others, event.container_id), remove_again_at=again_at)


def remove_again(state: State, now: float) -> Outcome:
    """It is time to try it once more; one that somebody has started again is a pilot."""
    if not state.unremoved or now < state.remove_again_at:
        return state, ()
    due = (one for one in state.unremoved if state.pilot(one) is None)
    return replace(state, unremoved=()), tuple(Do(Verb.REMOVE, one) for one in due)
