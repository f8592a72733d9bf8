"""Notices that the configuration was changed while the service waits for a retry, and no pilot runs.

Who mends the file then starts the service, as it were down; to systemd it runs, and nothing would come of that.
"""

import threading
from collections.abc import Callable

# A look at the file costs a system call.
LOOK_SECONDS = 30.0


class FileWatch:
    """A thread of its own, as a file system that hangs would keep any other from its work."""

    def __init__(
        self,
        waits: Callable[[], bool],
        has_changed: Callable[[], bool],
        read_again: Callable[[], None],
        over: threading.Event,
    ) -> None:
        """``waits``: whether the service does. ``has_changed`` says so once for each change.

        ``over``: the service has ended.
        """
        self._waits = waits
        self._has_changed = has_changed
        self._read_again = read_again
        self._over = over

    def start(self) -> None:
        """Begin to watch."""
        threading.Thread(target=self._watch, name="file", daemon=True).start()

    def _watch(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            if self._waits() and self._has_changed():
                self._read_again()
