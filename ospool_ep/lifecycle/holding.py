"""Whether a shutdown of this host is to be held back, where OSPOOL_EP_HOLD_SHUTDOWN asks for that: while jobs run."""

from typing import Optional

from ospool_ep.lifecycle.state import Obstacle, Phase, State


def holds(state: State) -> Optional[bool]:
    """Whether jobs run that a shutdown would end; None: that is not known now, and what was so before counts.

    A service that stops, or makes room for the next process, holds nothing: its stop must not wait for itself.
    """
    if not state.policy.hold_shutdown or state.stop_asked or state.leaving:
        return False
    jobs = [pilot.state.jobs for pilot in state.pilots if not pilot.has_no_jobs]
    if any(jobs):
        return True
    # While the engine does not answer, nobody knows which pilots there are.
    unseen = state.phase is Phase.LOOKING or (state.phase is Phase.WAITING and state.obstacle is Obstacle.ENGINE)
    return None if None in jobs or (unseen and not state.pilots) else False
