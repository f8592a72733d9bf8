"""The only door to systemd: journal entries, the readiness protocol, and the last pilot line that was kept.

Entries go to journald's own socket and not through standard output, because only there can they carry fields.
"""

import contextlib
import functools
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

from systemd.daemon import notify as sd_notify

from ospool_ep.engine import LogLine
from ospool_ep.events import Priority

SERVICE_IDENTIFIER = "ospool-ep"
PILOT_IDENTIFIER = "pilot"
_LOG_TIME = "OSPOOL_EP_LOG_TIME"
_SOCKET = "/run/systemd/journal/socket"

# What a program writes to standard error is not thereby an error, but it is worth more than an ordinary line.
_PILOT_PRIORITY = {"stdout": Priority.INFO, "stderr": Priority.WARNING}


class JournalAway(Exception):
    """Nobody takes an entry: somebody has stopped journald and its sockets."""


class Journal:
    """The journal of this host, as this service writes it."""

    def __init__(self) -> None:
        """No field stands on every entry yet."""
        self._site: dict[str, str] = {}
        self._pilot: dict[str, str] = {}
        self._common: tuple[bytes, ...] = ()

    def describe_site(self, site: str, resource: str) -> None:
        """From now on every entry names the site and the resource."""
        self._site = {"OSPOOL_EP_SITE": site, "OSPOOL_EP_RESOURCE": resource}
        self._common = _encoded({**self._site, **self._pilot})

    def describe_pilot(self, container_id: str, image_digest: str) -> None:
        """From now on every entry names this container (empty: none)."""
        pilot = {
            "CONTAINER_ID": container_id[:12],
            "CONTAINER_ID_FULL": container_id,
            "OSPOOL_EP_IMAGE_DIGEST": image_digest,
        }
        self._pilot = {name: value for name, value in pilot.items() if value}
        self._common = _encoded({**self._site, **self._pilot})

    def say(self, priority: Priority, text: str) -> None:
        """A message of the service itself; a person who runs it at a terminal sees it there, too."""
        if sys.stderr.isatty():
            print(text, file=sys.stderr)
        # The service does its work without a journal, too.
        with contextlib.suppress(OSError):
            _sendv()(
                b"MESSAGE=" + text.encode("utf-8", "backslashreplace"),
                b"PRIORITY=%d" % priority,
                f"SYSLOG_IDENTIFIER={SERVICE_IDENTIFIER}",
                *self._common,
            )

    def pilot_line(self, line: LogLine) -> None:
        """A line of the pilot, byte for byte. Blocks while journald is behind, so that nothing is dropped.

        Raises JournalAway where it is to be written again.
        """
        try:
            _sendv()(
                b"MESSAGE=" + line.text,
                b"PRIORITY=%d" % _PILOT_PRIORITY[line.stream],
                f"SYSLOG_IDENTIFIER={PILOT_IDENTIFIER}",
                f"{_LOG_TIME}={line.cursor}",
                *self._common,
            )
        except OSError as error:
            raise JournalAway(str(error)) from error
        # libsystemd calls it a success when there is no socket (journal-send.c, ENOENT).
        if not os.path.exists(_SOCKET):  # noqa: PTH110 - for each line: pathlib takes longer
            raise JournalAway(f"{_SOCKET} is missing")

    @staticmethod
    def last_pilot_timestamp(container_id: str) -> str:
        """The engine's timestamp of the last line of that container in the journal; empty where there is none.

        The journal is the memory of how far its lines were copied: whatever ended the process before us, a line
        is in it or not.
        """
        # Entries that the process before us sent may still be on their way into the files.
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(["/usr/bin/journalctl", "--sync"], check=False, timeout=30)
        from systemd.journal import Reader  # noqa: PLC0415

        with Reader() as reader:
            reader.add_match(CONTAINER_ID_FULL=container_id, SYSLOG_IDENTIFIER=PILOT_IDENTIFIER)
            reader.seek_tail()
            entry: Mapping[str, Any] = reader.get_previous()
            return str(entry.get(_LOG_TIME, ""))


@functools.cache
def _sendv() -> Callable[..., None]:
    # Its module brings much that no start waits for: the first entry is written while the pilot comes up.
    from systemd.journal import sendv  # noqa: PLC0415

    send: Callable[..., None] = sendv
    return send


def _encoded(fields: Mapping[str, str]) -> tuple[bytes, ...]:
    return tuple(f"{name}={value}".encode() for name, value in fields.items())


def notify(message: str) -> None:
    """Tell systemd (sd_notify(3)); nothing happens where systemd did not start us."""
    sd_notify(message)
