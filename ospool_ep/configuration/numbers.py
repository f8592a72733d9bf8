"""Numbers as those read them who get them: HTCondor, bash and Python differ over signs, fractions and leading zeros."""

import re
from typing import Optional

from ospool_ep.configuration.option import Kind, Option

# HTCondor's own limit for the numbers in its configuration, src/condor_utils/param_functions.cpp.
_LARGEST = 2**31 - 1
# The image adds the seconds of its hours to the time, as 64-bit numbers do in bash, and in HTCondor's expressions.
_LATEST = 2**63 - 1 - 2**33

_LARGEST_OF = {Kind.PILOT_HOURS: _LATEST // 3600, Kind.IDLE_MINUTES: _LARGEST // 60}
_OCTAL_KINDS = frozenset(_LARGEST_OF)
# No more digits fit into 64 bits.
_MOST_DIGITS = 18

_WHOLE = re.compile(r"\+?0*([0-9]{1,10})")
_WITH_FRACTION = re.compile(r"\+?0*([0-9]{1,10})\.[0-9]*")
_DIGITS = re.compile(r"[0-9]{1,20}")
# A line break in front would end the line of HTCondor's configuration before its value.
_MINUTES = re.compile(r"[ \t]*([+-]?)([0-9]{1,10}(?:\.[0-9]{0,10})?)\s*", re.ASCII)
_PLAINLY = re.compile(r"\s*\+?([0-9]+)(?:\.[0-9]*)?\s*", re.ASCII)


def as_number(option: Option, value: str) -> Optional[int]:
    """The positive integer that a value of a key stands for; None when it is none for those who read it."""
    number = _read(option.kind, value)
    return number if number is not None and 0 < number <= largest(option.kind) else None


def largest(kind: Kind) -> int:
    """The largest number of that kind that those take who read it."""
    return _LARGEST_OF.get(kind, _LARGEST)


def is_too_large(kind: Kind, value: str) -> bool:
    """Whether a value is plainly a number, and larger than that."""
    match = _PLAINLY.fullmatch(value)
    if match is None:
        return False
    digits = match[1].lstrip("0")
    if len(digits) > _MOST_DIGITS:
        return True
    octal = _octal(match[1]) if kind in _OCTAL_KINDS and match[1].startswith("0") else None
    return (int(digits or "0") if octal is None else octal) > largest(kind)


def as_python(value: str) -> Optional[int]:
    """The integer that a value is as a literal of Python's, which calls a leading zero a mistake; else None."""
    try:
        return int(value, 0) if value.isascii() else None
    except ValueError:
        return None


def is_whole(value: str) -> bool:
    """Whether a value is written as a whole number that is not negative."""
    return _WHOLE.fullmatch(value) is not None


def is_octal(value: str) -> bool:
    """Whether bash and HTCondor's expressions take a value for an octal number, and so for another one than people do.

    It may then be none: with an 8 or a 9 in it.
    """
    return re.fullmatch("0[0-9]{1,20}", value) is not None and _octal(value) != int(value)


def as_minutes(value: str) -> Optional[float]:
    """The minutes that HTCondor makes of a value with ``* 60`` behind it; below 0, too; None when it refuses that.

    It reads an expression, since there is an operator (string_is_long_param in src/condor_utils/condor_config.cpp), and
    ends where there is none. Source: the image's 50-main.config.
    """
    match = _MINUTES.fullmatch(value)
    if match is None:
        return None
    octal = _octal(match[2]) if match[2].startswith("0") and match[2].isdecimal() else float(match[2])
    minutes = None if octal is None else float(octal)
    return minutes if minutes is None or match[1] != "-" else -minutes


def _read(kind: Kind, value: str) -> Optional[int]:
    if kind is Kind.PILOT_HOURS:
        return _by_bash(value)
    if kind is Kind.IDLE_MINUTES:
        minutes = as_minutes(value)
        return None if minutes is None else int(minutes)
    if kind is Kind.PORT:
        return as_python(value)
    # docker run --cpus takes a fraction, and HTCondor cuts it off; but for that both read decimal numbers.
    return _first(_WHOLE, value) or (_first(_WITH_FRACTION, value) if kind is Kind.CPUS else None)


def _by_bash(value: str) -> Optional[int]:
    """The image wants digits and nothing else, and calculates with them in ``$(( ))`` (its 10-setup-htcondor.sh)."""
    if not _DIGITS.fullmatch(value):
        return None
    return _octal(value) if value.startswith("0") else int(value)


def _octal(digits: str) -> Optional[int]:
    return int(digits, 8) if re.fullmatch("[0-7]+", digits) else None


def _first(pattern: "re.Pattern[str]", value: str) -> Optional[int]:
    match = pattern.fullmatch(value)
    return int(match[1]) if match else None
