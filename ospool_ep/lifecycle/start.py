"""A start that somebody waits for: it ends well, or at the first failure, or where nothing moves any more.

Who starts the service by hand, or at boot, is told by that how it went. Whoever waits is let go then: the process that
systemd starts next is one that nobody waits for, and it tries until a pilot runs.
"""

from dataclasses import replace

from ospool_ep.lifecycle.actions import Action, Order, Outcome, Priority, Say
from ospool_ep.lifecycle.events import Event, PullProgressed
from ospool_ep.lifecycle.state import Phase, State
from ospool_ep.this_service import this_service

# A start in which nothing has moved for so long has failed. What a download brings is a move.
STILL_SECONDS = 60.0

_STILL = {
    Phase.LOOKING: "The container engine has not answered within {seconds:.0f} s.",
    Phase.PULLING: "Nothing of the image {image} has come for {seconds:.0f} s."
    f" See what its registry says: {this_service().command('update')} --check",
    Phase.LAUNCHING: "The container engine has not started the pilot within {seconds:.0f} s.",
}
GOES_ON = (
    "The start has failed; the service goes on and tries again by itself. It reads a changed configuration by itself,"
    f" too. What it waits for: {this_service().command('status')}. To end it: systemctl stop {this_service().name}"
)


def goes_on(state: State, before: State, event: Event, now: float, *actions: Action) -> Outcome:
    """The same state and actions, while a start is under way: it may be over, or have failed."""
    if state.stop_asked or state.leaving or state.phase not in _STILL:
        return replace(state, start_by=0.0), actions
    moves = isinstance(event, PullProgressed) and event.reference == state.images.reference
    if state.phase is not before.phase or moves:
        return replace(state, start_by=now + STILL_SECONDS), actions
    if now < state.start_by:
        return state, actions
    return failed(state, _STILL[state.phase].format(image=state.images.reference, seconds=STILL_SECONDS), *actions)


def failed(state: State, text: str, *before: Action) -> Outcome:
    """The process ends. ``text`` says why, in sentences."""
    ended = replace(state, phase=Phase.ENDED, start_failed=True, start_by=0.0, wake_at=0.0)
    return ended, (*before, Say(Priority.ERROR, f"{text} {GOES_ON}"), Order.EXIT)
