"""The packages that the tests install, and what rpm says about them."""

import shutil
import subprocess
from pathlib import Path

from tests.world import BUILD, ROOT
from tests.world.progress import logged
from tests.world.rpm import ensure_package

LEGACY = Path(__file__).parent / "legacy"
RELEASED = "1924be8f2616c5ec026aa8e2dbef040dbe3daf23"  # 25.1.0


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


def released_package() -> Path:
    """The package of release 25.1.0, built from its commit."""
    tree = BUILD / "25.1.0"
    if not (tree / "made").exists():
        shutil.rmtree(tree, ignore_errors=True)
        logged(["sh", "-ec", _UNPACK_RELEASE, "unpack", str(ROOT), RELEASED, str(tree)], "rpm-25.1.0.log")
        logged([str(tree / "packaging/build-rpm")], "rpm-25.1.0.log")
        (tree / "made").touch()
    (made,) = tree.glob("build/rpm/1/RPMS/noarch/*.rpm")
    return made


# What packs the files asks git for them.
_UNPACK_RELEASE = """
mkdir -p "$3"
git -c safe.directory="$1" -C "$1" archive "$2" | tar --extract --directory="$3"
cd "$3"
git init --quiet
git add --all
git -c user.name=tests -c user.email=tests commit --quiet --message=25.1.0
"""


def ask(path: Path, *options: str) -> list[str]:
    """The lines that ``rpm --query --package`` answers."""
    command = ["rpm", "--query", "--package", *options, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def unpack(path: Path, directory: Path) -> Path:
    """Put the files of a package below a directory; returns it."""
    archive = subprocess.run(["rpm2archive", "-"], input=path.read_bytes(), capture_output=True, check=True).stdout
    subprocess.run(["tar", "--extract", "--gzip"], cwd=directory, input=archive, check=True)
    return directory
