"""What the pilot may do, tried with real users, modes, ACLs and mounts; and that the computation agrees."""

import errno
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ospool_ep.checks import path_probe, turns
from ospool_ep.checks.path_probe import look
from ospool_ep.checks.path_sight import Sight
from ospool_ep.checks.permissions import PASS, READ, WORK, Node, permits
from ospool_ep.system.helper_program import HelperFailed
from ospool_ep.system.json_data import encode
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[3]


def see(path: Path, purpose: str) -> Sight:
    return look({str(path): purpose}, 30.0)[str(path)]


def acl(bits: "tuple[int, int, int, int, int, int]") -> bytes:
    """An ACL that names uid 1000 and gid 1000, in the kernel's form."""
    nobody = 0xFFFFFFFF
    kinds = ((0x01, nobody), (0x02, 1000), (0x04, nobody), (0x08, 1000), (0x10, nobody), (0x20, nobody))
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", tag, bit, who) for (tag, who), bit in zip(kinds, bits))


BITS = st.integers(0, 7)
ACLS = st.one_of(st.none(), st.builds(acl, st.tuples(*(6 * [BITS]))))
IDS = st.sampled_from((0, 1000, 4242))


# An ACL that names the pilot and lets nobody in, while its mask is empty and others may pass.
@example(mode=0, uid=0, gid=0, entries=acl((0, 0, 0, 0, 0, 1)))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mode=st.integers(0, 0o777), uid=IDS, gid=IDS, entries=ACLS)
def test_the_computation_agrees_with_the_kernel(
    open_path: Path, mode: int, uid: int, gid: int, entries: "bytes | None"
) -> None:
    base = Path(tempfile.mkdtemp(dir=open_path))
    base.chmod(0o755)
    file, directory = base / "file", base / "directory"
    directory.mkdir()
    for path in (file, directory / "inner"):
        path.write_text("text")
    for path in (file, directory):
        os.chown(path, uid, gid)
        path.chmod(mode)
        if entries:
            os.setxattr(path, "system.posix_acl_access", entries)
    seen = look({str(file): "read", str(directory): "write", str(directory / "inner"): "read"}, 30.0)
    read, work, inner = seen.values()
    assert read.tried
    assert read.item is not None
    assert work.item is not None
    assert permits(read.item, READ) == (read.item_error == 0) == (read.path_error == 0)
    assert permits(work.item, WORK) == (work.item_error == 0)
    assert permits(work.item, PASS) == (inner.blocking == ())


def test_an_acl_of_a_form_that_is_not_known_leaves_the_mode() -> None:
    assert not permits(Node("/x", 0, 0, 0o600, b"\2\0\0\0odd"), READ)


def test_every_directory_on_the_way_counts_also_behind_a_link(open_path: Path) -> None:
    hidden = open_path / "a" / "b"
    hidden.mkdir(parents=True)
    (hidden / "file").write_text("text")
    link = open_path / "link"
    link.symlink_to(hidden / "file")
    hidden.chmod(0o700)
    hidden.parent.chmod(0o711)
    seen = see(link, "read")
    assert (seen.item_error, seen.path_error) == (0, errno.EACCES)
    assert [node.path for node in seen.blocking] == [str(hidden)]
    hidden.parent.chmod(0o700)
    assert [node.path for node in see(link, "read").blocking] == [str(hidden.parent), str(hidden)]


def test_what_is_no_file_is_never_opened(open_path: Path) -> None:
    os.mkfifo(open_path / "pipe", 0o644)
    seen = see(open_path / "pipe", "read")
    assert (seen.is_file, seen.content, seen.hangs) == (False, None, False)


def test_a_huge_file_is_not_read_to_its_end(open_path: Path) -> None:
    with (open_path / "huge").open("wb") as file:
        file.truncate(1 << 40)
    content = see(open_path / "huge", "read").content
    assert content is not None
    assert len(content) == path_probe.READ_LIMIT + 1


@pytest.mark.parametrize("name", ["ü ' \" $(x) \\", os.fsdecode(b"\xff\xfe"), "-n", "a\nb", "x" * 300])
def test_any_name_will_do(open_path: Path, name: str) -> None:
    path = open_path / name
    if len(name) > 255:
        assert see(path, "read").error == errno.ENAMETOOLONG
        return
    path.write_text("text")
    assert see(path, "read").content == b"text"


def test_a_try_to_write_leaves_no_trace(open_path: Path) -> None:
    os.chown(open_path, 1000, 1000)
    before = open_path.stat().st_mtime_ns
    assert see(open_path, "write").path_error == 0
    assert open_path.stat().st_mtime_ns == before
    assert list(open_path.iterdir()) == []


def mount(path: Path, options: str) -> None:
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(path)], check=True)


def test_file_systems_that_refuse(open_path: Path) -> None:
    mount(open_path / "ro", "ro,mode=1777")
    mount(open_path / "full", "size=4k,mode=1777")
    (open_path / "full" / "filler").write_bytes(bytes(4096))
    mount(open_path / "inodes", "nr_inodes=1,mode=1777")
    mount(open_path / "noexec", "noexec,mode=1777")
    seen = look({str(open_path / name): "write" for name in ("ro", "full", "inodes", "noexec")}, 30.0)
    errors = [sight.path_error for sight in seen.values()]
    assert errors == [errno.EROFS, errno.ENOSPC, errno.ENOSPC, 0]
    assert [sight.read_only for sight in seen.values()] == [True, False, False, False]
    assert [sight.no_exec for sight in seen.values()] == [False, False, False, True]


def test_where_root_is_trusted_less_than_the_pilot_the_pilot_reads(open_path: Path) -> None:
    file = open_path / "squashed"
    file.write_text("text")
    os.chown(file, 1000, 1000)
    file.chmod(0o600)
    program = (
        "import sys; from ospool_ep.checks.path_probe import look; s = look({sys.argv[1]: 'read'}, 30.0)[sys.argv[1]];"
        "print(s.read_error, s.path_error, s.content)"
    )
    capabilities = "-dac_override,-dac_read_search"
    command = ["setpriv", "--bounding-set", capabilities, sys.executable, "-c", program, str(file)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.split(maxsplit=2) == [str(errno.EACCES), "0", "b'text'\n"]


def test_where_we_may_not_try_it_is_computed(open_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(path_probe, "become_the_pilot", lambda: False)
    file = open_path / "private" / "file"
    file.parent.mkdir(mode=0o700)
    file.write_text("text")
    file.chmod(0o600)
    seen = path_probe.see(str(file), "read")
    assert (seen.tried, seen.item_error, seen.path_error) == (False, errno.EACCES, errno.EACCES)
    assert [node.path for node in seen.blocking] == [str(file.parent)]
    mount(open_path / "ro", "ro,mode=1777")
    seen = path_probe.see(str(open_path / "ro"), "write")
    assert (seen.tried, seen.item_error, seen.path_error) == (False, errno.EROFS, errno.EROFS)


@pytest.fixture
def dead(open_path: Path) -> Iterator[Path]:
    """A file system whose server never answers."""
    server = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={server},rootmode=40000,user_id=0,group_id=0,allow_other"
    (open_path / "dead").mkdir()
    mount = ["mount", "--internal-only", "-t", "fuse", "-o", options, "none", str(open_path / "dead")]
    subprocess.run(mount, check=True, pass_fds=[server])
    yield open_path / "dead"
    os.close(server)


def test_a_file_system_that_does_not_answer_is_not_waited_for(dead: Path) -> None:
    begun = time.monotonic()
    seen = look({str(dead / "a"): "read", str(dead / "b"): "write", "/": "look"}, 2.0)
    assert time.monotonic() - begun < 10
    assert [sight.hangs for sight in seen.values()] == [True, True, False]
    wait_until(_no_child_is_left, "each copy that was killed has ended; on a busy machine that takes a moment")


def _no_child_is_left() -> bool:
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return True
    return False


def test_no_copy_joins_one_that_sits_in_the_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It can't be killed; a service that tries again and again would leave one more each time."""
    monkeypatch.setattr(turns, "place", lambda: str(tmp_path))
    (tmp_path / "hangs").touch()

    def see(path: str, _purpose: str) -> Sight:
        with (tmp_path / "begun").open("a") as begun:
            begun.write(f"{os.getpid()}\n")
        while (tmp_path / "hangs").exists():
            time.sleep(0.05)
        return Sight(path)

    def begun() -> list[int]:
        return list(map(int, (tmp_path / "begun").read_text().split()))

    kill = os.kill
    monkeypatch.setattr(path_probe, "see", see)
    monkeypatch.setattr(os, "kill", lambda _pid, _number: None)
    assert look({"/hanging": "look"}, 1.0)["/hanging"].hangs
    (first,) = begun()
    monkeypatch.setattr(os, "kill", kill)
    for _ in range(3):
        assert look({"/hanging": "look"}, 0.3)["/hanging"].hangs
    assert begun() == [first]
    assert os.waitpid(-1, os.WNOHANG) == (0, 0), "the first one is there, and no other has ended unseen"
    (tmp_path / "hangs").unlink()
    assert not look({"/hanging": "look"}, 30.0)["/hanging"].hangs
    assert len(begun()) == 2
    os.waitpid(first, 0)


def test_copies_for_other_paths_wait_for_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "place", lambda: str(tmp_path))

    def see(path: str, _purpose: str) -> Sight:
        time.sleep(600 if path == "/a" else 0)
        return Sight(path)

    monkeypatch.setattr(path_probe, "see", see)
    seen = look({"/a": "look", "/b": "look"}, 1.0)
    assert [sight.hangs for sight in seen.values()] == [True, False]
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    "answer",
    [
        Sight("/other"),
        Sight("/token", error=1 << 16),
        Sight("/token", path_error=-1),
        Sight("/token", item=Node("/token", 0, 0, 1 << 32)),
        Sight("/token", blocking=(Node("/", 0, 0, -1),)),
    ],
)
def test_what_cannot_be_is_not_believed(monkeypatch: pytest.MonkeyPatch, answer: Sight) -> None:
    monkeypatch.setattr(path_probe, "see", lambda *_: answer)
    with pytest.raises(
        HelperFailed, match=r"^The process that looked at /token gave no answer that can be believed\.$"
    ):
        look({"/token": "read"}, 30.0)


@pytest.mark.parametrize(
    "answer",
    ["", "{}", "cos\nsystem\n(S'true'\ntR.", "[" * 100_000, 10**6 * " " + encode(Sight("/token"))],
    ids=range(5),
)
def test_what_is_no_answer_is_not_believed(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr(path_probe, "encode", lambda _: answer)
    with pytest.raises(HelperFailed, match=r"gave no answer that can be believed\."):
        look({"/token": "read"}, 30.0)


def test_a_copy_that_dies_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(path_probe, "see", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(HelperFailed, match=r"gave no answer that can be believed\."):
        look({"/token": "read"}, 30.0)


def test_no_copy_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def fork() -> int:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", fork)
    with pytest.raises(HelperFailed, match="No process can be started: a limit on their number is reached"):
        look({"/token": "read"}, 30.0)


def test_the_content_is_in_no_repr(open_path: Path) -> None:
    (open_path / "file").write_text("changeme")
    assert "changeme" not in repr(see(open_path / "file", "read"))
