"""Which of this host's engines is used. Pure: what stands in the configuration and how the engines stand, in."""

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Optional

from ospool_ep.engine.address import DOCKER, KNOWN, PODMAN, EngineAddress, at
from ospool_ep.engine.presence import Presence

AUTO = "auto"


class Undecided(enum.Enum):
    """Why no engine can be chosen."""

    NONE_INSTALLED = "no engine is installed"
    NONE_IN_USE = "two are installed, and none is in use"
    NOT_INSTALLED = "the one that was named is not installed"


@dataclass(frozen=True)
class Choice:
    """The engine, or why there is none.

    ``basis`` is the value of OSPOOL_EP_ENGINE by which it was chosen; empty where that asks for another one, and this
    one is kept because a pilot runs in it. ``to_start`` is the unit that the service starts for it, where it does not
    run.
    """

    address: Optional[EngineAddress]
    basis: str = ""
    undecided: Optional[Undecided] = None
    to_start: str = ""


@dataclass(frozen=True)
class Kept:
    """What the service has chosen. ``holds``: it runs, or this can't be told; the basis is as in ``Choice``."""

    address: EngineAddress
    basis: str
    holds: bool


def choose(
    wanted: str, here: Mapping[str, Presence], kept: Optional[Kept], has_pilot: Callable[[EngineAddress], bool]
) -> Choice:
    """The engine in which a pilot of ours runs, as long as it does; else the one that ``rule`` gives.

    ``wanted`` is the value of OSPOOL_EP_ENGINE. ``has_pilot`` is asked as seldom as can be.
    """
    if kept and kept.holds and kept.basis == wanted:
        return Choice(kept.address, wanted)
    ruled = rule(wanted, here)
    others = [kept.address] if kept else []
    others += [address for address in KNOWN if here[address.kind].installed and address not in others]
    for other in others:
        if other != ruled.address and has_pilot(other):
            # Where there is one in each, the configuration decides.
            both = ruled.address is not None and has_pilot(ruled.address)
            return ruled if both else Choice(other)
    return ruled


def rule(wanted: str, here: Mapping[str, Presence]) -> Choice:
    """What OSPOOL_EP_ENGINE gives on this host where no pilot runs."""
    docker, podman = here[DOCKER.kind], here[PODMAN.kind]
    if wanted.startswith("unix://"):
        return Choice(at(wanted[len("unix://") :]), wanted)
    for address in KNOWN:
        if wanted == address.kind:
            named = Choice(address, wanted)
            return named if here[address.kind].installed else Choice(None, wanted, Undecided.NOT_INSTALLED)
    # Docker first, as ever; one that its administrator has switched off comes after a Podman that is in use.
    for address, fits in (
        (DOCKER, docker.in_use), (PODMAN, podman.in_use),
        (DOCKER, docker.enabled), (PODMAN, podman.enabled),
        (DOCKER, docker.installed and not podman.installed), (PODMAN, podman.installed and not docker.installed),
    ):  # fmt: skip
        if fits:
            return Choice(address, wanted)
    return Choice(None, wanted, Undecided.NONE_IN_USE if docker.installed else Undecided.NONE_INSTALLED)
