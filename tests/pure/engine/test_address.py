"""Which of two engines is used, and that the choice holds."""

from pathlib import Path

import pytest

from ospool_ep.engine import address
from ospool_ep.engine.address import default_socket, keep_to


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The two sockets, which are not there yet, and an empty run-time directory."""
    docker, podman = tmp_path / "docker.sock", tmp_path / "podman.sock"
    (tmp_path / "run").mkdir()
    for name, path in {"DOCKER_SOCKET": docker, "PODMAN_SOCKET": podman}.items():
        monkeypatch.setattr(address, name, str(path))
    monkeypatch.setattr(address, "CHOSEN", tmp_path / "run" / "engine")
    return docker, podman


def test_docker_is_used_where_both_are_there_or_none(places: tuple[Path, Path]) -> None:
    docker, podman = places
    assert default_socket() == str(docker)
    docker.touch()
    podman.touch()
    assert default_socket() == str(docker)


def test_podman_is_used_where_docker_is_not(places: tuple[Path, Path]) -> None:
    places[1].touch()
    assert default_socket() == str(places[1])


def test_what_was_chosen_is_kept_while_its_socket_is_missing(places: tuple[Path, Path]) -> None:
    docker, podman = places
    docker.touch()
    podman.touch()
    keep_to(default_socket())
    docker.unlink()
    assert default_socket() == str(docker)


@pytest.mark.parametrize("text", [b"", b"/somewhere/else.sock\n", b"\xff\n"])
def test_a_choice_that_cannot_be_read_is_none(places: tuple[Path, Path], text: bytes) -> None:
    places[1].touch()
    address.CHOSEN.write_bytes(text)
    assert default_socket() == str(places[1])


def test_a_choice_that_cannot_be_kept_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "CHOSEN", Path("/proc/no-such-directory/engine"))
    keep_to(default_socket())
