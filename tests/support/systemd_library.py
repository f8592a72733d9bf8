"""systemd's own reader of environment files, called in its private library, which its package brings."""

import ctypes
import re
import tempfile
from pathlib import Path
from typing import Optional

_LIBRARIES = (
    "usr/lib/*/systemd/libsystemd-shared-*.so",
    "usr/lib*/systemd/libsystemd-shared-*.so",
    "lib/systemd/libsystemd-shared-*.so",
)


class SystemdReader:
    """What the service manager does with ``EnvironmentFile=``: load_env_file, and then only valid assignments."""

    def __init__(self) -> None:
        paths = sorted(path for pattern in _LIBRARIES for path in Path("/").glob(pattern))
        if not paths:
            raise FileNotFoundError("systemd's libsystemd-shared is not here; the package systemd brings it.")
        version = re.search(r"libsystemd-shared-(\d+)", paths[0].name)
        assert version is not None
        self.version = int(version[1])
        self._library = ctypes.CDLL(str(paths[0]))
        strings = ctypes.POINTER(ctypes.c_char_p)
        self._library.load_env_file.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(strings)]
        self._library.env_assignment_is_valid.argtypes = [ctypes.c_char_p]
        self._library.env_assignment_is_valid.restype = ctypes.c_bool
        self._library.strv_free.argtypes = [strings]
        self._library.strv_free.restype = ctypes.c_void_p

    def read(self, data: bytes) -> Optional[dict[str, str]]:
        """The variables that the file sets; None when systemd refuses it."""
        strings = ctypes.POINTER(ctypes.c_char_p)()
        with tempfile.NamedTemporaryFile(dir="/dev/shm") as file:
            file.write(data)
            file.flush()
            if self._library.load_env_file(None, file.name.encode(), ctypes.byref(strings)) < 0:
                return None
        try:
            return dict(self._variables(strings))
        finally:
            self._library.strv_free(strings)

    def _variables(self, strings: "ctypes._Pointer[ctypes.c_char_p]") -> list[tuple[str, str]]:
        variables, index = [], 0
        while strings and strings[index]:
            text = strings[index] or b""
            if self._library.env_assignment_is_valid(text):
                key, _, value = text.partition(b"=")
                variables.append((key.decode(), value.decode()))
            index += 1
        return variables
