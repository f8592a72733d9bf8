"""The lines that a pilot writes, and what some of them hint at."""

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
