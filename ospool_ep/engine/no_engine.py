"""In the place of an engine where this host has none: what is asked of it fails with the reason, until there is one."""

from collections.abc import Callable
from typing import NoReturn, cast

from ospool_ep.engine.interface import Engine, EngineUnreachable


class _NoEngine:
    def __init__(self, why: str) -> None:
        self._why = why

    def __getattr__(self, method: str) -> Callable[..., NoReturn]:
        def fail(*_arguments: object, **_more: object) -> NoReturn:
            raise EngineUnreachable(self._why)

        return fail


def no_engine(why: str) -> Engine:
    """An engine that never answers. ``why`` says what is missing and how to mend it, in sentences."""
    return cast(Engine, _NoEngine(why))
