"""A static program that makes one system call, with a 0 for each argument, and ends with what came of it.

Its exit code is 0 where the call succeeds with a 0, else the errno; of a call that gives a number, that number negated.
It runs on x86-64, as the engines of the tests do.
"""

import struct

# Source: arch/x86/entry/syscalls/syscall_64.tbl of Linux.
NUMBERS = {
    "geteuid": 107, "reboot": 169, "kexec_load": 246, "add_key": 248, "request_key": 249, "keyctl": 250,
    "perf_event_open": 298, "open_by_handle_at": 304, "kcmp": 312, "bpf": 321, "userfaultfd": 323, "clone3": 435,
    "cachestat": 451, "fchmodat2": 452,
}  # fmt: skip

_BASE = 0x400000
_HEADERS = 64 + 56


def program(call: str) -> bytes:
    """The executable file for that system call."""
    code = (
        b"\xb8" + struct.pack("<I", NUMBERS[call])  # mov eax, number
        + b"\x31\xff\x31\xf6\x31\xd2\x4d\x31\xd2\x4d\x31\xc0\x4d\x31\xc9"  # xor edi, esi, edx, r10, r8, r9
        + b"\x0f\x05"  # syscall
        + b"\xf7\xd8\x89\xc7"  # neg eax; mov edi, eax
        + b"\xb8\x3c\x00\x00\x00\x0f\x05"  # exit
    )  # fmt: skip
    size = _HEADERS + len(code)
    elf = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, _BASE + _HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000)
    return elf + segment + code
