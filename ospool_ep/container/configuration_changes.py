"""What differs between two readings of the configuration, and which of it needs a new pilot. No value is ever shown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Optional

from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.option import GoesTo, Kind
from ospool_ep.configuration.options import OPTIONS
from ospool_ep.container.fingerprint import fingerprint


@dataclass(frozen=True)
class Change:
    """A key with another value than before. ``line`` is that of the new file, None where the key is there no more.

    ``file`` is where the line stands, and empty where all stand in one.
    """

    key: str
    line: Optional[int]
    needs_new_pilot: bool
    file: str = ""


def changes(old: Configuration, new: Configuration) -> tuple[Change, ...]:
    """What is different in the new one, in the order of its lines; keys that are gone come last.

    Both are without errors.
    """
    before, after, found = _effects(old), _effects(new), []
    fingerprints = fingerprint(old), fingerprint(new)
    for key in dict.fromkeys((*before, *after)):
        if before.get(key) != after.get(key):
            # One key may hide what another does, as a GPU does: so each is tried in the old and in the new company.
            tried = fingerprint(_with_key_of(new, key, old)), fingerprint(_with_key_of(old, key, new))
            value, file = new.values.get(key), new.file(key) if new.own_path else ""
            found.append(Change(key, value.line if value else None, tried != fingerprints, file))
    return tuple(sorted(found, key=lambda change: (change.line is None, change.file == new.own_path, change.line or 0)))


def as_sentences(changed: Sequence[Change]) -> tuple[str, ...]:
    """For the operator: at most one sentence for each effect that changes have, or one that says there are none."""
    pilots = [change for change in changed if change.needs_new_pilot]
    later = [change for change in changed if change not in pilots and _is_for_the_next(change.key)]
    others = [change for change in changed if change not in pilots and change not in later]
    sentences = (
        _sentence(pilots, "needs a new pilot.", "need a new pilot."),
        _sentence(later, "is used by the next pilot.", "are used by the next pilot."),
        _sentence(others, "takes effect at once.", "take effect at once."),
    )
    return tuple(filter(None, sentences)) or ("The configuration says the same as before.",)


def _with_key_of(other: Configuration, key: str, configuration: Configuration) -> Configuration:
    values = {name: value for name, value in configuration.values.items() if name != key}
    if key in other.values:
        values[key] = other.values[key]
    return replace(configuration, values=values)


def _effects(configuration: Configuration) -> dict[str, str]:
    """What each key comes down to; for the pilot, one that is empty is not the same as one that is not there."""
    values = configuration.values.items()
    hosts = {key: configuration.text(key) for key, value in values if value.goes_to is GoesTo.HOST}
    return {**hosts, **configuration.said_to_pilot()}


def _is_for_the_next(key: str) -> bool:
    # A token in the configuration is put into a file of its own for each pilot, which keeps the one it was given, as it
    # keeps its engine.
    return key in OPTIONS and OPTIONS[key].kind in (Kind.SECRET, Kind.ENGINE)


def _sentence(changed: Iterable[Change], one: str, several: str) -> str:
    named = [f"{change.key} ({_where(change)})" for change in changed]
    if len(named) < 2:
        return f"{named[0]} {one}" if named else ""
    return f"{', '.join(named[:-1])} and {named[-1]} {several}"


def _where(change: Change) -> str:
    return f"line {change.line}{f' of {change.file}' if change.file else ''}" if change.line else "removed"
