"""Waits while another service of this host, or ``ospool-ep update``, pulls the same image: one pull is enough."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Optional

from ospool_ep.lifecycle.events import PullProgressed
from ospool_ep.system.image_store import ImageStore
from ospool_ep.system.pull_turn import PullTurn
from ospool_ep.this_service import this_service

# A pull of which nothing has come for so long is waited for no longer. An engine that pulls says something every ten
# seconds (``engine.pull_progress``). A start may be without a move for a minute (``lifecycle.start``): what is left
# is enough to pull, or to fall back on the image that is here.
STILL_SECONDS = 15.0
_LOOK_SECONDS = 0.3


@contextlib.contextmanager
def turn_to_pull(
    store: ImageStore, reference: str, tell: Callable[[PullProgressed], None]
) -> Iterator[Optional[PullTurn]]:
    """Our turn to pull, once another pull has ended; None where that hangs, or no lock can be had: then two may pull.

    ``tell`` hears how far the other one is.
    """
    turn = store.turn(reference, this_service().name)
    try:
        yield turn if _taken(turn, reference, tell) else None
    finally:
        turn.give_back()


def _taken(turn: PullTurn, reference: str, tell: Callable[[PullProgressed], None]) -> bool:
    before, moved_at = None, time.monotonic()
    try:
        while not turn.take():
            seen = turn.seen()
            if seen and seen != before:
                before, moved_at = seen, time.monotonic()
                tell(PullProgressed(reference, seen.percent, seen.who))
            elif time.monotonic() >= moved_at + STILL_SECONDS:
                return False
            time.sleep(_LOOK_SECONDS)
    except OSError:
        # A full disk, say. The engine keeps the image once, even where two have loaded it.
        return False
    return True
