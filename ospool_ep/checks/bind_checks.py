"""Whether the directories of OSPOOL_EP_BIND are on this host, and whether jobs can read or write there. Pure."""

import errno
import os
import shlex
from collections.abc import Iterable, Iterator

from ospool_ep.checks import permissions
from ospool_ep.checks.lent_places import Lent
from ospool_ep.checks.mount_table import MountPoint
from ospool_ep.checks.path_sight import Sight
from ospool_ep.configuration.binds import KEY, Bind, binds, check_source, is_within, mount_points
from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import Finding, about, error, warning
from ospool_ep.container.specification import PILOT_UID

# Since that release, and Linux 5.12, what is mounted below a read-only directory is read-only, too. Source: Docker's
# documentation, "Bind mounts", "Recursive mounts".
_READ_ONLY_BELOW_SINCE = (25,)


def check_bind_mounts(configuration: Configuration, lent: Lent, docker: tuple[int, ...]) -> Iterator[Finding]:
    """What keeps them from being mounted, and from jobs. ``docker`` is its version, empty where it is not Docker."""
    wanted, seen, mounted = binds(configuration.text(KEY)), lent.binds, lent.mounted
    missing = set(lent.awaited) - {point.path for point in mounted}
    found: list[Finding] = []
    for bind in wanted:
        sight = seen[bind.source]
        found += _check_source(bind, sight, missing)
        if sight.leads_to:
            found += check_source(bind, configuration, sight.leads_to)
        if not bind.writable and docker < _READ_ONLY_BELOW_SINCE:
            found += _check_below(sight.leads_to or bind.source, mounted)
    for path, target in mount_points(wanted):
        if seen[path].missing:
            message = f"{target} is to be mounted where there is no directory: {path}."
            found.append(error("bind-no-mount-point", message, f"Make it: mkdir -p {shlex.quote(path)}"))
    return about(KEY, configuration.line(KEY), found)


def _check_source(bind: Bind, sight: Sight, missing: Iterable[str]) -> Iterator[Finding]:
    path, quoted = bind.source, shlex.quote(bind.source)
    away = [point for point in missing if is_within(sight.leads_to or path, point)]
    if sight.hangs:
        yield error("bind-hangs", f"{path} does not answer.", f"Mend its file system: findmnt -T {quoted}")
    elif away:
        message = f"{away[0]} is in /etc/fstab, and is not mounted."
        yield error("bind-missing", message, f"Mount it: mount {shlex.quote(away[0])}")
    elif sight.missing:
        hint = f"Mount it, or make it: mkdir -p {quoted}"
        if " /" in path:
            hint = f"Separate several by commas: {path.replace(' /', ',/')}"
        yield error("bind-missing", f"There is no directory {path}.", hint)
    elif sight.error and not sight.tried:
        yield warning("bind-not-examined", _reason("Only root can look at", sight), permissions.as_root())
    elif sight.error:
        hint = "Use a directory that root of this host may enter, or have its server trust that (no_root_squash)."
        yield error("bind-closed", _reason("The engine cannot reach", sight), hint)
    elif not sight.is_directory:
        # A file that is replaced would stay the old one in the pilot.
        hint = f"Name the one that it is in: {os.path.dirname(path)}"  # noqa: PTH120 - as a text
        yield error("bind-not-a-directory", f"{path} is no directory.", hint)
    elif sight.item_error:
        yield from _check_access(bind, sight)


def _reason(what: str, sight: Sight) -> str:
    return f"{what} {sight.path} ({os.strerror(sight.error)})."


def _check_access(bind: Bind, sight: Sight) -> Iterator[Finding]:
    do, path = "write in" if bind.writable else "read", shlex.quote(bind.source)
    described = f" ({sight.item.described})" if sight.item else ""
    why = described if sight.item_error == errno.EACCES else f" ({os.strerror(sight.item_error)})"
    message = f"Jobs (uid {PILOT_UID}) cannot {do} {bind.source}{why}."
    if sight.read_only and bind.writable:
        hint = f"Write {bind.source}:{bind.target}:ro, or mount it for writing."
    elif sight.item_error != errno.EACCES:
        hint = f"Make room: df -h {path}; df -i {path}"
    elif bind.writable and sight.item:
        hint = f"Let them: {permissions.let_work(sight.item)}"
    else:
        hint = f"Let them: setfacl -m u:{PILOT_UID}:rx {path}"
    yield warning("bind-not-writable" if bind.writable else "bind-not-readable", message, hint)


def _check_below(source: str, mounted: tuple[MountPoint, ...]) -> Iterator[Finding]:
    """What is mounted below keeps what it allows where the engine makes only the directory itself read-only."""
    below = [point.path for point in mounted if point.path != source and is_within(point.path, source)]
    open_below = [point.path for point in mounted if point.path in below and not point.read_only]
    if open_below:
        message = f"{open_below[0]} is mounted below {source}: for jobs that is not read-only with this engine."
        yield warning("bind-open-below", message, "Name the directories below by themselves, or update to Docker 25.")
