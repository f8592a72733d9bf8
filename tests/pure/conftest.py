"""Directories in which the pilot's user can move, which those of pytest are not."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A fresh directory that everybody can pass through. What is mounted in it is unmounted again."""
    path = Path(tempfile.mkdtemp(prefix="ospool-ep-test-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    for line in reversed(Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()):
        # proc(5): blanks and the like are written as \040, three octal digits.
        point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), line.split()[4])
        if point.startswith(f"{path}/"):
            subprocess.run(["umount", "--lazy", point], check=True)
    shutil.rmtree(path)
