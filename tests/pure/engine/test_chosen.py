"""What the service has chosen, as the next process and the commands read it."""

from pathlib import Path

import pytest

from ospool_ep.engine import chosen
from ospool_ep.engine.address import DOCKER, PODMAN, EngineAddress
from ospool_ep.engine.choice import Choice, Kept, Undecided
from ospool_ep.engine.presence import Presence
from ospool_ep.system import systemctl
from tests.pure.checks.played_engine import serving

IN_USE = Presence(installed=True, listens=True, in_use=True, awake=True)


@pytest.fixture
def note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the choice is noted."""
    monkeypatch.setattr(chosen, "NOTE", tmp_path / "engine")
    monkeypatch.setattr(chosen, "LEFT_NOTE", tmp_path / "left")
    return tmp_path / "engine"


@pytest.mark.usefixtures("note")
@pytest.mark.parametrize("choice", [Choice(DOCKER, "auto"), Choice(PODMAN, ""), Choice(PODMAN, "unix:///p")])
def test_a_choice_is_noted(choice: Choice) -> None:
    chosen.keep(choice)
    kept = chosen.noted()
    assert kept is not None
    assert (kept.address, kept.basis) == (choice.address, choice.basis)


@pytest.mark.parametrize("address", [DOCKER, PODMAN])
def test_the_note_of_an_earlier_release_is_read(note: Path, address: EngineAddress) -> None:
    note.write_text(f"{address.socket}\n")
    kept = chosen.noted()
    assert kept is not None
    assert (kept.address, kept.basis) == (address, "")


@pytest.mark.parametrize("text", [b"", b"\xff\n", b"{", b"{}", b'{"socket": "x", "basis": ""}', b"docker\n"])
def test_a_note_that_cannot_be_read_is_none(note: Path, text: bytes) -> None:
    note.write_bytes(text)
    assert chosen.noted() is None


@pytest.mark.usefixtures("note")
def test_no_note_is_none() -> None:
    assert chosen.noted() is None


def test_a_choice_that_cannot_be_kept_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chosen, "NOTE", Path("/proc/no-such-directory/engine"))
    chosen.keep(Choice(DOCKER, "auto"))


def played(monkeypatch: pytest.MonkeyPatch, docker: Presence, podman: Presence, *, containers: bool) -> None:
    monkeypatch.setattr(chosen, "presences", lambda: {"docker": docker, "podman": podman})
    monkeypatch.setattr(chosen, "has_containers", lambda _kind, _container="": containers)


OFF, MASKED = Presence(installed=True), Presence(masked=True)
ENABLED = Presence(installed=True, enabled=True)


@pytest.mark.parametrize(
    ("docker", "wanted", "containers", "moves"),
    [
        # Silent, and switched off.
        (OFF, "auto", False, True),
        (OFF, "podman", False, True),
        (Presence(), "auto", False, True),
        (OFF, "docker", False, False),
        # Its containers go on without it.
        (OFF, "auto", True, False),
        (OFF, "podman", True, False),
        # A restart, an upgrade, a minute of maintenance.
        (IN_USE, "auto", False, False),
        (ENABLED, "auto", False, False),
        (MASKED, "auto", False, False),
    ],
)
def test_the_service_moves_from_a_silent_engine_only_where_that_is_gone_for_good(
    monkeypatch: pytest.MonkeyPatch, docker: Presence, wanted: str, containers: bool, moves: bool
) -> None:
    played(monkeypatch, docker, IN_USE, containers=containers)
    assert chosen.has_moved(Choice(DOCKER, "auto"), wanted, answers=False) is moves


@pytest.mark.parametrize(("wanted", "moves"), [("auto", False), ("podman", True), ("docker", False)])
def test_the_service_moves_where_the_key_says_so_and_no_pilot_runs(
    monkeypatch: pytest.MonkeyPatch, wanted: str, moves: bool
) -> None:
    played(monkeypatch, IN_USE, IN_USE, containers=True)
    assert chosen.has_moved(Choice(DOCKER, "auto"), wanted, answers=True) is moves


def test_the_service_stays_where_no_other_engine_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    played(monkeypatch, Presence(), Presence(), containers=False)
    assert not chosen.has_moved(Choice(DOCKER, "auto"), "auto", answers=False)


SLEEPS = Presence(installed=True, listens=True)


@pytest.mark.parametrize(
    ("docker", "podman", "wanted", "unit"),
    [
        (OFF, Presence(), "auto", "docker.service"),
        (ENABLED, Presence(), "auto", "docker.service"),
        (SLEEPS, Presence(), "auto", "docker.service"),
        (IN_USE, OFF, "auto", ""),
        (Presence(), OFF, "auto", "podman.socket"),
        (OFF, ENABLED, "auto", "podman.socket"),
        (IN_USE, OFF, "podman", "podman.socket"),
        (IN_USE, IN_USE, "podman", ""),
        (OFF, OFF, "unix:///srv/e.sock", ""),
        (OFF, OFF, "auto", ""),
    ],
)
def test_only_the_chosen_engine_is_started_and_only_where_it_does_not_run(
    monkeypatch: pytest.MonkeyPatch, docker: Presence, podman: Presence, wanted: str, unit: str
) -> None:
    asked: list[str] = []

    def start(unit: str) -> bool:
        asked.append(unit)
        return True

    played(monkeypatch, docker, podman, containers=False)
    monkeypatch.setattr(chosen, "noted", lambda: None)
    monkeypatch.setattr(systemctl, "start", start)
    choice = chosen.chosen_engine(wanted)
    assert choice.to_start == unit
    assert not asked, "to look starts nothing"
    assert not chosen.started(choice).to_start
    assert asked == [unit] * bool(unit)


def test_a_key_that_was_changed_under_the_service_starts_nothing_when_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The service itself will start the engine, once it gets there."""
    played(monkeypatch, SLEEPS, IN_USE, containers=False)
    monkeypatch.setattr(chosen, "noted", lambda: Kept(PODMAN, "auto", holds=True))
    monkeypatch.setattr(chosen, "pilot_in", lambda _address: False)
    assert chosen.chosen_engine("docker") == Choice(DOCKER, "docker", to_start="docker.service")


@pytest.mark.parametrize(("holds", "expected"), [
    (True, Choice(PODMAN, "auto")), (False, Choice(None, "auto", Undecided.NOT_KNOWN)),
])  # fmt: skip
def test_where_systemd_does_not_answer_the_service_stays_and_none_begins(
    monkeypatch: pytest.MonkeyPatch, holds: bool, expected: Choice
) -> None:
    monkeypatch.setattr(chosen, "presences", lambda: None)
    monkeypatch.setattr(chosen, "noted", lambda: Kept(PODMAN, "auto", holds=holds))
    assert chosen.chosen_engine("auto") == expected
    assert not chosen.has_moved(Choice(PODMAN, "auto"), "docker", answers=True)


@pytest.mark.parametrize(("runs", "used"), [(True, PODMAN), (False, DOCKER)])
@pytest.mark.usefixtures("note")
def test_a_pilot_that_was_left_in_an_engine_that_sleeps_is_found_again(
    monkeypatch: pytest.MonkeyPatch, runs: bool, used: EngineAddress
) -> None:
    """After a wrong configuration, mended while another engine was started and the one of the pilot stopped."""
    chosen.keep_left(PODMAN, "c0ffee")
    played(monkeypatch, IN_USE, OFF, containers=False)
    monkeypatch.setattr(
        chosen, "has_containers", lambda kind, container="": runs and (kind, container) == ("podman", "c0ffee")
    )
    monkeypatch.setattr(chosen, "pilot_in", lambda _address: False)
    choice = chosen.chosen_engine("auto")
    assert choice.address == used
    chosen.keep(choice)
    assert not chosen.LEFT_NOTE.exists()


def test_an_engine_that_was_stopped_under_the_service_stays_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    played(monkeypatch, OFF, Presence(), containers=False)
    monkeypatch.setattr(chosen, "noted", lambda: Kept(DOCKER, "auto", holds=True))
    assert chosen.chosen_engine("auto") == Choice(DOCKER, "auto")


@pytest.mark.parametrize(
    ("server", "kind"), [("Libpod/5.4.2 (linux)", "podman"), ("Docker/29.1.0 (linux)", "docker"), ("", "docker")]
)
def test_what_is_named_by_its_socket_is_of_the_kind_that_it_says(tmp_path: Path, server: str, kind: str) -> None:
    path = tmp_path / "engine.sock"
    with serving(path, f"HTTP/1.0 200 OK\r\nServer: {server}\r\n\r\nOK".encode()):
        address = chosen.chosen_engine(f"unix://{path}").address
    assert address is not None
    assert (address.kind, address.socket) == (kind, str(path))
    assert address.command.startswith(f"{kind} --")


@pytest.mark.parametrize(
    ("address", "service", "socket", "woken"),
    [
        (PODMAN, "inactive", "active", True),
        (PODMAN, "active", "active", False),
        (PODMAN, "activating", "active", False),
        # Its administrator has stopped it.
        (PODMAN, "inactive", "inactive", False),
        # To start it is for its administrator; it does not come and go by itself.
        (DOCKER, "inactive", "active", False),
        (EngineAddress("podman", "/srv/podman.sock"), "inactive", "active", False),
    ],
)
def test_podman_is_woken_for_a_stop(
    address: EngineAddress, service: str, socket: str, woken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []
    states = [systemctl.UnitState(active=service), systemctl.UnitState(active=socket)]
    monkeypatch.setattr(systemctl, "unit_states", lambda units: dict(zip(units, states)))
    monkeypatch.setattr(systemctl, "ask", lambda *arguments: asked.append(arguments))
    chosen.wake_for_stop(address)
    assert asked == [("start", "--no-block", "--job-mode=ignore-dependencies", "podman.service")] * woken


def test_a_systemd_that_does_not_answer_wakes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systemctl, "unit_states", lambda _units: None)
    chosen.wake_for_stop(PODMAN)
