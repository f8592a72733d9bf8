"""The filter of system calls that is shipped, and the tool that makes it from Docker's."""

import json
from pathlib import Path
from typing import Any

from tools import seccomp_profile

SHIPPED = Path(__file__).parents[3] / seccomp_profile.MADE
PROFILE: dict[str, Any] = json.loads(SHIPPED.read_text())


def rules(call: str) -> list[dict[str, Any]]:
    return [rule for rule in PROFILE["syscalls"] if call in rule["names"]]


def allowed_to_all(call: str) -> bool:
    conditions = ("args", "includes", "excludes")
    return any(rule["action"] == "SCMP_ACT_ALLOW" and not rule.keys() & set(conditions) for rule in rules(call))


def test_what_is_not_named_is_refused() -> None:
    assert PROFILE["defaultAction"] == "SCMP_ACT_ERRNO"
    assert not any(rules(call) for call in ("add_key", "io_uring_setup", "kexec_load", "keyctl", "request_key"))


def test_what_the_documentation_adds_is_allowed_to_all() -> None:
    assert all(map(allowed_to_all, ("mount", "pivot_root", "setns", "umount2", "unshare")))


def test_what_needs_a_capability_is_not_allowed_without() -> None:
    for call in ("bpf", "fsopen", "move_mount", "open_by_handle_at", "perf_event_open", "reboot", "sethostname"):
        assert rules(call)
        assert not allowed_to_all(call)


def test_the_tool_adds_and_takes_away_and_leaves_the_rest() -> None:
    kept = {"names": ["reboot"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_BOOT"]}}
    all_of_it = {"names": ["read", "io_uring_setup"], "action": "SCMP_ACT_ALLOW", "args": [], "comment": ""}
    made = seccomp_profile.derived({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [all_of_it, kept]})
    first = made["syscalls"][0]
    assert "Apache-2.0" in first.pop("comment")
    assert [first, made["syscalls"][1]] == [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}, kept]
    assert [rule["names"] for rule in made["syscalls"][2:]] == [
        list(seccomp_profile.OF_THE_DOCUMENTATION),
        list(seccomp_profile.OF_LATER_RELEASES),
    ]


def test_the_file_is_in_the_tools_own_form() -> None:
    assert SHIPPED.read_text() == seccomp_profile.as_text(PROFILE)
