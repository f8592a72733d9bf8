"""The packages that the tests install, and what rpm says about them."""

import shutil
import subprocess
from pathlib import Path

from tests.world import BUILD
from tests.world.progress import logged
from tests.world.rpm import ensure_package

LEGACY = Path(__file__).parent / "legacy"


def package(release: int = 1) -> Path:
    """The package of this tree."""
    return ensure_package(release)


def legacy_package() -> Path:
    """A package with the file set of the existing one, 25-1."""
    top = BUILD / "rpm/legacy"
    shutil.rmtree(top, ignore_errors=True)
    options = [f"--define=_topdir {top}", f"--define=_sourcedir {LEGACY}"]
    logged(["rpmbuild", *options, "-bb", str(LEGACY / "ospool-ep.spec")], "rpm-legacy.log")
    (made,) = top.glob("RPMS/noarch/*.rpm")
    return made


def ask(path: Path, *options: str) -> list[str]:
    """The lines that ``rpm --query --package`` answers."""
    command = ["rpm", "--query", "--package", *options, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def unpack(path: Path, directory: Path) -> Path:
    """Put the files of a package below a directory; returns it."""
    archive = subprocess.run(["rpm2archive", "-"], input=path.read_bytes(), capture_output=True, check=True).stdout
    subprocess.run(["tar", "--extract", "--gzip"], cwd=directory, input=archive, check=True)
    return directory
