"""What a pilot that mounts CVMFS by itself gets of this host: places for its cache and its logs, and more settings.

Source of the targets: the image's entrypoint.sh and its documentation, "Open Science Pool Containers".
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ospool_ep.configuration.options import OPTIONS
from ospool_ep.container.specification import ContainerSpec, Mount

if TYPE_CHECKING:
    # The service, which reads no configuration itself, has no use for it.
    from ospool_ep.configuration.contents import Configuration

CACHE_TARGET = "/cvmfs-cache"
LOGS_TARGET = "/cvmfs-logs"
SETTINGS_TARGET = "/cvmfsexec/default.local"

CACHE_KEY, LOGS_KEY, SETTINGS_KEY = "OSPOOL_EP_CVMFS_CACHE", "OSPOOL_EP_CVMFS_LOGS", "OSPOOL_EP_CVMFS_DEFAULT"
# Of each, a pilot has a directory that no other one has, in the one that the key names.
DIRECTORIES = {CACHE_TARGET: CACHE_KEY, LOGS_TARGET: LOGS_KEY}


def cvmfsexec_mounts(configuration: "Configuration") -> Iterator[Mount]:
    """The mounts; none where the pilot does not mount CVMFS by itself.

    The directories are those that the configuration names, which serve a pilot that is started by hand. For each of its
    pilots the service puts a directory in them in their place (``service.cvmfs_places``).
    """
    if not configuration.repositories:
        return
    for target, key in DIRECTORIES.items():
        if configuration.text(key):
            yield Mount(configuration.text(key), target)
    # One that the configuration names has to be there: the checks say so.
    usual = configuration.text(SETTINGS_KEY) == OPTIONS[SETTINGS_KEY].default
    yield Mount(configuration.text(SETTINGS_KEY), SETTINGS_TARGET, read_only=True, only_if_there=usual)


def where_there(spec: ContainerSpec, is_file: Callable[[str], bool]) -> ContainerSpec:
    """Without what is mounted only if it is there, and is not. ``is_file``: whether a path of this host is a file."""
    mounts = (mount for mount in spec.mounts if not mount.only_if_there or is_file(mount.source))
    return replace(spec, mounts=tuple(mounts))
