"""Whether the value of a known key is one that can work, key by key."""

import re
from collections.abc import Iterator

from ospool_ep.configuration import image_reference
from ospool_ep.configuration.findings import Finding, about, error, warning
from ospool_ep.configuration.masking import quoted
from ospool_ep.configuration.options import GoesTo, Kind, Option
from ospool_ep.configuration.values import ENGINES, as_engine, as_length, as_number, is_truth_value, is_whole

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


def check_value(option: Option, value: str, line: int) -> Iterator[Finding]:
    """What is wrong with a value that is set, and not empty."""
    return about(option.name, line, _check(option, value))


def _check(option: Option, value: str) -> Iterator[Finding]:
    kind, shown = option.kind, quoted(value)
    if kind is Kind.TRUTH and not is_truth_value(value):
        message = f"{shown} is neither true nor false, and counts as false."
        yield warning("not-a-truth-value", message, "Write true or false.")
    elif kind in (Kind.HOURS, Kind.MINUTES) and as_length(value) is None:
        hint = f"Write the {kind.value} as a number above 0 and below 1000000; decimals follow a point."
        yield error("not-a-duration", f"{shown} is no positive number of {kind.value}.", hint)
    elif kind is Kind.CHOICE and value.lower() not in option.words:
        hint = f"Write {', '.join(option.words[:-1])} or {option.words[-1]}."
        yield error("not-a-choice", f"{shown} is none of the words that stand for a choice here.", hint)
    elif kind is Kind.PATH:
        yield from _check_path(value)
    elif kind in (Kind.POSITIVE_INTEGER, Kind.MEGABYTES):
        yield from _check_number(option, value)
    elif kind is Kind.PROXY_URL:
        yield from _check_proxy(value)
    elif kind is Kind.EXPRESSION:
        yield from _check_expression(value)
    elif kind is Kind.IMAGE:
        yield from _check_image(value)
    elif kind is Kind.ENGINE and as_engine(value) is None:
        address = f"unix://{value}" if value.startswith("/") and as_engine(f"unix://{value}") else "unix:///PATH"
        yield error("not-an-engine", f"{shown} is no container engine.", f"Write {', '.join(ENGINES)} or {address}")


def _check_path(value: str) -> Iterator[Finding]:
    if not value.startswith("/"):
        yield error("path-not-absolute", f"{quoted(value)} is no absolute path.", "Write the path from / on.")
    # A bind is told with colons, a mount with commas and quotes; Podman's API puts neither between quotes.
    elif ":" in value and ("," in value or '"' in value):
        message = f"{quoted(value)} has a colon, and a comma or a quote: an engine can be told of one or the other."
        yield error("path-not-mountable", message, "Use a path without them: a symbolic link to that one will do.")


def _check_number(option: Option, value: str) -> Iterator[Finding]:
    """An error, unless the pilot has a use for it, as it has for 0 or -1 where only it reads the value."""
    number = as_number(option.name, value)
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
    hint = _size_hint(option, value) if option.kind is Kind.MEGABYTES else "Write a whole number above 0."
    yield (error if fatal else warning)("not-a-positive-integer", message, hint)


def _size_hint(option: Option, value: str) -> str:
    hint = "Write a whole number of MB above 0"
    size = _SIZE.fullmatch(value)
    return f"{hint}: {option.name}={int(size['number']) * _IN_MB[size['unit'].lower()]}" if size else f"{hint}."


def _check_proxy(value: str) -> Iterator[Finding]:
    """The pilot uses the value as ``http_proxy``, for which most programs do not need the scheme."""
    hint = "Write http://HOST:PORT."
    match = _PROXY.fullmatch(value)
    if match is None or not 0 < int(match["port"] or 80) < 65536:
        yield error("squid-invalid-url", "This is no address of a proxy.", hint)
    elif (match["scheme"] or "").lower() != "http":
        message = "Not every program takes a proxy whose address does not begin with http://."
        yield warning("squid-invalid-url", message, hint)


def _check_expression(value: str) -> Iterator[Finding]:
    from ospool_ep.configuration import classad_syntax  # noqa: PLC0415 - a language of its own, for what few sites set

    problem = classad_syntax.problem_in(value)
    if problem:
        message = f"No ClassAd expression: {problem.message} (character {problem.column} of {quoted(value)})"
        yield error("start-expression-invalid", message, "Mend it, or leave it empty.")


def _check_image(value: str) -> Iterator[Finding]:
    try:
        image_reference.parse(value)
    except image_reference.InvalidReference as invalid:
        hint = "Write REGISTRY/NAME:TAG, or leave it empty."
        yield error("image-reference-invalid", f"{quoted(value)} names no image: {invalid}", hint)
