"""How the engines are told apart by where they listen, and what their administrator is told to type."""

import pytest

from ospool_ep.engine.address import DOCKER, PODMAN, EngineAddress, at


@pytest.mark.parametrize(
    ("socket", "links", "found"),
    [
        ("/run/docker.sock", {}, DOCKER),
        ("/run/podman/podman.sock", {}, PODMAN),
        ("/var/run/docker.sock", {"/var/run/docker.sock": "/run/docker.sock"}, DOCKER),
        # podman-docker makes this link.
        ("/run/docker.sock", {"/run/docker.sock": "/run/podman/podman.sock"}, PODMAN),
        ("/srv/shared/docker.sock", {"/run/docker.sock": "/srv/shared/docker.sock"}, DOCKER),
        ("/srv/docker.sock", {}, EngineAddress("docker", "/srv/docker.sock")),
        ("/run/user/1000/podman/podman.sock", {}, EngineAddress("podman", "/run/user/1000/podman/podman.sock")),
    ],
)
def test_an_engine_is_known_by_its_socket(socket: str, links: dict[str, str], found: EngineAddress) -> None:
    assert at(socket, lambda path: links.get(path, path)) == found


def test_each_engine_has_the_commands_of_its_own() -> None:
    assert DOCKER.start == "Start it: systemctl enable --now docker.service"
    assert PODMAN.start == "Start it: systemctl enable --now podman.socket"
    assert (DOCKER.log, PODMAN.log) == (
        "Look at its log: journalctl -u docker",
        "Look at its log: journalctl -u podman",
    )
    assert (DOCKER.command, PODMAN.command) == ("docker", "podman")


def test_an_engine_of_another_socket_is_reached_by_it() -> None:
    assert at("/srv/e.sock").command == "docker --host unix:///srv/e.sock"
    assert at("/srv/podman.sock").command == "podman --url unix:///srv/podman.sock"
    assert "/srv/e.sock" in at("/srv/e.sock").start
