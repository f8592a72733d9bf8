"""What can be told of the container engine without judging it: which one was chosen, and whether it answers."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Optional

from ospool_ep.engine.choice import Choice
from ospool_ep.engine.chosen import chosen_engine, started
from ospool_ep.engine.http import Refused, Stream
from ospool_ep.engine.ping import ENGINE_SECONDS, Answer, ping

# Where containerd keeps images and containers, unless its administrator has moved that.
CONTAINERD = "/var/lib/containerd"


@dataclass(frozen=True)
class EngineFacts:
    """The container engine that was chosen, and its answer; None where it was not asked.

    ``docker`` is the version, where Docker answers. ``live_restore``: whether its containers outlive its restart; None
    where it does not say. ``rootless``: it runs as some other user, and so do its containers. ``layers`` is where
    it keeps what containers write; empty where it was not asked, or does not say.
    """

    choice: Choice
    answer: Optional[Answer]
    docker: tuple[int, ...] = ()
    live_restore: Optional[bool] = None
    rootless: bool = False
    layers: str = ""


def look_at_engine(wanted: str) -> EngineFacts:
    """What can be told of the engine that this value of OSPOOL_EP_ENGINE stands for."""
    return ask(chosen_engine(wanted))


def examine_engine(wanted: str) -> EngineFacts:
    """The same, and what it says of itself; for that a Docker starts programs."""
    facts = look_at_engine(wanted)
    return _more(facts) if facts.answer is Answer.WELL else facts


def look_at_layers(wanted: str) -> EngineFacts:
    """The same without what only a person may want to know."""
    return replace(examine_engine(wanted), live_restore=None)


def start_engine(wanted: str) -> EngineFacts:
    """As ``look_at_engine``, of an engine that was started where it did not run."""
    return ask(started(chosen_engine(wanted)))


def ask(choice: Choice) -> EngineFacts:
    """Whether an engine answers that was chosen; one that sleeps is not asked, as that would start it."""
    if choice.address is None or choice.to_start:
        return EngineFacts(choice, None)
    answer, head = ping(choice.address.socket)
    version = re.search(rb"^Server: Docker/(\d+)\.(\d+)\.(\d+)", head, re.MULTILINE)
    facts = EngineFacts(choice, answer, tuple(map(int, version.groups())) if version else ())
    # What listens where an engine of root does is one.
    return facts if choice.address.unit or answer is not Answer.WELL else _more(facts)


def _told(facts: EngineFacts) -> dict[str, object]:
    """What the engine says of itself. Source: Docker Engine API, "Get system information"; Podman's has "Rootless"."""
    assert facts.choice.address
    try:
        with Stream(facts.choice.address.socket, "GET", "/info", timeout=ENGINE_SECONDS) as stream:
            return dict(stream.answer())
    except (OSError, Refused, ValueError, TypeError):
        return {}


def _more(facts: EngineFacts) -> EngineFacts:
    told = _told(facts)
    options, restores = told.get("SecurityOptions"), told.get("LiveRestoreEnabled")
    return replace(
        facts,
        rootless=told.get("Rootless") is True or (isinstance(options, list) and "name=rootless" in options),
        live_restore=restores if isinstance(restores, bool) and facts.docker else None,
        layers=_layers(told),
    )


def _layers(told: Mapping[str, object]) -> str:
    # With the image store of containerd it is that one's. Source: Docker's documentation, "containerd image store".
    if "io.containerd.snapshotter.v1" in str(told.get("DriverStatus")) and os.path.isdir(CONTAINERD):  # noqa: PTH112
        return CONTAINERD
    root = told.get("DockerRootDir")
    return root if isinstance(root, str) and root.startswith("/") else ""
