"""Which warnings and errors a host's journal may hold: those on the allow-list, and those that a test expects."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.support.host import JournalEntry

ALLOW_LIST = Path(__file__).parents[1] / "host" / "journal-allow-list.txt"
# What a machine with Podman, SELinux and a slow processor may say besides.
MACHINES_ALLOW_LIST = Path(__file__).parents[1] / "vm" / "journal-allow-list.txt"
WARNING = 4


@dataclass(frozen=True)
class Rule:
    """Allows messages of one source that match in whole, for a reason. The source is SYSLOG_IDENTIFIER."""

    source: str
    message: "re.Pattern[str]"
    reason: str

    def allows(self, entry: JournalEntry) -> bool:
        """Whether the entry is one that this rule is for."""
        return entry.identifier == self.source and self.message.fullmatch(entry.message) is not None


def read_rules(text: str) -> list[Rule]:
    """Rules from lines ``SOURCE: PATTERN`` that follow the comment with their reason. ValueError without a reason."""
    rules, reason = [], ""
    for line in text.splitlines():
        if line.startswith("#"):
            reason = line.lstrip("# ")
        elif line.strip():
            source, _, pattern = line.partition(": ")
            if not (reason and pattern):
                raise ValueError(f"no reason or no pattern: {line}")
            rules.append(Rule(source, re.compile(pattern, re.DOTALL), reason))
        else:
            reason = ""
    return rules


def complaints(
    entries: Iterable[JournalEntry], expected: Iterable[str] = (), allowed: Iterable[Path] = (ALLOW_LIST,)
) -> list[str]:
    """What is wrong with a journal: each warning or error that nothing allows, each expected one that is not there.

    ``expected`` are regular expressions to be found in messages, ``allowed`` the lists of what is.
    """
    rules = [rule for path in allowed for rule in read_rules(path.read_text(encoding="utf-8"))]
    found, seen = [], set()
    for entry in entries:
        if entry.priority > WARNING:
            continue
        matching = [pattern for pattern in expected if re.search(pattern, entry.message)]
        seen.update(matching)
        if not matching and not any(rule.allows(entry) for rule in rules):
            found.append(f"not on the allow-list: {entry.identifier}: {entry.message} (priority {entry.priority})")
    missing = [pattern for pattern in expected if pattern not in seen]
    return found + [f"expected in the journal and not there: {pattern}" for pattern in missing]
