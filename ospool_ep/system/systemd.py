"""What systemd is told and asked: that we are ready and what we do, why we have to end, and to end the service."""

import os
import time
from typing import Optional

from systemd.daemon import notify as sd_notify

from ospool_ep.system import systemctl
from ospool_ep.this_service import this_service

_LOOK_SECONDS = 0.1


def notify(message: str) -> None:
    """Tell systemd (sd_notify(3)); nothing happens where systemd did not start us."""
    sd_notify(message)


def started_us() -> bool:
    """Whether this process is the service that systemd manages, and not a person's at a terminal."""
    # systemd.exec(5): set for what a unit starts; the notification socket tells us from a shell inside of it.
    return "INVOCATION_ID" in os.environ and "NOTIFY_SOCKET" in os.environ


def somebody_waits() -> bool:
    """Whether this process is the one of a start that was ordered: by a person, a boot, an upgrade of the package.

    False for each one that systemd starts by itself after another one has ended (Restart=): nobody waits for that.
    systemd counts those, from 0 at each start that is ordered. Source: systemd 252, service_start() and
    service_enter_restart() in src/core/service.c; ``systemctl reset-failed`` sets it to 0 as well.
    """
    return (
        started_us()
        and (systemctl.ask("show", "--property=NRestarts", "--value", this_service().unit) or "").strip() == "0"
    )


def stop_is_wanted() -> bool:
    """Whether systemd ends the service for good. If not, systemd starts it again, also after a signal of somebody else.

    A unit that is restarted has a job "restart" until it has stopped; at shutdown and for ``systemctl stop`` it has a
    job "stop" (systemctl(1), list-jobs). True where systemd did not start us, or does not answer.
    """
    return not started_us() or _stop_is_under_way() is not False


def stop_comes(seconds: float) -> bool:
    """Whether systemd is about to stop the service, or will be within that time; False where it does not answer."""
    deadline = time.monotonic() + seconds
    while (comes := _stop_is_under_way()) is False and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    return bool(comes)


def _stop_is_under_way() -> Optional[bool]:
    jobs, unit = systemctl.ask("list-jobs", "--plain", "--no-legend"), this_service().unit
    return None if jobs is None else any(job.split()[1:3] == [unit, "stop"] for job in jobs.splitlines())


def end_service() -> bool:
    """Have systemd stop the service; False where it did not start us, or does not answer."""
    return started_us() and systemctl.ask("stop", "--no-block", this_service().unit) is not None
