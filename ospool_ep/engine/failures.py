"""What goes wrong between us and the engine, told as what it is and how to mend it."""

import re
import socket
from typing import Optional

from ospool_ep.engine.address import EngineAddress, at
from ospool_ep.engine.interface import EngineError, EngineUnreachable, NoSuchContainer
from ospool_ep.engine.presence import how_to_start
from ospool_ep.wording import one_line, sentence

# Words of the kernel's for a disk that is full, as they come through every engine.
_FULL = re.compile("no space left on device|disk quota exceeded", re.IGNORECASE)


def refusal(status: int, reason: str, socket_path: str = "") -> EngineError:
    """The engine's answer with that HTTP status, as an error of ours.

    ``socket_path`` is the engine's: with it, a reason that has a mend comes with that.
    """
    if socket_path and _FULL.search(reason):
        command = at(socket_path).command
        full = f"A disk that the engine writes to is full: `df -h` and `df -i` show which, `{command} system df` what"
        reason = f"{sentence(reason)} {full} fills it, `{command} image prune` removes the images that nothing uses."
    # 409 is the answer while somebody removes it, from Podman 500 for a moment: for us it is gone.
    being_removed = "marked for removal" in reason or "is already in progress" in reason
    if status == 404 or (status == 409 and being_removed) or (status == 500 and "no such container" in reason):
        return NoSuchContainer(one_line(reason))
    if status in (502, 503, 504):
        return EngineUnreachable(f"The container engine can't answer now: {one_line(reason)}")
    return EngineError(one_line(reason))


def unreachable(socket_path: str, error: BaseException) -> EngineUnreachable:
    """Nobody answers on that socket, because of that error."""
    return EngineUnreachable(f"The container engine does not answer on {socket_path}: {_why(error, at(socket_path))}")


def timed_out(error: BaseException) -> bool:
    """Whether the error comes from a time limit: nothing was sent in time."""
    return any(isinstance(cause, (TimeoutError, socket.timeout)) for cause in _causes(error))


def _causes(error: BaseException) -> list[BaseException]:
    """An error that was wrapped again and again, from the outermost to the innermost."""
    seen: list[BaseException] = []
    cause: Optional[BaseException] = error
    while cause is not None and cause not in seen:
        seen.append(cause)
        inner = next((part for part in cause.args if isinstance(part, BaseException)), None)
        cause = inner or cause.__cause__ or cause.__context__
    return seen


def _why(error: BaseException, engine: EngineAddress) -> str:
    """What is at the bottom of an error, and how to mend it."""
    causes = _causes(error)
    for cause in reversed(causes):
        if isinstance(cause, FileNotFoundError):
            return f"there is no such socket. {how_to_start(engine)}"
        if isinstance(cause, ConnectionRefusedError):
            return f"nobody listens there. {how_to_start(engine)}"
        if isinstance(cause, PermissionError):
            return "this user may not use it. Do it as root."
        if isinstance(cause, (TimeoutError, socket.timeout)):
            return f"no answer in time. {engine.log}"
    return f"{one_line(str(causes[-1]))}. {engine.log}"
