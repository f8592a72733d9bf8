"""Entries reach journald's socket as they are, of any length and bytes, and whatever becomes of journald meanwhile.

Journald itself is played here; tests/host/test_journal.py and test_restart.py have the real one.
"""

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ospool_ep.lifecycle.actions import Priority
from ospool_ep.pilot.log import LogLine
from ospool_ep.system import journal
from ospool_ep.system.journal import Journal, JournalAway
from ospool_ep.system.journal_socket import JournalSocket, field
from tests.support.waiting import wait_until


class PlayedJournald:
    """Takes entries as the page on the protocol says."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(10)

    def entry(self) -> dict[bytes, bytes]:
        """The next entry's fields."""
        content, files, _flags, _sender = socket.recv_fds(self._socket, 1 << 20, 1)
        for number in files:
            assert content == b"", "a datagram has an entry or a file, not both"
            with os.fdopen(number, "rb") as file:
                file.seek(0)
                content = file.read()
                with pytest.raises(PermissionError):
                    os.ftruncate(file.fileno(), 0)
        return dict(_fields(content))

    def end(self) -> None:
        self._socket.close()
        self.path.unlink()


def _fields(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    while content:
        line, _, content = content.partition(b"\n")
        name, sign, value = line.partition(b"=")
        if not sign:
            length = int.from_bytes(content[:8], "little")
            value, rest = content[8 : 8 + length], content[8 + length :]
            assert rest[:1] == b"\n"
            content = rest[1:]
        assert name, "an empty line would end the entry"
        yield name, value


@pytest.fixture
def journald(tmp_path: Path) -> Iterator[PlayedJournald]:
    played = PlayedJournald(tmp_path / "socket")
    yield played
    played._socket.close()


@pytest.fixture
def service(journald: PlayedJournald, monkeypatch: pytest.MonkeyPatch) -> Journal:
    monkeypatch.setattr(journal, "JournalSocket", lambda: JournalSocket(str(journald.path)))
    service = Journal()
    service.describe_site("Site", "Resource")
    return service


# Each example takes all that it has sent.
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.binary(), cursor=st.from_regex(r"\A20\d\d-\d\dZ#\d\Z"), stream=st.sampled_from(["stdout", "stderr"]))
def test_a_line_of_any_bytes(service: Journal, journald: PlayedJournald, text: bytes, cursor: str, stream: str) -> None:
    service.pilot_line("0123456789abcdef", LogLine(cursor, stream, text))
    assert journald.entry() == {
        b"MESSAGE": text,
        b"PRIORITY": {"stdout": b"6", "stderr": b"4"}[stream],
        b"SYSLOG_IDENTIFIER": b"pilot",
        b"OSPOOL_EP_LOG_CURSOR": cursor.encode(),
        b"OSPOOL_EP_SITE": b"Site",
        b"OSPOOL_EP_RESOURCE": b"Resource",
        b"CONTAINER_ID": b"0123456789ab",
        b"CONTAINER_ID_FULL": b"0123456789abcdef",
    }


def test_a_message_of_several_lines_with_the_pilot_that_it_is_about(service: Journal, journald: PlayedJournald) -> None:
    service.describe_pilot("0123456789abcdef", "sha256:1")
    service.describe_pilot("fedcba9876543210", "sha256:2")
    service.say(Priority.ERROR, "one\ntwo \udcff", "0123456789abcdef")
    assert journald.entry() == {
        b"MESSAGE": b"one\ntwo \\udcff",
        b"PRIORITY": b"3",
        b"SYSLOG_IDENTIFIER": b"ospool-ep",
        b"OSPOOL_EP_SITE": b"Site",
        b"OSPOOL_EP_RESOURCE": b"Resource",
        b"CONTAINER_ID": b"0123456789ab",
        b"CONTAINER_ID_FULL": b"0123456789abcdef",
        b"OSPOOL_EP_IMAGE_DIGEST": b"sha256:1",
    }
    service.say(Priority.INFO, "about none")
    assert b"CONTAINER_ID" not in journald.entry()


def test_each_line_has_the_fields_of_its_own_pilot(service: Journal, journald: PlayedJournald) -> None:
    """By them the next process finds its place in the log of each."""
    digests = {"a" * 64: "sha256:1", "b" * 64: "sha256:2"}
    for pilot, digest in digests.items():
        service.describe_pilot(pilot, digest)
    for pilot in ("a" * 64, "b" * 64, "a" * 64):
        service.pilot_line(pilot, LogLine("2026", "stdout", b"line"))
        entry = journald.entry()
        assert entry[b"CONTAINER_ID_FULL"] == pilot.encode()
        assert entry[b"OSPOOL_EP_IMAGE_DIGEST"] == digests[pilot].encode()
    service.forget_pilot("a" * 64)
    service.pilot_line("a" * 64, LogLine("2026", "stdout", b"line"))
    entry = journald.entry()
    assert entry[b"CONTAINER_ID_FULL"] == b"a" * 64
    assert b"OSPOOL_EP_IMAGE_DIGEST" not in entry


def test_an_entry_that_no_datagram_holds(journald: PlayedJournald) -> None:
    text = b"x" * (8 << 20)
    JournalSocket(str(journald.path)).send(field(b"MESSAGE", text))
    assert journald.entry() == {b"MESSAGE": text}


def test_nobody_takes_entries_until_journald_is_back(service: Journal, journald: PlayedJournald) -> None:
    line = LogLine("2026", "stdout", b"line")
    service.pilot_line("c", line)
    journald.end()
    for _ in range(2):
        with pytest.raises(JournalAway):
            service.pilot_line("c", line)
        service.say(Priority.INFO, "no failure: the service works without a journal, too")
    back = PlayedJournald(journald.path)
    service.pilot_line("c", line)
    assert back.entry()[b"MESSAGE"] == b"line"
    back.end()


def test_a_journald_that_has_been_away_between_two_lines_is_told_once_and_by_each_pilot(
    service: Journal, journald: PlayedJournald
) -> None:
    """What it had not read is lost, also where nobody tried to write meanwhile."""
    line = LogLine("2026", "stdout", b"line")
    for pilot in ("c", "d"):
        service.pilot_line(pilot, line)
    journald.end()
    back = PlayedJournald(journald.path)
    service.say(Priority.INFO, "from another thread")
    assert service.answers()
    for pilot in ("c", "d"):
        with pytest.raises(JournalAway):
            service.pilot_line(pilot, line)
        service.pilot_line(pilot, line)
    assert [back.entry()[b"MESSAGE"] for _ in range(3)] == [b"from another thread", b"line", b"line"]
    back.end()
    assert not service.answers()


def test_it_waits_for_a_journald_that_is_behind_and_is_told_when_that_has_ended(journald: PlayedJournald) -> None:
    away: list[OSError] = []
    sent = 0

    def send() -> None:
        nonlocal sent
        way = JournalSocket(str(journald.path))
        try:
            while True:
                way.send(field(b"MESSAGE", b"%d" % sent))
                sent += 1
        except OSError as error:
            away.append(error)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    before = -1

    def stands_still() -> bool:
        nonlocal before
        before, earlier = sent, before
        return sent == earlier

    wait_until(stands_still, "the kernel holds no more", 10)
    # It counts what it has handed over, and may hold one more in its hand.
    for number in range(sent):
        assert journald.entry() == {b"MESSAGE": b"%d" % number}
    journald.end()
    sender.join(10)
    assert away
