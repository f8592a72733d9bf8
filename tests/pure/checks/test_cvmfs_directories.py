"""Caches of pilots stay, are used again, and are never had by two."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ospool_ep.checks import cvmfs_directories, scratch_handles
from ospool_ep.checks.cvmfs_directories import give, held
from ospool_ep.checks.scratch_marks import machine_number
from ospool_ep.system.helper_program import HelperFailed
from tests.pure.checks.test_path_checks import own
from tests.pure.checks.test_path_probe import mount

TARGET = "/cvmfs-cache"


@pytest.fixture
def directory(open_path: Path) -> Path:
    path = open_path / "a, cache"
    path.mkdir()
    return path


def owners(directory: Path) -> list[tuple[str, int, int, int]]:
    seen = [(path.name, path.stat()) for path in sorted(directory.iterdir())]
    return [(name, status.st_uid, status.st_gid, status.st_mode & 0o7777) for name, status in seen]


@pytest.mark.parametrize(("mode", "owner"), [(0o755, 0), (0o700, 0), (0o755, 1000), (0o777, 4242)])
def test_the_first_that_is_free_is_given_and_is_the_pilots(directory: Path, mode: int, owner: int) -> None:
    own(directory, mode, owner, owner)
    old = os.umask(0o077)
    try:
        assert give(str(directory), TARGET, []) == f"{directory}/cache-1"
        assert give(str(directory), TARGET, ["cache-1", "", "other"]) == f"{directory}/cache-2"
        assert give(str(directory), TARGET, ["cache-2"]) == f"{directory}/cache-1"
        assert give(f"{directory}/", "/cvmfs-logs", ["cache-1"]) == f"{directory}/logs-1"
    finally:
        os.umask(old)
    assert owners(directory) == [(name, 1000, 1000, 0o755) for name in ("cache-1", "cache-2", "logs-1")]


def test_what_is_in_it_stays(directory: Path) -> None:
    given = Path(give(str(directory), TARGET, []))
    (given / "data").write_text("warm")
    assert Path(give(str(directory), TARGET, [])) == given
    assert (given / "data").read_text() == "warm"


def spoil_by_a_file(path: Path) -> None:
    path.write_text("")


def spoil_by_a_link(path: Path) -> None:
    path.symlink_to("/etc")


def spoil_by_its_owner(path: Path) -> None:
    path.mkdir()
    own(path, 0o777, 4242, 4242)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (spoil_by_a_file, "Not a directory"),
        (spoil_by_a_link, "cache-1: "),
        (spoil_by_its_owner, "belongs to uid 4242; chown -R 1000:1000 "),
    ],
)
def test_what_is_no_cache_of_the_pilots_is_never_given(
    directory: Path, spoil: Callable[[Path], None], says: str
) -> None:
    spoil(directory / "cache-1")
    before = os.lstat(directory / "cache-1"), Path("/etc").stat().st_uid
    with pytest.raises(HelperFailed, match=says.replace("(", "[(]")):
        give(str(directory), TARGET, [])
    after = os.lstat(directory / "cache-1")
    assert (before[0].st_uid, before[0].st_mode, before[1]) == (after.st_uid, after.st_mode, Path("/etc").stat().st_uid)


def test_there_are_not_more_than_a_few(directory: Path) -> None:
    with pytest.raises(HelperFailed, match="pilots have all 16"):
        give(str(directory), TARGET, [f"cache-{number}" for number in range(1, 17)])
    assert list(directory.iterdir()) == []


def test_one_in_which_a_process_works_is_not_given(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pilot of another engine than the one that was asked has it."""
    seen: list[str] = []

    def works(_handle: int, name: str, target: str) -> bool:
        seen.append(target)
        return name == "cache-1"

    monkeypatch.setattr(cvmfs_directories, "has_pilot", works)
    assert give(str(directory), TARGET, []) == f"{directory}/cache-2"


def test_on_a_disk_that_may_be_other_hosts_the_names_tell_the_host(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch_handles, "may_be_shared", lambda _kind: True)
    assert give(str(directory), TARGET, []) == f"{directory}/cache-{machine_number(and_name=True)}-1"
    assert give(str(directory), TARGET, [f"cache-{machine_number(and_name=True)}-1"]).endswith("-2")


def test_a_directory_that_is_not_there_is_none(directory: Path) -> None:
    with pytest.raises(HelperFailed, match="No such file or directory"):
        give(f"{directory}/none", TARGET, [])


def test_a_directory_that_is_read_only_is_none(open_path: Path) -> None:
    mount(open_path / "ro", "ro,mode=755")
    with pytest.raises(HelperFailed, match="Read-only file system"):
        give(f"{open_path}/ro", TARGET, [])


def test_what_caches_hold_is_measured_and_nothing_beside_them(directory: Path) -> None:
    for number in ([], ["cache-1"]):
        path = Path(give(str(directory), TARGET, number))
        (path / "chunk").write_bytes(bytes(1 << 20))
        own(path / "chunk", 0o600, 1000, 1000)
    (directory / "else").write_bytes(bytes(1 << 20))
    assert 2 << 20 <= held(str(directory), TARGET) < 3 << 20
    assert held(f"{directory}/none", TARGET) == 0
