"""What NVIDIA's driver and toolkit leave on a host, played in a directory that stands for its root."""

import os
import stat
from pathlib import Path

UUID = "GPU-8dcd427f-483b-b48f-d7e5-75fb19a52b7{}"
VERSION = "580.65.06"
# As the driver says it; the open kernel modules have words of their own.
_TEXTS = (
    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  {}  Sun Jul 27 07:17:31 UTC 2025\nGCC version:  gcc 11.5.0\n",
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  {}  Release Build  (dvs-builder@U22)\n",
)


class NvidiaHost:
    """A root with a driver, two GPUs and the toolkit, until a test takes something away.

    The driver has numbered the devices in another order than the bus, as it does where one card came up late.
    """

    def __init__(self, root: Path, *, open_modules: bool = False) -> None:
        self.root = root
        for directory in ("dev", "usr/bin", "usr/lib64", "proc/driver/nvidia"):
            (root / directory).mkdir(parents=True, exist_ok=True)
        self.driver(VERSION, open_modules=open_modules)
        for name in ("nvidiactl", "nvidia-uvm", "nvidia0", "nvidia1"):
            self.device(name)
        self.gpu("0000:3b:00.0", UUID.format(6), 1)
        self.gpu("0000:af:00.0", UUID.format(7), 0)
        (root / "usr/bin/nvidia-ctk").touch()

    def driver(self, version: str, *, open_modules: bool = False) -> None:
        """Load another version; empty: none."""
        path = self.root / "proc/driver/nvidia/version"
        path.unlink(missing_ok=True)
        if version:
            path.write_text(_TEXTS[open_modules].format(version), encoding="utf-8")

    def device(self, name: str) -> None:
        """A node that can be opened: it is that of /dev/null."""
        os.mknod(self.root / "dev" / name, stat.S_IFCHR | 0o666, os.makedev(1, 3))

    def gpu(self, place: str, uuid: str, minor: int, *, excluded: bool = False) -> None:
        """A GPU at that place of the bus."""
        directory = self.root / "proc/driver/nvidia/gpus" / place
        directory.mkdir(parents=True)
        (directory / "information").write_text(
            f"Model: \t\t NVIDIA A100\nIRQ:   \t\t 16\nGPU UUID: \t {uuid}\nBus Location: \t {place}\n"
            f"Device Minor: \t {minor}\nGPU Excluded:\t {'Yes' if excluded else 'No'}\n",
            encoding="utf-8",
        )
