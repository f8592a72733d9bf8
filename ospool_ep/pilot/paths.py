"""Which paths the pilot does not have: how it is asked, and how its answer is read."""

from collections.abc import Sequence
from typing import Optional

_LAST = "looked"


def missing_command(paths: Sequence[str]) -> tuple[str, ...]:
    """Prints the numbers, from 0, of the paths that are not there."""
    script = f"""\
number=0
for path; do
    [ -e "$path" ] || echo "$number"
    number=$((number + 1))
done
echo {_LAST}
"""
    return "/bin/sh", "-c", script, "sh", *paths


def read_missing(output: str, paths: Sequence[str]) -> Optional[frozenset[str]]:
    """Which of them are not there; None where the answer is none, or was cut off."""
    *numbers, last = output.split() or [""]
    known = {str(number): path for number, path in enumerate(paths)}
    if last != _LAST or not all(number in known for number in numbers):
        return None
    return frozenset(known[number] for number in numbers)
