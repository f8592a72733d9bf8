"""The package, built when the tree that goes into it has changed."""

import hashlib
import subprocess
from pathlib import Path

from tests.world import BUILD, ROOT
from tests.world.progress import logged, step
from tests.world.turns import alone_with

# What the tests and the documents for developers say does not go into the package.
_NOT_IN_IT = ("tests/", ".ci/", "Makefile")


def ensure_package(release: int = 1) -> Path:
    """The RPM of this tree. A higher release is the same code, to upgrade to."""
    with alone_with("rpm"):
        return _ensure_package(release)


def _ensure_package(release: int) -> Path:
    record, key = BUILD / f"rpm-{release}.made-from", _tree_hash()
    if not record.exists() or record.read_text() != key:
        with step("building the RPM"):
            logged([str(ROOT / "packaging/build-rpm"), str(release)], f"rpm-{release}.log")
        record.write_text(key)
    (package,) = (BUILD / "rpm" / str(release)).glob("RPMS/noarch/*.rpm")
    return package


def _tree_hash() -> str:
    listing = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    digest = hashlib.sha256()
    for name in filter(None, names):
        if not name.startswith(_NOT_IN_IT):
            path = ROOT / name
            digest.update(f"{name} {path.stat().st_mode & 0o100:o}\n".encode() + path.read_bytes())
    return digest.hexdigest()
