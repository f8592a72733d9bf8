"""What this host has run out of, room or processes: told as what it is, where, and how to mend it."""

import errno
import os
import shlex
from pathlib import Path

from ospool_ep.this_service import this_service

_FULL = (
    "the file system on {mount} is full. Make room there: 'df -h {mount}' and 'df -i {mount}' show of what it is full,"
    " 'du -xh {mount} | sort -h | tail' what fills it."
)
_WRITING = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: "a disk quota on {mount} is used up. Make room there, or raise it: 'repquota {mount}' shows it.",
    errno.EROFS: (
        "the file system on {mount} is read-only. 'journalctl -k' says why, if it was not meant to be so; then:"
        " 'mount -o remount,rw {mount}'."
    ),
    errno.EIO: "the disk of {mount} fails: 'journalctl -k' says how.",
}
# What Python makes of EAGAIN from pthread_create(3); nothing but the text tells it from others of its kind.
_NO_THREAD = "can't start new thread"
CGROUP = Path("/proc/self/cgroup")


def why(error: OSError) -> str:
    """Which file it is about, why that failed, and how to mend it, in one line with a full stop."""
    if is_no_process(error):
        return no_process()
    # What this package writes is named. Only our output is not, which goes where the caller wants it.
    name = _output() if error.filename is None and error.errno in _WRITING else error.filename
    if name is None:
        return f"this host: {error.strerror or error}."
    path = os.fsdecode(name) if isinstance(name, (str, bytes)) else f"file {name}"
    if error.errno not in _WRITING:
        return f"{path}: {error.strerror or error}."
    return f"{path} cannot be written: {_WRITING[error.errno].format(mount=shlex.quote(_mount_point(path)))}"


def _output() -> str:
    try:
        return os.readlink("/proc/self/fd/1")  # noqa: PTH115 - the kernel's text may be no path
    except OSError:
        return "/dev/stdout"


def is_no_process(error: BaseException) -> bool:
    """Whether it says that no process or thread can be started, as there are too many. Source: fork(2), EAGAIN."""
    if isinstance(error, RuntimeError):
        return str(error) == _NO_THREAD
    # What cannot be written without waiting is told by the same number.
    return isinstance(error, OSError) and error.errno == errno.EAGAIN and error.strerror == os.strerror(errno.EAGAIN)


def no_process() -> str:
    """What is to be said of that: the limit is our unit's, as a rule, and else one of the host's."""
    unit = _unit()
    return (
        f"No process can be started: a limit on their number is reached. As a rule that is TasksMax of {unit}:"
        f" 'systemctl set-property {unit} TasksMax=infinity' lifts it."
        f" 'systemctl show --property=TasksCurrent,TasksMax {unit}' and 'sysctl kernel.threads-max kernel.pid_max' show"
        " whether it is that or one of this host's."
    )


def not_started(error: OSError) -> str:
    """What is to be said where a process could not be started, because of that."""
    return no_process() if is_no_process(error) else f"No process can be started: {error.strerror}."


def _unit() -> str:
    """The unit of systemd that this process belongs to. Source: cgroups(7), /proc/PID/cgroup."""
    try:
        lines = CGROUP.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    units = [part for line in lines for part in line.split("/") if part.endswith((".service", ".scope"))]
    return units[-1] if units else this_service().unit


def _mount_point(path: str) -> str:
    """The directory on which the file system of a path is mounted, as far as the path exists."""
    place = os.path.realpath(path)
    while not os.path.ismount(place):
        place = os.path.dirname(place)  # noqa: PTH120 - pathlib would read ".." otherwise than realpath
    return place
