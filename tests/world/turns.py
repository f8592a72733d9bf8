"""Two runs in one checkout, say a test and the demonstration, make a thing once and not over each other."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from tests.world import BUILD


@contextmanager
def alone_with(what: str) -> Iterator[None]:
    """Wait until no other process of this checkout is at it, and keep it for as long as the block runs."""
    BUILD.mkdir(exist_ok=True)
    with (BUILD / f"{what}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
