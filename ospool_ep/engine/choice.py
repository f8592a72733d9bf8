"""Which of this host's engines is used. Pure: what stands in the configuration and how the engines stand, in."""

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

from ospool_ep.engine.address import DOCKER, KNOWN, PODMAN, EngineAddress, at
from ospool_ep.engine.presence import Presence

AUTO, BY_SOCKET = "auto", "unix://"


class Undecided(enum.Enum):
    """Why no engine can be chosen."""

    NONE_INSTALLED = "no engine is installed"
    NONE_IN_USE = "two are installed, and none is in use"
    NOT_INSTALLED = "the one that was named is not installed"
    MASKED = "the only one, or the one that was named, is masked"
    NOT_KNOWN = "systemd does not say how they stand"


@dataclass(frozen=True)
class Choice:
    """The engine, or why there is none.

    ``basis`` is the value of OSPOOL_EP_ENGINE by which it was chosen; empty where that asks for another one, and this
    one is kept because a pilot runs in it; ``undecided`` then tells why the next one will have none. ``to_start`` is
    the unit that the service starts for it, where it does not run, and ``failed``: it did, and has failed; ``masked``
    are the units that keep it from running.
    """

    address: Optional[EngineAddress]
    basis: str = ""
    undecided: Optional[Undecided] = None
    to_start: str = ""
    masked: str = ""
    failed: bool = False


@dataclass(frozen=True)
class Kept:
    """What the service has chosen. ``holds``: it runs, or this can't be told; the basis is as in ``Choice``.

    ``containers`` are those of the pilots there; None where it is not known whether there are any.
    """

    address: EngineAddress
    basis: str
    holds: bool
    containers: Optional[frozenset[str]] = None


def choose(
    wanted: str, here: Mapping[str, Presence], kept: Optional[Kept], has_pilot: Callable[[EngineAddress], bool]
) -> Choice:
    """The engine in which a pilot of ours runs, as long as it does; else the one that ``rule`` gives.

    ``wanted`` is the value of OSPOOL_EP_ENGINE. ``has_pilot`` is asked as seldom as can be.
    """
    if kept and kept.holds and kept.basis == wanted:
        masked = standing(kept.address, here).masked
        return Choice(kept.address, wanted, masked=_units([kept.address]) if masked else "")
    ruled = rule(wanted, here)
    others = [kept.address] if kept else []
    others += [address for address in KNOWN if here[address.kind].installed and address not in others]
    for other in others:
        if other != ruled.address and has_pilot(other):
            # Where there is one in each, the configuration decides.
            if ruled.address is not None and has_pilot(ruled.address):
                return ruled
            # With auto the next pilot may well stay where this one is.
            return Choice(other, undecided=None if wanted == AUTO else ruled.undecided, masked=ruled.masked)
    return ruled


def rule(wanted: str, here: Mapping[str, Presence]) -> Choice:
    """What OSPOOL_EP_ENGINE gives on this host where no pilot runs."""
    address = named(wanted)
    if address is not None:
        if not address.service or here[address.kind].installed:
            return Choice(address, wanted)
        return _without(wanted, Undecided.NOT_INSTALLED, [address] if here[address.kind].masked else [])
    docker, podman = here[DOCKER.kind], here[PODMAN.kind]
    # Docker first, as ever; one that its administrator has switched off comes after a Podman that is in use.
    for address, fits in (
        (DOCKER, docker.in_use), (PODMAN, podman.in_use),
        (DOCKER, docker.enabled), (PODMAN, podman.enabled),
        (DOCKER, docker.installed and not podman.installed), (PODMAN, podman.installed and not docker.installed),
    ):  # fmt: skip
        if fits:
            return Choice(address, wanted)
    if docker.installed:
        return Choice(None, wanted, Undecided.NONE_IN_USE)
    return _without(wanted, Undecided.NONE_INSTALLED, [address for address in KNOWN if here[address.kind].masked])


def named(wanted: str) -> Optional[EngineAddress]:
    """The engine that this value names, by its name or by its socket; None for auto."""
    if wanted.startswith(BY_SOCKET):
        return at(wanted[len(BY_SOCKET) :])
    return next((address for address in KNOWN if address.kind == wanted), None)


def standing(address: EngineAddress, here: Mapping[str, Presence]) -> Presence:
    """How an engine stands; nothing is known of one with a socket of its own."""
    return here[address.kind] if address.service else Presence()


def _without(wanted: str, why: Undecided, masked: Sequence[EngineAddress]) -> Choice:
    """No engine: what is masked is not there, and takes one command to be."""
    return Choice(None, wanted, Undecided.MASKED if masked else why, masked=_units(masked))


def _units(engines: Sequence[EngineAddress]) -> str:
    return " ".join(f"{address.service} {address.socket_unit}" for address in engines)
