"""What the event log of jobs tells of a hand-over: which pilot ran which job, how long a core waited for the next."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Optional

_EVENT = re.compile(r"^(?P<number>\d{3}) \(\d+\.(?P<job>\d+)\.\d+\) (?P<moment>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)")
_HOST = re.compile(r"Job executing on host: <(?P<address>[^?>]+)")
_SLOT = re.compile(r"^\s+SlotName: \S+@(?P<machine>\S+)", re.MULTILINE)
_EXECUTING, _TERMINATED, _CUT_OFF = "001", "005", ("004", "007", "024")


@dataclass(frozen=True)
class Run:
    """One run of a job, one core of that pilot; in seconds since the epoch. Without an end it still goes on."""

    pilot: str
    begin: float
    end: Optional[float] = None
    cut_off: bool = False


@dataclass(frozen=True)
class HandOver:
    """From one pilot to the next. ``waits``: of each core, the seconds from the old pilot's job to the next one's.

    It lasts from the last job's begin in the old pilot to the last job's end there; ``busy`` are the core-seconds of
    jobs meanwhile.
    """

    begin: float
    end: float
    busy: float
    waits: tuple[float, ...]


def seconds(moment: str) -> float:
    """Seconds since the epoch of what stands in the log."""
    return datetime.strptime(moment, "%Y-%m-%d %H:%M:%S").timestamp()


def runs(log: str) -> list[Run]:
    """The runs of all jobs, in the order in which they began."""
    found: list[Run] = []
    begun: dict[str, int] = {}
    for event in re.split(r"^\.\.\.\n", log, flags=re.MULTILINE):
        head = _EVENT.match(event)
        if head is None:
            continue
        number, job, at = head["number"], head["job"], seconds(head["moment"])
        if number == _EXECUTING:
            begun[job] = len(found)
            found.append(Run(_pilot(event), at))
        elif job in begun and (number == _TERMINATED or number in _CUT_OFF):
            index = begun.pop(job)
            found[index] = replace(found[index], end=at, cut_off=number in _CUT_OFF)
    return found


def _pilot(event: str) -> str:
    """The host name of its container; where the log has none, its address."""
    slot, host = _SLOT.search(event), _HOST.search(event)
    return slot["machine"] if slot else host["address"] if host else ""


def busy(of: Iterable[Run], begin: float, end: float) -> float:
    """The core-seconds of jobs in that time."""
    return sum(max(0.0, min(end, run.end or end) - max(begin, run.begin)) for run in of)


def most_at_once(of: Iterable[Run]) -> int:
    """How many jobs ran at once, at most; one that begins in the second in which another one ends follows it."""
    changes = sorted((moment, step) for run in of for moment, step in ((run.begin, 1), (run.end, -1)) if moment)
    most = now = 0
    for _, step in changes:
        now += step
        most = max(most, now)
    return most


def hand_overs(of: Sequence[Run]) -> Iterator[HandOver]:
    """All that have come to their end."""
    pilots = list(dict.fromkeys(run.pilot for run in of))
    for old, following in zip(pilots, pilots[1:]):
        own, others = ([run for run in of if run.pilot == pilot] for pilot in (old, following))
        if all(run.end for run in own):
            begin, end = max(run.begin for run in own), max(run.end or 0.0 for run in own)
            yield HandOver(begin, end, busy(of, begin, end), tuple(_waits(own, others, begin)))


def _waits(own: Iterable[Run], others: Sequence[Run], begin: float) -> Iterator[float]:
    """Each job that ends in the old pilot once its last one began frees a core, and the next pilot fills one more."""
    ends = sorted(run.end for run in own if run.end and run.end > begin)
    filled = _first_fills(others)
    for freed, taken in zip(ends, filled):
        yield max(0.0, taken - freed)


def _first_fills(of: Sequence[Run]) -> list[float]:
    """When a pilot first ran one job, two jobs, and so on."""
    changes = sorted((moment, step) for run in of for moment, step in ((run.begin, 1), (run.end, -1)) if moment)
    fills: list[float] = []
    now = 0
    for moment, step in changes:
        now += step
        if now > len(fills):
            fills.append(moment)
    return fills
