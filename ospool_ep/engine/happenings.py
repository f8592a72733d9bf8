"""What the engine tells of a container as it happens.

Source: Docker Engine API, "Monitor events".
"""

import json
import urllib.parse
from collections.abc import Iterable, Iterator

from ospool_ep.engine.interface import EngineError
from ospool_ep.wording import one_line

# What is done to a container, in contrast to what is looked at and what runs inside. The engine is asked for all:
# Podman drops some of those that it is asked for by name.
_ACTIONS = {"start", "pause", "unpause", "oom", "kill", "die", "stop", "restart", "update"}

# After these nothing can happen to it; the second word is Podman's.
_GONE = ("destroy", "remove")


def query(container_id: str, begin: float) -> str:
    """How the engine is asked for it. ``begin`` is in seconds since the epoch: what was since then is told, too."""
    filters = {"type": ["container"], "container": [container_id]}
    return urllib.parse.urlencode({"since": f"{begin:.9f}", "filters": json.dumps(filters)})


def happenings(chunks: Iterable[bytes]) -> Iterator[str]:
    """What happens, by Docker's words for it, until the container is gone. ValueError for what is no JSON.

    EngineError where the engine says in the stream why it tells nothing, as Podman 4 does.
    """
    waiting = b""
    for chunk in chunks:
        *events, waiting = (waiting + chunk).split(b"\n")
        for event in events:
            told = json.loads(event)
            if not isinstance(told, dict) or "Action" not in told:
                raise EngineError(f"The engine tells no events: {one_line(event.decode(errors='replace'))}")
            action = str(told["Action"])
            if action in _GONE:
                yield _GONE[0]
                return
            if action in _ACTIONS:
                yield action
