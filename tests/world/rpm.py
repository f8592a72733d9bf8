"""The package, built when the tree that goes into it has changed."""

import hashlib
from pathlib import Path

from tests.world import BUILD, ROOT
from tests.world.progress import logged, step

OUTPUT = BUILD / "rpm"
_SOURCES = ("ospool_ep", "etc", "systemd", "packaging", "docs", "LICENSE")


def ensure_package() -> Path:
    """The RPM of this tree."""
    key = _tree_hash()
    record = OUTPUT / "made-from"
    if not record.exists() or record.read_text() != key:
        with step("building the RPM"):
            logged([str(ROOT / "packaging/build-rpm"), str(OUTPUT)], "rpm.log")
        record.write_text(key)
    (package,) = OUTPUT.glob("*.noarch.rpm")
    return package


def _tree_hash() -> str:
    digest = hashlib.sha256()
    for name in _SOURCES:
        for path in sorted([ROOT / name, *(ROOT / name).rglob("*")]):
            if path.is_file():
                digest.update(
                    f"{path.relative_to(ROOT)} {path.stat().st_mode & 0o100:o}\n".encode() + path.read_bytes()
                )
    return digest.hexdigest()
