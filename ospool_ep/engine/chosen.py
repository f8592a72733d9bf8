"""The engine of this host: chosen in the same way by the service and by each command, and started for the service."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Optional

from ospool_ep.container.specification import FINGERPRINT_LABEL, is_of_earlier_service, is_this_services
from ospool_ep.engine.address import EngineAddress
from ospool_ep.engine.choice import AUTO, BY_SOCKET, Choice, Kept, Undecided, choose, named, rule, standing
from ospool_ep.engine.engine_note import noted
from ospool_ep.engine.interface import Container, EngineError
from ospool_ep.engine.ping import ENGINE_SECONDS, kind_in, ping
from ospool_ep.engine.presence import Presence, has_containers, listens, presences
from ospool_ep.system import systemctl
from ospool_ep.this_service import this_service


def chosen_engine(wanted: str) -> Choice:
    """The engine that this value of OSPOOL_EP_ENGINE stands for here and now. Starts none; takes 25 s at most.

    The environment (DOCKER_HOST) has no say: a service must not depend on who starts it.
    """
    here, kept = presences(), noted()
    if here is None:
        # To guess could start an engine, or a second pilot.
        if kept and kept.holds:
            return Choice(kept.address, kept.basis)
        if wanted.startswith(BY_SOCKET):
            return _named_by_its_answer(Choice(named(wanted), wanted))
        return Choice(None, wanted, Undecided.NOT_KNOWN)
    choice = _named_by_its_answer(choose(wanted, here, kept, lambda address: _has_pilot(address, here, kept)))
    # A service that runs has started its engine; who has stopped it since may have had a reason.
    if choice.address is None or (kept and kept.holds and kept.address == choice.address):
        return choice
    if not choice.address.unit or here[choice.address.kind].in_use:
        return choice
    return replace(choice, to_start=choice.address.unit, failed=here[choice.address.kind].failed)


def _named_by_its_answer(choice: Choice) -> Choice:
    """What was named by a socket of its own is of the kind that it says; until it answers that is a guess."""
    if choice.address and not choice.address.service:
        kind = kind_in(ping(choice.address.socket)[1])
        return replace(choice, address=replace(choice.address, kind=kind or choice.address.kind))
    return choice


def started(choice: Choice) -> Choice:
    """Have systemd start the chosen engine where it does not run, and no other one."""
    if choice.to_start:
        systemctl.start(choice.to_start)
    # Whether it is well by now shows when it is asked.
    return replace(choice, to_start="", failed=False)


def start_again(address: EngineAddress) -> None:
    """Have systemd start an engine that ought to run by now and does not; what it needs may have come late."""
    if address.unit:
        units = systemctl.unit_states((address.unit,))
        if units and not (units[address.unit].runs or units[address.unit].masked):
            systemctl.ask("start", "--no-block", address.unit)


def wake_for_stop(address: EngineAddress) -> None:
    """Let Podman answer while the service is being stopped.

    Its service ends when nobody asks it anything. To systemd, what is stopped goes before what is started wherever two
    units have an order, and ours is stopped before Podman's at a shutdown: so a question alone would have Podman start
    once we have ended. Source: systemd.unit(5), "Before=, After="; systemctl(1), "--job-mode=".
    """
    if address.kind == "podman" and address.service:
        units = systemctl.unit_states((address.service, address.socket_unit))
        if units and units[address.socket_unit].runs and not units[address.service].runs:
            systemctl.ask("start", "--no-block", "--job-mode=ignore-dependencies", address.service)


def has_moved(kept: Kept, wanted: str, *, answers: bool) -> bool:
    """Whether OSPOOL_EP_ENGINE stands for another engine by now, and the one that is kept has no pilot of ours.

    ``answers``: it has just said that it has none. An engine that is silent may have the pilot that is known there;
    and it comes back, unless its administrator has switched it off.
    """
    if answers and kept.basis == wanted:
        return False
    here = presences()
    if here is None:
        return False
    known = standing(kept.address, here)
    if not answers and (known.in_use or known.enabled or _may_have_pilot(kept)):
        return False
    following = rule(wanted, here).address
    # Its kind may be a guess.
    if following is None or following.socket == kept.address.socket:
        return False
    # Who masks an engine for an hour does not mean another one to be started.
    return not known.masked or wanted != AUTO or here[following.kind].in_use


def _has_pilot(address: EngineAddress, here: Mapping[str, Presence], kept: Optional[Kept]) -> bool:
    """Whether a pilot of ours runs in that engine. One that sleeps is not asked unless it has containers."""
    there = here[address.kind] if address.service else Presence(listens=listens(address), awake=listens(address))
    if there.awake or (there.listens and address.kind == "podman" and has_containers(address.kind)):
        found = pilot_in(address)
        if found is not None:
            return found
    # It can't be asked. What the service has chosen may still have the pilot.
    return kept is not None and kept.address == address and _may_have_pilot(kept)


def _may_have_pilot(kept: Kept) -> bool:
    """For an engine that can't be asked: whether one of those containers runs; any, where it is not known which."""
    return kept.containers != frozenset() and has_containers(kept.address.kind, kept.containers or ())


def pilot_in(address: EngineAddress) -> Optional[bool]:
    """Whether a pilot of this service runs in it; None where it does not say."""
    from ospool_ep.engine.adapter import DockerEngine  # noqa: PLC0415 - only where there is more than one engine

    engine = DockerEngine(address.url, timeout_seconds=ENGINE_SECONDS)
    try:
        named = engine.container(this_service().container_name)
        if named and named.running and _is_ours(named):
            return True
        return any(is_this_services(one.labels) for one in engine.labelled(FINGERPRINT_LABEL))
    except EngineError:
        return None


def _is_ours(named: Container) -> bool:
    return is_this_services(named.labels) or is_of_earlier_service(named.labels, named.mount_targets)
