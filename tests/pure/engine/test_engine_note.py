"""What the service notes of its engine, as the next process and the commands read it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Optional

import pytest

from ospool_ep.engine import chosen, engine_note
from ospool_ep.engine.address import DOCKER, PODMAN, EngineAddress
from ospool_ep.engine.engine_note import EngineNote, noted, pilots_are_left
from ospool_ep.engine.presence import Presence
from ospool_ep.system.run_directory import RunDirectory

IN_USE, OFF = Presence(installed=True, listens=True, in_use=True, awake=True), Presence(installed=True)
PILOT, ANOTHER = "c0ffee", "facade"


@pytest.fixture
def note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the choice is noted."""
    monkeypatch.setattr(engine_note, "note", lambda: tmp_path / "engine")
    monkeypatch.setattr(engine_note, "left_note", lambda: tmp_path / "left")
    return tmp_path / "engine"


@pytest.mark.usefixtures("note")
@pytest.mark.parametrize(
    ("address", "basis"),
    [(DOCKER, "auto"), (PODMAN, ""), (EngineAddress("podman", "/srv/e.sock"), "unix:///srv/e.sock")],
)
def test_a_choice_is_noted(address: EngineAddress, basis: str) -> None:
    EngineNote(address, basis)
    kept = noted()
    assert kept is not None
    assert (kept.address, kept.basis, kept.containers) == (address, basis, None)


@pytest.mark.usefixtures("note")
def test_the_pilots_are_noted_for_the_next_process_while_it_is_in_the_same_engine() -> None:
    first = EngineNote(DOCKER, "auto")
    assert first.kept.containers is None
    for containers in ((), None, (PILOT,), (PILOT, ANOTHER)):
        first.pilots_are(containers)
        kept = noted()
        assert kept is not None
        assert kept.containers == (None if containers is None else frozenset(containers))
    assert EngineNote(DOCKER, "docker").kept.containers == frozenset((PILOT, ANOTHER))
    assert EngineNote(PODMAN, "auto").kept.containers is None


@pytest.mark.usefixtures("note")
def test_the_service_that_notes_it_goes_on_to_hold_its_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock of fcntl(2) is lost as soon as its process closes the file anywhere."""
    directory = RunDirectory(tmp_path / "run")
    monkeypatch.setattr(engine_note, "RunDirectory", lambda: RunDirectory(tmp_path / "run"))
    directory.lock()
    EngineNote(DOCKER, "auto").pilots_are([PILOT])
    ask = (
        "import sys; from pathlib import Path; from ospool_ep.system.run_directory import RunDirectory\n"
        "print(RunDirectory(Path(sys.argv[1])).service_pid())"
    )
    seen = subprocess.run([sys.executable, "-c", ask, tmp_path / "run"], stdout=subprocess.PIPE, text=True, check=True)
    assert seen.stdout.strip() == str(os.getpid())


@pytest.mark.parametrize("address", [DOCKER, PODMAN])
def test_the_note_of_an_earlier_release_is_read(note: Path, address: EngineAddress) -> None:
    note.write_text(f"{address.socket}\n")
    kept = noted()
    assert kept is not None
    assert (kept.address, kept.basis, kept.containers) == (address, "", None)


@pytest.mark.parametrize(("container", "known"), [(None, None), ("", frozenset()), (PILOT, frozenset({PILOT}))])
def test_the_one_pilot_that_release_25_3_noted_is_known(
    note: Path, container: Optional[str], known: Optional[frozenset[str]]
) -> None:
    note.write_text(json.dumps({"socket": DOCKER.socket, "kind": "docker", "basis": "auto", "container": container}))
    kept = noted()
    assert kept is not None
    assert kept.containers == known


@pytest.mark.parametrize(
    "text",
    [
        b"", b"\xff\n", b"{", b"{}", b'{"socket": "x", "basis": ""}', b"docker\n",
        b'{"socket": "/run/docker.sock", "basis": "", "container": 1}',
        b'{"socket": "/run/docker.sock", "basis": "", "containers": [1]}',
        b'{"socket": "/run/docker.sock", "basis": "", "containers": "c"}',
    ],
)  # fmt: skip
def test_a_note_that_cannot_be_read_is_none(note: Path, text: bytes) -> None:
    note.write_bytes(text)
    assert noted() is None


@pytest.mark.usefixtures("note")
def test_no_note_is_none() -> None:
    assert noted() is None


def test_a_choice_that_cannot_be_kept_is_no_error_and_told_once(note: Path) -> None:
    told = list[str]()
    note.mkdir()
    (note / "in the way").touch()
    kept = EngineNote(DOCKER, "auto", lambda error: told.append(error.filename))
    kept.pilots_are([PILOT])
    assert told == [str(note)]
    (note / "in the way").unlink()
    note.rmdir()
    kept.pilots_are([])
    found = noted()
    assert found is not None
    assert found.containers == frozenset()
    note.unlink()
    note.mkdir()
    kept.pilots_are([PILOT])
    assert told == [str(note)] * 2, "it could be kept meanwhile"


@pytest.mark.usefixtures("note")
def test_where_a_pilots_are_left_is_told_where_it_cannot_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[str]()
    monkeypatch.setattr(engine_note, "has_containers", lambda *_asked: True)
    service = EngineNote(DOCKER, "auto", lambda error: told.append(error.filename))
    service.pilots_are([PILOT])
    engine_note.left_note().mkdir()
    service.service_ends()
    assert told == [str(engine_note.left_note())]


@pytest.mark.parametrize(("runs", "used"), [(True, PODMAN), (False, DOCKER)])
@pytest.mark.parametrize("ends", ["with a wrong configuration", "by a stop that did not reach it"])
def test_a_pilot_that_was_left_in_an_engine_that_sleeps_is_found_again(
    note: Path, monkeypatch: pytest.MonkeyPatch, ends: str, runs: bool, used: EngineAddress
) -> None:
    """Another engine was started since, and the one of the pilot stopped."""
    monkeypatch.setattr(engine_note, "has_containers", lambda *asked: asked == ("podman", {PILOT}))
    if ends == "with a wrong configuration":
        pilots_are_left(PODMAN, [PILOT])
    else:
        service = EngineNote(PODMAN, "auto")
        service.pilots_are([PILOT])
        service.service_ends()
        note.unlink()
    monkeypatch.setattr(chosen, "presences", lambda: {"docker": IN_USE, "podman": OFF})
    monkeypatch.setattr(chosen, "has_containers", lambda *asked: runs and asked == ("podman", {PILOT}))
    monkeypatch.setattr(chosen, "pilot_in", lambda _address: False)
    choice = chosen.chosen_engine("auto")
    assert choice.address == used
    EngineNote(used, choice.basis)
    assert not engine_note.left_note().exists()


@pytest.mark.usefixtures("note")
@pytest.mark.parametrize("known", [None, [], [PILOT]])
def test_a_pilot_that_has_ended_leaves_no_note(monkeypatch: pytest.MonkeyPatch, known: Optional[list[str]]) -> None:
    monkeypatch.setattr(engine_note, "has_containers", lambda _kind, containers: not containers)
    service = EngineNote(DOCKER, "auto")
    service.pilots_are(known)
    service.service_ends()
    assert not engine_note.left_note().exists()
