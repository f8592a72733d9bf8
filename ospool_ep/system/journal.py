"""The journal of this host: the service's messages, the pilot's lines, and up to which line they are in it.

Entries go to journald's own socket and not through standard output, because only there can they carry fields.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Optional

from ospool_ep.lifecycle.actions import Priority
from ospool_ep.pilot.log import LogLine, nanoseconds
from ospool_ep.system.journal_socket import JournalSocket, field
from ospool_ep.this_service import this_service
from ospool_ep.wording import short_id

SERVICE_IDENTIFIER = "ospool-ep"
PILOT_IDENTIFIER = "pilot"
_CURSOR = "OSPOOL_EP_LOG_CURSOR"
# Its name in release 25.1.0, whose pilots outlive an upgrade.
_CURSOR_ONCE = "OSPOOL_EP_LOG_TIME"
_JOURNALCTL_SECONDS = 30

# A longer entry goes to journald as a file, and SELinux's policy may bar journald from files of ours: then it drops the
# entry without a word. Sources: systemd.io, "Native Journal Protocol"; github.com/fedora-selinux/selinux-policy, #413.
_DATAGRAM_BYTES = 128 << 10
SELINUX = Path("/sys/fs/selinux/enforce")

# What a program writes to standard error is not thereby an error, but it is worth more than an ordinary line.
_PILOT_PRIORITY = {"stdout": Priority.INFO.value, "stderr": Priority.WARNING.value}


class JournalAway(Exception):
    """Somebody has stopped journald and its sockets, and perhaps started them again: lines may be lost with these."""


class Journal:
    """The journal of this host, as this service writes it."""

    def __init__(self) -> None:
        self._socket = JournalSocket()
        self._site = b""
        self._pilots: dict[str, bytes] = {}
        # By which connection each pilot's last line went.
        self._connections: dict[str, Optional[int]] = {}

    def describe_site(self, site: str, resource: str) -> None:
        """From now on every entry names the site and the resource."""
        self._site = _encoded({"OSPOOL_EP_SITE": site, "OSPOOL_EP_RESOURCE": resource})

    def describe_pilot(self, container_id: str, image_digest: str) -> None:
        """From now on the entries about the pilot in that container name its image, too."""
        self._pilots[container_id] = _pilot(container_id, image_digest)

    def forget_pilot(self, container_id: str) -> None:
        """Nothing more is to be said of it as a rule."""
        self._pilots.pop(container_id, None)
        self._connections.pop(container_id, None)

    def say(self, priority: Priority, text: str, about: str = "") -> None:
        """A message of the service itself; a person who runs it at a terminal sees it there, too.

        ``about``: the container of the pilot that it is about; empty: about none of them.
        """
        if sys.stderr.isatty():
            print(text, file=sys.stderr)
        fields = {"PRIORITY": str(priority.value), "SYSLOG_IDENTIFIER": SERVICE_IDENTIFIER, "MESSAGE": text}
        # The service does its work without a journal, too.
        with contextlib.suppress(OSError):
            self._socket.send(_encoded(fields) + self._site + self._of(about))

    def pilot_line(self, container_id: str, line: LogLine, before: str = "") -> None:
        """A line of the pilot in that container, byte for byte. Blocks while journald is behind: nothing is dropped.

        Where SELinux enforces its policy, a line of more than 128 KiB is several entries. ``before`` is the cursor of
        the line before it. Raises JournalAway where it is not written, nor are perhaps some before it.
        """
        own = f"PRIORITY={_PILOT_PRIORITY[line.stream]}\nSYSLOG_IDENTIFIER={PILOT_IDENTIFIER}\n"
        *begins, end = _entries(line.text)
        # Only with its end the line counts as written.
        entries = [*((text, before) for text in begins), (end, line.cursor)]
        after = self._connections.pop(container_id, None)
        try:
            for text, cursor in entries:
                described = f"{own}{_CURSOR}={cursor}\n".encode() if cursor else own.encode()
                entry = described + self._site + self._of(container_id) + field(b"MESSAGE", text)
                after = self._socket.send(entry, after)
        except OSError as error:
            raise JournalAway(str(error)) from error
        self._connections[container_id] = after

    def answers(self) -> bool:
        """Whether journald takes entries, or will as soon as it is up."""
        return self._socket.answers()

    def _of(self, container_id: str) -> bytes:
        """The fields of each entry about that pilot. By them the next process finds its place in the pilot's log."""
        if not container_id:
            return b""
        return self._pilots.get(container_id) or _pilot(container_id, "")

    @staticmethod
    def last_pilot_cursor(container_id: str) -> str:
        """The cursor of the last line of that container in the journal; empty where it holds none that can be read.

        The journal is the memory of how far the lines were copied: a process that was killed leaves no other. Anybody
        can write there, so an entry counts only if journald itself says that root wrote it in our unit. Without one,
        all that the engine has kept of the log (``log_max_bytes``) is copied again: where the journal was vacuumed
        before the crash, say, or where the process that was killed had been started at a terminal.
        """
        # Entries that the process before us sent may still be on their way into the files.
        _journalctl("--sync")
        last = ("--quiet", "--lines=1", "--output=json", f"--output-fields={_CURSOR},{_CURSOR_ONCE}")
        ours = ("_UID=0", f"_SYSTEMD_UNIT={this_service().unit}")
        pilots = (f"SYSLOG_IDENTIFIER={PILOT_IDENTIFIER}", f"CONTAINER_ID_FULL={container_id}")
        try:
            entry = json.loads(_journalctl(*last, *ours, *pilots))
            cursor = str(entry.get(_CURSOR) or entry[_CURSOR_ONCE])
            nanoseconds(cursor.partition("#")[0])
        except (ValueError, KeyError):
            return ""
        return cursor


def _pilot(container_id: str, image_digest: str) -> bytes:
    fields = {
        "CONTAINER_ID": short_id(container_id),
        "CONTAINER_ID_FULL": container_id,
        "OSPOOL_EP_IMAGE_DIGEST": image_digest,
    }
    return _encoded({name: value for name, value in fields.items() if value})


def _entries(text: bytes) -> list[bytes]:
    if len(text) <= _DATAGRAM_BYTES or not _selinux_enforces():
        return [text]
    return [text[begin : begin + _DATAGRAM_BYTES] for begin in range(0, len(text), _DATAGRAM_BYTES)]


def _selinux_enforces() -> bool:
    try:
        return SELINUX.read_text().strip() == "1"
    except OSError:
        return False


def _journalctl(*arguments: str) -> bytes:
    """What journalctl(1) prints of the journal that we write to; nothing where it fails."""
    # systemd.exec(5): the name space that LogNamespace= has put us into.
    name_space = f"--namespace={os.environ.get('LOG_NAMESPACE', '')}"
    command = ["/usr/bin/journalctl", name_space, *arguments]
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, check=False, timeout=_JOURNALCTL_SECONDS).stdout
    except (OSError, subprocess.SubprocessError):
        return b""


def _encoded(fields: Mapping[str, str]) -> bytes:
    return b"".join(field(name.encode(), value.encode("utf-8", "backslashreplace")) for name, value in fields.items())
