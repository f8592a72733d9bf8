"""What is wrong with the keys as a whole: one is missing, unknown, obsolete or a token; two exclude each other."""

from collections.abc import Iterator, Mapping
from typing import Optional

from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.environment_file import Assignment
from ospool_ep.configuration.findings import Finding, error, warning
from ospool_ep.configuration.masking import looks_like_token
from ospool_ep.configuration.options import OPTIONS, GoesTo, Kind, nearest_known

# Nobody misspells more of them; and a search for what may be meant takes longer than all else about a line.
_MOST_MISSPELT = 300

_TO_ITS_FILE = "Put it into the file of TOKEN_LOCATION, and remove it here."


def check_keys(configuration: Configuration, assignments: Mapping[str, Assignment]) -> Iterator[Finding]:
    """All of it. ``assignments`` are those that take effect, by their keys."""
    unknown = enumerate(configuration.unknown_keys)
    near = {key: nearest_known(key) if number < _MOST_MISSPELT else None for number, key in unknown}
    yield from _check_required(configuration, near)
    yield from _check_unknown(configuration, near)
    yield from _check_obsolete(assignments)
    yield from _check_cvmfs(configuration)
    yield from _check_tokens(assignments)


def _check_required(configuration: Configuration, near: Mapping[str, Optional[str]]) -> Iterator[Finding]:
    meant = {known: key for key, known in near.items()}
    for option in OPTIONS.values():
        key = option.name
        if option.required and not configuration.values[key].value.strip():
            hint = f"Set it: {key}={option.default or '...'}"
            if key in meant:
                hint = f"Line {configuration.line(meant[key])} sets {meant[key]}: is that meant? Write {key}=..."
            yield error("missing-required", "This key must have a value.", hint, **configuration.place(key))


def _check_obsolete(assignments: Mapping[str, Assignment]) -> Iterator[Finding]:
    for key, item in assignments.items():
        option = OPTIONS.get(key)
        if option and option.obsolete and item.value:
            yield warning("obsolete-key", option.description, option.successor, key=key, line=item.line)


def _check_unknown(configuration: Configuration, near: Mapping[str, Optional[str]]) -> Iterator[Finding]:
    for key, known in near.items():
        message = "This key is unknown; the pilot gets it as it is."
        if configuration.values[key].goes_to is GoesTo.NOWHERE:
            message = "This key is unknown, and has no effect."
        hint = f"Write {known}, if that is meant." if known else "Look at its spelling; ospool-ep.cfg(5) has all keys."
        yield warning("unknown-key", message, hint, **configuration.place(key))


def _check_cvmfs(configuration: Configuration) -> Iterator[Finding]:
    if configuration.truth("BIND_MOUNT_CVMFS") and configuration.text("CVMFSEXEC_REPOS"):
        asking = f"line {configuration.line('BIND_MOUNT_CVMFS')} asks with BIND_MOUNT_CVMFS"
        message = f"CVMFS comes either from this host, as {asking}, or from here."
        hint = "Remove one of the two lines."
        yield error("conflicting-cvmfs", message, hint, **configuration.place("CVMFSEXEC_REPOS"))


def _check_tokens(assignments: Mapping[str, Assignment]) -> Iterator[Finding]:
    for key, item in assignments.items():
        secret = key in OPTIONS and OPTIONS[key].kind is Kind.SECRET
        if looks_like_token(key):
            message = "A token stands here in place of a key, and everybody can read this file."
            yield error("config-syntax", message, _TO_ITS_FILE, line=item.line)
        elif item.value and (secret or looks_like_token(item.value)):
            not_passed = "" if secret else " The value is not passed on."
            message = f"A token stands here, and everybody can read this file.{not_passed}"
            yield warning("token-in-configuration", message, _TO_ITS_FILE, key=key, line=item.line)
