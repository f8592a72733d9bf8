"""Whether what is mounted below /cvmfs later reaches a pilot: the host's mount has to be shared for that. Pure.

Docker refuses a shared bind of what is not ("is not a shared mount"); Podman makes one that sees nothing that comes
later. Source: mount_namespaces(7), "SHARED SUBTREES".
"""

import shlex
from collections.abc import Iterator
from typing import Optional

from ospool_ep.checks.mount_table import MountPoint
from ospool_ep.configuration.findings import Finding, Place, error


def check_propagation(cvmfs: str, mount: Optional[MountPoint], place: Place) -> Iterator[Finding]:
    """``mount`` is the one that the directory ``cvmfs`` is on, as the engine sees it; None where that is not known."""
    if mount is None or mount.shared:
        return
    on = (
        f"{cvmfs} is no shared mount"
        if mount.path == cvmfs
        else f"{cvmfs} is on {mount.path}, which is no shared mount"
    )
    message = f"{on}: Docker refuses the pilot, and with Podman what is mounted later does not reach it."
    now = f"mount --make-rshared {shlex.quote(mount.path)}"
    last = (
        "at each boot systemd makes all mounts shared, so look for what takes that back (grep -r make-r?private /etc)"
    )
    if mount.path == cvmfs:
        last = f"to make it last, add the option shared to its line in /etc/fstab, or {now} to what mounts it"
    yield error("cvmfs-not-shared", message, f"Share it now: {now}; {last}.", **place)
