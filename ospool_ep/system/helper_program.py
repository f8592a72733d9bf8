"""The program of a helper process: it calls one function of this package, and ends.

The call comes over standard input, the answers go over standard output, as JSON.
"""

import importlib
import json
import os
import sys
from collections.abc import Iterator, Sequence

from ospool_ep.system.json_data import encode


class HelperFailed(Exception):
    """A helper process gave no result: it could not be started, it died, or its function has raised this.

    ``kind`` is the function's own word for what went wrong; empty where there is none. Of a process that died, its
    standard error, which is ours, says why.
    """

    def __init__(self, text: str, kind: str = "") -> None:
        super().__init__(text)
        self.kind = kind


def main() -> None:
    """The program of a helper process."""
    function, *arguments = json.load(sys.stdin.buffer)
    with os.fdopen(os.dup(1), "w", encoding="ascii") as pipe:
        # What anything here prints is no answer.
        os.dup2(2, 1)
        try:
            for answer in _answers(function, arguments):
                print(answer, file=pipe, flush=True)
        except BrokenPipeError:
            # Nobody waits for it any more.
            os._exit(1)


def _answers(function: str, arguments: Sequence[object]) -> Iterator[str]:
    module, _, name = function.partition(":")
    try:
        result = getattr(importlib.import_module(f"ospool_ep.{module}"), name)(*arguments)
        for value in result if isinstance(result, Iterator) else (result,):
            yield f"value {encode(value)}"
    except HelperFailed as failure:
        yield f"failed {encode((str(failure), failure.kind))}"
