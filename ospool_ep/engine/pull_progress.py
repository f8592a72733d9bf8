"""How far a pull is, from the messages of the engine.

Source: Docker Engine API, "Create an image"; the words of ``status`` are those that the engine uses since 1.10.
"""

import time
from collections.abc import Callable
from typing import Any

# A layer is downloaded, then extracted, and each takes its time.
_STEPS = ("Downloading", "Extracting")
_ALL = float(len(_STEPS))
_FINISHED = {"Download complete": 1.0, "Pull complete": _ALL}


# A large image that comes over a slow line moves for minutes before another percent is here.
TOLD_SECONDS = 10.0
# The engine waits, and nothing comes.
_WAITS = ("Waiting", "Retrying")


class Percent:
    """The part that is done, 0 to 100; it never goes back.

    A layer that has not begun tells no size yet; it counts as much as the mean of those that did.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.value = 0
        self._clock = clock
        self._told_at = clock()
        self._sizes: dict[str, int] = {}
        self._done: dict[str, float] = {}

    def learn(self, message: dict[str, Any]) -> bool:
        """Take one message; returns whether the percentage has changed, or something has come for a while without."""
        layer, status = str(message.get("id", "")), str(message.get("status", ""))
        if status == "Pulling fs layer":
            self._done.setdefault(layer, 0.0)
        elif status in _FINISHED and layer in self._done:
            self._done[layer] = _FINISHED[status]
        elif status in _STEPS and layer in self._done:
            step, detail = _STEPS.index(status), message.get("progressDetail") or {}
            current, total = detail.get("current") or 0, detail.get("total") or 0
            if total > 0:
                self._done[layer] = step + min(current / total, 1.0)
                if step == 0:
                    self._sizes[layer] = total
        before, self.value = self.value, max(self.value, self._percent())
        moves = not status.startswith(_WAITS) and self._clock() >= self._told_at + TOLD_SECONDS
        if self.value == before and not moves:
            return False
        self._told_at = self._clock()
        return True

    def _percent(self) -> int:
        if not self._done:
            return 0
        mean = sum(self._sizes.values()) / len(self._sizes) if self._sizes else 1.0
        weights = {layer: self._sizes.get(layer, mean) for layer in self._done}
        done = sum(weights[layer] * done for layer, done in self._done.items())
        return int(100 * done / (_ALL * sum(weights.values())))
