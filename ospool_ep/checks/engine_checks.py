"""Whether the host has a container engine, whether it answers, and how it treats the pilot. Facts in, findings out."""

from collections.abc import Iterator

from ospool_ep.checks.engine_facts import EngineFacts
from ospool_ep.checks.permissions import as_root
from ospool_ep.configuration.findings import Finding, Place, error, info, warning
from ospool_ep.container.specification import PILOT_UID
from ospool_ep.engine.address import DOCKER, PODMAN, EngineAddress
from ospool_ep.engine.choice import Choice, Undecided, named
from ospool_ep.engine.ping import Answer
from ospool_ep.engine.presence import unmask

# Before, a reader of a log of the driver "local" that came upon a record half written took its middle for a length.
# Source: moby/moby, issue 42125 and pull request 43165.
LOG_IS_KEPT_SINCE = (20, 10, 13)


def check_engine(engine: EngineFacts, root: bool, place: Place) -> Iterator[Finding]:
    """What keeps the engine from running the pilot, and what its administrator should know.

    ``root``: who asks is root. ``place`` is that of OSPOOL_EP_ENGINE.
    """
    address = engine.choice.address
    if address is None or engine.choice.undecided:
        yield _undecided(engine.choice, place)
    elif engine.choice.failed:
        message = f"{address.name} does not run: {engine.choice.to_start} has failed. The service tries to start it."
        yield warning("engine-failed", message, address.log)
    elif engine.choice.to_start:
        message = f"{address.name} does not run yet, and was not examined: the service starts {engine.choice.to_start}."
        yield info("engine-sleeps", message, "To have it examined before that, start it.")
    elif engine.answer is Answer.WELL:
        yield from _check_docker(engine)
        if engine.rootless:
            message = f"The engine on {address.socket} is not root's: its uid {PILOT_UID} is another one here."
            hint = "It can read neither token nor scratch directory. Write OSPOOL_EP_ENGINE=docker or podman."
            yield error("engine-rootless", message, hint, **place)
    elif engine.answer is Answer.DENIED and not root:
        message = f"Only root may ask the engine ({address.socket}): whether it is well was not examined."
        yield warning("engine-not-examined", message, as_root())
    elif engine.answer:
        yield error("engine-unreachable", *_unreachable(address, engine.answer, engine.choice.masked), **place)


def _check_docker(engine: EngineFacts) -> Iterator[Finding]:
    if engine.docker and engine.docker < LOG_IS_KEPT_SINCE:
        found, wanted = (".".join(map(str, version)) for version in (engine.docker, LOG_IS_KEPT_SINCE))
        message = f"Docker {found} may lose lines of the pilot's log, and may run out of memory while it is read."
        yield warning("engine-old", message, f"Update Docker; {wanted} has it mended.")
    if engine.live_restore is False:
        message = "A restart or an upgrade of Docker ends the pilot, and evicts its jobs."
        hint = 'Keep them: "live-restore": true in /etc/docker/daemon.json, then: systemctl reload docker'
        yield info("live-restore-off", message, hint)


def _undecided(choice: Choice, place: Place) -> Finding:
    if choice.undecided is Undecided.NOT_KNOWN:
        hint = "Try again; if it stays so: systemctl status"
        return error("engine-unreachable", "systemd does not say which container engine runs.", hint, **place)
    if choice.undecided is Undecided.MASKED:
        hint = f"Let it run again, or set OSPOOL_EP_ENGINE to another one: systemctl unmask {choice.masked}"
        return error("engine-masked", "The container engine is masked, so that nothing can start it.", hint, **place)
    if choice.undecided is Undecided.NONE_IN_USE:
        message = "Docker and Podman are both installed, and neither is in use."
        one, other = (f"{address.start[len('Start it: ') :]} (for {address.name})" for address in (DOCKER, PODMAN))
        hint = f"Start the one that is to run the pilot: {one} or {other}; or set OSPOOL_EP_ENGINE."
        return error("engine-not-chosen", message, hint, **place)
    if choice.undecided is Undecided.NOT_INSTALLED:
        # Where a pilot runs in the one, it is the other one that is named.
        name = (named(choice.basis) or (PODMAN if choice.address == DOCKER else DOCKER)).name
        hint = f"Install {name}, or set OSPOOL_EP_ENGINE=auto."
        return error("engine-not-installed", f"{name} is not installed.", hint, **place)
    hint = "Install one, for example: dnf install podman"
    return error("engine-not-installed", "There is no container engine, neither Docker nor Podman.", hint)


def _unreachable(address: EngineAddress, answer: Answer, masked: str) -> tuple[str, str]:
    """What is wrong, and how to mend it. ``masked`` are its units, where they are."""
    start = unmask(address, masked) if masked else address.start
    denials = "Find what forbids it: ausearch -m avc -ts recent"
    return {
        Answer.NO_SOCKET: (f"{address.name} does not run, its socket {address.socket} is missing.", start),
        Answer.REFUSED: (f"Nobody listens on {address.name}'s socket {address.socket}.", start),
        Answer.DENIED: (f"{address.name}'s socket {address.socket} is closed to root.", denials),
        Answer.SILENT: (f"{address.name} accepts on {address.socket} and does not answer.", address.log),
        Answer.WRONG: (f"What answers on {address.socket} is no container engine in order.", address.log),
    }[answer]
