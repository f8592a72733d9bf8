"""The paths in the pilot that its jobs' containers get by SINGULARITY_BIND_EXTRA, and which of them it surely has.

Source: Apptainer's documentation of ``--bind``, SRC[:DST[:OPTIONS]] with commas between them; a backslash before a
colon or a comma makes it a part of the path.
"""

import re

from ospool_ep.configuration import binds
from ospool_ep.configuration.contents import Configuration

KEY = "SINGULARITY_BIND_EXTRA"
_OPTION = re.compile(r"(?:ro|rw|(?:image-src|id)=.*)")

# The mounts that each pilot has, or that are its own; and what the engine, or the kernel, puts into each container.
_ALWAYS = ("/pilot", "/proc", "/sys", "/dev", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf")
# What each image has, though not all that may be in it.
_OF_EACH_IMAGE = (
    "/bin", "/etc", "/etc/group", "/etc/passwd", "/home", "/lib", "/lib64", "/mnt", "/opt", "/root", "/run", "/sbin",
    "/srv", "/tmp", "/usr", "/usr/bin", "/usr/lib", "/usr/lib64", "/usr/local",  # noqa: S108 - in the pilot
    "/usr/share", "/var", "/var/tmp",  # noqa: S108
)  # fmt: skip


def sources(value: str) -> tuple[str, ...]:
    """The absolute paths that are to be bound, each once; where another one leads depends on who starts Apptainer."""
    parts = [part.strip() for part in re.split(r"(?<!\\),", value)]
    written = (re.split(r"(?<!\\):", part)[0] for part in parts if not _OPTION.fullmatch(part))
    paths = (re.sub(r"\\([:,])", r"\1", path).strip() for path in written)
    return tuple(dict.fromkeys(binds.clean(path) for path in paths if path.startswith("/")))


def in_no_mount(configuration: Configuration) -> tuple[str, ...]:
    """Those of them that are in no mount of the pilot, nor in what each image has."""
    value = configuration.text(KEY)
    if not value:
        return ()
    mounts = [*_ALWAYS, *(bind.target for bind in binds.binds(configuration.text(binds.KEY)))]
    if configuration.truth("BIND_MOUNT_CVMFS") or configuration.repositories:
        mounts.append("/cvmfs")
    return tuple(
        path
        for path in sources(value)
        if path != "/" and path not in _OF_EACH_IMAGE and not any(binds.is_within(path, mount) for mount in mounts)
    )
