"""Calls a function in a process of its own, which ends with it.

What the service needs for a moment, once in days, takes more memory than all that it needs always: the Docker SDK, the
libraries that read the configuration and the token. A process that has imported them never gives that back.
"""

import contextlib
import importlib
import io
import os
import pickle
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NoReturn, Optional

# Where we were imported from, and nothing that the environment says, decides what runs. A Ctrl-C is ours to answer.
_PROGRAM = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); sys.path.insert(0, sys.argv[1])\n"
    "from ospool_ep.system.helper_process import main\n"
    "main()"
)
_COMMAND = (sys.executable or "/usr/bin/python3", "-IB", "-c", _PROGRAM, str(Path(__file__).parents[2]))

_VALUE, _RAISED, _END = range(3)
_KILLED_SECONDS = 0.5


class Reported(Exception):
    """An error that whoever has called the function gets as it was raised there."""


class NoResult(Exception):
    """The process could not be started, or ended before its time; its own standard error, which is ours, says why."""


class Overdue(NoResult):
    """It has not given its result in time, and is no more, unless it sits in the kernel, where nobody can end it."""


class Call:
    """A call that has begun. It ends with ``values`` or ``value``, whichever is asked for."""

    def __init__(self, function: str, *arguments: object, fork: bool = False) -> None:
        """Begin. ``function`` is ``module:name``; an iterator's values come one by one. NoResult: no process.

        ``fork``: in a copy of this process and not in a program of its own, which begins sooner. For one that has no
        other thread yet, and nothing in its memory that would not do for the copy.
        """
        self._function = function
        try:
            self._process = _Copy(function, arguments) if fork else _program(function, arguments)
        except OSError as error:
            raise NoResult(f"No process can be started: {error.strerror}.") from error

    def values(self) -> Iterator[Any]:
        """What the function gives, as it gives it. Raises what the function does, if it is Reported, and NoResult."""
        assert self._process.stdout is not None
        return self._read(self._process.stdout)

    def value(self, until: Optional[float] = None) -> Any:
        """The one thing that the function gives. ``until``: or Overdue, by the monotonic clock."""
        (only,) = self.values() if until is None else self._read(self._gathered(until))
        return only

    def _gathered(self, until: float) -> IO[bytes]:
        content = bytearray()
        assert self._process.stdout is not None
        with self._process.stdout as pipe:
            while select.select([pipe], [], [], max(0.0, until - time.monotonic()))[0]:
                block = os.read(pipe.fileno(), 1 << 16)
                if not block:
                    return io.BytesIO(content)
                content += block
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_KILLED_SECONDS)
        raise Overdue(f"The process for {self._function} has not answered in time.")

    def _read(self, source: IO[bytes]) -> Iterator[Any]:
        try:
            with source as pipe:
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


class _Copy:
    """A forked process, as far as it is used like a Popen."""

    def __init__(self, function: str, arguments: tuple[object, ...]) -> None:
        reading, writing = os.pipe()
        self.stdout = os.fdopen(reading, "rb")
        try:
            self._pid = os.fork()
            if self._pid == 0:
                self.stdout.close()
                _be_the_copy(writing, function, arguments)
        finally:
            os.close(writing)
        self._code: Optional[int] = None

    def kill(self) -> None:
        if self._code is None:
            os.kill(self._pid, signal.SIGKILL)

    def wait(self, timeout: Optional[float] = None) -> int:
        if self._code is None:
            if timeout is not None:
                self._await(timeout)
            self._code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        return self._code

    def _await(self, seconds: float) -> None:
        process = os.pidfd_open(self._pid)
        try:
            if not select.select([process], [], [], seconds)[0]:
                raise subprocess.TimeoutExpired(str(self._pid), seconds)
        finally:
            os.close(process)


def _be_the_copy(writing: int, function: str, arguments: tuple[object, ...]) -> NoReturn:
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        with os.fdopen(writing, "wb") as pipe:
            _answer(pipe, function, arguments)
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        # Nothing that belongs to the first process is to be done in its copy: no handlers, no cleaning up.
        sys.stderr.flush()
        os._exit(code)


def _program(function: str, arguments: tuple[object, ...]) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(_COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    # If it has died, whoever asks for the result will see.
    with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
        pickle.dump((function, arguments), pipe)
    return process


def main() -> None:
    """The program: the call comes over standard input, and what comes of it goes to standard output."""
    function, arguments = pickle.load(sys.stdin.buffer)
    with os.fdopen(os.dup(1), "wb") as pipe:
        # What anything here prints is no result.
        os.dup2(2, 1)
        _answer(pipe, function, arguments)


def _answer(pipe: IO[bytes], function: str, arguments: tuple[object, ...]) -> None:
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
        if not isinstance(error, (Reported, NoResult)):
            raise
        _send(pipe, _RAISED, error)


def _send(pipe: IO[bytes], kind: int, content: object) -> None:
    pipe.write(pickle.dumps((kind, content)))
    pipe.flush()
