"""What a pilot's container says of itself in the pool beside what its image says: this host's name, an operator's file.

Neither counts in the fingerprint: a host that gets another name, or a file with other content, makes no pilot outdated.
"""

import re
from dataclasses import replace

from ospool_ep.configuration.htcondor_knobs import HOST_ATTRIBUTE, SERVICE_ATTRIBUTE, knob_of
from ospool_ep.container.specification import ATTRIBUTES_TARGET, ContainerSpec, Mount
from ospool_ep.this_service import ServiceName

# The slot that a pilot has, and those that are carved from it. STARTD_ATTRS holds the image's own list, which the
# environment would replace.
_LIST = "SLOT1_STARTD_ATTRS"
# What stands between quotes in HTCondor's configuration as it is.
_NAME = re.compile("[A-Za-z0-9_-]+", re.ASCII)
_SAYS_NOTHING = "localhost"


def short_name(node_name: str) -> str:
    """The kernel's name of this host up to its first dot; empty where that tells no host from another.

    So is one that no host should have, as of its characters HTCondor might make something else.
    """
    short = node_name.partition(".")[0]
    return short if _NAME.fullmatch(short) and short.lower() != _SAYS_NOTHING else ""


def with_host(spec: ContainerSpec, node_name: str) -> ContainerSpec:
    """The same container, which advertises this host's short name; ``node_name`` is the kernel's.

    What an operator has set in HTCondor's configuration stays, and the name comes beside it.
    """
    short = short_name(node_name)
    return _with(spec, HOST_ATTRIBUTE, short) if short else spec


def with_service(spec: ContainerSpec, service: ServiceName) -> ContainerSpec:
    """The same container, which advertises the name of its service, where that is one of several: ospool-ep@NAME."""
    return _with(spec, SERVICE_ATTRIBUTE, service.name) if service.instance else spec


def _with(spec: ContainerSpec, attribute: str, text: str) -> ContainerSpec:
    environment = dict(spec.environment)
    keys = {knob_of(key): key for key in environment}
    names = keys.get(_LIST, f"_CONDOR_{_LIST}")
    environment[names] = " ".join(filter(None, (environment.get(names, ""), attribute)))
    if attribute not in keys:
        environment[f"_CONDOR_{attribute}"] = f'"{text}"'
    return replace(spec, environment=tuple(environment.items()))


def names_host(attributes: str) -> bool:
    """Whether an operator's attributes, NAME = EXPRESSION on each line, say which host it is."""
    return _names(attributes, HOST_ATTRIBUTE)


def names_service(attributes: str) -> bool:
    """Whether they say which service it is."""
    return _names(attributes, SERVICE_ATTRIBUTE)


def _names(attributes: str, attribute: str) -> bool:
    return any(line.partition(" ")[0].upper() == attribute for line in attributes.split("\n"))


def with_attributes(spec: ContainerSpec, path: str) -> ContainerSpec:
    """The same container with that file of attributes, in place of another one."""
    others = (mount for mount in spec.mounts if mount.target != ATTRIBUTES_TARGET)
    return replace(spec, mounts=(*others, Mount(path, ATTRIBUTES_TARGET, read_only=True)))
