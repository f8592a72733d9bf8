"""What each image of the tests is made of.

``build(name, …)`` writes an archive for ``docker load``; ``recipe_hash(name)`` changes whenever the image would.
From a shell: ``python3 -m tests.images.recipes pilot manager --output OUT.tar --cache DIRECTORY``.
"""

import argparse
import hashlib
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from tests.images.archive import CREATED, Image, Layer, file_layer, tree_layer, write_archive

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Recipe:
    """An image: the script that makes its root file system, the trees laid over it, and how it runs.

    ``tag`` is what the archive's image is called once it is loaded; ``environment`` as in ``Image``.
    """

    tag: str
    base: str
    trees: tuple[str, ...]
    entrypoint: tuple[str, ...]
    user: str = ""
    environment: tuple[str, ...] = ()


# What the production image gives its pilot, and an environment with an empty value takes away.
_PILOT_DEFAULTS = (
    "POOL=ospool",
    "ITB=false",
    "NUM_CPUS=",
    "MEMORY=",
    "ACCEPT_JOBS_FOR_HOURS=336",
    "RETIREMENT_HOURS=24",
    "ACCEPT_IDLE_MINUTES=30",
    "GLIDEIN_Start_Extra=True",
    "OSG_PROJECT_NAME=",
    "CVMFSEXEC_REPOS=",
    "CVMFS_HTTP_PROXY=",
    "CVMFS_QUOTA_LIMIT=",
    "CVMFSEXEC_DEBUG=false",
    "SINGULARITY_BIND_EXTRA=",
    "SINGULARITY_DISABLE_PID_NAMESPACES=false",
    "GLIDEIN_RANDOMIZE_NAME=false",
    "ENABLE_REMOTE_SYSLOG=true",
    "GARBAGE_COLLECTION=1",
)

RECIPES = {
    "pilot": Recipe(
        "ospool-test/pilot:1", "rootfs.sh", ("condor", "pilot"), ("/usr/local/bin/pilot",), "osg", _PILOT_DEFAULTS
    ),
    "manager": Recipe("ospool-test/manager:1", "rootfs.sh", ("condor", "manager"), ("/usr/local/bin/manager",)),
    "stub": Recipe("ospool-test/stub:1", "busybox.sh", ("stub",), ("/usr/local/bin/stub",), "osg"),
}


def tag(name: str, variant: str = "") -> str:
    """The tag under which ``build(name, …, variants=[variant])`` lets the image be loaded."""
    return RECIPES[name].tag + (f"-{variant}" if variant else "")


def recipe_hash(name: str) -> str:
    """A short hash of everything in this directory that goes into the image."""
    recipe = RECIPES[name]
    files = [HERE / "archive.py", HERE / "recipes.py", HERE / recipe.base]
    files += [path for tree in recipe.trees for path in sorted((HERE / tree).rglob("*")) if path.is_file()]
    return _hash_of(files)


def build(names: Sequence[str], destination: Path, cache: Path, variants: Sequence[str] = ()) -> None:
    """Write an archive with the images, and for each variant one more of each that differs in a tiny layer.

    A variant has another digest, its tag ends in ``-VARIANT``, and it holds the file ``/etc/image-variant``. Root
    file systems are kept in ``cache`` under the hash of their script; making one needs root and Debian's archive.
    """
    with tempfile.TemporaryDirectory(dir=destination.parent) as scratch:
        images = []
        for name in names:
            layers = _layers(name, cache, Path(scratch))
            images.append(_image(name, layers))
            images += [_image(name, (*layers, _mark(text, Path(scratch))), text) for text in variants]
        write_archive(images, destination)


def base_layer(script: str, cache: Path) -> Layer:
    """The root file system that a script of this directory makes, from the cache if it is there."""
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / f"{Path(script).stem}-{_hash_of([HERE / script])}.tar"
    if not path.exists():
        partial = path.with_suffix(".partial.tar")
        subprocess.run([str(HERE / script), str(partial)], check=True)
        partial.replace(path)
    return file_layer(path)


def _layers(name: str, cache: Path, scratch: Path) -> tuple[Layer, ...]:
    recipe = RECIPES[name]
    trees = [HERE / tree for tree in recipe.trees]
    return base_layer(recipe.base, cache), tree_layer(trees, scratch / f"{name}.tar")


def _mark(variant: str, scratch: Path) -> Layer:
    return tree_layer([], scratch / f"variant-{variant}.tar", {"etc/image-variant": f"{variant}\n".encode()})


def _image(name: str, layers: tuple[Layer, ...], variant: str = "", created: str = CREATED) -> Image:
    recipe = RECIPES[name]
    return Image(tag(name, variant), layers, recipe.entrypoint, recipe.user, created, recipe.environment)


def _hash_of(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(HERE)} {path.stat().st_mode & 0o100:o} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Build from a shell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hash", action="store_true", help="print the hash of the recipe and build nothing")
    parser.add_argument("--variant", action="append", default=[], help="one more image, with another digest")
    parser.add_argument("names", nargs="+", choices=sorted(RECIPES))
    parser.add_argument("--output", type=Path, help="the archive to write")
    parser.add_argument("--cache", type=Path, help="where root file systems are kept")
    given = parser.parse_args(arguments)
    if given.hash:
        print(*(recipe_hash(name) for name in given.names), sep="\n")
        return 0
    if given.output is None or given.cache is None:
        parser.error("--output and --cache are needed to build")
    build(given.names, given.output, given.cache, given.variant)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
