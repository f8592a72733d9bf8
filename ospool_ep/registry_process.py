"""Starts ``docker_registry`` as a process of its own, for a call in which the engine talks to a registry."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ospool_ep.engine import EngineError, EngineUnreachable, PullFailed

_ERRORS = {error.__name__: error for error in (EngineError, EngineUnreachable, PullFailed)}

# Where we were imported from, and nothing that the environment says, decides what runs.
_PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from ospool_ep.docker_registry import main; main(sys.argv[2:])"
_COMMAND = (sys.executable or "/usr/bin/python3", "-IB", "-c", _PROGRAM, str(Path(__file__).parents[1]))


def messages(*arguments: str) -> Iterator[dict[str, Any]]:
    """What it says, as it says it; its errors are raised. It ends with the iterator."""
    with _running(arguments) as process:
        assert process.stdout is not None
        for line in process.stdout:
            message = json.loads(line)
            if "error" in message:
                raise _ERRORS[message["error"]](message["reason"])
            if "done" in message:
                return
            yield message
        raise PullFailed(
            f"The process that was to {' '.join(arguments[:2])} ended without a result ({process.wait()})."
        )


@contextlib.contextmanager
def _running(arguments: tuple[str, ...]) -> "Iterator[subprocess.Popen[str]]":
    # What it has to say of a bug goes to where we say such a thing.
    with subprocess.Popen(
        [*_COMMAND, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()
