"""The memory of this host's own work is spared while guests run: what the kernel needs it takes from them first.

The kernel knows no control group that gives back first; what it has is a protection of the others, memory.low. That is
of best effort: where nothing else is left, the kernel takes from all as it always does. So it costs the host no memory,
and one that stays after the last guest has gone changes nothing. It holds for all that is in a slice, as systemd mounts
the control groups with memory_recursiveprot. A kernel that uses its multi-gen LRU hardly heeds it (tests/bench/guest.py
measures both); which one it uses is the administrator's choice, as it concerns all that the host does. Source: Linux,
cgroup-v2.rst and multigen_lru.rst; systemd.resource-control(5), MemoryLow=.

From jobs that go on the kernel takes what it keeps of their files, and their memory where there is swap. Where that is
not enough a job has to go: it has the highest OOM score (``container/create_request``).
"""

from ospool_ep.system import systemctl
from ospool_ep.system.slices import set_at_run_time

# All that systemd has beside ospool_ep.slice; Podman's other containers and virtual machines are in the last one.
HOSTS_OWN = ("init.scope", "system.slice", "user.slice", "machine.slice")
_KEY, _ALL, _NONE = "MemoryLow", "infinity", "0"


def spare() -> None:
    """Protect what has no protection yet, until the next boot. An administrator's own value stays."""
    answer = systemctl.ask("show", f"--property={_KEY}", "--value", *HOSTS_OWN)
    values = (answer or "").split()
    if len(values) == len(HOSTS_OWN):
        for name, value in zip(HOSTS_OWN, values):
            if value == _NONE:
                _set(name, _ALL)


def spare_no_longer() -> None:
    """Take that back. Where nothing was protected systemd is not asked."""
    for name in HOSTS_OWN:
        if _is_ours(name):
            _set(name, _NONE)


def _set(name: str, value: str) -> None:
    # Where systemd refuses, the weights and the scores still hold.
    systemctl.ask("set-property", "--runtime", name, f"{_KEY}={value}")


def _is_ours(name: str) -> bool:
    try:
        text = set_at_run_time(name, _KEY).read_text()
    except OSError:
        return False
    return f"{_KEY}={_ALL}" in text
