"""A pilot that talks: numbered lines on its standard output, and which of them are in the journal."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tests.support.endpoint import CONTAINER
from tests.support.host import Host
from tests.support.waiting import wait_until

# In the pilot's scratch directory: how many were written so far. The host keeps a link, as that may go with the pilot.
_COUNT, _KEPT = "lines-written", "lines-kept"
_WRITER = f"""
number=0
while sleep 0.1; do
    number=$((number + 1))
    echo "numbered line $number" && echo $number >>/pilot/{_COUNT}
done >/proc/1/fd/1
"""
_LINE = re.compile(r"numbered line (\d+)$")


@dataclass(frozen=True)
class Lines:
    """What became of the lines. Each was written once."""

    written: int
    lost: int
    doubled: int


def begin(host: Host, scratch: str) -> None:
    """Let the pilot of our name write ten lines a second, until it ends. They go through its first process's output."""
    host.do("docker", "exec", "--detach", "--user=1000", CONTAINER, "sh", "-c", _WRITER)
    keep = f"ln -f $(ls {scratch}/{_COUNT} {scratch}/ospool-ep-pilot-*/{_COUNT} 2>/dev/null) {scratch}/{_KEPT}"
    wait_until(lambda: not host.run(["sh", "-c", keep]).returncode, "the pilot counts lines")
    wait_until(lambda: written(host, scratch), "the pilot writes lines")


def written(host: Host, scratch: str) -> int:
    """How many it has written."""
    text = host.run(["tail", "--lines=1", f"{scratch}/{_KEPT}"]).stdout.strip()
    return int(text or 0)


def count(messages: Iterable[str], at_least: int) -> Lines:
    """Compare the journal's messages with what was written: ``at_least`` so many."""
    seen = Counter(int(found[1]) for found in map(_LINE.search, messages) if found)
    # The number is noted after the line: the very last line may be in the journal, and not noted.
    total = max([at_least, *seen])
    missing = sum(1 for number in range(1, total + 1) if number not in seen)
    return Lines(total, missing, sum(times - 1 for times in seen.values()))
