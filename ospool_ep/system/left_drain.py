"""A drain that was asked for, kept where the service ends with a wrong configuration: its run-time directory goes then.

It holds until the host boots, as each drain does. The time of the note is the moment in which it was asked for.
"""

import os
from pathlib import Path
from typing import Optional

from ospool_ep.lifecycle.state import Want
from ospool_ep.system import atomic_file
from ospool_ep.system.run_directory import RunDirectory
from ospool_ep.this_service import this_service

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def note() -> Path:
    """Where it is kept."""
    return this_service().state_directory / "drain"


def leave(run_directory: RunDirectory) -> None:
    """Keep the drain that is asked for, if any. OSError."""
    if run_directory.want is not Want.PILOTS:
        note().parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        since = run_directory.wanted_since
        atomic_file.replace(note(), f"{run_directory.want.value} {_boot()}\n")
        if since is not None:
            os.utime(note(), (since, since))


def take(run_directory: RunDirectory) -> None:
    """Ask for it again, once, unless the host has booted since, or something else is asked for. OSError."""
    left = _left()
    if left and left is not Want.PILOTS and run_directory.want is Want.PILOTS:
        run_directory.ask_drain(left, note().stat().st_mtime)
    forget()


def forget() -> Want:
    """What was kept, and is not any more; pilots where that is nothing, or from before the host's boot. OSError."""
    left = _left()
    if left is not None:
        note().unlink()
    return left or Want.PILOTS


def _left() -> Optional[Want]:
    try:
        want, _, boot = note().read_text(encoding="ascii").strip().partition(" ")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        want = boot = ""
    return Want(want) if boot == _boot() and want in {known.value for known in Want} else Want.PILOTS


def _boot() -> str:
    return _BOOT_ID.read_text(encoding="ascii").strip()
