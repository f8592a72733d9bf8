"""Helper processes: each calls one function of this package (``helper_program``), and ends with it.

What the service needs for a moment, once in days, takes more memory than all that it needs always: the Docker SDK, the
libraries that read the configuration and the token. A process that has imported them never gives that back.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import IO, TypeVar

from ospool_ep import __version__
from ospool_ep.system.helper_program import HelperFailed
from ospool_ep.system.host_failures import not_started
from ospool_ep.system.json_data import decode, encode

T = TypeVar("T")

# Where we were imported from, and nothing that the environment says, decides what runs; a Ctrl-C is ours to answer.
# Until the service restarts after an upgrade, another version of the package lies there, or none that could be called.
_REPLACED = os.EX_TEMPFAIL
_PROGRAM = f"""
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
sys.path.insert(0, sys.argv[1])
try:
    from ospool_ep import __version__
    from ospool_ep.system.helper_program import main
except ImportError:
    __version__ = ""
if __version__ != sys.argv[2]:
    sys.exit({_REPLACED})
main()
"""
_PLACE = __file__.rsplit("/", maxsplit=3)[0]
COMMAND = (sys.executable or "/usr/bin/python3", "-IB", "-c", _PROGRAM, _PLACE, __version__)


class HelperProcess:
    """A call that has begun. It ends with ``values`` or ``value``, of which one is asked for."""

    def __init__(self, function: str, *arguments: object) -> None:
        """Begin. ``function`` is ``module:name``, the arguments are what JSON can say. HelperFailed: no process."""
        self._function = function
        try:
            self._process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        except OSError as error:
            raise HelperFailed(not_started(error)) from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._answers: IO[bytes] = self._process.stdout
        # If it has died, the one who asks for the result will see.
        with contextlib.suppress(BrokenPipeError), self._process.stdin as pipe:
            pipe.write(encode((function, *arguments)).encode())

    def values(self, kind: type[T]) -> Iterator[T]:
        """What the function's iterator gives, as it gives it; each is a ``kind``. HelperFailed."""
        try:
            for line in self._answers:
                yield self._read(kind, line)
            if self._process.wait():
                raise self._failure()
        finally:
            self._end()

    def value(self, kind: type[T]) -> T:
        """What the function returns, a ``kind``. HelperFailed."""
        try:
            return self._read(kind, self._answers.readline())
        finally:
            self._end()

    def _read(self, kind: type[T], line: bytes) -> T:
        if not line.endswith(b"\n"):
            raise self._failure()
        outcome, _, content = line.partition(b" ")
        try:
            if outcome == b"value":
                return decode(kind, content)
            text, word = decode(tuple[str, str], content)
        except ValueError:
            raise HelperFailed(f"The process for {self._function} gave an answer that cannot be read.") from None
        raise HelperFailed(text, word)

    def _failure(self) -> HelperFailed:
        code = self._process.wait()
        if code == _REPLACED:
            return HelperFailed("The package has been replaced; the service restarts in a moment.")
        return HelperFailed(f"The process for {self._function} ended without a result (exit code {code}).")

    def _end(self) -> None:
        self._answers.close()
        self._process.kill()
        self._process.wait()
