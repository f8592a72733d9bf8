"""Entries for journald, written to its socket in its own protocol.

libsystemd can do that, too. But a burst of the pilot's lines costs this host several times as much by it: it looks the
socket up for each entry, and has the kernel gather each field by itself. So an entry here is one block of bytes, and
goes to a socket that stays connected. Source of the format: systemd.io, "Native Journal Protocol".

There is one entry in a datagram, as that page wants it: of several, systemd 252 takes all, but 253 and later the first.
"""

import contextlib
import errno
import fcntl
import os
import socket
import threading
from typing import Optional

JOURNALD = "/run/systemd/journal/socket"

# How far this may run ahead of journald, which the kernel doubles: some hundred lines. Who has filled a buffer waits
# until half of it is free. With one that holds more than the 512 entries of journald's queue (systemd's
# net.unix.max_dgram_qlen), it would wake for each entry that journald takes, and an entry take twice the CPU.
_BUFFER_BYTES = 104 << 10
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL


def field(name: bytes, value: bytes) -> bytes:
    """One field of an entry; its value may be any bytes."""
    if b"\n" in value:
        return b"%b\n%b%b\n" % (name, len(value).to_bytes(8, "little"), value)
    return b"%b=%b\n" % (name, value)


class JournalSocket:
    """The way to journald. It may be used by several threads."""

    def __init__(self, path: str = JOURNALD) -> None:
        """Nothing is opened before the first entry."""
        self._path = path
        self._socket: Optional[socket.socket] = None
        # How many connections there have been.
        self._number = 0
        self._turn = threading.Lock()

    def send(self, entry: bytes, after: Optional[int] = None) -> int:
        """Send the fields of one entry; returns the number of the connection. Blocks while journald is behind.

        ``after`` is the connection of the entry before, for one that must not be missing: what journald had not read
        when its socket was closed is lost. OSError: that connection is no more, and nothing was sent; or nobody takes
        an entry, as somebody has stopped journald and its sockets.
        """
        with self._turn:
            if self._socket and after in (None, self._number):
                try:
                    _send(self._socket, entry)
                except ConnectionError:
                    # A journald that has come back has another socket under that name.
                    self._socket.close()
                    self._socket = None
                else:
                    return self._number
            if after is not None:
                raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
            _send(self._connect(), entry)
            return self._number

    def answers(self) -> bool:
        """Whether somebody would take an entry."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as attempt:
            attempt.connect(self._path)
            return True
        return False

    def _connect(self) -> socket.socket:
        with contextlib.ExitStack() as unless_connected:
            connection = unless_connected.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
            connection.connect(self._path)
            unless_connected.pop_all()
        self._socket, self._number = connection, self._number + 1
        return connection


def _send(connection: socket.socket, entry: bytes) -> None:
    try:
        connection.send(entry)
    except OSError as error:
        if error.errno not in (errno.EMSGSIZE, errno.ENOBUFS):
            raise
        _send_file(connection, entry)


def _send_file(connection: socket.socket, entry: bytes) -> None:
    """What is too long for a datagram goes as a file that nobody can change any more."""
    with os.fdopen(os.memfd_create("journal-entry", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC), "wb") as file:
        file.write(entry)
        file.flush()
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, _SEALS)
        socket.send_fds(connection, [b""], [file.fileno()])
