"""What fails between us and the engine is told with its mend."""

import errno
from pathlib import Path

import pytest

from ospool_ep.container.specification import FINGERPRINT_LABEL
from ospool_ep.engine import presence
from ospool_ep.engine.adapter import DockerEngine
from ospool_ep.engine.address import DOCKER, PODMAN, EngineAddress
from ospool_ep.engine.failures import refusal, unreachable
from ospool_ep.engine.interface import EngineError
from ospool_ep.system.systemctl import UnitState
from tests.pure.checks.played_engine import serving

# Docker 28, as it makes a container and as it starts one; Podman 5.
FULL = [
    "mkdir /var/lib/docker/overlay2/0f-init: no space left on device",
    "failed to create task for container: write /run/containerd/runtime.v2.task: no space left on device",
    "creating container storage: mkdir /var/lib/containers/storage/overlay/1/diff: disk quota exceeded",
    "write /x: No space left on device",
]


@pytest.mark.parametrize("reason", FULL)
@pytest.mark.parametrize(("address", "command"), [(DOCKER, "docker"), (PODMAN, "podman")])
def test_a_disk_of_the_engine_that_is_full_is_told_with_what_fills_it(
    reason: str, address: EngineAddress, command: str
) -> None:
    told = str(refusal(500, reason, address.socket))
    assert told.startswith(f"{reason}. A disk that the engine writes to is full: `df -h` and `df -i` show which,")
    assert f"`{command} system df` what fills it, `{command} image prune` removes" in told
    assert str(refusal(500, "Something else.", address.socket)) == "Something else."


def test_it_comes_with_what_the_engine_says(tmp_path: Path) -> None:
    body = b'{"message": "mkdir /var/lib/docker/x: no space left on device"}'
    head = b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    with serving(tmp_path / "e.sock", head % len(body) + body):
        engine = DockerEngine(f"unix://{tmp_path}/e.sock")
        with pytest.raises(EngineError, match="A disk that the engine writes to is full"):
            engine.labelled(FINGERPRINT_LABEL)


@pytest.mark.parametrize("error", [FileNotFoundError(errno.ENOENT, ""), ConnectionRefusedError(errno.ECONNREFUSED, "")])
@pytest.mark.parametrize(
    ("masked", "told"),
    [
        ((), "Start it: systemctl enable --now docker.service"),
        (
            ("docker.service",),
            "Let it run again: systemctl unmask docker.service; then: systemctl start docker.service",
        ),
        (("docker.service", "docker.socket"), "systemctl unmask docker.service docker.socket; then: systemctl start"),
    ],
)
def test_an_engine_that_is_masked_is_told_so_as_check_does(
    error: OSError, masked: tuple[str, ...], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def states(units: tuple[str, ...], **_: object) -> dict[str, UnitState]:
        return {unit: UnitState("masked" if unit in masked else "loaded", "inactive") for unit in units}

    monkeypatch.setattr(presence, "unit_states", states)
    assert told in str(unreachable(DOCKER.socket, error))
    monkeypatch.setattr(presence, "unit_states", lambda _units, **_: None)
    assert str(unreachable(DOCKER.socket, error)).endswith(DOCKER.start), "where systemd does not say"


def test_an_engine_with_a_socket_of_its_own_has_no_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(_units: object, **_: object) -> None:
        raise AssertionError("systemd was asked")

    monkeypatch.setattr(presence, "unit_states", ask)
    told = str(unreachable("/srv/engine.sock", FileNotFoundError(errno.ENOENT, "")))
    assert told.endswith("Start what listens on /srv/engine.sock, or correct OSPOOL_EP_ENGINE.")
