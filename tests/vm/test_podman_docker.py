"""With podman-docker installed Docker's command and socket are Podman's: what is said names Podman all the same."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.host.scenes import findings
from tests.support.endpoint import Endpoint


@pytest.fixture
def posing(endpoint: Endpoint) -> Iterator[Endpoint]:
    """The machine with podman-docker, and nobody who listens."""
    install = "dpkg --install /srv/debs/podman-docker_*.deb && systemd-tmpfiles --create podman-docker.conf"
    endpoint.host.do("sh", "-c", install)
    endpoint.host.do("systemctl", "stop", "podman.socket", "podman.service")
    endpoint.set_up()
    yield endpoint
    endpoint.host.do("sh", "-c", "dpkg --purge podman-docker; rm -f /run/docker.sock")


def error(endpoint: Endpoint, engine: str) -> dict[str, Any]:
    """The one thing that is wrong with that value of OSPOOL_EP_ENGINE."""
    endpoint.configure(OSPOOL_EP_ENGINE=engine)
    (finding,) = findings(endpoint)
    return finding


def test_dockers_command_and_link_make_no_docker(posing: Endpoint) -> None:
    host = posing.host
    assert host.do("readlink", "--canonicalize", "/run/docker.sock").strip() == "/run/podman/podman.sock"
    assert not findings(posing)
    assert error(posing, "docker")["code"] == "engine-not-installed"
    posing.configure(OSPOOL_EP_ENGINE="unix:///run/docker.sock")
    assert not findings(posing)
    host.do("systemctl", "mask", "podman.socket")
    masked = error(posing, "auto")
    host.do("systemctl", "unmask", "podman.socket")
    assert masked["hint"].endswith("systemctl unmask podman.service podman.socket")
    assert host.run(["systemctl", "is-active", "podman.socket"]).stdout.strip() == "inactive"
