"""The engines that a host may have: what each is called, where it listens, and how its administrator deals with it."""

import os
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class EngineAddress:
    """One engine on this host. ``kind`` is "docker" or "podman", ``socket`` the path on which it listens.

    ``service`` and ``socket_unit`` are the units of systemd that run it; both are empty for an engine that is named by
    a socket which is none of its usual ones.
    """

    kind: str
    socket: str
    service: str = ""
    socket_unit: str = ""

    @property
    def name(self) -> str:
        """What people call it."""
        return self.kind.capitalize()

    @property
    def url(self) -> str:
        """The address as the engine's clients take it."""
        return f"unix://{self.socket}"

    @property
    def command(self) -> str:
        """The command line that reaches this engine; it may be pasted."""
        if self.service:
            return self.kind
        return f"docker --host {self.url}" if self.kind == "docker" else f"podman --url {self.url}"

    @property
    def unit(self) -> str:
        """What systemd has to start for it to answer; empty where that is not known."""
        # Docker's socket comes with its service. Podman's service is there for a question only, and ends after it.
        return self.service if self.kind == "docker" else self.socket_unit

    @property
    def start(self) -> str:
        """How an administrator starts it, now and at each boot, in a sentence."""
        if not self.unit:
            return f"Start what listens on {self.socket}, or correct OSPOOL_EP_ENGINE."
        return f"Start it: systemctl enable --now {self.unit}"

    @property
    def log(self) -> str:
        """Where it says what is wrong with it, in a sentence."""
        if not self.service:
            return f"Look at what listens on {self.socket}."
        return f"Look at its log: journalctl -u {self.service.partition('.')[0]}"


DOCKER = EngineAddress("docker", "/run/docker.sock", "docker.service", "docker.socket")
PODMAN = EngineAddress("podman", "/run/podman/podman.sock", "podman.service", "podman.socket")
KNOWN = (DOCKER, PODMAN)


def at(socket: str, real_path: Callable[[str], str] = os.path.realpath) -> EngineAddress:
    """The engine that listens on that socket. podman-docker makes Docker's path a link to Podman's socket."""
    real = real_path(socket)
    for address in (PODMAN, DOCKER):
        if real == real_path(address.socket):
            return address
    # The rest can only be guessed before it answers; what it is told by then goes by its answer.
    return EngineAddress("podman" if "podman" in socket else "docker", socket)
