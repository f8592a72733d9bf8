"""A tiny file system in user space, as cvmfs2 is one: ``python3 fuse_server.py DIRECTORY`` mounts and serves it.

A directory with one file, which only can be read. It runs on the test hosts, which have no library for that, and speaks
to the kernel itself: stopped (SIGSTOP) it hangs, killed it leaves a mount that is not connected any more. Source of the
protocol: the kernel's include/uapi/linux/fuse.h.
"""

import errno
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable

NAME, CONTENT = b"README", b"from the repository\n"
_ROOT, _FILE = 1, 2

_LOOKUP, _FORGET, _GETATTR, _OPEN, _READ, _STATFS, _RELEASE = 1, 2, 3, 14, 15, 17, 18
_FLUSH, _INIT, _OPENDIR, _READDIR, _RELEASEDIR, _INTERRUPT, _BATCH_FORGET = 25, 26, 27, 28, 29, 36, 42
_IN = struct.Struct("<IIQQIIII")
_OUT = struct.Struct("<IiQ")
# How long the kernel may keep what it was told, in seconds: not at all, so that each look comes here.
_KEPT = 0
_LARGEST = 1 << 17


def _attributes(node: int) -> bytes:
    mode, size, links = (0o40755, 0, 2) if node == _ROOT else (0o100644, len(CONTENT), 1)
    numbers = (node, size, 1, 0, 0, 0, 0, 0, 0, mode, links, 0, 0, 0, 4096, 0)
    return struct.pack("<6Q10I", *numbers)


def _entries() -> bytes:
    found = b""
    for offset, (node, kind, name) in enumerate(((_ROOT, 4, b"."), (_ROOT, 4, b".."), (_FILE, 8, NAME)), 1):
        found += struct.pack("<QQII", node, offset, len(name), kind) + name + bytes(-len(name) % 8)
    return found


def answer(opcode: int, node: int, body: bytes) -> "tuple[int, bytes]":
    """The error, 0 for none, and what is said to one question."""
    if opcode == _LOOKUP and (node != _ROOT or body.rstrip(b"\0") != NAME):
        return errno.ENOENT, b""
    known: dict[int, Callable[[], bytes]] = {
        _INIT: lambda: struct.pack("<IIIIHHIIHHI28x", 7, 31, _LARGEST, 0, 12, 9, _LARGEST, 1, 1, 0, 0),
        _LOOKUP: lambda: struct.pack("<QQQQII", _FILE, 1, _KEPT, _KEPT, 0, 0) + _attributes(_FILE),
        _GETATTR: lambda: struct.pack("<QII", _KEPT, 0, 0) + _attributes(node),
        _READ: lambda: _part(body, CONTENT),
        # Each answer about a directory has all of it.
        _READDIR: lambda: b"" if struct.unpack_from("<QQ", body)[1] else _entries(),
        _STATFS: lambda: struct.pack("<5Q4I24x", 1, 0, 0, 1, 0, 4096, 255, 4096, 0),
        **dict.fromkeys((_OPEN, _OPENDIR), lambda: struct.pack("<QII", 0, 0, 0)),
        **dict.fromkeys((_RELEASE, _RELEASEDIR, _FLUSH), bytes),
    }
    return (0, known[opcode]()) if opcode in known else (errno.ENOSYS, b"")


def _part(body: bytes, whole: bytes) -> bytes:
    _, offset, size = struct.unpack_from("<QQI", body)
    return whole[offset : offset + size]


def serve(device: int, mounting: "subprocess.Popen[bytes]") -> None:
    """Answer until it is unmounted."""
    while True:
        try:
            question = os.read(device, _LARGEST + 4096)
        except OSError as error:
            if error.errno == errno.ENODEV:
                return
            if error.errno == errno.EPERM and mounting.poll() is None:
                # It is not mounted yet.
                time.sleep(0.01)
                continue
            if error.errno in (errno.EINTR, errno.ENOENT, errno.EAGAIN):
                continue
            raise
        _, opcode, unique, node = _IN.unpack_from(question)[:4]
        if opcode in (_FORGET, _BATCH_FORGET, _INTERRUPT):
            continue
        failure, said = answer(opcode, node, question[_IN.size :])
        os.write(device, _OUT.pack(_OUT.size + len(said), -failure, unique) + said)


def main(directory: str) -> None:
    """Mount it, and serve it."""
    os.makedirs(directory, exist_ok=True)  # noqa: PTH103 - no other library is needed here
    device = os.open("/dev/fuse", os.O_RDWR)
    os.set_inheritable(device, True)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other"
    command = ["mount", "-i", "-t", "fuse", "-o", options, "cvmfs2", directory]
    with subprocess.Popen(command, close_fds=False) as mounting:
        # mount(8) may look at what it has mounted; so it is served at once.
        os.set_inheritable(device, False)
        serve(device, mounting)
        mounting.wait()


if __name__ == "__main__":
    main(sys.argv[1])
