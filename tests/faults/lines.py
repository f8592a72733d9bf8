"""A pilot that talks: numbered lines on its standard output, and which of them are in the journal."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tests.support.endpoint import CONTAINER
from tests.support.host import Host
from tests.support.waiting import wait_until

# In the pilot's scratch directory, which the host has as well: how many were written so far. That directory goes with
# the pilot, and so the file has a second name beside it.
_COUNT = "lines-written"
_WRITER = f"""
number=0
while sleep 0.1; do
    number=$((number + 1))
    echo "numbered line $number" && printf %08d $number 1<>/pilot/{_COUNT}
done >/proc/1/fd/1
"""
_KEEP = f"""
for file in "$1"/ospool-ep-pilot-*/{_COUNT}; do [ ! -e "$file" ] || ln --force "$file" "$1/{_COUNT}"; done
[ -s "$1/{_COUNT}" ]
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
    wait_until(lambda: host.run(["sh", "-c", _KEEP, "keep", scratch]).returncode == 0, "the pilot writes lines")


def written(host: Host, scratch: str) -> int:
    """How many it has written."""
    text = host.run(["cat", f"{scratch}/{_COUNT}"]).stdout.strip()
    return int(text or 0)


def count(messages: Iterable[str], at_least: int) -> Lines:
    """Compare the journal's messages with what was written: ``at_least`` so many."""
    seen = Counter(int(found[1]) for found in map(_LINE.search, messages) if found)
    # The number is noted after the line: the very last line may be in the journal, and not noted.
    total = max([at_least, *seen])
    missing = sum(1 for number in range(1, total + 1) if number not in seen)
    return Lines(total, missing, sum(times - 1 for times in seen.values()))
