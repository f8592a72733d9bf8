"""What this host has for a pilot that mounts CVMFS by itself: kernel, directories, settings. It judges nothing."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional

from ospool_ep.checks.path_sight import Sight
from ospool_ep.configuration.contents import Configuration
from ospool_ep.container.cvmfs_mounts import CACHE_KEY, CACHE_TARGET, LOGS_KEY, SETTINGS_KEY

# In MB. What CVMFS takes where it is told nothing.
DEFAULT_QUOTA_MB = 4096
_MIB = 1 << 20
# More digits than these no disk has.
_OF_FILE = re.compile(
    rb"""^[ \t]*(?:export[ \t]+)?CVMFS_QUOTA_LIMIT=["']?(\d{1,12})["']?[ \t]*(?:#.*)?$""", re.MULTILINE
)
_PILOTS = 2


@dataclass(frozen=True)
class Cvmfsexec:
    """What was seen. ``kernel`` is its release, ``settings`` the file of OSPOOL_EP_CVMFS_DEFAULT.

    ``held_bytes``: what the caches in ``cache`` have on the disk; measured only where what is free there is less than
    two pilots may fetch.
    """

    kernel: str
    settings: Sight
    cache: Optional[Sight] = None
    logs: Optional[Sight] = None
    held_bytes: int = 0


def quota_bytes(configuration: Configuration, settings: Optional[Sight] = None) -> int:
    """How much one pilot's cache may have: as the configuration says, else the file of settings, else CVMFS itself."""
    of_file = _OF_FILE.findall(settings.content) if settings and settings.content else []
    of_file = [int(number) for number in of_file[-1:]]
    return (configuration.number("CVMFS_QUOTA_LIMIT") or next(filter(None, of_file), DEFAULT_QUOTA_MB)) * _MIB


class CvmfsexecPlaces:
    """Where to look; nowhere where the pilot does not mount CVMFS by itself."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        keys = (CACHE_KEY, LOGS_KEY, SETTINGS_KEY) if configuration.repositories else ()
        self._paths = {key: text for key in keys if (text := configuration.text(key)).startswith("/")}
        self.purposes = {path: "read" if key == SETTINGS_KEY else "write" for key, path in self._paths.items()}

    def facts(self, seen: Mapping[str, Sight]) -> Optional[Cvmfsexec]:
        """What was seen there. May take 10 s more where the disk of the cache is nearly full. HelperFailed."""
        if not self._configuration.repositories:
            return None
        sights = {key: seen[path] for key, path in self._paths.items()}
        cache, free = sights.get(CACHE_KEY), None
        if cache and cache.is_directory:
            free = cache.free_bytes
        settings = sights.get(SETTINGS_KEY, Sight(self._configuration.text(SETTINGS_KEY)))
        short = free is not None and free < _PILOTS * quota_bytes(self._configuration, settings)
        return Cvmfsexec(
            os.uname().release,
            settings,
            cache,
            sights.get(LOGS_KEY),
            _held(cache.path) if cache and short else 0,
        )


def _held(directory: str) -> int:
    from ospool_ep.checks.cvmfs_directories import held  # noqa: PLC0415 - only where the disk is nearly full

    return held(directory, CACHE_TARGET)
