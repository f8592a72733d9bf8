"""Where the container engine of this host listens."""

import contextlib
from pathlib import Path

from ospool_ep.system import atomic_file

DOCKER_SOCKET = "/run/docker.sock"
PODMAN_SOCKET = "/run/podman/podman.sock"
# In the service's run-time directory, which outlives a crash and a restart of the service, but no stop.
CHOSEN = Path("/run/ospool-ep/engine")


def default_socket() -> str:
    """The path of the engine's socket: the one that the service has chosen; else Docker's, or Podman's without Docker.

    The environment (DOCKER_HOST) has no say: a service must not depend on who starts it.
    """
    chosen = ""
    with contextlib.suppress(OSError, UnicodeError):
        chosen = CHOSEN.read_text(encoding="utf-8").strip()
    if chosen in (DOCKER_SOCKET, PODMAN_SOCKET):
        return chosen
    podman_only = not Path(DOCKER_SOCKET).exists() and Path(PODMAN_SOCKET).exists()
    return PODMAN_SOCKET if podman_only else DOCKER_SOCKET


def keep_to(socket_path: str) -> None:
    """Choose that engine until the service is stopped.

    Where the socket of the one is missing for a while, a pilot that runs there must not be followed by another one in
    the other. Where it can't be written, the choice is made anew each time.
    """
    with contextlib.suppress(OSError):
        atomic_file.replace(CHOSEN, socket_path + "\n")
