"""What the pilots of this host hold of it, and so what the one that takes jobs may believe that the others hold.

The sum of what all pilots run never exceeds what one of them offers: each core and each MB is either held by a job, or
on offer by one pilot.
"""

from typing import Optional

from ospool_ep.lifecycle.state import Pilot, Stage, State
from ospool_ep.pilot.state import EVERYTHING, NOTHING, Share, Startd


def held_by_others(state: State, pilot: Pilot) -> Optional[Share]:
    """What that pilot is to believe that the others hold; None where that is not known yet, and nothing is told.

    It is EVERYTHING as long as one of them may still take a job.
    """
    held = NOTHING
    for other in state.pilots:
        if other.container_id == pilot.container_id:
            continue
        part = _held_by(other)
        if part is None or part == EVERYTHING:
            return part
        held += part
    return held


def _held_by(other: Pilot) -> Optional[Share]:
    if is_closed(other):
        return other.holds or NOTHING
    if other.confirmed:
        # That its startd has gone, or its container, is all that frees what it held last.
        return EVERYTHING if other.holds is None else other.holds
    # It ran before our process, and has not said yet whether it takes jobs.
    return None if other.stage is Stage.FOUND and not other.asked else EVERYTHING


def is_closed(pilot: Pilot) -> bool:
    """Whether it takes no job: it was made so, and has not been told otherwise."""
    if not pilot.begins_closed or pilot.telling not in (None, EVERYTHING) or ignores_others(pilot):
        return False
    # A startd that is not up takes none, and begins with the values that it was made with.
    down = pilot.state.startd in (Startd.MISSING, Startd.STARTING)
    return down or pilot.believes == EVERYTHING or (not pilot.was_in_pool and pilot.state.startd is not Startd.READY)


def ignores_others(pilot: Pilot) -> bool:
    """Whether it has shown that it takes jobs whatever others hold: its image does not do what it was made to do."""
    answer = pilot.state
    # Its ad would say what it believes, as soon as there is one.
    is_ignorant = answer.startd is Startd.READY and answer.jobs is not None and answer.believes is None
    return pilot.begins_closed and (answer.heeds is False or is_ignorant)
