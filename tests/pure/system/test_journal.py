"""A pilot's line in the journal: whole, and as long as journald may take it."""

from pathlib import Path
from typing import Optional

import pytest

from ospool_ep.pilot.log import LogLine
from ospool_ep.system import journal
from ospool_ep.system.journal import Journal
from ospool_ep.system.journal_socket import field

STAMP = "2026-11-29T12:57:40.770688387+00:00#1"
BEFORE = "2026-11-29T12:57:40.000000001+00:00#3"
MOST = 128 << 10


class Played:
    """In place of the socket: keeps what is sent, and refuses from some entry on."""

    def __init__(self, refused_from: int = 99) -> None:
        self.sent: list[bytes] = []
        self._refused_from = refused_from

    def send(self, entry: bytes, after: Optional[int] = None) -> int:
        """Keep it."""
        assert after in (None, 1)
        if len(self.sent) >= self._refused_from:
            raise OSError
        self.sent.append(entry)
        return 1


def written(text: bytes, played: Played, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    monkeypatch.setattr(journal, "JournalSocket", lambda: played)
    Journal().pilot_line("c0ffee", LogLine(STAMP, "stdout", text), BEFORE)
    return played.sent


@pytest.mark.parametrize("length", [0, 1, MOST, MOST + 1, 2 * MOST, 1_000_000])
@pytest.mark.parametrize("selinux", ["1", "0", None])
def test_a_line_is_in_the_journal_whole(
    length: int, selinux: Optional[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "SELINUX", tmp_path / "enforce")
    if selinux:
        (tmp_path / "enforce").write_text(selinux)
    text = bytes(number % 251 for number in range(length))
    sent = written(text, Played(), monkeypatch)
    texts = [text[at : at + MOST] for at in range(0, length or 1, MOST)] if selinux == "1" else [text]
    assert len(sent) == len(texts)
    assert all(entry.endswith(field(b"MESSAGE", part)) for entry, part in zip(sent, texts))
    # What is told last says how far the log was copied; until then it is as far as before.
    cursors = [*[BEFORE] * (len(sent) - 1), STAMP]
    assert all(f"\nOSPOOL_EP_LOG_CURSOR={cursor}\n".encode() in entry for entry, cursor in zip(sent, cursors))


def test_a_line_that_is_not_written_to_its_end_is_to_be_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "SELINUX", tmp_path / "enforce")
    (tmp_path / "enforce").write_text("1")
    with pytest.raises(journal.JournalAway):
        written(b"x" * 1_000_000, Played(refused_from=2), monkeypatch)
