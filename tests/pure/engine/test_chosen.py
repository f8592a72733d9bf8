"""What the service has chosen, as the next process and the commands read it."""

from pathlib import Path
from typing import Optional

import pytest

from ospool_ep.engine import chosen
from ospool_ep.engine.address import DOCKER, PODMAN, EngineAddress
from ospool_ep.engine.choice import Choice, Kept, Undecided
from ospool_ep.engine.presence import Presence
from ospool_ep.system import systemctl
from tests.pure.checks.played_engine import serving

IN_USE = Presence(installed=True, listens=True, in_use=True, awake=True)


def played(monkeypatch: pytest.MonkeyPatch, docker: Presence, podman: Presence, *, containers: bool) -> None:
    monkeypatch.setattr(chosen, "presences", lambda: {"docker": docker, "podman": podman})
    monkeypatch.setattr(chosen, "has_containers", lambda _kind, _containers=(): containers)


OFF, MASKED = Presence(installed=True), Presence(masked=True)
ENABLED = Presence(installed=True, enabled=True)


@pytest.mark.parametrize(
    ("docker", "podman", "wanted", "moves"),
    [
        # Silent, and switched off.
        (OFF, IN_USE, "auto", True),
        (OFF, IN_USE, "podman", True),
        (Presence(), IN_USE, "auto", True),
        (OFF, IN_USE, "docker", False),
        (OFF, IN_USE, "unix:///run/docker.sock", False),
        # A restart, an upgrade, a minute of maintenance.
        (IN_USE, IN_USE, "auto", False),
        (ENABLED, IN_USE, "auto", False),
        (MASKED, OFF, "auto", False),
        (MASKED, ENABLED, "auto", False),
        (MASKED, IN_USE, "docker", False),
        # Its administrator has said what is to be used.
        (MASKED, IN_USE, "auto", True),
        (MASKED, OFF, "podman", True),
    ],
)
def test_the_service_moves_from_a_silent_engine_only_where_that_is_gone_for_good(
    monkeypatch: pytest.MonkeyPatch, docker: Presence, podman: Presence, wanted: str, moves: bool
) -> None:
    played(monkeypatch, docker, podman, containers=False)
    assert chosen.has_moved(Kept(DOCKER, "auto", True), wanted, answers=False) is moves


PILOT, ANOTHER, QUADLET = "c0ffee", "facade", "deadbeef"


@pytest.mark.parametrize(
    ("known", "running", "moves"),
    [
        ((PILOT,), (PILOT, QUADLET), False),
        ((PILOT,), (QUADLET,), True),
        ((PILOT, ANOTHER), (ANOTHER,), False),
        ((), (QUADLET,), True),
        (None, (QUADLET,), False),
        (None, (), True),
    ],
)
def test_the_service_stays_with_a_silent_engine_in_which_its_pilot_may_run(
    monkeypatch: pytest.MonkeyPatch, known: Optional[tuple[str, ...]], running: tuple[str, ...], moves: bool
) -> None:
    played(monkeypatch, IN_USE, OFF, containers=False)
    there = set(running)
    monkeypatch.setattr(
        chosen, "has_containers", lambda _kind, containers=(): bool(there & set(containers) if containers else there)
    )
    pilots = None if known is None else frozenset(known)
    assert chosen.has_moved(Kept(PODMAN, "auto", True, pilots), "auto", answers=False) is moves
    monkeypatch.setattr(chosen, "noted", lambda: Kept(PODMAN, "auto", holds=False, containers=pilots))
    monkeypatch.setattr(chosen, "pilot_in", lambda _address: False)
    assert chosen.chosen_engine("auto").address == (DOCKER if moves else PODMAN)


def test_a_kind_that_was_guessed_is_no_other_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    played(monkeypatch, IN_USE, IN_USE, containers=False)
    wanted = "unix:///srv/engine.sock"
    kept = Kept(EngineAddress("podman", "/srv/engine.sock"), wanted, True, frozenset())
    assert not chosen.has_moved(kept, wanted, answers=False)


@pytest.mark.parametrize(("wanted", "moves"), [("auto", False), ("podman", True), ("docker", False)])
def test_the_service_moves_where_the_key_says_so_and_no_pilot_runs(
    monkeypatch: pytest.MonkeyPatch, wanted: str, moves: bool
) -> None:
    played(monkeypatch, IN_USE, IN_USE, containers=True)
    assert chosen.has_moved(Kept(DOCKER, "auto", True), wanted, answers=True) is moves


def test_the_service_stays_where_no_other_engine_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    played(monkeypatch, Presence(), Presence(), containers=False)
    assert not chosen.has_moved(Kept(DOCKER, "auto", True), "auto", answers=False)


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
        (OFF, IN_USE, "unix:///run/docker.sock", "docker.service"),
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
    assert not chosen.has_moved(Kept(PODMAN, "auto", True), "docker", answers=True)


def test_one_that_has_failed_is_told_before_it_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    played(monkeypatch, Presence(installed=True, enabled=True, failed=True), Presence(), containers=False)
    monkeypatch.setattr(chosen, "noted", lambda: None)
    choice = chosen.chosen_engine("auto")
    assert choice == Choice(DOCKER, "auto", to_start="docker.service", failed=True)
    monkeypatch.setattr("ospool_ep.system.systemctl.start", lambda _unit: False)
    assert chosen.started(choice) == Choice(DOCKER, "auto"), "whether it is well shows when it is asked"


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
