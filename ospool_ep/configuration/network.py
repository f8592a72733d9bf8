"""The network of the pilot, OSPOOL_EP_NETWORK: the engine's own, this host's, or one by its name."""

import re
from collections.abc import Iterator

from ospool_ep.configuration.findings import Finding, error
from ospool_ep.configuration.masking import quoted

BRIDGE, HOST = "bridge", "host"
_WORDS = (BRIDGE, HOST)

# What both engines take as a name. Source: moby, daemon/names; podman, libpod/define.
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
# Podman's words for other ways to a network, and Docker's for the one that it has anyway.
_OF_AN_ENGINE = ("default", "private", "pasta", "slirp4netns")


def network_of(value: str) -> str:
    """The network that a value names; empty for the engine's own. The two words are read in upper and lower case."""
    name = value.lower() if value.lower() in _WORDS else value
    return "" if name == BRIDGE else name


def check_network(value: str) -> Iterator[Finding]:
    """What keeps a value from being a network that a pilot can use."""
    hint = f"Write {BRIDGE}, {HOST}, or the name of a network of the engine."
    if value.lower() == "none":
        yield error("network-refused", "Without a network no pilot gets into the pool.", hint)
    elif value.lower().startswith("container:"):
        message = f"With {quoted(value)} the pilot would lose its network whenever that container ends."
        yield error("network-refused", message, hint)
    elif value.lower() in _OF_AN_ENGINE:
        yield error("network-refused", f"{quoted(value)} is an engine's word, and no name of a network.", hint)
    elif not _NAME.fullmatch(value):
        yield error("not-a-network", f"{quoted(value)} can't be the name of a network.", hint)
