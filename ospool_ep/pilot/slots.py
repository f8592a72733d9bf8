"""What the startd says of its slots: what they have in all, what of that is taken, and by which jobs.

All is of one moment: the startd puts the ads of its slots together while it does nothing else.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Optional

from ospool_ep.pilot.state import HELD_CPUS, HELD_MEMORY, Job, Share
from ospool_ep.wording import excerpt

# A startd that has its order to end makes the Requirements of its slots a literal false; before that the master says
# already that it drains. Source: HTCondor, src/condor_startd.V6/Reqexp.cpp.
_TAKES_NONE = 'toLower(unparse(Requirements)) == "false"'
COLUMNS = (
    "Name", "State", "Activity", "JobId", "JobStart", "SlotType", "TotalSlotCpus", "TotalSlotMemory", "Cpus", "Memory",
    HELD_CPUS, HELD_MEMORY, "GLIDEIN_ToRetire", "GLIDEIN_ToDie", _TAKES_NONE,
)  # fmt: skip

# Seconds since the epoch, as long as those have ten digits.
_MOMENT = re.compile("[0-9]{1,10}")
_AMOUNT = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,6})?")

Slot = Mapping[str, str]


def read(text: str) -> tuple[Slot, ...]:
    """The slots that were printed, by the names of their columns; lines that say something else are left out."""
    rows = (row for row in map(str.split, text.splitlines()) if row and "@" in row[0])
    return tuple(dict(zip(COLUMNS, row)) for row in rows if len(row) == len(COLUMNS))


def jobs(slots: Sequence[Slot]) -> tuple[Job, ...]:
    """The jobs that run in them."""
    # A slot that is claimed and idle between two jobs has no job to lose; a job that is preempted has not ended yet.
    return tuple(
        Job(excerpt(slot["Name"].partition("@")[0]), excerpt(slot["JobId"]), _moment(slot["JobStart"]) or 0.0)
        for slot in slots
        if slot["State"] in _TAKEN and slot["JobId"] != "undefined"
    )


def size(slots: Sequence[Slot]) -> Optional[Share]:
    """What they have in all; None where they don't say."""
    return _sum([_share(slot["TotalSlotCpus"], slot["TotalSlotMemory"]) for slot in _undivided(slots)])


def holds(slots: Sequence[Slot]) -> Optional[Share]:
    """What of that is taken, a part of a core as a whole one; None where they don't say."""
    return _sum([_held(slot) for slot in _undivided(slots)])


def believes(slots: Sequence[Slot]) -> Optional[Share]:
    """What they take the other pilots of this host to hold: the least where they differ; None where one can't say."""
    said = [_share(slot[HELD_CPUS], slot[HELD_MEMORY]) for slot in _undivided(slots)]
    known = [share for share in said if share is not None]
    if not known or len(known) < len(said):
        return None
    return Share(min(share.cpus for share in known), min(share.memory for share in known))


def moment(slots: Sequence[Slot], column: str) -> Optional[float]:
    """The first of the moments in a column, in seconds since the epoch; None where there is none."""
    moments = [_moment(slot[column]) for slot in _undivided(slots)]
    return min((moment for moment in moments if moment is not None), default=None)


def take_none(slots: Sequence[Slot]) -> bool:
    """Whether the startd itself says that it takes no claim any more."""
    undivided = _undivided(slots)
    return bool(undivided) and all(slot[_TAKES_NONE] == "true" for slot in undivided)


_TAKEN = ("Claimed", "Preempting")


def _undivided(slots: Sequence[Slot]) -> list[Slot]:
    """Those that no other one was divided into: what a dynamic slot has is missing in the one that it came from."""
    return [slot for slot in slots if slot["SlotType"] != "Dynamic"]


def _held(slot: Slot) -> Optional[Share]:
    total = _amounts(slot["TotalSlotCpus"], slot["TotalSlotMemory"])
    free = _amounts(slot["Cpus"], slot["Memory"])
    if total is None or free is None:
        return None
    if slot["SlotType"] != "Partitionable":
        free = (0.0, 0.0) if slot["State"] in _TAKEN else total
    return Share(*(max(0, math.ceil(of_all - of_free)) for of_all, of_free in zip(total, free)))


def _share(cpus: str, memory: str) -> Optional[Share]:
    amounts = _amounts(cpus, memory)
    return None if amounts is None else Share(*map(math.floor, amounts))


def _amounts(cpus: str, memory: str) -> Optional[tuple[float, float]]:
    if not _AMOUNT.fullmatch(cpus) or not _AMOUNT.fullmatch(memory):
        return None
    return float(cpus), float(memory)


def _sum(shares: Sequence[Optional[Share]]) -> Optional[Share]:
    known = [share for share in shares if share is not None]
    return sum(known[1:], known[0]) if known and len(known) == len(shares) else None


def _moment(text: str) -> Optional[float]:
    return float(text) if _MOMENT.fullmatch(text) else None
