"""Dataclasses as JSON and back, by the types of their fields: what crosses from one process to another.

What is read decides about nothing but values: it is no code, and of no other type than the reader asks for.
"""

import enum
import json
from collections.abc import Mapping
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

_PLAIN = frozenset((str, bytes, int, float, bool))


def encode(value: object) -> str:
    """One line of ASCII, for a dataclass, an enum, bytes and what JSON can say. TypeError for what has no fields."""
    return json.dumps(value, default=_plain)


def decode(kind: type[T], text: Union[str, bytes]) -> T:
    """The value of that type that was encoded; ValueError for anything else.

    ``kind``: a dataclass, an enum, str, bytes, int, float, bool; an Optional, a tuple or a Mapping from str of those.
    """
    try:
        value: T = _build(kind, json.loads(text))
    # An unknown field, a missing one; a list in a list in a list, without end.
    except (KeyError, TypeError, RecursionError):
        raise ValueError(f"this is no {kind}") from None
    return value


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, enum.Enum):
        return value.value
    return vars(value)


def _build(kind: Any, data: Any) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Union:
        return None if data is None else _build(inner[0], data)
    if origin is tuple:
        items = _must_be(list, data)
        kinds = inner[:1] * len(items) if inner[-1] is ... else inner
        if len(items) != len(kinds):
            raise ValueError(f"these are no {len(kinds)} items")
        return tuple(map(_build, kinds, items))
    if origin is Mapping:
        return {key: _build(inner[1], item) for key, item in _must_be(dict, data).items()}
    if issubclass(kind, enum.Enum):
        return kind(data)
    if kind in _PLAIN:
        return _must_be(str, data).encode("latin-1") if kind is bytes else _must_be(kind, data)
    hints = get_type_hints(kind)
    return kind(**{name: _build(hints[name], item) for name, item in _must_be(dict, data).items()})


def _must_be(kind: type, data: Any) -> Any:
    # A truth value is an int, too, for isinstance().
    if type(data) is not kind:
        raise ValueError(f"this is no {kind.__name__}")
    return data
