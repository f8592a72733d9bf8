"""What systemd is told and asked: that we are ready and what we do, why we have to end, and to end the service.

It is asked with the command systemctl: root reaches PID 1 with it on a socket of its own, also while D-Bus goes down.
"""

import os
import subprocess
import time

from systemd.daemon import notify as sd_notify

UNIT = "ospool-ep.service"
_SYSTEMCTL = "/usr/bin/systemctl"
ANSWER_SECONDS = 10
_LOOK_SECONDS = 0.1


def notify(message: str) -> None:
    """Tell systemd (sd_notify(3)); nothing happens where systemd did not start us."""
    sd_notify(message)


def started_us() -> bool:
    """Whether this process is the service that systemd manages, and not a person's at a terminal."""
    # systemd.exec(5): set for what a unit starts; the notification socket tells us from a shell inside of it.
    return "INVOCATION_ID" in os.environ and "NOTIFY_SOCKET" in os.environ


def stop_is_wanted() -> bool:
    """Whether systemd ends the service for good. If not, systemd starts it again, also after a signal of somebody else.

    A unit that is restarted has a job "restart" until it has stopped; at shutdown and for ``systemctl stop`` it has a
    job "stop" (systemctl(1), list-jobs). True where systemd did not start us, or does not answer.
    """
    if not started_us():
        return True
    try:
        return _stop_is_under_way()
    except (OSError, subprocess.SubprocessError):
        return True


def stop_comes(seconds: float) -> bool:
    """Whether systemd is about to stop the service, or will be within that time; False where it does not answer."""
    deadline = time.monotonic() + seconds
    try:
        while not _stop_is_under_way():
            if time.monotonic() >= deadline:
                return False
            time.sleep(_LOOK_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _stop_is_under_way() -> bool:
    jobs = map(str.split, _systemctl("list-jobs", "--plain", "--no-legend").splitlines())
    return any(fields[1:3] == [UNIT, "stop"] for fields in jobs)


def end_service() -> bool:
    """Have systemd stop the service; False where it did not start us, or does not answer."""
    if not started_us():
        return False
    try:
        _systemctl("stop", "--no-block", UNIT)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _systemctl(*arguments: str) -> str:
    command = [_SYSTEMCTL, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=True).stdout
