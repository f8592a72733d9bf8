"""Where the container engine of this host listens."""

from pathlib import Path

DOCKER_SOCKET = "/run/docker.sock"
PODMAN_SOCKET = "/run/podman/podman.sock"


def default_socket() -> str:
    """The path of the engine's socket: Docker's, or Podman's where there is no Docker.

    The environment (DOCKER_HOST) has no say: a service must not depend on who starts it.
    """
    podman_only = not Path(DOCKER_SOCKET).exists() and Path(PODMAN_SOCKET).exists()
    return PODMAN_SOCKET if podman_only else DOCKER_SOCKET
