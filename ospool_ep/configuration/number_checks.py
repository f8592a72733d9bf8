"""Whether a number is one that those take who get it, and the same one that the operator has meant."""

import re
from collections.abc import Iterator
from typing import Optional

from ospool_ep.configuration.findings import Finding, error, warning
from ospool_ep.configuration.masking import quoted
from ospool_ep.configuration.numbers import as_minutes, as_number, is_octal, is_too_large, is_whole, largest
from ospool_ep.configuration.option import GoesTo, Kind, Option

# In MB. The usual job of the OSPool takes 2 GB (https://osg-htc.org/campus-docs/ospool-requirements), and few get along
# with a quarter of that. An operator who sets less has meant GB, as a rule.
_MEMORY, LITTLE_MEMORY_MB = "MEMORY", 512

_CODE = "not-a-positive-integer"
_CPUS_OR_MB = "HTCondor takes at most {most}, and does not start with more"
_TOO_LARGE = {
    Kind.PILOT_HOURS: "the pilot's scripts calculate with at most {most} hours",
    Kind.IDLE_MINUTES: "HTCondor takes at most {most} minutes, and does not start with more",
}

_INTEGER = re.compile(r"[+-]?[0-9]{1,10}")
# What a person reads as a whole number, with blanks, a sign, zeros or the digits of another script.
_MEANT = re.compile(r"\s*\+?\s*0*(\d{1,9})(?:\.0*)?\s*")
_SIZE = re.compile(r"(?P<number>[1-9][0-9]{0,5})\s*(?P<unit>[MGT])i?B?", re.IGNORECASE | re.ASCII)
_IN_MB = {"m": 1, "g": 1024, "t": 1024**2}


def check_number(option: Option, value: str) -> Iterator[Finding]:
    """What is wrong with the value of a key that is a whole number."""
    if is_too_large(option.kind, value):
        return iter((_too_large(option, value),))
    if option.kind is Kind.PILOT_HOURS:
        return _check_hours(option, value)
    if option.kind is Kind.IDLE_MINUTES:
        return _check_minutes(option, value)
    return _check_plain(option, value)


def _too_large(option: Option, value: str) -> Finding:
    most = largest(option.kind)
    if option.kind in _TOO_LARGE or option.goes_to is GoesTo.BOTH:
        why = _TOO_LARGE.get(option.kind, _CPUS_OR_MB).format(most=most)
        return error("number-too-large", f"{quoted(value)} is too large: {why}.", f"Write a number up to {most}.")
    message = f"{quoted(value)} is more than any cache has."
    return warning("number-too-large", message, f"Write a number of MB, up to {most}.")


def _check_hours(option: Option, value: str) -> Iterator[Finding]:
    number = as_number(option, value)
    if is_octal(value):
        yield _octal(option, value, number, "hours")
    elif number is None:
        message = f"{quoted(value)} is no positive integer: the pilot takes nothing else, and ends at once."
        yield error(_CODE, message, _hint(option, value))


def _check_minutes(option: Option, value: str) -> Iterator[Finding]:
    minutes = as_minutes(value)
    if is_octal(value.strip().lstrip("+")):
        yield _octal(option, value.strip().lstrip("+"), None if minutes is None else int(minutes), "minutes")
    elif minutes is None:
        message = f"{quoted(value)} is no positive integer: HTCondor does not start with it."
        yield error(_CODE, message, _hint(option, value))
    elif minutes <= 0:
        yield warning(_CODE, f"{quoted(value)} is no positive integer.", _hint(option, value))
    elif not is_whole(value):
        yield warning(
            _CODE, f"{quoted(value)} is no integer: the pilot takes it for {minutes:g}.", _hint(option, value)
        )


def _octal(option: Option, value: str, number: Optional[int], unit: str) -> Finding:
    decimal = value.lstrip("0")
    if number is None:
        message = (
            f"{quoted(value)} begins with 0: the pilot takes it for an octal number, which has no 8 or 9, and ends."
        )
        return error(_CODE, message, f"Write {option.name}={decimal}.")
    message = f"{quoted(value)} begins with 0: the pilot takes it for an octal number, that is {number} {unit}."
    return warning("octal-number", message, f"Write {option.name}={number} for that, or {option.name}={decimal}.")


def _check_plain(option: Option, value: str) -> Iterator[Finding]:
    """An error, unless the pilot has a use for it, as it has for 0 or -1 where only it reads the value."""
    number = as_number(option, value)
    if option.name == _MEMORY and number is not None and number < LITTLE_MEMORY_MB:
        message = f"{number} MB are too little for nearly all jobs: the pilot gets none, or few."
        hint = f"The value is in MB: for {number} GB write MEMORY={number * 1024}, or leave it empty for all of it."
        yield warning("memory-too-small", message, hint)
        return
    if number is not None and is_whole(value):
        return
    if number is not None:
        message, fatal = f"{quoted(value)} is no integer: the pilot takes it for {number}.", False
    else:
        message = f"{quoted(value)} is no positive integer."
        fatal = option.required or option.goes_to is GoesTo.BOTH or not _INTEGER.fullmatch(value)
    hint = _size_hint(option, value) if option.kind is Kind.MEGABYTES else _hint(option, value)
    yield (error if fatal else warning)(_CODE, message, hint)


def _hint(option: Option, value: str) -> str:
    meant = _MEANT.fullmatch(value)
    return f"Write {option.name}={int(meant[1])}." if meant and int(meant[1]) else "Write a whole number above 0."


def _size_hint(option: Option, value: str) -> str:
    hint = "Write a whole number of MB above 0"
    size = _SIZE.fullmatch(value)
    return f"{hint}: {option.name}={int(size['number']) * _IN_MB[size['unit'].lower()]}" if size else f"{hint}."
