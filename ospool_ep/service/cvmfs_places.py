"""Each pilot that mounts CVMFS by itself has a cache and logs that no other one has, and that a later one uses again.

Which of them pilots have, the engine is asked each time: each container that mounts one has it until it is removed, be
it running or not. So nothing is kept from one process of the service to the next. Helper processes touch the disks.
"""

import os
from dataclasses import replace

from ospool_ep.container.cvmfs_mounts import DIRECTORIES, where_there
from ospool_ep.container.specification import FINGERPRINT_LABEL, ContainerSpec
from ospool_ep.engine.interface import Engine
from ospool_ep.system.helper_process import HelperProcess


def takes_places(spec: ContainerSpec) -> bool:
    """Whether its pilot is given such directories; then it is made in a ``launch_turn``."""
    return any(mount.target in DIRECTORIES for mount in spec.mounts)


def with_cvmfs_places(spec: ContainerSpec, engine: Engine) -> ContainerSpec:
    """The container of the next pilot, with a directory of its own for each that the configuration names.

    What is mounted only if it is there is left out where it is not. No other pilot may be made before this one is, of
    no service of this host: all of them count here, whichever has made them.
    Takes 45 s at most for each, and that only where a file system hangs. EngineError, HelperFailed.
    """
    # It lies beside the configuration, which is read without a deadline, too.
    spec = where_there(spec, os.path.isfile)
    if not takes_places(spec):
        return spec
    containers = engine.labelled(FINGERPRINT_LABEL, ended=True)
    mounts = []
    for mount in spec.mounts:
        if mount.target in DIRECTORIES:
            # By the name alone: the engine may tell a path behind links otherwise.
            used = {os.path.basename(container.mounts.get(mount.target, "")) for container in containers}  # noqa: PTH119
            call = HelperProcess("checks.cvmfs_directories:give", mount.source, mount.target, sorted(used))
            mount = replace(mount, source=call.value(str))  # noqa: PLW2901
        mounts.append(mount)
    return replace(spec, mounts=tuple(mounts))
