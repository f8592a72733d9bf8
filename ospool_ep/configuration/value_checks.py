"""Whether the value of a known key is one that can work, key by key."""

import re
from typing import Optional

from ospool_ep.configuration import image_reference
from ospool_ep.configuration.findings import Finding, error, warning
from ospool_ep.configuration.masking import quoted
from ospool_ep.configuration.options import GoesTo, Kind, Option
from ospool_ep.configuration.values import as_length, as_number, is_truth_value, is_whole

# In MB. The usual job of the OSPool takes 2 GB (https://osg-htc.org/campus-docs/ospool-requirements), and few get along
# with a quarter of that. An operator who sets less has meant GB, as a rule.
_MEMORY, LITTLE_MEMORY_MB = "MEMORY", 512

_INTEGER = re.compile(r"[+-]?[0-9]{1,10}")
_SIZE = re.compile(r"(?P<number>[1-9][0-9]{0,5})\s*(?P<unit>[MGT])i?B?", re.IGNORECASE | re.ASCII)
_IN_MB = {"m": 1, "g": 1024, "t": 1024**2}
_PROXY = re.compile(
    r"(?:(?P<scheme>https?)://)?"
    r"(?:[^\s/@]*@)?"
    r"(?:[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?\.?|\[[0-9a-f:.]+\])"
    r"(?::(?P<port>[0-9]{1,5}))?/?",
    re.IGNORECASE | re.ASCII,
)


def check_value(option: Option, value: str, line: int) -> Optional[Finding]:
    """What is wrong with a value that is set, and not empty; None when nothing is."""
    check = _CHECKS.get(option.kind)
    return check(option, value, line) if check else None


def _check_truth(option: Option, value: str, line: int) -> Optional[Finding]:
    if is_truth_value(value):
        return None
    message = f"{quoted(value)} is neither true nor false, and counts as false."
    return warning("not-a-truth-value", message, "Write true or false.", key=option.name, line=line)


def _check_number(option: Option, value: str, line: int) -> Optional[Finding]:
    """An error, unless the pilot has a use for it, as it has for 0 or -1 where only it reads the value."""
    number = as_number(option.name, value)
    if number is not None and is_whole(value):
        return None
    if number is not None:
        message, fatal = f"{quoted(value)} is no integer: the pilot takes it for {number}.", False
    else:
        message = f"{quoted(value)} is no positive integer."
        fatal = option.required or option.goes_to is GoesTo.BOTH or not _INTEGER.fullmatch(value)
    hint = _size_hint(option, value) if option.kind is Kind.MEGABYTES else "Write a whole number above 0."
    report = error if fatal else warning
    return report("not-a-positive-integer", message, hint, key=option.name, line=line)


def _check_megabytes(option: Option, value: str, line: int) -> Optional[Finding]:
    megabytes = as_number(option.name, value)
    if option.name != _MEMORY or megabytes is None or megabytes >= LITTLE_MEMORY_MB:
        return _check_number(option, value, line)
    message = f"{megabytes} MB are too little for nearly all jobs: the pilot gets none, or few."
    hint = f"The value is in MB: for {megabytes} GB write MEMORY={megabytes * 1024}, or leave it empty for all of it."
    return warning("memory-too-small", message, hint, key=option.name, line=line)


def _size_hint(option: Option, value: str) -> str:
    hint = "Write a whole number of MB above 0"
    size = _SIZE.fullmatch(value)
    return f"{hint}: {option.name}={int(size['number']) * _IN_MB[size['unit'].lower()]}" if size else f"{hint}."


def _check_length(option: Option, value: str, line: int) -> Optional[Finding]:
    if as_length(value) is not None:
        return None
    unit = option.kind.value
    message = f"{quoted(value)} is no positive number of {unit}."
    hint = f"Write the {unit} as a number above 0 and below 1000000; decimals follow a point."
    return error("not-a-duration", message, hint, key=option.name, line=line)


def _check_choice(option: Option, value: str, line: int) -> Optional[Finding]:
    if value.lower() in option.words:
        return None
    message = f"{quoted(value)} is none of the words that stand for a choice here."
    hint = f"Write {', '.join(option.words[:-1])} or {option.words[-1]}."
    return error("not-a-choice", message, hint, key=option.name, line=line)


def _check_path(option: Option, value: str, line: int) -> Optional[Finding]:
    if value.startswith("/"):
        return None
    message = f"{quoted(value)} is no absolute path."
    return error("path-not-absolute", message, "Write the path from / on.", key=option.name, line=line)


def _check_proxy(option: Option, value: str, line: int) -> Optional[Finding]:
    """The pilot uses the value as ``http_proxy``, for which most programs do not need the scheme."""
    hint = "Write http://HOST:PORT."
    match = _PROXY.fullmatch(value)
    if match is None or not 0 < int(match["port"] or 80) < 65536:
        return error("squid-invalid-url", "This is no address of a proxy.", hint, key=option.name, line=line)
    if (match["scheme"] or "").lower() != "http":
        message = "Not every program takes a proxy whose address does not begin with http://."
        return warning("squid-invalid-url", message, hint, key=option.name, line=line)
    return None


def _check_expression(option: Option, value: str, line: int) -> Optional[Finding]:
    from ospool_ep.configuration import classad_syntax  # noqa: PLC0415 - a language of its own, for what few sites set

    problem = classad_syntax.problem_in(value)
    if problem is None:
        return None
    message = f"No ClassAd expression: {problem.message} (character {problem.column} of {quoted(value)})"
    return error("start-expression-invalid", message, "Mend it, or leave it empty.", key=option.name, line=line)


def _check_image(option: Option, value: str, line: int) -> Optional[Finding]:
    try:
        image_reference.parse(value)
    except image_reference.InvalidReference as invalid:
        message = f"{quoted(value)} names no image: {invalid}"
        hint = "Write REGISTRY/NAME:TAG, or leave it empty."
        return error("image-reference-invalid", message, hint, key=option.name, line=line)
    return None


_CHECKS = {
    Kind.TRUTH: _check_truth,
    Kind.POSITIVE_INTEGER: _check_number,
    Kind.MEGABYTES: _check_megabytes,
    Kind.HOURS: _check_length,
    Kind.MINUTES: _check_length,
    Kind.CHOICE: _check_choice,
    Kind.PATH: _check_path,
    Kind.PROXY_URL: _check_proxy,
    Kind.EXPRESSION: _check_expression,
    Kind.IMAGE: _check_image,
}
