"""What the next pilot advertises: which host it runs on, and the operator's attributes, with the hand-over's own.

It is put together just before the pilot is made, from what the check of this host has found a moment ago: so a file
that has changed, or a host that has another name, counts for each pilot that is made from then on.
"""

import os

from ospool_ep.container.advertised import names_host, names_service, with_attributes, with_host, with_service
from ospool_ep.container.specification import ContainerSpec
from ospool_ep.pilot.state import EVERYTHING, HELD_CPUS, HELD_MEMORY
from ospool_ep.system.run_directory import RunDirectory
from ospool_ep.this_service import this_service

# What one that begins closed takes the others to hold until it is told, as share/closed-start.cfg says it.
_HELD = f"{HELD_CPUS} = {EVERYTHING.cpus}\n{HELD_MEMORY} = {EVERYTHING.memory}\n"


def advertising(
    spec: ContainerSpec, attributes: str, run_directory: RunDirectory, *, host: bool, closed: bool
) -> ContainerSpec:
    """The container with what it advertises; where that is nothing, it is the same. OSError.

    ``attributes`` are the operator's; ``host``: it names this one, and of several services
    its own; ``closed``: it begins so.
    """
    if host and not names_host(attributes):
        spec = with_host(spec, os.uname().nodename)
    if host and not names_service(attributes):
        spec = with_service(spec, this_service())
    if not attributes:
        return spec
    path = run_directory.write_attributes(attributes + (_HELD if closed else ""), closed=closed)
    return with_attributes(spec, str(path))
