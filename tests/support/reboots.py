"""Reboots of a test host that has no kernel of its own: the target that would reboot it writes a line in place of that.

All else is real: systemctl, logind and PID 1.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.support.host import Host

_TARGET = "/run/systemd/system/reboot.target"
_RECORDER = "/run/systemd/system/recorded-reboot.service"
_RECORD = "/run/recorded-reboots"
_NOTE = "/run/ospool-ep-down"


@dataclass(frozen=True)
class Reboots:
    """How often the host was rebooted."""

    host: Host

    def count(self) -> int:
        """Up to now. systemd has taken the order a moment before."""
        self.host.run(["systemctl", "is-system-running", "--wait"])
        self.host.run(["sh", "-c", "while systemctl list-jobs | grep -q reboot; do sleep 0.1; done"])
        return len(self.host.run(["cat", _RECORD]).stdout.split())


@contextmanager
def recorded_reboots(host: Host) -> Iterator[Reboots]:
    """As long as this lasts."""
    host.write(_TARGET, f"[Unit]\nDescription=A recorded reboot\nWants={_unit()}\nAfter={_unit()}\nAllowIsolate=yes\n")
    host.write(_RECORDER, f"[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo rebooted >>{_RECORD}'\n")
    host.do("systemctl", "daemon-reload")
    try:
        yield Reboots(host)
    finally:
        host.run(["systemctl", "stop", "reboot.target"])
        host.do("rm", "-f", _TARGET, _RECORDER, _RECORD, _NOTE)
        host.do("systemctl", "daemon-reload")


def _unit() -> str:
    return _RECORDER.rpartition("/")[2]
