"""Whether there is room on this host's disks for a second pilot beside the first. Pure."""

from collections.abc import Iterator
from typing import Optional

from ospool_ep.checks.cvmfsexec_facts import Cvmfsexec, quota_bytes
from ospool_ep.checks.path_sight import Sight
from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import Finding, info
from ospool_ep.configuration.options import OPTIONS

KEY = "OSPOOL_EP_HAND_OVER_GB"
_GIB = 1 << 30


def no_room(
    configuration: Configuration,
    scratch: Optional[Sight],
    layers: Optional[Sight],
    cvmfsexec: Optional[Cvmfsexec] = None,
) -> str:
    """Why there is none, as a clause without a full stop; empty: there is, or it can't be told.

    ``scratch`` is what was seen of WORKER_TEMP_DIR, ``layers`` of where the engine keeps what containers write;
    ``cvmfsexec`` of a place for caches, which stay there from pilot to pilot.
    """
    if scratch and scratch.closed_to_us:
        return f"the server of {scratch.path} keeps root out of it, so a pilot needs all of it; chmod o+x lets root in"
    least = _least(configuration)
    quota = quota_bytes(configuration, cvmfsexec.settings if cvmfsexec else None)
    if cvmfsexec and cvmfsexec.cache:
        caches = _lacks_caches(cvmfsexec.cache, cvmfsexec.held_bytes, quota)
        return _lacks(scratch, least, "") or _lacks(layers, least, "") or caches
    cache = quota if configuration.repositories else 0
    more = f", and {cache / _GIB:.3g} GB for the cache of CVMFSEXEC_REPOS" if cache else ""
    return _lacks(scratch, least, "") or _lacks(layers, least + cache, more)


def is_full(configuration: Configuration, scratch: Optional[Sight], layers: Optional[Sight]) -> str:
    """Why those that run have none, as a clause as above. What their caches take has been taken for them before."""
    return _lacks(scratch, _least(configuration), "") or _lacks(layers, _least(configuration), "")


def _least(configuration: Configuration) -> int:
    return configuration.bytes(KEY) or int(float(OPTIONS[KEY].default) * _GIB)


def _lacks(sight: Optional[Sight], least: int, more: str) -> str:
    if sight is None or sight.free_bytes is None or sight.free_bytes >= least:
        return ""
    free = f"{sight.free_bytes / _GIB:.1f} GB are free in {sight.path}"
    return f"only {free}, and a second pilot needs {least / _GIB:.3g} GB there ({KEY}{more})"


def _lacks_caches(sight: Sight, held: int, quota: int) -> str:
    """What the caches of two pilots hold already needs no more room."""
    if sight.free_bytes is None or sight.free_bytes + held >= 2 * quota:
        return ""
    free = f"{sight.free_bytes / _GIB:.1f} GB are free in {sight.path}, where caches hold {held / _GIB:.1f} GB"
    return f"only {free}, and those of two pilots may take {2 * quota / _GIB:.3g} GB (CVMFS_QUOTA_LIMIT)"


def check_room(configuration: Configuration, why: str) -> Iterator[Finding]:
    """That the pilots of this host follow each other, and why."""
    if why:
        message = f"The next pilot can't start beside the running one: {why}."
        hint = "Else each starts once the one before has ended, and cores stay empty meanwhile."
        yield info("hand-over-no-room", message, hint, **configuration.place(KEY))
