"""The engine that the service uses until another process follows, and all that hangs on which one it is."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Optional

from ospool_ep.configuration.findings import Severity
from ospool_ep.engine import chosen
from ospool_ep.engine.adapter import DockerEngine
from ospool_ep.engine.address import EngineAddress
from ospool_ep.engine.engine_note import EngineNote
from ospool_ep.engine.interface import Engine
from ospool_ep.engine.no_engine import no_engine
from ospool_ep.service.helper_answers import Inspected
from ospool_ep.system.systemd import stop_is_wanted


@dataclass(frozen=True)
class OwnEngine:
    """An engine, or what stands in its place where this host has none yet.

    ``socket`` is where it listens, and ``command`` its own command line; both are empty where there is none. The rest
    is as in ``loop.Service`` and ``orders.Orders``; ``service_ends`` is to be called at the end of the service.
    """

    engine: Engine
    socket: str
    command: str
    has_moved: Callable[[str, bool], bool]
    note_pilots: Callable[[Optional[Collection[str]]], None]
    stop_is_wanted: Callable[[], bool]
    start_again: Callable[[], None]
    service_ends: Callable[[], None]


def own_engine(inspected: Inspected, not_noted: Callable[[OSError], None]) -> OwnEngine:
    """What was chosen. It is noted for the processes that follow, and for the commands; ``not_noted``: it can't be."""
    address, basis = inspected.engine.address, inspected.engine.basis
    if address is None:
        return _none(inspected)
    note = EngineNote(address, basis, not_noted)
    return OwnEngine(
        DockerEngine(address.url),
        address.socket,
        address.command,
        lambda wanted, answers: chosen.has_moved(note.kept, wanted, answers=answers),
        note.pilots_are,
        lambda: _stop_is_wanted(address),
        lambda: chosen.start_again(address),
        note.service_ends,
    )


def _none(inspected: Inspected) -> OwnEngine:
    """One may be installed, unmasked or started at any time: then the next process takes it."""
    errors = [found for found in inspected.checked.findings if found.severity is Severity.ERROR]
    about_it = [found for found in errors if found.code.startswith("engine-")]
    why = " ".join(f"{found.message} {found.hint} [{found.code}]" for found in about_it)
    return OwnEngine(
        no_engine(why or "There is no container engine."),
        "",
        "",
        lambda wanted, _answers: chosen.chosen_engine(wanted).address is not None,
        lambda _containers: None,
        stop_is_wanted,
        lambda: None,
        lambda: None,
    )


def _stop_is_wanted(address: EngineAddress) -> bool:
    wanted = stop_is_wanted()
    if wanted:
        chosen.wake_for_stop(address)
    return wanted
