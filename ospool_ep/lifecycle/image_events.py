"""What follows from news of the images: how a pull does, and what the configured reference names here."""

from dataclasses import replace
from typing import Optional

from ospool_ep.lifecycle import events as ev
from ospool_ep.lifecycle.actions import Action, Order, Outcome, Priority, Say
from ospool_ep.lifecycle.next_pilot import needs_next
from ospool_ep.lifecycle.retries import IMAGE_DELAY_SECONDS, failed, retry_delay, wait
from ospool_ep.lifecycle.state import Obstacle, Phase, State
from ospool_ep.lifecycle.succession import settle
from ospool_ep.lifecycle.transitions import go_on

# The timer pulls once a day: an image of that age is as new as it gets, and no pilot waits for the registry's answer.
FRESH_SECONDS = 25 * 3600.0


def is_fresh(pulled_at: Optional[float], now: float) -> bool:
    """Whether an image that was pulled then, None for never, is as new as it gets. Both in seconds of one clock."""
    return pulled_at is not None and now - pulled_at < FRESH_SECONDS


def pull_progressed(state: State, event: ev.PullProgressed, _now: float) -> Outcome:
    """Only the status changes."""
    counts = state.phase is Phase.PULLING and event.reference == state.images.reference
    return (replace(state, percent=event.percent, pulled_by=event.by) if counts else state), ()


def pulled(state: State, event: ev.Pulled, now: float) -> Outcome:
    """The next pilot can be made, or the one that runs may have to make room."""
    state = _pull_ended(state, event.reference)
    if event.reference != state.images.reference:
        return state, ()
    pulled_at = None if event.warning else now if event.pulled_at is None else event.pulled_at
    state = replace(state, pulled_at=pulled_at, images=state.images.found(event.image))
    said = tuple(Say(Priority.WARNING, text) for text in (event.warning, event.remark) if text)
    if state.phase is Phase.PULLING:
        return replace(state, phase=Phase.LAUNCHING, percent=None), (*said, Order.LAUNCH)
    return settle(replace(state, failures=0), now, *said)


def pull_refused(state: State, event: ev.PullRefused, now: float) -> Outcome:
    """Without an image no pilot can be made; one that runs goes on meanwhile."""
    state = _pull_ended(state, event.reference)
    if event.reference != state.images.reference:
        return state, ()
    if state.phase is Phase.PULLING:
        return wait(state, Obstacle.IMAGE, event.reason, now, longest=IMAGE_DELAY_SECONDS)
    return _try_again_beside(state, event.reason, now) if needs_next(state, now) else (state, ())


def image_found(state: State, event: ev.ImageFound, now: float) -> Outcome:
    """What the reference names here, after an update or when the service has found its pilot running."""
    if event.reference != state.images.reference:
        return state, ()
    if event.image is None:
        return settle(replace(state, images=replace(state.images, here=False), pulled_at=None), now)
    pulled_at = state.pulled_at if event.pulled_at is None else event.pulled_at
    state = replace(state, images=state.images.found(event.image), pulled_at=pulled_at)
    if state.again_at:
        # What was to be asked again is answered.
        state = replace(state, again_at=0.0, failures=0)
    if state.phase is Phase.WAITING and pulled_at is not None and pulled_at >= state.since:
        # An update has just succeeded: what this waits for may have come with it.
        going, actions = go_on(replace(state, failures=0), now)
        return going, (*actions, *((Order.TIDY,) if going.pilots else ()))
    settled, actions = settle(state, now)
    return settled, (*actions, Order.TIDY)


def find_image_refused(state: State, event: ev.FindImageRefused, now: float) -> Outcome:
    """The engine does not say what the reference names here; the pilot that runs goes on meanwhile."""
    if event.reference != state.images.reference or not state.pilots:
        return state, ()
    return _try_again_beside(state, event.reason, now)


def _pull_ended(state: State, reference: str) -> State:
    # Another pull may have begun meanwhile, for a reference that was configured later.
    return replace(state, pulling="") if reference == state.pulling else state


def _try_again_beside(state: State, reason: str, now: float) -> Outcome:
    state = failed(state, Obstacle.IMAGE)
    delay = retry_delay(state.failures)
    said: Action = Say(Priority.ERROR, f"{reason} What runs goes on meanwhile. Next try in {delay:.0f} s.")
    return settle(replace(state, again_at=now + delay), now, said)
