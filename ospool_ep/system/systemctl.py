"""What is asked of systemd with its command systemctl: how units stand, and to start or stop one.

Root reaches PID 1 with it on a socket of its own, also while D-Bus goes down; everybody may ask how units stand.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

ANSWER_SECONDS = 10
_PROPERTIES = ("LoadState", "ActiveState", "UnitFileState")


@dataclass(frozen=True)
class UnitState:
    """How a unit stands: the words of systemctl(1), empty where systemd says nothing."""

    load: str = ""
    active: str = ""
    file: str = ""

    @property
    def known(self) -> bool:
        """Whether there is such a unit."""
        return self.load not in ("", "not-found")

    @property
    def masked(self) -> bool:
        """Whether an administrator has seen to it that nobody starts it."""
        return self.load == "masked"

    @property
    def runs(self) -> bool:
        """Whether it runs; of a socket, whether somebody listens."""
        return self.active in ("active", "activating", "reloading")

    @property
    def enabled(self) -> bool:
        """Whether it is started at boot."""
        return self.file.startswith("enabled")


def ask(*arguments: str, seconds: float = ANSWER_SECONDS) -> Optional[str]:
    """What systemctl prints; None where systemd refuses, does not answer in time, or is not there."""
    try:
        done = run(["/usr/bin/systemctl", *arguments], seconds)
    except (OSError, subprocess.SubprocessError):
        return None
    return None if done.returncode else done.stdout


def run(command: Sequence[str], seconds: float = ANSWER_SECONDS) -> "subprocess.CompletedProcess[str]":
    """Run one of systemd's own commands. OSError, or subprocess.TimeoutExpired."""
    return subprocess.run(
        command, env=environment(), capture_output=True, text=True, errors="replace", timeout=seconds, check=False
    )


def environment() -> dict[str, str]:
    """Ours, for a child: one that is not the service's main process must not speak to systemd for it: sd_notify(3)."""
    return {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}


def unit_states(units: Sequence[str], seconds: float = ANSWER_SECONDS) -> Optional[Mapping[str, UnitState]]:
    """How these units stand, whether there are such or not; None where systemd does not answer."""
    told = properties(_PROPERTIES, units, seconds)
    if told is None:
        return None
    return {unit: UnitState(*map(said.get, _PROPERTIES, [""] * 3)) for unit, said in told.items()}


def properties(
    names: Sequence[str], units: Sequence[str], seconds: float = ANSWER_SECONDS
) -> Optional[Mapping[str, dict[str, str]]]:
    """What systemd has for these units by these names; None where it does not answer."""
    answer = ask("show", f"--property={','.join(names)}", *units, seconds=seconds)
    blocks = (answer or "").strip().split("\n\n")
    if len(blocks) != len(units):
        return None
    return {
        unit: dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        for unit, block in zip(units, blocks)
    }


def start(unit: str) -> bool:
    """Start a unit; returns whether systemd did."""
    return ask("start", unit) is not None
