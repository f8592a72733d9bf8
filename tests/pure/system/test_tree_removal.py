"""Whatever a job has left is removed by its user, and nothing that is not in the directory."""

import ast
import os
import socket
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Optional

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ospool_ep.checks.copies import Copy, become_the_pilot
from ospool_ep.system import tree_removal
from tests.pure.checks.test_path_probe import mount

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY


def as_the_pilot(function: Callable[[], str], *, as_root: bool = False) -> str:
    """What a function says that the pilot's user calls, or ``as_root`` one that becomes it by itself."""

    def called() -> str:
        assert as_root or become_the_pilot()
        return ascii(function())

    answer = Copy(called, 1 << 16).answer(time.monotonic() + 120)
    assert answer, "it has died, or hangs"
    return str(ast.literal_eval(answer.decode()))


def removed(above: Path, name: str = "it") -> str:
    """Remove it as the pilot's user; gives why something stays."""
    handle = os.open(above, DIRECTORY)
    try:
        return as_the_pilot(lambda: tree_removal.remove(handle, name))
    finally:
        os.close(handle)


@pytest.fixture
def above(open_path: Path) -> Path:
    """A directory of the pilot's, as WORKER_TEMP_DIR is, in which it has one."""
    path = open_path / "scratch"
    (path / "it").mkdir(parents=True)
    give(path)
    return path


def give(path: Path) -> None:
    """All that is there becomes the pilot's."""
    for directory, names, files in os.walk(path):
        for name in (".", *names, *files):
            os.chown(f"{directory}/{name}", 1000, 1000, follow_symlinks=False)


def gone(above: Path) -> bool:
    return not os.path.lexists(above / "it")


NAMES = st.binary(min_size=1, max_size=12).filter(lambda name: not {0, 47} & set(name) and name not in (b".", b".."))
KINDS = st.sampled_from(("file", "fifo", "socket", "link", "link to a directory", "link to nothing"))
TREES: st.SearchStrategy[object] = st.recursive(
    KINDS, lambda inner: st.tuples(st.integers(0, 0o1777), st.dictionaries(NAMES, inner, max_size=4)), max_leaves=15
)


def make(path: bytes, tree: object, outside: Path) -> None:
    """Make it as the pilot's."""
    if isinstance(tree, tuple):
        mode, inner = tree
        os.mkdir(path)  # noqa: PTH102 - a name of bytes
        for name, item in inner.items():
            make(path + b"/" + name, item, outside)
        os.chown(path, 1000, 1000)
        os.chmod(path, mode)  # noqa: PTH101
        return
    if tree == "file":
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o000))
    elif tree == "fifo":
        os.mkfifo(path)
    elif tree == "socket":
        os.mknod(path, stat.S_IFSOCK | 0o600)
    else:
        target = {"link": outside / "file", "link to a directory": outside}.get(str(tree), Path("/nowhere"))
        os.symlink(os.fsencode(target), path)  # noqa: PTH211
    os.chown(path, 1000, 1000, follow_symlinks=False)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=st.tuples(st.integers(0, 0o1777), st.dictionaries(NAMES, TREES, max_size=4)))
def test_all_of_it_goes_and_nothing_else(above: Path, tree: object) -> None:
    outside = above.parent / "outside"
    outside.mkdir(exist_ok=True)
    (outside / "file").write_text("kept")
    os.chown(outside, 1000, 1000)
    (above / "it").rmdir() if (above / "it").is_dir() else None
    make(os.fsencode(above / "it"), tree, outside)
    assert removed(above) == ""
    assert gone(above)
    assert [(outside / "file").read_text(), outside.stat().st_mode & 0o777] == ["kept", 0o755]


def test_a_living_socket_and_a_file_that_is_open_are_no_obstacle(above: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listens, (above / "it/log").open("w"):
        listens.bind(str(above / "it/listens"))
        give(above)
        assert (removed(above), gone(above)) == ("", True)


def test_what_is_gone_already_is_no_failure(above: Path) -> None:
    assert removed(above, "that never was") == ""


def test_a_link_in_its_place_is_removed_and_not_followed(above: Path) -> None:
    (above / "it").rmdir()
    (above / "kept").mkdir()
    (above / "kept/file").write_text("kept")
    (above / "it").symlink_to("kept")
    give(above)
    assert (removed(above), gone(above)) == ("", True)
    assert (above / "kept/file").read_text() == "kept"


@pytest.mark.parametrize("levels", [63, 64, 65, 66, 200, 3000])
def test_it_may_be_deeper_than_any_path(above: Path, levels: int) -> None:
    handle = os.open(above / "it", DIRECTORY)
    for _ in range(levels):
        for name in ("a" * 100, "b"):
            os.mkdir(name, 0o700, dir_fd=handle)
            os.chown(name, 1000, 1000, dir_fd=handle)
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=handle))
        inner = os.open("a" * 100, DIRECTORY, dir_fd=handle)
        # What nobody may read is to be moved, too.
        os.chmod(inner, 0o000)  # noqa: PTH101
        os.close(handle)
        handle = inner
    os.close(handle)
    os.chown(above / "it", 1000, 1000)
    assert (removed(above), gone(above)) == ("", True)


def test_what_stays_far_down_keeps_the_rest_from_staying(above: Path) -> None:
    deep = above / "it" / "/".join(["d"] * 150)
    deep.mkdir(parents=True)
    for directory in (deep, above / "it/d/d"):
        (directory / "others").mkdir(mode=0o700)
        (directory / "others/file").write_text("somebody else's")
    (deep / "goes").touch()
    for path in above.rglob("d"):
        os.chown(path, 1000, 1000)
    assert removed(above) == "others: Operation not permitted"
    assert len([path for path in (above / "it").rglob("*") if path.is_file()]) == 2
    # It is tried again later, and comes to an end each time.
    assert removed(above) != ""


def test_what_belongs_to_others_stays_and_is_named(above: Path) -> None:
    for name in ("root's", "mine"):
        (above / "it" / name).mkdir()
        (above / "it" / name / "file").write_text("text")
    give(above / "it/mine")
    assert removed(above) == "file: Permission denied"
    assert sorted(path.name for path in (above / "it").rglob("*")) == ["file", "root's"]


def test_a_directory_of_somebody_else_in_its_place_stays(above: Path) -> None:
    (above / "it/file").write_text("text")
    os.chown(above / "it", 4242, 4242)
    os.chmod(above / "it", 0o700)  # noqa: PTH101
    assert "not permitted" in removed(above)
    assert (above / "it/file").read_text() == "text"


@pytest.mark.parametrize("where", ["it", "it/a", "it/a/b/c", "it/file"])
def test_nothing_that_is_mounted_is_entered(above: Path, where: str) -> None:
    elsewhere = above.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_text("kept")
    (above / "it/a/b/c").mkdir(parents=True)
    for name in ("file", "last"):
        (above / "it" / name).write_text("goes")
    (elsewhere / "last").write_text("kept")
    give(above)
    give(elsewhere)
    # Of the same file system, so that no device number tells them apart.
    source = elsewhere / "file" if where == "it/file" else elsewhere
    subprocess.run(["mount", "--bind", str(source), str(above / where)], check=True)
    assert removed(above) == f"{Path(where).name}: Device or resource busy"
    assert (elsewhere / "file").read_text() == "kept"
    # The rest has gone.
    assert (above / "it/last").exists() == (where == "it")


def test_a_file_system_of_its_own_is_not_entered(above: Path) -> None:
    mount(above / "it/disk", "uid=1000")
    give(above)
    (above / "it/disk/file").write_text("kept")
    assert "busy" in removed(above)
    assert (above / "it/disk/file").read_text() == "kept"


@pytest.mark.parametrize("moment", ["rmdir", "open"])
def test_a_directory_that_becomes_a_link_meanwhile_is_not_followed(
    above: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = above.parent / "outside"
    outside.mkdir()
    (outside / "file").write_text("kept")
    (above / "it/swapped").mkdir()
    (above / "it/swapped/file").write_text("goes")
    give(above)
    give(outside)
    real = getattr(os, moment)

    def swapping(name: str, *arguments: int, dir_fd: Optional[int] = None) -> object:
        if name == "swapped" and not (above / "it/aside").exists():
            (above / "it/swapped").rename(above / "it/aside")
            (above / "it/swapped").symlink_to(outside)
        return real(name, *arguments, dir_fd=dir_fd)

    monkeypatch.setattr(os, moment, swapping)
    # What takes part in such a game may stay until the next time.
    removed(above)
    monkeypatch.undo()
    assert (outside / "file").read_text() == "kept"
    assert (removed(above), gone(above)) == ("", True)


def test_many_files_take_no_memory(above: Path) -> None:
    for number in range(20_000):
        (above / f"it/{number:0200}").touch()
    give(above)

    def measured() -> str:
        before = int(Path("/proc/self/statm").read_text().split()[1])
        handle = os.open(above, DIRECTORY)
        why = tree_removal.remove(handle, "it")
        pages = int(Path("/proc/self/statm").read_text().split()[1]) - before
        return f"{why}{pages * os.sysconf('SC_PAGE_SIZE') < 2 << 20}"

    # The names alone are 4 MB.
    assert as_the_pilot(measured) == "True"
    assert gone(above)


def test_its_size_is_that_on_the_disk(above: Path) -> None:
    (above / "it/a").mkdir()
    (above / "it/a/file").write_bytes(bytes(1 << 20))
    with (above / "it/sparse").open("wb") as file:
        file.truncate(1 << 30)
    (above / "it/link").symlink_to("/usr")
    handle = os.open(above, DIRECTORY)
    found = tree_removal.size(handle, "it", time.monotonic() + 60)
    assert 1 << 20 <= found < 2 << 20
    # As much as was seen until then.
    assert tree_removal.size(handle, "it", time.monotonic() - 1) < 1 << 20
    os.close(handle)
