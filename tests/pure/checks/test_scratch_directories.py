"""Each pilot has a directory of its own, and what others have made is never touched."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Optional

import pytest

from ospool_ep.checks import scratch_handles, scratch_marks
from ospool_ep.checks.scratch_directories import found, make, remove_all
from ospool_ep.checks.scratch_marks import is_mark, machine_number, own_mark
from ospool_ep.checks.scratch_names import IN_USE, Removed, is_one
from ospool_ep.system.helper_program import HelperFailed
from ospool_ep.system.json_data import decode, encode
from tests.pure.checks.test_path_checks import own
from tests.pure.checks.test_path_probe import mount
from tests.pure.system.test_tree_removal import as_the_pilot

INSTANCE = "main"


@pytest.fixture
def scratch(open_path: Path) -> Path:
    path = open_path / "scratch with a blank"
    path.mkdir()
    own(path, 0o755, 1000, 1000)
    return path


def removed(scratch: Path, *names: str, top: bool = False) -> Removed:
    """What comes of a removal, as a helper process does it."""
    return decode(
        Removed, as_the_pilot(lambda: encode(remove_all(str(scratch), INSTANCE, names, top=top)), as_root=True)
    )


def swept(scratch: Path, *keep: str, top: bool = False) -> Removed:
    """What comes of the removal of all that are found."""
    return removed(scratch, *(name for name in found(str(scratch), INSTANCE) if name not in keep), top=top)


def made(scratch: Path, instance: str = INSTANCE) -> Path:
    """The directory of a pilot that has worked in it."""
    path = Path(make(str(scratch), instance))
    inner = path / "osgvo-pilot-Ab12Cd/execute/dir_17"
    inner.mkdir(parents=True)
    (inner / "result").write_text("text")
    (path / "log").mkdir()
    give(path)
    return path


def give(path: Path) -> None:
    for item in (path, *path.rglob("*")):
        os.chown(item, 1000, 1000, follow_symlinks=False)


def left_over(scratch: Path) -> None:
    """What pilots leave that have the scratch directory itself."""
    for name in ("osgvo-pilot-Ab12Cd/execute", "osgvo-pilot-Ef34Gh", "log", "rsyslog"):
        (scratch / name).mkdir(parents=True)
    (scratch / "osgvo-pilot-Ab12Cd/image.sif").write_bytes(bytes(3 << 20))
    (scratch / "log/MasterLog").write_text("text")
    give(scratch)


def names(scratch: Path) -> list[str]:
    return sorted(path.name for path in scratch.iterdir())


def test_a_pilot_can_work_in_its_own(scratch: Path) -> None:
    before = os.umask(0o077)
    first, second = (Path(make(str(scratch), INSTANCE)) for _ in range(2))
    os.umask(before)
    assert first != second
    for path in (first, second):
        status = path.stat()
        assert (path.parent, status.st_uid, status.st_gid, status.st_mode & 0o7777) == (scratch, 1000, 1000, 0o755)


def test_its_name_tells_the_host_and_the_service_and_is_none_that_the_image_clears_away(scratch: Path) -> None:
    name = Path(make(str(scratch), "site-a")).name
    assert f"-{machine_number()}-site-a-" in name
    assert machine_number() in own_mark()
    assert is_one(name)
    assert not is_mark(name)
    assert not name.startswith(("osgvo-pilot-", "glide_"))


def test_what_keeps_it_from_being_made_is_said(scratch: Path, open_path: Path) -> None:
    mount(open_path / "full", "nr_inodes=2,mode=1777")
    make(str(open_path / "full"), INSTANCE)
    own(scratch, 0o755, 0, 0)
    for path, why in ((scratch, "Permission denied"), (open_path / "full", "No space left on device")):
        with pytest.raises(HelperFailed) as failure:
            make(str(path), INSTANCE)
        assert str(failure.value) == f"No directory for the pilot can be made in {path}: {why}."
    with pytest.raises(HelperFailed, match="No such file or directory"):
        make(str(open_path / "none"), INSTANCE)


def test_the_way_there_may_be_closed_to_the_pilot(scratch: Path) -> None:
    """The engine mounts it past that, as it always did."""
    scratch.parent.chmod(0o700)
    made(scratch)
    assert swept(scratch) == Removed()
    assert names(scratch) == []


def test_a_scratch_directory_behind_a_link_is_one(scratch: Path) -> None:
    link = scratch.parent / "link"
    link.symlink_to(scratch)
    path = made(link)
    assert path.parent == link
    assert swept(link) == Removed()
    assert names(scratch) == []


def test_a_server_that_keeps_root_out_leaves_the_pilot_the_whole(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.stat

    def stat(path: str, *, dir_fd: Optional[int] = None, follow_symlinks: bool = True) -> os.stat_result:
        if os.geteuid() == 0 and str(path).startswith(f"{scratch}/"):
            raise PermissionError(13, "Permission denied")
        return real(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(os, "stat", stat)
    assert make(str(scratch), INSTANCE) == str(scratch)
    monkeypatch.undo()
    assert names(scratch) == []


def test_all_go_but_those_that_are_kept(scratch: Path) -> None:
    paths = [made(scratch) for _ in range(3)]
    assert swept(scratch, paths[1].name) == Removed()
    assert names(scratch) == [paths[1].name]
    assert (paths[1] / "osgvo-pilot-Ab12Cd/execute/dir_17/result").exists()


def test_one_alone_can_be_removed(scratch: Path) -> None:
    first, second = made(scratch), made(scratch)

    # Once more, and what is none of them.
    for name in (first.name, first.name, "..", ".", f"{second.name}/osgvo-pilot-Ab12Cd", "jobs", ""):
        assert removed(scratch, name) == Removed()
        assert names(scratch) == [second.name]


def others() -> Iterator[str]:
    number = machine_number()
    yield f"ospool-ep-pilot-{'0' * 8}-main-00000001"
    yield f"ospool-ep-pilot-{number}-other-00000001"
    yield f"ospool-ep-pilot-{number}-main-b-00000001"
    yield f"ospool-ep-pilot-{number}-main-00000001.kept"
    yield f"ospool-ep-pilot-{number}-main-00000001-00000001"
    yield f"xospool-ep-pilot-{number}-main-00000001"
    yield f"ospool-ep-pilot-{number}-main-0000000G"
    yield from ("glide_Ab12Cd", "lost+found", "jobs", "log", "images", own_mark(), "stop-glidein.stamp")


@pytest.mark.parametrize("name", list(others()))
def test_what_others_have_made_is_never_touched(scratch: Path, name: str) -> None:
    (scratch / name).mkdir()
    (scratch / name / "file").write_text("text")
    give(scratch)
    assert removed(scratch, name, top=True) == swept(scratch, top=True) == Removed()
    assert (scratch / name / "file").exists()


def test_a_clone_leaves_the_directories_of_the_other_on_a_disk_that_may_be_shared(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch_handles, "may_be_shared", lambda _kind: True)
    path = made(scratch)
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(nodename="a-clone"))
    assert found(str(scratch), INSTANCE) == ()
    assert removed(scratch, path.name) == Removed()
    assert names(scratch) == [path.name]
    assert make(str(scratch), INSTANCE).rpartition("-")[0] != str(path).rpartition("-")[0]


def test_a_host_that_gets_another_name_removes_its_own_on_its_own_disk(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The pilot's user reads it.
    machine_id = scratch.parent / "machine-id"
    machine_id.write_text("0123456789abcdef0123456789abcdef\n")
    monkeypatch.setattr(scratch_marks, "MACHINE_ID", machine_id)
    path = made(scratch)
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(nodename="renamed"))
    assert found(str(scratch), INSTANCE) == (path.name,)


def test_a_link_with_the_name_of_one_is_not_followed(scratch: Path) -> None:
    path = made(scratch)
    kept = scratch / "kept"
    path.rename(kept)
    path.symlink_to(kept)
    assert swept(scratch) == Removed()
    assert names(scratch) == ["kept"]
    assert (kept / "log").exists()


def test_what_stays_is_named_and_tried_again(scratch: Path) -> None:
    path = made(scratch)
    (path / "root's").mkdir()
    (path / "root's/file").write_text("text")
    assert swept(scratch) == Removed(((str(path), "file: Permission denied"),))
    assert names(path) == ["root's"]
    give(path)
    assert (swept(scratch), names(scratch)) == (Removed(), [])


PILOT = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
assert libc.unshare(0x20000) == 0
assert libc.mount(b"none", b"/", None, 1 << 14 | 1 << 18, None) == 0
os.makedirs(sys.argv[2], exist_ok=True)
assert libc.mount(sys.argv[1].encode(), sys.argv[2].encode(), None, 1 << 12, None) == 0
os.setgroups([]); os.setgid(1000); os.setuid(1000)
os.execvp("sh", ["sh", "-c", "echo runs; read end"])
"""


@pytest.fixture
def run_in(open_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], "subprocess.Popen[str]"]]:
    """A pilot in no container that the service knows of has that directory; it ends with its standard input."""
    target = f"{open_path}/mounted"
    monkeypatch.setattr(scratch_handles, "SCRATCH_TARGET", target)
    pilots = []

    def begun(path: Path) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", PILOT, str(path), target]
        pilot = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        pilots.append(pilot)
        assert pilot.stdout
        assert pilot.stdout.readline() == "runs\n"
        return pilot

    yield begun
    for pilot in pilots:
        pilot.communicate()


def test_nothing_goes_in_which_a_pilot_works_that_the_service_does_not_know_of(
    scratch: Path, run_in: Callable[[Path], "subprocess.Popen[str]"]
) -> None:
    used, _ = made(scratch), made(scratch)
    pilot = run_in(used)
    assert swept(scratch) == Removed(((str(used), IN_USE),))
    assert names(scratch) == [used.name]
    assert (used / "log").exists()
    pilot.communicate()
    assert (swept(scratch), names(scratch)) == (Removed(), [])


def test_what_earlier_releases_left_goes_once_nothing_has_the_whole(
    scratch: Path, run_in: Callable[[Path], "subprocess.Popen[str]"]
) -> None:
    left_over(scratch)
    (scratch / "jobs").mkdir()
    (scratch / own_mark()).touch()
    mine = made(scratch)
    everything = names(scratch)
    pilot = run_in(scratch)
    assert swept(scratch, mine.name, top=True) == swept(scratch, mine.name) == Removed()
    pilot.communicate()
    assert swept(scratch, mine.name) == Removed()
    assert names(scratch) == everything
    came = swept(scratch, mine.name, top=True)
    expected = tuple(f"{scratch}/{name}" for name in ("osgvo-pilot-Ab12Cd", "osgvo-pilot-Ef34Gh", "rsyslog", "log"))
    assert 3 << 20 <= came.left_bytes < 4 << 20
    assert replace(came, left_bytes=0) == Removed(left_overs=expected)
    assert names(scratch) == sorted((own_mark(), "jobs", mine.name))
    assert swept(scratch, mine.name, top=True) == Removed()


def test_what_may_be_another_hosts_is_told_and_left(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch_handles, "may_be_shared", lambda _kind: True)
    left_over(scratch)
    came = swept(scratch, top=True)
    assert (len(came.left_overs), came.left_stay) == (4, True)
    assert names(scratch) == ["log", "osgvo-pilot-Ab12Cd", "osgvo-pilot-Ef34Gh", "rsyslog"]


@pytest.mark.parametrize(
    ("mode", "uid", "names_kept"),
    [
        # Some other program's, as no pilot was here; and another user's.
        ("no pilot", 1000, ["log", "rsyslog"]),
        ("pilot", 4242, ["log", "osgvo-pilot-Ab12Cd", "osgvo-pilot-Ef34Gh", "rsyslog"]),
    ],
)
def test_what_only_looks_like_it_stays(scratch: Path, mode: str, uid: int, names_kept: list[str]) -> None:
    if mode == "pilot":
        left_over(scratch)
    for name in ("log", "rsyslog"):
        (scratch / name).mkdir(exist_ok=True)
        (scratch / name / "access.log").write_text("text")
    for path in (*scratch.iterdir(),):
        os.chown(path, uid, uid)
    assert swept(scratch, top=True) == Removed()
    assert names(scratch) == names_kept


def test_an_answer_is_plain_data() -> None:
    came = Removed((("/b", "why"),), ("/c",), 5, left_stay=True)
    assert decode(Removed, encode(came)) == came


SERVICES = ("ospool-ep", "ospool-ep@a", "ospool-ep@a-0123abcd", "ospool-ep@0123abcd", "ospool-ep@A.b_c")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_takes_nothing_of_another_one_of_this_host(scratch: Path, name: str) -> None:
    """Whatever the names are: one that ends in eight digits looks like another one's directory."""
    directories = {service: made(scratch, service).name for service in SERVICES}
    assert found(str(scratch), name) == (directories[name],)
    call = partial(remove_all, str(scratch), name, [*directories.values()], top=True)
    assert decode(Removed, as_the_pilot(lambda: encode(call()), as_root=True)) == Removed()
    assert names(scratch) == sorted({*directories.values()} - {directories[name]})
