"""After which time what failed, or was refused, is tried again; and the wait until then."""

from dataclasses import replace

from ospool_ep.lifecycle import start
from ospool_ep.lifecycle.actions import Action, Outcome, Priority, Say
from ospool_ep.lifecycle.state import Hindrance, Obstacle, Phase, State

# A pilot that has lived for so long, and was in the pool, is followed by the next one at once.
YOUNG_SECONDS = 60.0
FIRST_DELAY_SECONDS = 5.0
LONGEST_DELAY_SECONDS = 1800.0
# To look whether an engine is back, or whether somebody has removed a container, costs next to nothing.
ENGINE_DELAY_SECONDS = 10.0
FOREIGN_DELAY_SECONDS = 60.0
# At a boot a registry may refuse only because the clock is not set yet. A question each five minutes is below the
# limits of registries (Docker Hub counts pulls of images, a hundred in six hours and more).
IMAGE_DELAY_SECONDS = 300.0
# A look at this host, for what was mounted or put in place late, takes a helper process and a tenth of a second of CPU.
HOST_DELAY_SECONDS = 30.0
# A pilot that refuses to drain is told again, and as seldom as it has refused for long.
DRAIN_AGAIN_SECONDS = 10.0
DRAIN_AGAIN_AT_MOST_SECONDS = 600.0
# A name that was refused, as somebody else's container has it, and a container that was not removed.
NAME_AGAIN_SECONDS = 60.0
REMOVE_AGAIN_SECONDS = 60.0
# After a stop that was refused, what runs is looked for again.
STOP_AGAIN_SECONDS = 60.0
# What a pilot was not told is told again.
TELL_AGAIN_SECONDS = 5.0


def retry_delay(failures: int) -> float:
    """How long to wait after so many failures in a row: 5 s, doubled each time, at most half an hour."""
    return min(FIRST_DELAY_SECONDS * 2.0 ** min(failures - 1, 20), LONGEST_DELAY_SECONDS)


def not_ready(state: State, hindrance: Hindrance, now: float) -> Outcome:
    """No pilot can be made on this host; what was found stands in the journal before."""
    text = f"No pilot can run now: mend the errors above ({', '.join(hindrance.codes)})."
    waiting, actions = wait(state, Obstacle.HOST, text, now, longest=HOST_DELAY_SECONDS)
    return replace(waiting, reason=f"No pilot can run now: {hindrance.reason}"), actions


def failed(state: State, obstacle: Obstacle) -> State:
    """The same, with one more failure in a row."""
    return replace(state, obstacle=obstacle, failures=state.failures + 1 if obstacle is state.obstacle else 1)


def wait(
    state: State, obstacle: Obstacle, reason: str, now: float, *before: Action, longest: float = LONGEST_DELAY_SECONDS
) -> Outcome:
    """No next pilot can be made: try again later, and later each time, up to ``longest`` seconds.

    Those that run go on. A start that somebody waits for has failed by that.
    """
    if state.start_by:
        return start.failed(state, reason, *before)
    state = failed(state, obstacle)
    failures = state.failures
    delay = min(retry_delay(failures), longest)
    waiting = replace(state, phase=Phase.WAITING, reason=reason, waits_until=now + delay, percent=None, said=reason)
    if not state.pilots:
        waiting = replace(waiting, wake_at=now + delay, again_at=0.0, pulled_at=None, host_note="")
    # What goes on every few seconds is said until the delay no longer grows; from then on it stands in the status.
    grows = failures == 1 or delay > min(retry_delay(failures - 1), longest)
    if reason == state.said and not grows and delay < LONGEST_DELAY_SECONDS:
        return waiting, before
    ever = "" if delay < longest else f", and every {delay:.0f} s from then on"
    return waiting, (*before, Say(Priority.ERROR, f"{reason} Next try in {delay:.0f} s{ever}."))
