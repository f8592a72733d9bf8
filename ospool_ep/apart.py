"""Calls a function in a process of its own, which ends with it.

What the service needs for a moment, once in days, takes more memory than all that it needs always: the Docker SDK, the
libraries that read the configuration and the token. A process that has imported them never gives that back.
"""

import importlib
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Where we were imported from, and nothing that the environment says, decides what runs. A Ctrl-C is ours to answer.
_PROGRAM = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); sys.path.insert(0, sys.argv[1])\n"
    "from ospool_ep.apart import main\n"
    "main()"
)
_COMMAND = (sys.executable or "/usr/bin/python3", "-IB", "-c", _PROGRAM, str(Path(__file__).parents[1]))

_VALUE, _RAISED, _END = range(3)


class NoResult(Exception):
    """The process could not be started, or ended before its time; its own standard error, which is ours, says why."""


class Call:
    """A call that has begun. It ends with ``values`` or ``value``, whichever is asked for."""

    def __init__(self, function: str, *arguments: object) -> None:
        """Begin. ``function`` is ``module:name``; an iterator's values come one by one. NoResult: no process."""
        self._function = function
        try:
            self._process = subprocess.Popen(_COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        except OSError as error:
            raise NoResult(f"No process can be started: {error.strerror}.") from error
        assert self._process.stdin is not None
        try:
            with self._process.stdin as pipe:
                pickle.dump((function, arguments), pipe)
        except BrokenPipeError:
            return  # it has died, as whoever asks for the result will see

    def values(self) -> Iterator[Any]:
        """What the function gives, as it gives it. Raises EngineError as the function does, and NoResult."""
        assert self._process.stdout is not None
        try:
            with self._process.stdout as pipe:
                while True:
                    kind, content = pickle.load(pipe)
                    if kind == _END:
                        return
                    if kind == _RAISED:
                        raise content
                    yield content
        except (EOFError, pickle.UnpicklingError):
            code = self._process.wait()
            raise NoResult(f"The process for {self._function} ended without a result (exit code {code}).") from None
        finally:
            self._process.kill()
            self._process.wait()

    def value(self) -> Any:
        """The one thing that the function gives."""
        (only,) = self.values()
        return only


def main() -> None:
    """The process: the call comes over standard input, and what comes of it goes to standard output."""
    function, arguments = pickle.load(sys.stdin.buffer)
    with os.fdopen(os.dup(1), "wb") as pipe:
        # What anything here prints is no result.
        os.dup2(2, 1)
        module, _, name = function.partition(":")
        try:
            result = getattr(importlib.import_module(f"ospool_ep.{module}"), name)(*arguments)
            for value in result if isinstance(result, Iterator) else (result,):
                _send(pipe, _VALUE, value)
            _send(pipe, _END, None)
        except BrokenPipeError:
            # Whoever wanted it is gone.
            os._exit(1)
        except Exception as error:
            from ospool_ep.engine import EngineError  # noqa: PLC0415 - the service starts sooner without it

            if not isinstance(error, EngineError):
                raise
            _send(pipe, _RAISED, error)


def _send(pipe: Any, kind: int, content: object) -> None:
    pipe.write(pickle.dumps((kind, content)))
    pipe.flush()
