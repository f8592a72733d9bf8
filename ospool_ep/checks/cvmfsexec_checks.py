"""What keeps a pilot from mounting CVMFS by itself, or from keeping its cache. Pure."""

import os
import re
import shlex
from collections.abc import Iterator
from typing import Optional

from ospool_ep.checks import permissions
from ospool_ep.checks.cvmfs_settings_file import check_settings
from ospool_ep.checks.cvmfsexec_facts import Cvmfsexec, quota_bytes
from ospool_ep.checks.path_checks import OUT_OF_ROOM, remount
from ospool_ep.checks.path_sight import Sight
from ospool_ep.checks.scratch_marks import may_be_shared
from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import Finding, about, error, warning
from ospool_ep.configuration.options import OPTIONS
from ospool_ep.container.cvmfs_mounts import CACHE_KEY, LOGS_KEY, SETTINGS_KEY
from ospool_ep.container.specification import PILOT_UID

# Since then users mount FUSE file systems in name spaces of their own. Source: cvmfsexec, README.
_KERNEL = (4, 18)
# As many bytes as the probe of a path reads: ``path_probe.READ_LIMIT``.
_LONGEST_SETTINGS = 64 * 1024


def check_cvmfsexec(configuration: Configuration, facts: Cvmfsexec) -> Iterator[Finding]:
    """All but the room on the disk, which ``check_quota`` looks at."""
    release = re.match(r"(\d+)\.(\d+)", facts.kernel)
    if release and (int(release[1]), int(release[2])) < _KERNEL:
        message = f"The kernel {facts.kernel} is too old for CVMFSEXEC_REPOS, which needs 4.18: the pilot ends at once."
        hint = "Boot a newer one, or mount CVMFS on this host, with BIND_MOUNT_CVMFS=true and CVMFSEXEC_REPOS empty."
        yield error("kernel-too-old", message, hint, **configuration.place("CVMFSEXEC_REPOS"))
    for key, sight in ((CACHE_KEY, facts.cache), (LOGS_KEY, facts.logs)):
        if sight:
            yield from about(key, configuration.line(key), _directory(sight))
    named = configuration.text(SETTINGS_KEY) != OPTIONS[SETTINGS_KEY].default
    environment = {key: configuration.text(key) for key in ("CVMFS_HTTP_PROXY", "CVMFS_QUOTA_LIMIT")}
    environment["CVMFSEXEC_DEBUG"] = "true" if configuration.truth("CVMFSEXEC_DEBUG") else ""
    found = [*_settings(facts.settings, named=named), *_content(facts.settings, environment)]
    yield from about(SETTINGS_KEY, configuration.line(SETTINGS_KEY), found)


def check_quota(configuration: Configuration, facts: Cvmfsexec, layers: Optional[Sight]) -> Iterator[Finding]:
    """Whether the cache may grow larger than its disk allows. ``layers``: where containers write, if that is known."""
    sight, quota = facts.cache or layers, quota_bytes(configuration, facts.settings)
    if sight is None or sight.free_bytes is None or sight.free_bytes + facts.held_bytes >= quota:
        return
    free = f"{sight.free_bytes >> 20} MB are free in {sight.path}"
    free += f", where caches hold {facts.held_bytes >> 20} MB" if facts.held_bytes else ""
    message = f"The cache may take {quota >> 20} MB, and only {free}: a full disk ends its jobs."
    # CVMFS may hold more than its quota for a while, by files that are open: so its developers advise. Source: cvmfs,
    # issue 3832.
    most = (sight.free_bytes + facts.held_bytes >> 20) * 7 // 10
    hint = f"Set CVMFS_QUOTA_LIMIT={most} or less, make room, or name a larger disk with {CACHE_KEY}."
    yield warning("cvmfs-quota-exceeds-disk", message, hint, **configuration.place("CVMFS_QUOTA_LIMIT"))


def _directory(sight: Sight) -> Iterator[Finding]:
    path, code = shlex.quote(sight.path), "cvmfs-directory-not-writable"
    make = f"install -d -o {PILOT_UID} -g {permissions.PILOT_GID} -m 755 {path}"
    if sight.hangs:
        yield error(
            code, f"{sight.path} does not answer.", f"Mend its file system (findmnt -T {path}), or name another."
        )
    elif sight.missing:
        yield error("cvmfs-directory-missing", f"There is no directory {sight.path}.", f"Make it: {make}")
    elif sight.error:
        why = f"{sight.path} can't be looked at ({os.strerror(sight.error)})."
        found = error if sight.tried else warning
        yield found(code, why, "Use a directory on a local disk." if sight.tried else permissions.as_root())
    elif not sight.is_directory:
        yield error("cvmfs-directory-missing", f"{sight.path} is no directory.", "Name one, or leave the key empty.")
    elif sight.closed_to_us:
        message = f"The server of {sight.path} keeps root out of it (root_squash), and the engine with it."
        yield error(code, message, f"Let root in: chmod o+x {path}, or use a directory on a local disk.")
    elif sight.item_error in OUT_OF_ROOM:
        yield error(code, f"Nothing can be written in {sight.path}: it is full.", "Make room (df -h, df -i, quota).")
    elif sight.read_only:
        yield error(code, f"{sight.path} is read-only.", f"Mount it for writing: {remount(sight.path, 'rw')}")
    # Root makes the pilots' directories in one that is root's, but not on a server that may not trust it.
    elif sight.item_error and may_be_shared(sight.file_system) and sight.item:
        message = f"The pilot (uid {PILOT_UID}) cannot work in {sight.path}, whose server may not trust root."
        yield error(code, message, f"Let it: {permissions.let_work(sight.item)}")


def _settings(sight: Sight, *, named: bool) -> Iterator[Finding]:
    path, code = shlex.quote(sight.path), "cvmfs-settings-unreadable"
    if sight.hangs:
        yield error(code, f"{sight.path} does not answer.", f"Mend its file system (findmnt -T {path}).")
    elif sight.missing:
        if named:
            hint = f"Put the settings there, or leave the key at {OPTIONS[SETTINGS_KEY].default}, which may be missing."
            yield error("cvmfs-settings-missing", f"There is no file {sight.path}.", hint)
    elif sight.item is None:
        if sight.error:
            yield warning(code, f"Only root can look at {sight.path}.", permissions.as_root())
    elif not sight.is_file:
        message = f"{sight.path} is {sight.kind_of_no_file}."
        yield error("cvmfs-settings-missing", message, "Name a file, or take that away.")
    # The engine mounts it past the directories above it.
    elif sight.item_error:
        message = (
            f"The pilot (uid {PILOT_UID}) cannot read {sight.path} ({sight.item.described}): no setting in it holds."
        )
        yield error(code, message, f"Let it: chmod a+r {path}")


def _content(sight: Sight, environment: dict[str, str]) -> Iterator[Finding]:
    content = sight.content
    if content is None or not sight.is_file:
        return
    if len(content) > _LONGEST_SETTINGS:
        message = f"{sight.path} is longer than {_LONGEST_SETTINGS >> 10} KiB: what it says was not examined."
        yield warning("cvmfs-settings-long", message, "Is that the file that is meant?")
    elif b"\0" in content:
        message = f"{sight.path} is no text: it has a character of number 0."
        yield warning("cvmfs-settings-long", message, "Is that the file that is meant?")
    else:
        yield from check_settings(sight.path, content.decode(errors="surrogateescape"), environment)
