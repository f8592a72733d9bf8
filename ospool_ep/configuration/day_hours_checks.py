"""What is wrong with OSPOOL_EP_HOURS, and how the same is written: people write hours in many ways."""

import re
from collections.abc import Iterator
from typing import Optional

from ospool_ep.configuration.day_hours import WrongPart, parse, parts
from ospool_ep.configuration.findings import Finding, error, info
from ospool_ep.configuration.masking import quoted

_FORM = "Write 18-8, or 18:30-7:45; with days Mon-Fri 18-8, Sat-Sun 0-24."
# Nobody needs more of them at once.
_MOST_WRONG = 5
# No value that is meant is longer; the mend of a long one would take its time.
_LONGEST = 1000

_HALF_OF_DAY = re.compile(r"([0-9]{1,2})(:[0-9]{2})? ?([ap])\.?m\b\.?", re.IGNORECASE)
# What people write, and what it is here.
_MENDS = tuple(
    (re.compile(pattern, re.IGNORECASE), mend)
    for pattern, mend in (
        (r"[\"'`\u2018-\u201f\u00ab\u00bb]", ""),
        (r"[\u2010-\u2015\u2212\ufe58\ufe63\uff0d~]|\.\.+| (?:to|till?|until|bis) ", "-"),
        (r"[;&+\n]| and | und ", ","),
        (r"\b(?:daily|every ?day|täglich)\b", ""),
        (r"\bweekdays?\b", "Mon-Fri"),
        (r"\bweekends?\b", "Sat-Sun"),
        (r"([0-9]) ?(?:uhr|o.?clock)\b", r"\1"),
        (r"\b([0-9]{1,2})[.h]([0-9]{2})\b", r"\1:\2"),
        (r"\b([0-9]{1,2}) ?h\b", r"\1"),
        (r"\b([0-9]{2})([0-9]{2})\b", r"\1:\2"),
        (r"(:[0-9]{2}):00\b", r"\1"),
        (r"\b24(?::00)? ?-", "0-"),
        (r"([a-z])\.(?=[ -])", r"\1"),
        (r"([a-z]):? ?([0-9])", r"\1 \2"),
    )
)
# Two letters, and the other languages' three.
_NAMES = {
    "mon": "mo lun lunes lundi montag", "tue": "tu di die dienstag mar mardi martes",
    "wed": "we mi mit mittwoch mer mie", "thu": "th do don donnerstag jeu jue", "fri": "fr fre freitag ven vie",
    "sat": "sa sam samstag sab sonnabend", "sun": "su so son sonntag dom dim",
}  # fmt: skip
_ENGLISH = {word: day.capitalize() for day, words in _NAMES.items() for word in words.split()}
_DAYS_LAST = re.compile(r"^ *([0-9][0-9: -]*[0-9]) +([a-z][a-z -]*?) *$", re.IGNORECASE)
_DAYS_ONLY = re.compile(r" *([a-z]+(?: ?- ?[a-z]+)?) *", re.IGNORECASE)


def check_day_hours(value: str) -> Iterator[Finding]:
    """An error for each part that says no hours; an info where they are all of the week."""
    wrong = [part for part in parts(value[:_LONGEST]) if isinstance(part, WrongPart)]
    mended = _mended(value) if wrong else None
    for part in wrong[:_MOST_WRONG]:
        hint = f"Write OSPOOL_EP_HOURS={mended}" if mended else part.mend or _FORM
        yield error("hours-invalid", f"{quoted(part.text or value)} says no hours: {part.problem}.", hint)
    if not wrong and len(value) > _LONGEST:
        yield error("hours-invalid", f"{quoted(value)} is too long.", _FORM)
    elif not wrong and parse(value).are_always:
        yield info("hours-always", "These hours are all of the week: jobs are always accepted.", "Or leave it empty.")


def _mended(value: str) -> Optional[str]:
    """The same as it is written here; None where that is not plain."""
    halves = len(_HALF_OF_DAY.findall(value))
    text = _HALF_OF_DAY.sub(_of_whole_day, value[:_LONGEST])
    for pattern, mend in _MENDS:
        text = pattern.sub(mend, text)
    text = re.sub("[^\\W\\d_]+", lambda word: _ENGLISH.get(word[0].lower(), word[0]), text)
    hours = [_DAYS_LAST.sub(r"\2 \1", part) for part in text.split(",") if part.strip()]
    written = ", ".join(" ".join(part.split()) for part in _with_their_hours(hours))
    times = len(re.findall("[0-9]+(?::[0-9]+)?", written))
    # Of 6-8pm nobody knows which half of the day 6 is in.
    plain = halves in (0, times) and not any(isinstance(part, WrongPart) for part in parts(written))
    return written if plain else None


def _of_whole_day(found: "re.Match[str]") -> str:
    hour = int(found[1]) % 12 + (12 if found[3].lower() == "p" else 0)
    return f"{hour}{found[2] or ''}"


def _with_their_hours(parts_of_text: list[str]) -> Iterator[str]:
    """Days that stand alone have the hours of the days after them: Mon, Wed 18-8."""
    hours = ""
    written = list[str]()
    for part in reversed(parts_of_text):
        times = re.search("[0-9][0-9: -]*$", part)
        hours = times[0] if times else hours
        written.append(f"{part} {hours}" if _DAYS_ONLY.fullmatch(part) else part)
    return reversed(written)
