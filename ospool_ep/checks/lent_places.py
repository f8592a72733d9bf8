"""Where on this host to look for the directories that jobs get: OSPOOL_EP_BIND and SINGULARITY_BIND_EXTRA."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ospool_ep.checks.mount_table import MountPoint, awaited, mounted_under
from ospool_ep.checks.path_sight import Sight
from ospool_ep.configuration.contents import Configuration


@dataclass(frozen=True)
class Lent:
    """What was seen of them. ``binds`` are those of OSPOOL_EP_BIND and what is in them, by their paths.

    ``job_binds`` are the paths that jobs get and that are in no mount of the pilot. ``mounted`` is the host's table of
    mounts, and ``awaited`` are the directories that should be in it; both are empty without OSPOOL_EP_BIND.
    """

    binds: Mapping[str, Sight] = field(default_factory=dict)
    job_binds: Mapping[str, Sight] = field(default_factory=dict)
    mounted: tuple[MountPoint, ...] = ()
    awaited: tuple[str, ...] = ()


class LentPlaces:
    """The paths; none where the configuration lends no directory."""

    def __init__(self, configuration: Configuration, mounts: str, fstab: str) -> None:
        self._binds: dict[str, str] = {}
        # What jobs get, and what is in no mount of the pilot.
        self.job_binds: tuple[str, ...] = ()
        self._tables = (mounts, fstab)
        # Modules for what few sites set: a host without it does not pay for them.
        if configuration.text("OSPOOL_EP_BIND"):
            from ospool_ep.configuration.binds import binds, mount_points  # noqa: PLC0415

            wanted = binds(configuration.text("OSPOOL_EP_BIND"))
            self._binds = dict.fromkeys((path for path, _ in mount_points(wanted)), "look")
            self._binds.update((bind.source, "write" if bind.writable else "list") for bind in wanted)
        if configuration.text("SINGULARITY_BIND_EXTRA"):
            from ospool_ep.configuration.job_binds import in_no_mount  # noqa: PLC0415

            self.job_binds = in_no_mount(configuration)

    @property
    def purposes(self) -> dict[str, str]:
        """What is to be looked at, as ``path_probe.look`` takes it."""
        return {**dict.fromkeys(self.job_binds, "look"), **self._binds}

    def facts(self, seen: Mapping[str, Sight]) -> Lent:
        """What was seen there."""
        binds, job_binds = ({path: seen[path] for path in paths} for paths in (self._binds, self.job_binds))
        mounts, fstab = self._tables
        return Lent(binds, job_binds, mounted_under("/", mounts), awaited(fstab)) if binds else Lent(binds, job_binds)
