"""A drain outlives a service that a wrong configuration keeps down, and no boot."""

from pathlib import Path

import pytest

from ospool_ep import cli, exit_codes
from ospool_ep.commands import resume
from ospool_ep.lifecycle.state import Want
from ospool_ep.system import left_drain
from ospool_ep.system.run_directory import RunDirectory


@pytest.fixture
def note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(left_drain, "note", lambda: tmp_path / "state" / "drain")
    return tmp_path / "state" / "drain"


def directory(tmp_path: Path, name: str) -> RunDirectory:
    """A run-time directory; systemd makes a fresh one for each start after a failure."""
    (tmp_path / name).mkdir()
    return RunDirectory(tmp_path / name)


@pytest.mark.parametrize("want", [Want.IDLE, Want.STOP, Want.START, Want.REBOOT])
def test_a_drain_is_asked_for_again_once(tmp_path: Path, note: Path, want: Want) -> None:
    before, after, later = (directory(tmp_path, name) for name in ("before", "after", "later"))
    before.ask_drain(want, 5.0)
    left_drain.leave(before)
    left_drain.take(after)
    assert after.want is want
    assert after.wanted_since == 5.0, "it was asked for then"
    assert not note.exists()
    left_drain.take(later)
    assert later.want is Want.PILOTS


def test_where_none_is_asked_for_none_is_kept(tmp_path: Path, note: Path) -> None:
    left_drain.leave(directory(tmp_path, "before"))
    assert not note.exists()
    left_drain.take(directory(tmp_path, "after"))


def test_what_was_asked_for_since_stands(tmp_path: Path, note: Path) -> None:
    before, after = directory(tmp_path, "before"), directory(tmp_path, "after")
    before.ask_drain(Want.STOP)
    left_drain.leave(before)
    after.ask_drain(Want.IDLE)
    left_drain.take(after)
    assert after.want is Want.IDLE
    assert not note.exists()


@pytest.mark.parametrize(
    "text", [b"idle another-boot\n", b"reboot another-boot\n", b"", b"pilots\n", b"\xff", b"nonsense "]
)
def test_of_another_boot_or_nonsense_nothing_is_asked_for(tmp_path: Path, note: Path, text: bytes) -> None:
    note.parent.mkdir()
    note.write_bytes(text)
    after = directory(tmp_path, "after")
    left_drain.take(after)
    assert after.want is Want.PILOTS
    assert not note.exists()


@pytest.mark.parametrize("want", [Want.IDLE, Want.STOP, Want.START])
def test_it_is_taken_back_while_no_service_runs(
    tmp_path: Path, note: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], want: Want
) -> None:
    before, after = directory(tmp_path, "before"), directory(tmp_path, "after")
    before.ask_drain(want)
    left_drain.leave(before)
    monkeypatch.setattr(resume, "RunDirectory", lambda: RunDirectory(tmp_path / "gone"))
    for told in ("The drain is taken back: the service starts a pilot once it runs.\n", ""):
        assert cli.main(["resume"]) == exit_codes.NOT_RUNNING
        printed = capsys.readouterr()
        assert printed.out == told
        assert "does not run here" in printed.err
    assert not note.exists()
    left_drain.take(after)
    assert after.want is Want.PILOTS
