"""How the engines stand on this host: installed, in use, with containers. To look starts none of them."""

import os
import re
import socket
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ospool_ep.engine.address import KNOWN, EngineAddress
from ospool_ep.system.systemctl import UnitState, unit_states

_CGROUPS = "/sys/fs/cgroup"

# Who waits for an error does not wait long for its hint.
_HINT_SECONDS = 2.0

# What the cgroup of a container is called under systemd; and where there is none (cgroupfs), below which parent.
_SCOPES = {
    "docker": re.compile(r"docker-([0-9a-f]{64})\.scope"),
    "podman": re.compile(r"libpod-([0-9a-f]{64})(?:\.scope)?"),
}
_DOCKERS_PARENT, _ID = "docker", re.compile(r"([0-9a-f]{64})")
# Below it are the containers of users, each with an engine of its own.
_USERS = "user.slice"


@dataclass(frozen=True)
class Presence:
    """How one engine stands.

    ``installed``: it can be started. ``listens``: it answers, or is started by a question. ``awake``: to ask it starts
    nothing. ``in_use``: its administrator has it run now. ``enabled``: it is there after each boot. ``masked``: its
    administrator has seen to it that it never is. ``failed``: it ended, or did not start, by a fault.
    """

    installed: bool = False
    listens: bool = False
    in_use: bool = False
    awake: bool = False
    enabled: bool = False
    masked: bool = False
    failed: bool = False


def presences() -> Optional[Mapping[str, Presence]]:
    """How each of the known engines stands, by its kind; None where systemd does not say."""
    units = [unit for address in KNOWN for unit in (address.service, address.socket_unit)]
    states = unit_states(units)
    return None if states is None else {address.kind: presence(address, states) for address in KNOWN}


def presence(address: EngineAddress, states: Mapping[str, UnitState]) -> Presence:
    """How one of the known engines stands, by the states of the units; by its socket where there are none."""
    service, listener = states[address.service], states[address.socket_unit]
    if not (service.known or listener.known):
        # Somebody may have started it in another way. Nothing of systemd listens there: to knock starts nothing.
        there = listens(address)
        return Presence(installed=there, listens=there, in_use=there, awake=there)
    # Podman runs while it is asked only: it is in use where its socket listens. A Docker that merely would start when
    # somebody asks has been stopped, or was never wanted.
    podman = address.kind == "podman"
    in_use = service.runs or (podman and listener.runs)
    # Docker's service wants its socket unit, too, where there is one.
    masked = service.masked or listener.masked
    return Presence(
        installed=in_use or not masked,
        listens=service.runs or listener.runs,
        in_use=in_use,
        awake=service.runs,
        enabled=not masked and (service.enabled or listener.enabled),
        masked=masked,
        failed=not in_use and (listener if podman else service).active == "failed",
    )


def how_to_start(address: EngineAddress) -> str:
    """How an administrator starts an engine that does not run, in a sentence; one that is masked does not start."""
    units = (address.service, address.socket_unit) if address.service else ()
    states = unit_states(units, seconds=_HINT_SECONDS) if units else None
    masked = " ".join(unit for unit in units if states and states[unit].masked)
    return unmask(address, masked) if masked else address.start


def unmask(address: EngineAddress, masked: str) -> str:
    """The same for one whose units, ``masked``, an administrator has masked."""
    return f"Let it run again: systemctl unmask {masked}; then: systemctl start {address.unit}"


def listens(address: EngineAddress) -> bool:
    """Whether somebody accepts on its own socket, which a link to another engine's is not. Starts what waits there."""
    if Path(address.socket).is_symlink() and any(
        os.path.realpath(address.socket) == os.path.realpath(other.socket) for other in KNOWN if other != address
    ):
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knock:
            knock.settimeout(1.0)
            knock.connect(address.socket)
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def has_containers(kind: str, containers: Collection[str] = (), cgroups: str = _CGROUPS) -> bool:
    """Whether one of these containers of root's engine of that kind runs, also while the engine itself does not.

    Without ``containers``: whether any does.
    """
    for directory, below, _ in os.walk(cgroups):
        if _USERS in below:
            below.remove(_USERS)
        named = [_SCOPES[kind].fullmatch(name) for name in below]
        if kind == "docker" and Path(directory).name == _DOCKERS_PARENT:
            named += map(_ID.fullmatch, below)
        if any(found and (not containers or found.group(1) in containers) for found in named):
            return True
    return False
