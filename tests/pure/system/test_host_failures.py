"""What this host has run out of is told with its place and its mend; no file is left half written."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ospool_ep.system import atomic_file, host_failures
from ospool_ep.system.host_failures import is_no_process, no_process, why
from tests.pure.checks.test_path_probe import mount


def no_files_left(path: Path) -> None:
    mount(path, "nr_inodes=1")


def full(path: Path) -> None:
    mount(path, "size=4k")
    (path / "filling").write_bytes(bytes(4096))


def read_only(path: Path) -> None:
    mount(path, "ro")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [(full, "is full. Make room"), (no_files_left, "is full. Make room"), (read_only, "is read-only.")],
)
def test_what_cannot_be_written_is_told_with_its_file_its_disk_and_a_mend(
    open_path: Path, spoil: Callable[[Path], None], words: str
) -> None:
    disk = open_path / "a disk"
    spoil(disk)
    with pytest.raises(OSError, match=r".") as failed:
        atomic_file.replace(disk / "note", "x" * 8000)
    told = why(failed.value)
    assert told.startswith(f"{disk}/note cannot be written: the file system on '{disk}' {words}")
    assert f"'{disk}'" in told.split(words)[1], "the mend names it as a shell reads it"
    assert told.endswith(".")
    assert "\n" not in told


def test_a_file_that_does_not_fit_any_more_is_as_it_was(open_path: Path) -> None:
    disk = open_path / "disk"
    mount(disk, "size=8k")
    atomic_file.replace(disk / "note", "before")
    with pytest.raises(OSError, match="No space left"):
        atomic_file.replace(disk / "note", "x" * 8000)
    assert [file.name for file in disk.iterdir()] == ["note"]
    assert (disk / "note").read_text() == "before"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "/a/b"), "/a/b: No such file or directory."),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "/proc/b"), "/proc/b cannot be written: a disk quota on /proc"),
        (OSError(errno.EIO, "Input/output error", b"/proc/b"), "/proc/b cannot be written: the disk of /proc fails"),
        (OSError(errno.EMFILE, "Too many open files"), "this host: Too many open files."),
        (BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)), "No process can be started: a limit"),
    ],
)
def test_other_failures(error: OSError, told: str) -> None:
    assert why(error).startswith(told)


def test_a_limit_of_processes_is_that_of_our_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cgroup").write_text("0::/user.slice/user-0.slice/session-3.scope\n")
    monkeypatch.setattr(host_failures, "CGROUP", tmp_path / "cgroup")
    assert "'systemctl set-property session-3.scope TasksMax=infinity'" in no_process()
    monkeypatch.setattr(host_failures, "CGROUP", tmp_path / "none")
    assert "'systemctl set-property ospool-ep.service TasksMax=infinity'" in no_process()


# As another user, since no such limit holds for root.
_FULL_OF_PROCESSES = """
import os, resource, subprocess, sys, threading
sys.path.insert(0, sys.argv[1])
from ospool_ep.system.host_failures import is_no_process
os.setuid(54321)
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
for begin in (threading.Thread(target=print).start, os.fork, lambda: subprocess.Popen(["/bin/true"])):
    try:
        begin()
    except Exception as error:
        print(is_no_process(error), flush=True)
"""


def test_python_says_of_threads_and_processes_that_there_are_too_many() -> None:
    place = str(Path(__file__).parents[3])
    command = [sys.executable, "-c", _FULL_OF_PROCESSES, place]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.split() == ["True"] * 3


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("cannot join thread before it is started"),
        OSError(errno.ENOENT, "No such file or directory"),
        BlockingIOError(errno.EAGAIN, "write could not complete without blocking", 0),
    ],
)
def test_nothing_else_is_taken_for_that(error: Exception) -> None:
    assert not is_no_process(error)
