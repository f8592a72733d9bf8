"""Settings that an administrator gave a unit of systemd's and that do not reach the pilot, with where they work.

The pilot is no child of the service: the engine makes its container, in a slice of systemd's.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import Finding, warning
from ospool_ep.system import systemctl
from ospool_ep.system.slices import RUN_TIME
from ospool_ep.this_service import GUESTS, this_service

# What the package itself ships lies there; Debian's systemd names it by the link in /.
_SHIPPED = ("/usr/lib/systemd/", "/lib/systemd/")
_SECONDS = 5.0

# Of which key a setting of the unit is, or what it becomes in the slice. Source: systemd.resource-control(5),
# systemd.exec(5); those of the latter no slice has.
_KEYS = {"CPUQuota": "NUM_CPUS", "MemoryMax": "MEMORY", "MemoryLimit": "MEMORY"}
_SLICES_OWN = re.compile(
    "(Startup)?(CPUWeight|IOWeight|AllowedCPUs|AllowedMemoryNodes)|Memory(High|Low|Min|SwapMax|ZSwapMax)"
    "|IO((Read|Write)(BandwidthMax|IOPSMax)|DeviceWeight|DeviceLatencyTargetSec)"
)
_PRIORITY = ("Nice", "CPUSchedulingPolicy", "IOSchedulingClass", "IOSchedulingPriority", "OOMScoreAdjust", "Slice")
_WEIGHTS = ("CPUWeight", "IOWeight")


@dataclass(frozen=True)
class Setting:
    """One that an administrator gave a unit: NAME=value, in that file."""

    unit: str
    name: str
    path: str


def administrators_settings() -> tuple[Setting, ...]:
    """Those of this service's unit and of its pilots' slices. Takes 5 s at most; none where systemd does not answer."""
    service = this_service()
    units = (service.unit, service.slice, service.guest_slice, GUESTS)
    found = systemctl.properties(("FragmentPath", "DropInPaths"), units, _SECONDS) or {}
    return tuple(setting for unit, said in found.items() for setting in _settings(unit, said))


def check_drop_ins_here(configuration: Configuration) -> Iterator[Finding]:
    """What of an administrator's settings on this host has no effect on the pilot. Takes 5 s at most."""
    yield from check_drop_ins(configuration, administrators_settings())


def check_drop_ins(configuration: Configuration, settings: Sequence[Setting]) -> Iterator[Finding]:
    """What of these has no effect on the pilot."""
    service = this_service()
    where = service.guest_slice if configuration.is_guest else service.slice
    for setting in settings:
        if setting.unit == service.unit:
            hint = _instead(setting.name, where)
            if hint:
                message = f"{setting.name}= in {setting.path} does nothing to the pilot, which is not in the service."
                yield warning("drop-in-without-effect", message, hint)
        elif by := _overridden_by(configuration, setting):
            message = f"{setting.name}= in {setting.path} does not hold: the service sets it by {by}."
            yield warning("drop-in-without-effect", message, f"Remove it there, and set {by} to what you want.")


def _instead(name: str, where: str) -> str:
    """Where a setting of the service's unit works; empty where it is none that is meant for the pilot."""
    if key := _KEYS.get(name):
        return f"Set {key} in the configuration."
    if name in _PRIORITY:
        return "Set OSPOOL_EP_PRIORITY=backfill in the configuration, or leave it out."
    if _SLICES_OWN.fullmatch(name):
        more = "Set OSPOOL_EP_PRIORITY=backfill in the configuration, or put it" if name in _WEIGHTS else "Put it"
        # A slice's name can have a backslash.
        return f"{more} below [Slice] into a drop-in of the pilots' slice: systemctl edit --force '{where}'"
    return ""


def _overridden_by(configuration: Configuration, setting: Setting) -> str:
    """The key by which the service sets that of a slice; empty: it leaves it as it is."""
    key = _KEYS.get(setting.name, "")
    if key and setting.unit != GUESTS:
        return key if configuration.number(key) is not None else ""
    hours = setting.name in _WEIGHTS and setting.unit != this_service().slice
    return "OSPOOL_EP_HOURS" if hours and configuration.text("OSPOOL_EP_HOURS") else ""


def _settings(unit: str, said: Mapping[str, str]) -> Iterator[Setting]:
    for text in (said.get("FragmentPath", ""), *said.get("DropInPaths", "").split()):
        path = _path(text)
        if path is None or str(path).startswith(_SHIPPED) or RUN_TIME in path.parents:
            continue
        # One for all units of a kind (service.d, slice.d) is not meant for the pilot.
        if path.parent.name in ("service.d", "slice.d", "system-.slice.d"):
            continue
        for name in _names_set(path, "Service" if unit.endswith(".service") else "Slice"):
            yield Setting(unit, name, str(path))


def _path(text: str) -> Optional[Path]:
    """The file of that name; systemctl prints some letters as \\xNN, which can also be a part of the name."""
    decoded = re.sub(r"\\x([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), text)
    return next((Path(one) for one in (text, decoded) if one and Path(one).is_file()), None)


def _names_set(path: Path, wanted: str) -> Iterator[str]:
    """What is set in that section, each name once; an empty value sets nothing."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return
    section, seen = "", set[str]()
    for line in map(str.strip, lines):
        name, equals, value = line.partition("=")
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif section == wanted and equals and value.strip() and not line.startswith(("#", ";")):
            if name.strip() not in seen:
                yield name.strip()
            seen.add(name.strip())
