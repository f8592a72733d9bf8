"""The configuration: what the file says of every key, and everything that is wrong with it, all together."""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Optional

from ospool_ep.configuration import environment_file
from ospool_ep.configuration.destination import destination
from ospool_ep.configuration.environment_file import Assignment
from ospool_ep.configuration.findings import Finding, Place, error, warning
from ospool_ep.configuration.masking import looks_like_token
from ospool_ep.configuration.options import OPTIONS, GoesTo, Kind, nearest_known
from ospool_ep.configuration.value_checks import check_value
from ospool_ep.configuration.values import as_length, as_number, is_true

# No container could be started with more; and this bounds the time that reading takes.
_MOST_BYTES = 4 * 1024 * 1024

# Nobody misspells more of them; and a search for what may be meant takes longer than all else about a line.
_MOST_MISSPELT = 300

_UNREADABLE = "config-unreadable"
_TO_ITS_FILE = "Put it into the file of TOKEN_LOCATION, and remove it here."

_SECONDS = {Kind.HOURS: 3600.0, Kind.MINUTES: 60.0}


@dataclass(frozen=True)
class Value:
    """A value as read, or the default; ``line`` is None for a default. Never printed by accident: it may be secret."""

    value: str = field(repr=False)
    line: Optional[int]
    goes_to: GoesTo


@dataclass(frozen=True)
class Configuration:
    """All known keys, in the order of the option table, and then the unknown ones that the file sets."""

    path: str
    values: Mapping[str, Value]

    def text(self, key: str) -> str:
        """The value; one that is empty is as good as none, and the default holds."""
        return self.values[key].value or OPTIONS[key].default

    def truth(self, key: str) -> bool:
        """Whether the value is plainly true, as the existing service understands it."""
        return is_true(self.text(key))

    def number(self, key: str) -> Optional[int]:
        """The positive integer, or None where there is none, or where the value is no such number."""
        return as_number(key, self.text(key))

    def seconds(self, key: str) -> Optional[float]:
        """The hours or minutes of a key in seconds, or None where there are none, or where they are no such number."""
        length = as_length(self.text(key))
        return None if length is None else length * _SECONDS[OPTIONS[key].kind]

    def choice(self, key: str) -> str:
        """The word that was chosen, in lower case; the default where the value is none of the key's words."""
        word = self.text(key).lower()
        return word if word in OPTIONS[key].words else OPTIONS[key].default

    def line(self, key: str) -> Optional[int]:
        """The line that sets the key, or None."""
        return self.values[key].line

    def place(self, key: str) -> Place:
        """Where a finding about the key is."""
        return {"key": key, "line": self.line(key)}

    @property
    def unknown_keys(self) -> tuple[str, ...]:
        """The keys that the file sets, and that are not in the option table."""
        return tuple(key for key in self.values if key not in OPTIONS)

    def pilot_environment(self) -> dict[str, str]:
        """What the pilot gets: each of its keys that the file sets, even to nothing, and the defaults of the others."""
        return {
            key: value.value
            for key, value in self.values.items()
            if value.goes_to.reaches_pilot and (value.line is not None or value.value)
        }


def read_configuration(path: str) -> tuple[Configuration, tuple[Finding, ...]]:
    """Read and check the file, with findings in the order of its lines; those without a line come last.

    What could be read is there even where there are errors; all is at its default where the file can't be opened.
    """
    try:
        data = _read(path)
    except OSError as failure:
        return _configuration(path, {}), (_unreadable(failure),)
    file = environment_file.parse(data)
    misplaced = {key: item for key, item in file.effective.items() if looks_like_token(key)}
    settings = {key: item for key, item in file.effective.items() if key not in misplaced}
    configuration = _configuration(path, settings)
    unknown = enumerate(configuration.unknown_keys)
    near = {key: nearest_known(key) if number < _MOST_MISSPELT else None for number, key in unknown}
    findings = [
        *file.findings,
        *_check_misplaced(misplaced),
        *_check_required(configuration, near),
        *_check_known(settings),
        *_check_unknown(configuration, near),
        *_check_cvmfs(configuration),
        *_check_tokens(settings),
    ]
    return configuration, tuple(sorted(findings, key=lambda finding: (finding.line is None, finding.line or 0)))


def could_be_read(findings: Iterable[Finding]) -> bool:
    """Whether there was a file to read, according to the findings of ``read_configuration``."""
    return all(finding.code != _UNREADABLE for finding in findings)


def _read(path: str) -> bytes:
    # Without O_NONBLOCK, opening a pipe waits for its writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("It is no regular file.")
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise OSError("It is larger than 4 MiB.")
    return data


def _unreadable(failure: OSError) -> Finding:
    reason = f"{failure.strerror}." if failure.strerror else str(failure)
    hint = "Run ospool-ep as root." if isinstance(failure, PermissionError) else "Put the configuration there."
    return error(_UNREADABLE, f"The configuration cannot be read: {reason}", hint)


def _configuration(path: str, settings: Mapping[str, Assignment]) -> Configuration:
    values = {option.name: Value(option.default, None, option.goes_to) for option in OPTIONS.values()}
    for key, item in settings.items():
        values[key] = Value(item.value, item.line, destination(key, item.value))
    return Configuration(path, values)


def _check_misplaced(tokens: Mapping[str, Assignment]) -> Iterator[Finding]:
    for item in tokens.values():
        message = "A token stands here in place of a key, and everybody can read this file."
        yield error("config-syntax", message, _TO_ITS_FILE, line=item.line)


def _check_required(configuration: Configuration, near: Mapping[str, Optional[str]]) -> Iterator[Finding]:
    meant = {known: key for key, known in near.items()}
    for option in OPTIONS.values():
        key = option.name
        if option.required and not configuration.values[key].value.strip():
            hint = f"Set it: {key}={option.default or '...'}"
            if key in meant:
                hint = f"Line {configuration.line(meant[key])} sets {meant[key]}: is that meant? Write {key}=..."
            yield error("missing-required", "This key must have a value.", hint, **configuration.place(key))


def _check_known(settings: Mapping[str, Assignment]) -> Iterator[Finding]:
    for key, item in settings.items():
        option = OPTIONS.get(key)
        if not option or not item.value:
            continue
        if option.obsolete:
            yield warning("obsolete-key", option.description, option.successor, key=key, line=item.line)
        else:
            yield from check_value(option, item.value, item.line)


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


def _check_tokens(settings: Mapping[str, Assignment]) -> Iterator[Finding]:
    for key, item in settings.items():
        secret = key in OPTIONS and OPTIONS[key].kind is Kind.SECRET
        if item.value and (secret or looks_like_token(item.value)):
            not_passed = "" if secret else " The value is not passed on."
            message = f"A token stands here, and everybody can read this file.{not_passed}"
            yield warning("token-in-configuration", message, _TO_ITS_FILE, key=key, line=item.line)
