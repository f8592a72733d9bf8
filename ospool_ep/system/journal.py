"""The journal of this host: the service's messages, the pilot's lines, the last one that was kept; and readiness.

Entries go to journald's own socket and not through standard output, because only there can they carry fields.
"""

import contextlib
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from systemd.daemon import notify as sd_notify

from ospool_ep.lifecycle.actions import Priority
from ospool_ep.pilot.log import LogLine
from ospool_ep.system.journal_socket import JournalSocket, field
from ospool_ep.wording import short_id

SERVICE_IDENTIFIER = "ospool-ep"
PILOT_IDENTIFIER = "pilot"
_LOG_TIME = "OSPOOL_EP_LOG_TIME"

# What a program writes to standard error is not thereby an error, but it is worth more than an ordinary line.
_PILOT_PRIORITY = {"stdout": Priority.INFO, "stderr": Priority.WARNING}


class JournalAway(Exception):
    """Nobody takes an entry: somebody has stopped journald and its sockets."""


class Journal:
    """The journal of this host, as this service writes it."""

    def __init__(self) -> None:
        """No field stands on every entry yet."""
        self._socket = JournalSocket()
        self._site: dict[str, str] = {}
        self._pilot: dict[str, str] = {}
        self._common = b""

    def describe_site(self, site: str, resource: str) -> None:
        """From now on every entry names the site and the resource."""
        self._site = {"OSPOOL_EP_SITE": site, "OSPOOL_EP_RESOURCE": resource}
        self._common = _encoded({**self._site, **self._pilot})

    def describe_pilot(self, container_id: str, image_digest: str) -> None:
        """From now on every entry names this container (empty: none)."""
        pilot = {
            "CONTAINER_ID": short_id(container_id),
            "CONTAINER_ID_FULL": container_id,
            "OSPOOL_EP_IMAGE_DIGEST": image_digest,
        }
        self._pilot = {name: value for name, value in pilot.items() if value}
        self._common = _encoded({**self._site, **self._pilot})

    def say(self, priority: Priority, text: str) -> None:
        """A message of the service itself; a person who runs it at a terminal sees it there, too."""
        if sys.stderr.isatty():
            print(text, file=sys.stderr)
        fields = {"PRIORITY": str(priority.value), "SYSLOG_IDENTIFIER": SERVICE_IDENTIFIER, "MESSAGE": text}
        # The service does its work without a journal, too.
        with contextlib.suppress(OSError):
            self._socket.send(_encoded(fields) + self._common)

    def pilot_line(self, line: LogLine) -> None:
        """A line of the pilot, byte for byte. Blocks while journald is behind, so that nothing is dropped.

        Raises JournalAway where it is to be written again.
        """
        try:
            self._socket.send(
                b"PRIORITY=%d\nSYSLOG_IDENTIFIER=%b\n%b=%b\n%b%b"
                % (
                    _PILOT_PRIORITY[line.stream],
                    PILOT_IDENTIFIER.encode(),
                    _LOG_TIME.encode(),
                    line.cursor.encode(),
                    self._common,
                    field(b"MESSAGE", line.text),
                )
            )
        except OSError as error:
            raise JournalAway(str(error)) from error

    @staticmethod
    def last_pilot_cursor(container_id: str) -> str:
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


def _encoded(fields: Mapping[str, str]) -> bytes:
    return b"".join(field(name.encode(), value.encode("utf-8", "backslashreplace")) for name, value in fields.items())


def notify(message: str) -> None:
    """Tell systemd (sd_notify(3)); nothing happens where systemd did not start us."""
    sd_notify(message)
