"""Two hosts with one scratch directory notice each other, and the first of them goes on."""

import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from ospool_ep.checks import path_probe, scratch_marks
from ospool_ep.checks.check import look_at_host
from ospool_ep.checks.path_probe import look
from ospool_ep.checks.path_sight import Sight
from ospool_ep.checks.scratch_marks import (
    FRESH_SECONDS,
    PREFIX,
    TOUCH_SECONDS,
    host_of,
    is_mark,
    may_be_shared,
    own_mark,
)
from ospool_ep.configuration.reading import read_configuration
from ospool_ep.service import helper_calls
from ospool_ep.system.json_data import encode
from tests.pure.checks.test_host_checks import Host, rows
from tests.pure.checks.test_path_checks import command_in, own, run

A, B, C = (f"{PREFIX}{name}.example.org-0000000{number}" for number, name in enumerate(("a", "b", "c")))
OURS = ("WORKER_TEMP_DIR", 4)


class Shared:
    """A scratch directory, looked at from one host or another."""

    def __init__(self, path: Path, patch: pytest.MonkeyPatch) -> None:
        self.path = path
        self._patch = patch
        path.mkdir()
        own(path, 0o755, 1000, 1000)
        patch.setattr(path_probe, "may_be_shared", lambda _kind: True)

    def see(self, host: str, purpose: str) -> Sight:
        self._patch.setattr(path_probe, "own_mark", lambda: host)
        return look({str(self.path): purpose}, 30.0)[str(self.path)]

    def seen(self, host: str, purpose: str = "claim") -> tuple[tuple[str, ...], bool]:
        sight = self.see(host, purpose)
        return sight.others, sight.others_first

    def age(self, mark: str, seconds: float) -> None:
        """Let that mark be so old beside the others; a negative number is a time to come."""
        moment = time.time() - seconds
        os.utime(self.path / mark, (moment, moment))

    @property
    def marks(self) -> list[str]:
        return sorted(entry.name for entry in self.path.iterdir())


@pytest.fixture
def shared(open_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shared:
    return Shared(open_path / "shared scratch", monkeypatch)


@pytest.mark.parametrize(("first", "second"), [(A, B), (B, A)])
def test_the_second_host_is_told_and_leaves_the_first_alone(shared: Shared, first: str, second: str) -> None:
    assert shared.seen(first) == ((), False)
    assert (shared.path / first).stat().st_uid == 1000
    for _ in range(2):
        assert shared.seen(second) == ((first,), True)
        assert shared.seen(second, "write") == ((first,), True)
        assert shared.seen(first) == ((), False)
    assert shared.marks == [first]


def test_a_host_that_uses_it_no_longer_is_forgotten(shared: Shared) -> None:
    shared.seen(A)
    shared.age(A, FRESH_SECONDS + 1)
    assert shared.seen(B) == ((), False)
    assert shared.marks == [A, B]
    assert shared.seen(A) == ((B,), True), "which was the second meanwhile"
    shared.age(A, 31 * 86400)
    shared.seen(B)
    assert shared.marks == [B]


def test_a_host_that_touches_in_time_stays(shared: Shared) -> None:
    shared.seen(A)
    shared.age(A, 3 * TOUCH_SECONDS)
    assert shared.seen(B) == ((A,), True)
    assert FRESH_SECONDS > 3 * TOUCH_SECONDS


def test_of_two_at_the_same_moment_one_is_the_first(shared: Shared) -> None:
    shared.seen(B)
    (shared.path / A).touch()
    assert shared.seen(A) == ((B,), False)
    assert shared.seen(B) == ((A,), True)


def test_a_mark_from_the_future_is_no_hosts(shared: Shared) -> None:
    shared.seen(A)
    shared.age(A, -FRESH_SECONDS - 60)
    assert shared.seen(B) == ((), False)


def test_a_check_writes_nothing(shared: Shared) -> None:
    assert shared.seen(B, "write") == ((), False)
    assert shared.marks == []
    shared.seen(A)
    shared.seen(B, "write")
    assert shared.marks == [A]


def test_on_a_disk_of_its_own_a_host_leaves_no_mark(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(path_probe, "may_be_shared", may_be_shared)
    assert shared.see(A, "claim").file_system in ("overlay", "ext4", "xfs", "btrfs", "tmpfs")
    assert shared.marks == []


@pytest.mark.parametrize("name", [f"{PREFIX}$(reboot)-00000000", f"{PREFIX}a-0", PREFIX, f"{PREFIX}a b-00000000"])
def test_what_is_no_mark_is_not_believed(shared: Shared, name: str) -> None:
    (shared.path / name).touch()
    assert shared.seen(A) == ((), False)


def test_a_link_is_no_mark_and_is_not_followed(shared: Shared) -> None:
    (shared.path / A).symlink_to("elsewhere")
    assert shared.seen(A) == ((), False)
    assert not (shared.path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("kind", "may"), [("nfs4", True), ("gpfs", True), ("ceph", True), ("fuse.glusterfs", True), ("virtiofs", True),
                      ("xfs", False), ("tmpfs", False), ("", False)],
)  # fmt: skip
def test_which_file_systems_may_be_another_hosts_too(kind: str, may: bool) -> None:
    assert may_be_shared(kind) is may


def test_our_mark_is_one_and_the_same_and_names_this_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mark = own_mark()
    assert is_mark(mark)
    assert mark == own_mark()
    assert host_of(mark) == os.uname().nodename
    (tmp_path / "machine-id").write_text("0" * 32)
    monkeypatch.setattr(scratch_marks, "MACHINE_ID", tmp_path / "machine-id")
    assert own_mark() != mark, "another machine of that name"


RENAMED = f"{PREFIX}dhcp-7-00000001"


def test_a_host_that_gets_another_name_is_the_same_host(
    shared: Shared, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    monkeypatch.setattr(scratch_marks, "MACHINE_ID", tmp_path / "machine-id")
    names = SimpleNamespace(nodename="localhost")
    monkeypatch.setattr(os, "uname", lambda: names)
    first = own_mark()
    names.nodename = "dhcp-7.example.org"
    assert own_mark() != first
    assert shared.seen(first) == ((), False)
    assert shared.seen(own_mark(), "write") == ((), False)
    assert shared.seen(own_mark()) == ((), False)
    assert shared.marks == [own_mark()]
    names.nodename = "localhost"
    assert shared.seen(first) == ((), False), "the next boot, before the name has come"


def test_and_it_was_there_first_as_before(shared: Shared) -> None:
    shared.seen(B)
    assert shared.seen(RENAMED, "write") == ((), False)
    assert shared.seen(C) == ((B,), True)
    (shared.path / C).touch()
    assert shared.seen(RENAMED) == ((C,), False)
    assert shared.marks == [C, RENAMED]
    shared.seen(A)
    assert shared.seen(C) == ((RENAMED,), True)


def test_without_a_machine_id_the_name_tells_hosts_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(scratch_marks, "MACHINE_ID", tmp_path / "none")
    mark = own_mark()
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(nodename="another"))
    assert mark.rpartition("-")[2] != own_mark().rpartition("-")[2]


def test_a_host_that_leaves_is_waited_for_by_none(shared: Shared) -> None:
    shared.seen(A)
    shared.seen(B, "leave")
    assert shared.marks == [A], "another one's is left alone"
    shared.seen(A, "leave")
    assert shared.marks == []
    assert shared.seen(B) == ((), False)


def test_the_end_of_a_service_is_one(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(path_probe, "may_be_shared", lambda _kind: True)
    content = encode(read_configuration(str(host.write("")))[0])
    helper_calls.look_at_host(content)
    assert (host.scratch / own_mark()).exists()
    helper_calls.leave_host(content)
    assert not (host.scratch / own_mark()).exists()


@pytest.mark.parametrize("first", [True, False])
def test_another_host_in_the_scratch_is_told_and_the_hint_forgets_it(
    host: Host, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    monkeypatch.setattr(path_probe, "may_be_shared", lambda _kind: True)
    monkeypatch.setattr(path_probe, "own_mark", lambda: B if first else A)
    other = A if first else B
    (host.scratch / other).touch()
    if not first:
        (host.scratch / A).touch()
    (finding,) = host.check("").findings
    assert rows((finding,)) == [("scratch-shared", "error" if first else "warning", *OURS)]
    assert f" is the scratch directory of {host_of(other)}, too" in finding.message
    configuration, _ = read_configuration(str(host.write("")))
    assert look_at_host(configuration, host.places) == f"{finding.message} {finding.hint}"
    run(command_in(finding.hint))
    assert host.check("").findings == ()
