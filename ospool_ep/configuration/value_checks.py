"""Whether the value of a known key is one that can work, key by key."""

import re
from collections.abc import Iterator

from ospool_ep.configuration import image_reference
from ospool_ep.configuration.contents import has_default
from ospool_ep.configuration.findings import Finding, about, error, warning
from ospool_ep.configuration.gpu_choice import check_gpus
from ospool_ep.configuration.masking import quoted
from ospool_ep.configuration.number_checks import check_number
from ospool_ep.configuration.option import Kind, Option
from ospool_ep.configuration.pilot_text_checks import (
    check_central_managers,
    check_name,
    check_pool,
    check_project,
    problem_in_quotes,
)
from ospool_ep.configuration.values import ENGINES, as_engine, as_length, is_truth_value

_NUMBERS = frozenset((Kind.CPUS, Kind.MEGABYTES, Kind.PILOT_HOURS, Kind.IDLE_MINUTES))
_TEXTS = {
    Kind.NAME: check_name,
    Kind.PROJECT: check_project,
    Kind.POOL: check_pool,
    Kind.CENTRAL_MANAGERS: check_central_managers,
    Kind.GPUS: check_gpus,
}

_PROXY = re.compile(
    r"(?:(?P<scheme>https?)://)?"
    r"(?:[^\s/@]*@)?"
    r"(?:[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?\.?|\[[0-9a-f:.]+\])"
    r"(?::(?P<port>[0-9]{1,5}))?/?",
    re.IGNORECASE | re.ASCII,
)


def check_value(option: Option, value: str, line: int) -> Iterator[Finding]:
    """What is wrong with a value that is set, and what follows where it is empty."""
    # One that must be set, and is blank, is told of as missing.
    found = _check(option, value) if value.strip() or not option.required else iter(())
    return about(option.name, line, found if value else _check_empty(option))


def _check_empty(option: Option) -> Iterator[Finding]:
    if option.kind is Kind.TRUTH and has_default(option.name):
        yield warning("empty-value", "An empty value goes to the pilot as false.", "Write true or false.")
    elif has_default(option.name) and not option.required:
        holds = f"{option.default} holds" if option.default else "the default of the image holds"
        message = f"An empty value is not passed on to the pilot: {holds}."
        yield warning("empty-value", message, "Write a value, or remove the line.")
    elif option.default and option.kind is not Kind.TRUTH and not option.required:
        message = f"An empty value counts as none: {option.default} holds."
        yield warning("empty-value", message, "Write a value, or remove the line.")


def _check(option: Option, value: str) -> Iterator[Finding]:
    kind, shown = option.kind, quoted(value)
    if kind is Kind.TRUTH and not is_truth_value(value):
        message = f"{shown} is neither true nor false, and counts as false."
        yield warning("not-a-truth-value", message, "Write true or false.")
    elif kind in (Kind.HOURS, Kind.MINUTES) and as_length(value) is None:
        hint = f"Write the {kind.value} as a number above 0 and below 1000000; decimals follow a point."
        yield error("not-a-duration", f"{shown} is no positive number of {kind.value}.", hint)
    elif kind is Kind.GIGABYTES and as_length(value) is None:
        hint = "Write the GB as a number above 0 and below 1000000; decimals follow a point."
        yield error("not-a-size", f"{shown} is no positive number of GB.", hint)
    elif kind is Kind.CHOICE and value.lower() not in option.words:
        hint = f"Write {', '.join(option.words[:-1])} or {option.words[-1]}."
        yield error("not-a-choice", f"{shown} is none of the words that stand for a choice here.", hint)
    elif kind is Kind.PATH:
        yield from _check_path(value)
    elif kind in _NUMBERS:
        yield from check_number(option, value)
    elif kind in _TEXTS:
        yield from _TEXTS[kind](option, value)
    elif kind is Kind.PROXY_URL:
        yield from _check_proxy(value)
    elif kind is Kind.EXPRESSION:
        yield from _check_expression(value)
    elif kind is Kind.IMAGE:
        yield from _check_image(value)
    elif kind in (Kind.BINDS, Kind.NETWORK, Kind.DAY_HOURS) and value != option.default:
        yield from _check_lent(kind, value)
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


def _check_proxy(value: str) -> Iterator[Finding]:
    """The pilot uses the value as ``http_proxy``, for which most programs do not need the scheme."""
    hint = "Write http://HOST:PORT."
    match = _PROXY.fullmatch(value)
    if match is None or not 0 < int(match["port"] or 80) < 65536:
        yield error("squid-invalid-url", "This is no address of a proxy.", hint)
    elif problem_in_quotes(value, in_script=True):
        message = f"This address {problem_in_quotes(value, in_script=True)}, over which the script of each job fails."
        yield error("squid-invalid-url", message, "Write such a character as % and its two hexadecimal digits.")
    elif (match["scheme"] or "").lower() != "http":
        message = "Not every program takes a proxy whose address does not begin with http://."
        yield warning("squid-invalid-url", message, hint)


def _check_expression(value: str) -> Iterator[Finding]:
    from ospool_ep.configuration import classad_syntax  # noqa: PLC0415 - a language of its own, for what few sites set

    problem = classad_syntax.problem_in(value)
    if problem:
        message = f"No ClassAd expression: {problem.message} (character {problem.column} of {quoted(value)})"
        yield error("start-expression-invalid", message, "Mend it, or leave it empty.")


def _check_lent(kind: Kind, value: str) -> Iterator[Finding]:
    """Modules of their own, for what few sites set."""
    if kind is Kind.NETWORK:
        from ospool_ep.configuration.network import check_network  # noqa: PLC0415

        yield from check_network(value)
    elif kind is Kind.DAY_HOURS:
        from ospool_ep.configuration.day_hours_checks import check_day_hours  # noqa: PLC0415

        yield from check_day_hours(value)
    else:
        from ospool_ep.configuration.binds import check_binds  # noqa: PLC0415

        yield from check_binds(value)


def _check_image(value: str) -> Iterator[Finding]:
    try:
        image_reference.parse(value)
    except image_reference.InvalidReference as invalid:
        hint = "Write REGISTRY/NAME:TAG, or leave it empty."
        yield error("image-reference-invalid", f"{quoted(value)} names no image: {invalid}", hint)
