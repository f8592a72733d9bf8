"""How things are put for a person: spans and moments of time, sentences, what a terminal prints, short names."""

import time
from collections.abc import Sequence


def duration(seconds: float) -> str:
    """A span of time in its two largest units, as a person says it: 3 d 4 h, 12 min, 8 s."""
    rest = max(0, int(seconds))
    parts = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if rest >= size:
            parts.append(f"{rest // size} {unit}")
            rest %= size
    return " ".join(parts[:2]) or "0 s"


def weekday_and_time(moment: float) -> str:
    """A moment within a week, in seconds since the epoch, by this host's clock: Mon 18:00."""
    return time.strftime("%a %H:%M", time.localtime(moment))


def sentence(text: str) -> str:
    """The text in one line, with a full stop unless it ends a sentence by itself."""
    line = one_line(text)
    return line if line.endswith((".", "?", "!")) else f"{line}."


def one_line(text: str) -> str:
    """The text without its line breaks, and printable."""
    return printable(" ".join(text.split()))


def printable(text: str) -> str:
    """The text on one line: a character that a terminal would not print becomes its escape."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def listed(words: Sequence[str]) -> str:
    """One word or more in a sentence: a, b and c."""
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]


def excerpt(text: str, longest: int = 200) -> str:
    """The beginning of a text that somebody else wrote, printable and on one line."""
    text = printable(text)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def short_id(identifier: str) -> str:
    """A container's id as the engine's own commands print it, and take it: its first twelve digits."""
    return identifier[:12]
