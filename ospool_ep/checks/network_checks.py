"""Whether the engine has the network that the pilot is to have, and whether that leads anywhere."""

from collections.abc import Iterator, Mapping
from typing import Optional

from ospool_ep.checks.engine_facts import EngineFacts
from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import Finding, Place, error, has_errors, warning
from ospool_ep.engine.address import EngineAddress
from ospool_ep.engine.http import Refused, Stream
from ospool_ep.engine.ping import ENGINE_SECONDS, Answer

KEY = "OSPOOL_EP_NETWORK"
_NOT_FOUND = 404


def check_network_of(configuration: Configuration, engine: EngineFacts) -> Iterator[Finding]:
    """What keeps the pilot from a network. The engine's own is asked for only where the engine was examined."""
    value, address = configuration.text(KEY), engine.choice.address
    is_own = value.lower() == "bridge"
    # Podman makes its own one whenever it is needed.
    never_lacks = value.lower() == "host" or (is_own and not (engine.docker and engine.layers))
    if never_lacks or address is None or engine.answer is not Answer.WELL:
        return
    from ospool_ep.configuration.network import check_network  # noqa: PLC0415 - a start does not come here as a rule

    # What is no name would be another question.
    if has_errors(check_network(value)):
        return
    found = network(address, "bridge" if is_own else value)
    if found is not None:
        yield from check_found(found, value, address, configuration.place(KEY), is_own=is_own)


def network(address: EngineAddress, name: str) -> Optional[Mapping[str, object]]:
    """What the engine says of a network, empty where it has none of that name; None where it does not say.

    Source: Docker Engine API, "Inspect a network".
    """
    try:
        with Stream(address.socket, "GET", f"/networks/{name}", timeout=ENGINE_SECONDS) as stream:
            return dict(stream.answer())
    except Refused as refused:
        return {} if refused.status == _NOT_FOUND else None
    except (OSError, ValueError, TypeError):
        return None


def check_found(
    found: Mapping[str, object], name: str, address: EngineAddress, place: Place, *, is_own: bool
) -> Iterator[Finding]:
    """What is wrong with a network, of which the engine says that; ``is_own``: it is the engine's own."""
    if not found and is_own:
        message = f'{address.name} has no bridge ("bridge": "none" in its daemon.json): the pilot has no network.'
        hint = f"Write {KEY}=host, or make one, and name it here: {address.command} network create ospool"
        yield error("network-missing", message, hint, **place)
    elif not found:
        message = f"{address.name} has no network {name}: it refuses to start the pilot."
        hint = f"Make it, or write another name: {address.command} network create {name}"
        yield error("network-missing", message, hint, **place)
    elif found.get("Scope") == "swarm" and not found.get("Attachable"):
        message = f"The network {name} is for services of a swarm: {address.name} refuses to start the pilot."
        hint = f"Name one that was made with --attachable: {address.command} network ls"
        yield error("network-refused", message, hint, **place)
    elif found.get("Internal"):
        message = f"The network {name} is an internal one: nothing leads out of it, to the pool neither."
        yield warning(
            "network-internal", message, f"Name one that was made without --internal, or {KEY}=bridge.", **place
        )
