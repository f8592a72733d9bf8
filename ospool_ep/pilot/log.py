"""The lines that a pilot writes, when it wrote them, and what some of them hint at."""

import calendar
import re
from dataclasses import dataclass

# What the daemons log when any of the answers may have changed: worth asking again at once.
HINT = re.compile(rb"Changing (?:state|activity)|SECMAN|AUTHENTICATE|DENIED|PERMISSION|[Dd]rain|Failed to|exited|Ready")

# What the startd logs as its last: the end of the container follows in a moment.
LAST_WORDS = re.compile(rb"condor_STARTD\) pid \d+ EXITING WITH STATUS")


@dataclass(frozen=True)
class LogLine:
    """One line that the container wrote, without its newline.

    ``cursor`` names this line, so that a later reader goes on right after it: the engine's own timestamp, ``#``, and
    a number that tells lines with the same timestamp apart.
    """

    cursor: str
    stream: str  # "stdout" or "stderr"
    text: bytes


_STAMP = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))")


def nanoseconds(stamp: str) -> int:
    """An RFC 3339 timestamp in nanoseconds since the epoch. ValueError for anything else."""
    found = _STAMP.fullmatch(stamp)
    if found is None:
        raise ValueError(f"not a timestamp: {stamp!r}")
    *date, fraction, sign, hours, minutes = found.groups()
    seconds = calendar.timegm(tuple(int(part) for part in date))
    if sign:
        east = 1 if sign == "+" else -1
        seconds -= east * (int(hours) * 3600 + int(minutes) * 60)
    return seconds * 1_000_000_000 + int((fraction or "0").ljust(9, "0")[:9])
