"""What every order does where the engine fails it."""

from collections.abc import Callable

from ospool_ep.engine.interface import EngineError, EngineUnreachable
from ospool_ep.lifecycle.events import EngineLost, Event


def guarded(
    perform: Callable[[], None], refused: Callable[[str], Event], post: Callable[[Event], None]
) -> Callable[[], None]:
    """The same, with an event where the engine refuses, or is gone."""

    def attempt() -> None:
        try:
            perform()
        except EngineUnreachable as error:
            post(EngineLost(str(error)))
        except EngineError as error:
            post(refused(str(error)))

    return attempt
