"""What goes wrong between us and the engine, told as what it is and how to mend it."""

import socket
from typing import Any, Optional

from ospool_ep.configuration import image_reference
from ospool_ep.engine import answers
from ospool_ep.engine.address import EngineAddress, at
from ospool_ep.engine.interface import EngineError, EngineUnreachable, NoSuchContainer
from ospool_ep.wording import one_line

# The words of Docker, of containerd and of the registries, in small letters, and what to do.
_MENDS_OF_REGISTRY = (
    (("unauthorized", "authentication required", "no basic auth", "denied"),
     "If the name is right, `docker login {registry}`, as root, gives this host access."),
    (("manifest unknown", "not found"), "Is the name right? It can be set as OSPOOL_EP_IMAGE."),
    (("x509", "certificate", "connection refused", "no such host", "unreachable", "timeout", "dial tcp", "eof",
      "nothing came"), "`curl -vI https://{registry}/v2/` shows what this host gets from the registry."),
)  # fmt: skip


def refusal(status: int, reason: str) -> EngineError:
    """The engine's answer with that HTTP status, as an error of ours."""
    # 409 is the answer while somebody removes it: for us it is gone.
    being_removed = "marked for removal" in reason or "is already in progress" in reason
    if status == 404 or (status == 409 and being_removed):
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


def mend_of_pull(reason: str, version: dict[str, Any], info: dict[str, Any]) -> str:
    """What to do about a pull that failed for that reason on the engine's side; empty where that is not known.

    ``version`` and ``info`` are the engine's answers to the questions of those names.
    """
    if "no space left on device" not in reason:
        return ""
    engine, directory = answers.kind(version), answers.image_directory(info)
    return (
        f" The disk of {directory} is full: `df -h {directory}` and `{engine} system df` show what fills it,"
        f" `{engine} image prune` removes the images that nothing uses."
    )


def mend_of_registry(reason: str, reference: str) -> str:
    """What to do about a registry that gave that reason, or gave the engine cause for it; empty where nothing helps."""
    try:
        registry = image_reference.parse(reference).registry
    except image_reference.InvalidReference:
        return ""
    for words, mend in _MENDS_OF_REGISTRY:
        if any(word in reason.lower() for word in words):
            return " " + mend.format(registry=registry)
    return ""


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
            return f"there is no such socket. {engine.start}"
        if isinstance(cause, ConnectionRefusedError):
            return f"nobody listens there. {engine.start}"
        if isinstance(cause, PermissionError):
            return "this user may not use it. Do it as root."
        if isinstance(cause, (TimeoutError, socket.timeout)):
            return f"no answer in time. {engine.log}"
    return f"{one_line(str(causes[-1]))}. {engine.log}"
