"""What differs between two readings of the configuration, and which of it needs a new pilot. No value is ever shown."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Optional

from ospool_ep.configuration.options import OPTIONS, GoesTo, Kind
from ospool_ep.configuration.reading import Configuration
from ospool_ep.container import from_configuration
from ospool_ep.container.fingerprint import fingerprint

# Which file the token comes from follows from both of them.
_TOKEN_KEYS = ("TOKEN", "TOKEN_LOCATION")


@dataclass(frozen=True)
class Change:
    """A key with another value than before. ``line`` is that of the new file, None where the key is there no more."""

    key: str
    line: Optional[int]
    needs_new_pilot: bool


@dataclass(frozen=True)
class _Reading:
    configuration: Configuration
    token_path: str

    def fingerprint(self) -> str:
        return fingerprint(from_configuration.build(self.configuration, self.token_path))

    def with_key_of(self, other: "_Reading", key: str) -> "_Reading":
        values = {name: value for name, value in self.configuration.values.items() if name != key}
        if key in other.configuration.values:
            values[key] = other.configuration.values[key]
        path = other.token_path if key in _TOKEN_KEYS else self.token_path
        return _Reading(replace(self.configuration, values=values), path)


def changes(old: Configuration, new: Configuration, token_path_old: str, token_path_new: str) -> tuple[Change, ...]:
    """What is different in the new one, in the order of its lines; keys that are gone come last.

    Both are without errors. ``token_path_...`` is the file on the host that the pilot would get its token from.
    """
    before, after = _Reading(old, token_path_old), _Reading(new, token_path_new)
    return tuple(sorted(_changes(before, after), key=lambda change: (change.line is None, change.line or 0)))


def as_sentences(changed: Sequence[Change]) -> tuple[str, ...]:
    """For the operator: at most one sentence for each effect that changes have, or one that says there are none."""
    pilots = [change for change in changed if change.needs_new_pilot]
    # A token in the configuration is put into a file of its own for each pilot, which keeps the one it was given.
    secret = [change for change in changed if change not in pilots and _is_secret(change.key)]
    others = [change for change in changed if change not in pilots and change not in secret]
    sentences = (
        _sentence(pilots, "needs a new pilot.", "need a new pilot."),
        _sentence(secret, "is used by the next pilot.", "are used by the next pilot."),
        _sentence(others, "takes effect at once.", "take effect at once."),
    )
    return tuple(filter(None, sentences)) or ("The configuration says the same as before.",)


def _changes(before: _Reading, after: _Reading) -> Iterator[Change]:
    old, new = _effects(before.configuration), _effects(after.configuration)
    fingerprints = before.fingerprint(), after.fingerprint()
    for key in dict.fromkeys((*old, *new)):
        if old.get(key) != new.get(key):
            # One key may hide what another does, as a GPU does: so each is tried in the old and in the new company.
            tried = before.with_key_of(after, key).fingerprint(), after.with_key_of(before, key).fingerprint()
            value = after.configuration.values.get(key)
            yield Change(key, value.line if value else None, tried != fingerprints)


def _effects(configuration: Configuration) -> dict[str, str]:
    """What each key comes down to; for the pilot, one that is empty is not the same as one that is not there."""
    values = configuration.values.items()
    hosts = {key: configuration.text(key) for key, value in values if value.goes_to is GoesTo.HOST}
    return {**hosts, **configuration.pilot_environment()}


def _is_secret(key: str) -> bool:
    return key in OPTIONS and OPTIONS[key].kind is Kind.SECRET


def _sentence(changed: Iterable[Change], one: str, several: str) -> str:
    named = [f"{change.key} (line {change.line})" if change.line else f"{change.key} (removed)" for change in changed]
    if len(named) < 2:
        return f"{named[0]} {one}" if named else ""
    return f"{', '.join(named[:-1])} and {named[-1]} {several}"
