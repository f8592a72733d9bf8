"""What the engine tells of a container as it happens.

Source: Docker Engine API, "Monitor events".
"""

import json
import urllib.parse
from collections.abc import Iterable, Iterator

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
    """What happens, by Docker's words for it, until the container is gone. ValueError for what is no event."""
    waiting = b""
    for chunk in chunks:
        *events, waiting = (waiting + chunk).split(b"\n")
        for event in events:
            action = str(json.loads(event)["Action"])
            if action in _GONE:
                yield _GONE[0]
                return
            if action in _ACTIONS:
                yield action
