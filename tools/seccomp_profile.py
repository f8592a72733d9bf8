"""Makes ``share/seccomp-minimum.json``: Docker's default profile, and what OSG's documentation adds to it.

``python3 -m tools.seccomp_profile DEFAULT.json`` writes it. DEFAULT.json is ``profiles/seccomp/default.json`` of moby
(Apache-2.0); the one in use is that of Debian's package ``golang-github-docker-docker-dev`` 20.10.24. To follow a newer
one, run this on it and look at the difference: a name that it has by now is struck from the lists below.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MADE = "share/seccomp-minimum.json"

# Source: "Open Science Pool Containers", "Minimum Privileges".
OF_THE_DOCUMENTATION = ("mount", "pivot_root", "setns", "umount2", "unshare")

# What later releases of the same file allow to everybody. A new C library asks for some of them, and takes EPERM for
# the last word where ENOSYS would let it do without: fchmodat2 above all.
OF_LATER_RELEASES = (
    "cachestat", "fchmodat2", "futex_requeue", "futex_wait", "futex_wake", "getxattrat", "listmount", "listxattrat",
    "map_shadow_stack", "mseal", "name_to_handle_at", "pkey_alloc", "pkey_free", "pkey_mprotect", "process_vm_readv",
    "process_vm_writev", "removexattrat", "setxattrat", "statmount", "uretprobe",
)  # fmt: skip

# What they allow no more: each of the holes that were found in it led out of containers.
NO_MORE = ("io_uring_enter", "io_uring_register", "io_uring_setup")

_SOURCE = "Docker's default profile: github.com/moby/moby, profiles/seccomp/default.json, Apache-2.0; but for io_uring."
_COMMENTS = {
    OF_THE_DOCUMENTATION: "What Apptainer needs, as OSG's documentation lists it.",
    OF_LATER_RELEASES: "What later releases of Docker allow.",
}


def derived(default: Mapping[str, Any]) -> dict[str, Any]:
    """The profile, from the default one."""
    rules = [{**rule, "names": [name for name in rule["names"] if name not in NO_MORE]} for rule in default["syscalls"]]
    added = [{"names": list(names), "action": "SCMP_ACT_ALLOW", "comment": why} for names, why in _COMMENTS.items()]
    # An empty field says nothing; an empty list of arguments is read by some as one that matches nothing.
    kept = [{key: value for key, value in rule.items() if value not in (None, "", [], {})} for rule in rules]
    return {**default, "syscalls": [{**kept[0], "comment": _SOURCE}, *kept[1:], *added]}


def as_text(profile: Mapping[str, Any]) -> str:
    """The file: one rule on each line, so that a difference can be read."""
    head = {key: value for key, value in profile.items() if key != "syscalls"}
    fields = [f' "{key}": {json.dumps(value)},' for key, value in head.items()]
    rules = ",\n".join(f"  {json.dumps(rule)}" for rule in profile["syscalls"])
    return "\n".join(["{", *fields, ' "syscalls": [', rules, " ]", "}", ""])


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("default", type=Path)
    default = json.loads(parser.parse_args().default.read_text())
    (Path(__file__).resolve().parents[1] / MADE).write_text(as_text(derived(default)))


if __name__ == "__main__":
    main()
