"""What the keys for CVMFSEXEC_REPOS say together: one has no effect, two directories are one, a cache is too small."""

import posixpath
from collections.abc import Iterator

from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import Finding, error, warning
from ospool_ep.configuration.options import OPTIONS

_DIRECTORIES = ("OSPOOL_EP_CVMFS_CACHE", "OSPOOL_EP_CVMFS_LOGS")
_KEYS = (*_DIRECTORIES, "OSPOOL_EP_CVMFS_DEFAULT")
# In MB. A few thousand are what CVMFS advises for usual repositories, and its own default is 4000; catalogs that don't
# fit make jobs fail (cvmfs-csi, issue 89). Source: the documentation of CernVM-FS, "Cache Settings".
_SMALL_CACHE_MB = 1000


def check_cvmfs_keys(configuration: Configuration) -> Iterator[Finding]:
    """All of it."""
    if not configuration.repositories:
        for key in _KEYS:
            if configuration.text(key) != OPTIONS[key].default:
                message = "It has no effect: the pilot mounts no CVMFS by itself."
                hint = "Name repositories in CVMFSEXEC_REPOS, or leave it empty."
                yield warning("cvmfs-key-not-used", message, hint, **configuration.place(key))
        return
    yield from _check_apart(configuration)
    quota = configuration.number("CVMFS_QUOTA_LIMIT")
    if quota is not None and quota < _SMALL_CACHE_MB:
        message = f"{quota} MB are a small cache: what jobs need is fetched again and again, or does not fit."
        hint = "Leave it empty for 4 GB, or write the MB of a few GB."
        yield warning("cvmfs-quota-small", message, hint, **configuration.place("CVMFS_QUOTA_LIMIT"))


def _check_apart(configuration: Configuration) -> Iterator[Finding]:
    keys = ("WORKER_TEMP_DIR", *_DIRECTORIES)
    paths = {key: posixpath.normpath(text) for key in keys if (text := configuration.text(key)).startswith("/")}
    for number, key in enumerate(keys):
        for before in keys[:number]:
            if key in paths and before in paths and _overlap(paths[before], paths[key]):
                message = f"{paths[key]} and {paths[before]}, which {configuration.where(before)} names as"
                message = f"{message} {before}, are one directory, or one is in the other."
                hint = "Give each of them a directory outside of the other one."
                yield error("cvmfs-directories-overlap", message, hint, **configuration.place(key))


def _overlap(one: str, other: str) -> bool:
    return posixpath.commonpath((one, other)) in (one, other)
