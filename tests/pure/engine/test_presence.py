"""How an engine stands, from systemd's words for its units, from its socket, and from the cgroups of its containers."""

import socket
from pathlib import Path

import pytest

from ospool_ep.engine import presence as module
from ospool_ep.engine.address import DOCKER, PODMAN, EngineAddress
from ospool_ep.engine.presence import Presence, has_containers, listens, presence
from ospool_ep.system.systemctl import UnitState

GONE = UnitState("not-found", "inactive", "")
OFF = UnitState("loaded", "inactive", "disabled")
ON = UnitState("loaded", "active", "enabled")
STARTED = UnitState("loaded", "active", "disabled")
NEXT_BOOT = UnitState("loaded", "inactive", "enabled")
STILL_THERE = UnitState("masked", "active", "masked-runtime")
MASKED = UnitState("masked", "inactive", "masked")
FAILED = UnitState("loaded", "failed", "enabled")

STATES = [
    # Podman's service comes and goes with the questions.
    (PODMAN, OFF, ON, Presence(installed=True, listens=True, in_use=True, enabled=True)),
    (PODMAN, STARTED, ON, Presence(installed=True, listens=True, in_use=True, awake=True, enabled=True)),
    (PODMAN, OFF, STARTED, Presence(installed=True, listens=True, in_use=True)),
    (PODMAN, OFF, OFF, Presence(installed=True)),
    (PODMAN, OFF, NEXT_BOOT, Presence(installed=True, enabled=True)),
    (DOCKER, ON, ON, Presence(installed=True, listens=True, in_use=True, awake=True, enabled=True)),
    # Switched off, but for the socket: a question would start it.
    (DOCKER, OFF, ON, Presence(installed=True, listens=True, enabled=True)),
    (DOCKER, OFF, STARTED, Presence(installed=True, listens=True)),
    # Docker without a socket unit.
    (DOCKER, ON, GONE, Presence(installed=True, listens=True, in_use=True, awake=True, enabled=True)),
    (DOCKER, OFF, OFF, Presence(installed=True)),
    # Masked, and so never to be started; as long as it runs it is in use.
    (DOCKER, MASKED, MASKED, Presence(masked=True)),
    (DOCKER, MASKED, ON, Presence(listens=True, masked=True)),
    # Its service wants its socket.
    (DOCKER, OFF, MASKED, Presence(masked=True)),
    (DOCKER, STILL_THERE, OFF, Presence(installed=True, listens=True, in_use=True, awake=True, masked=True)),
    (PODMAN, OFF, MASKED, Presence(masked=True)),
    (DOCKER, FAILED, FAILED, Presence(installed=True, enabled=True, failed=True)),
    (DOCKER, FAILED, ON, Presence(installed=True, listens=True, enabled=True, failed=True)),
    (DOCKER, ON, FAILED, Presence(installed=True, listens=True, in_use=True, awake=True, enabled=True)),
    (PODMAN, OFF, FAILED, Presence(installed=True, enabled=True, failed=True)),
    # The next question starts it again.
    (PODMAN, FAILED, ON, Presence(installed=True, listens=True, in_use=True, enabled=True)),
]


@pytest.mark.parametrize(("address", "service", "listener", "expected"), STATES)
def test_systemd_says_how_an_engine_stands(
    address: EngineAddress, service: UnitState, listener: UnitState, expected: Presence
) -> None:
    assert presence(address, {address.service: service, address.socket_unit: listener}) == expected


def test_an_engine_that_systemd_does_not_know_is_known_by_its_socket(tmp_path: Path) -> None:
    address = EngineAddress("docker", f"{tmp_path}/e.sock", "docker.service", "docker.socket")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address.socket)
        unknown = {address.service: GONE, address.socket_unit: GONE}
        assert not presence(address, unknown).installed, "a file that somebody left over"
        listening.listen()
        assert presence(address, unknown) == Presence(installed=True, listens=True, in_use=True, awake=True)


def test_a_link_to_the_other_engine_is_no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    podman = EngineAddress("podman", f"{tmp_path}/podman.sock", "podman.service", "podman.socket")
    docker = EngineAddress("docker", f"{tmp_path}/docker.sock", "docker.service", "docker.socket")
    monkeypatch.setattr(module, "KNOWN", (docker, podman))
    Path(docker.socket).symlink_to(podman.socket)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(podman.socket)
        listening.listen()
        assert listens(podman)
        assert not listens(docker)


ID = "0123456789abcdef" * 4
CGROUPS = [
    ("docker", f"system.slice/docker-{ID}.scope", True),
    ("docker", f"ospool.slice/docker-{ID}.scope", True),
    ("docker", f"docker/{ID}", True),
    ("docker", f"machine.slice/libpod-{ID}.scope", False),
    ("docker", f"system.slice/{ID}", False),
    ("docker", "docker", False),
    ("podman", f"machine.slice/libpod-{ID}.scope/container", True),
    ("podman", f"libpod_parent/libpod-{ID}", True),
    ("podman", f"machine.slice/libpod-conmon-{ID}.scope", False),
    ("podman", f"docker/{ID}", False),
    # What users run in engines of their own.
    ("podman", f"user.slice/user-1001.slice/user@1001.service/user.slice/libpod-{ID}.scope", False),
]


@pytest.mark.parametrize(("kind", "cgroup", "found"), CGROUPS)
def test_the_cgroups_tell_whose_containers_run(tmp_path: Path, kind: str, cgroup: str, found: bool) -> None:
    (tmp_path / "unified" / cgroup).mkdir(parents=True)
    assert has_containers(kind, cgroups=str(tmp_path)) is found
    assert has_containers(kind, [ID[::-1], ID], str(tmp_path)) is found
    assert not has_containers(kind, [ID[::-1]], str(tmp_path))


def test_where_systemd_does_not_answer_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket may start an engine, and a missing one is none that was never installed."""

    def knock(_address: EngineAddress) -> bool:
        raise AssertionError

    monkeypatch.setattr(module, "unit_states", lambda _units: None)
    monkeypatch.setattr(module, "listens", knock)
    assert module.presences() is None
