"""Who holds a shutdown of this host back: the inhibitor locks of systemd-logind (systemd-inhibit(1))."""

import json
import os
import subprocess
from dataclasses import dataclass

from ospool_ep.system import systemctl
from ospool_ep.wording import printable

_LOGIND = ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager")
# Since systemd 257 there is "block-weak", too, which does not count for root. Source: org.freedesktop.login1(5).
_BLOCKS = "block"
# The first one in which root's own "systemctl reboot" heeds such a lock. Source: the NEWS of systemd 257.
ROOT_HEEDS_SINCE = 257


@dataclass(frozen=True)
class Inhibitor:
    """A lock: on which of logind's operations, whose, why, how strict it is, and the process that holds it."""

    what: str
    who: str
    why: str
    mode: str
    uid: int
    pid: int

    @property
    def blocks_shutdown(self) -> bool:
        """Whether it keeps everybody who heeds locks from a shutdown; a "delay" only makes it wait for a moment."""
        return self.mode == _BLOCKS and "shutdown" in self.what.split(":")

    @property
    def lives(self) -> bool:
        """Whether that process is still there: logind forgets a lock a moment after its holder."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return True

    def __str__(self) -> str:
        """Whose, and why, on one line of a message."""
        return printable(f"{self.who} (process {self.pid}): {self.why.rstrip('.')}.")


def shutdown_blockers() -> tuple[Inhibitor, ...]:
    """Who holds a shutdown back; nobody, where logind is not there or does not answer."""
    command = ["/usr/bin/busctl", "--system", "--json=short", "call", *_LOGIND, "ListInhibitors"]
    try:
        (held,) = json.loads(systemctl.run(command).stdout)["data"]
        found = [Inhibitor(*lock) for lock in held]
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError):
        return ()
    return tuple(lock for lock in found if lock.blocks_shutdown)


def logind_version() -> int:
    """Of systemd, where its logind can be asked for a lock; 0: it can't, as it or D-Bus does not run."""
    states = systemctl.unit_states(["systemd-logind.service", "dbus.socket"])
    if not states or not all(state.runs for state in states.values()):
        return 0
    words = (systemctl.ask("--version") or "").split()
    digits = words[1].split(".")[0].split("~")[0] if len(words) > 1 else ""
    return int(digits) if digits.isdigit() else 0
