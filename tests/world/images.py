"""The images of the outer engine: made once, and again when the recipe changes.

Each one's tag is the hash of everything that it is made from, so that asking for it is all that a caller does.
"""

import hashlib
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ospool_ep.configuration.options import DEFAULT_IMAGE
from tests.images import recipes
from tests.world import BUILD, IDENTITY, LABEL
from tests.world.engine import OuterEngine
from tests.world.progress import StepFailed, logged, step, tail
from tests.world.turns import alone_with

HERE = Path(__file__).parent

# The registry answers to the name of the real one.
REPOSITORY = DEFAULT_IMAGE.rpartition(":")[0]
REGISTRY = REPOSITORY.partition("/")[0]
FIRST_PILOT = f"{REPOSITORY}:first"
NEXT_PILOT = f"{REPOSITORY}:next"
MANAGER = f"{REGISTRY}/test/manager:1"
# What it offers, and of which recipe and variant that is. A test may let DEFAULT_IMAGE become another one.
OFFERED = {
    DEFAULT_IMAGE: ("pilot", ""),
    FIRST_PILOT: ("pilot", ""),
    NEXT_PILOT: ("pilot", "next"),
    MANAGER: ("manager", ""),
    f"{REGISTRY}/test/stub:1": ("stub", ""),
    f"{REGISTRY}/test/stub:next": ("stub", "next"),
}


def ensure_host(engine: OuterEngine) -> str:
    """The image of the test host, without a pool: systemd, Docker, Podman, dnf, an empty registry."""
    rootfs = HERE / "host/rootfs"
    base = _ensure(
        engine, "host-base", hash_of_files([rootfs]),
        "test host, 1 of 2: Debian 12 packages (mmdebstrap, about 2 min)",
        lambda tag: import_rootfs(engine, tag, rootfs),
    )  # fmt: skip
    sources = [HERE / "host/Dockerfile", *files_below(HERE / "el"), *files_below(HERE / "host/tree")]
    return _ensure(
        engine, "host", hash_of([base, hash_of_files(sources)]), "test host, 2 of 2: its set-up",
        lambda tag: _build(engine, tag, HERE / "host/Dockerfile", f"BASE={base}"),
    )  # fmt: skip


def ensure_oldest(engine: OuterEngine) -> str:
    """The image with Python 3.9 and the oldest libraries."""
    rootfs = HERE / "oldest/rootfs"
    with alone_with("images"):
        return _ensure(
            engine, "oldest", hash_of_files([rootfs, HERE / "oldest/requirements.txt"]),
            "Debian 11 with Python 3.9 and the oldest libraries (mmdebstrap, about 2 min)",
            lambda tag: import_rootfs(engine, tag, rootfs),
        )  # fmt: skip


def ensure_pool_archive() -> Path:
    """An archive with the images of the pool and of the pilot, for ``docker load``."""
    names = sorted({name for name, _ in OFFERED.values()})
    key = hash_of([*map(recipes.recipe_hash, names), repr(sorted(OFFERED.items()))])
    archive = BUILD / "images" / f"pool-{key}.tar"
    if not archive.exists():
        archive.parent.mkdir(parents=True, exist_ok=True)
        partial = archive.with_suffix(".partial")
        with step("pool: HTCondor from Debian 13 (mmdebstrap, about 1 min)"):
            # In a process of its own, so that what mmdebstrap says goes to the log.
            build = ["/usr/bin/python3", "-m", "tests.images.recipes", *names]
            build += [
                f"--variant={variant}" for variant in sorted({variant for _, variant in OFFERED.values() if variant})
            ]
            logged([*build, f"--output={partial}", f"--cache={archive.parent}"], "pool-images.log")
        for older in archive.parent.glob("pool-*.tar"):
            older.unlink()
        partial.replace(archive)
    return archive


def ensure_stocked_host(engine: OuterEngine, stock: Callable[[str, Path], str]) -> str:
    """The image of the test host with the pool's images in its registry.

    ``stock(host image, archive)`` boots a host, fills its registry and returns the id of its container, stopped.
    """
    with alone_with("images"):
        return _ensure_stocked_host(engine, stock)


def _ensure_stocked_host(engine: OuterEngine, stock: Callable[[str, Path], str]) -> str:
    host, archive = ensure_host(engine), ensure_pool_archive()

    def commit(tag: str) -> None:
        container = stock(host, archive)
        engine.docker("commit", f"--change=LABEL {LABEL}", container, tag)
        engine.remove_container(container)

    key = hash_of([host, archive.name, hash_of_files([HERE / "hosts.py"])])
    return _ensure(engine, "host-stocked", key, "test host: filling its registry", commit)


def _ensure(engine: OuterEngine, name: str, key: str, title: str, make: Callable[[str], object]) -> str:
    repository = f"ospool-ep-world-{IDENTITY}/{name}"
    tag = f"{repository}:{key}"
    if engine.try_docker("image", "inspect", tag).returncode != 0:
        with step(title):
            make(tag)
        _forget_older(engine, repository, tag)
    return tag


def _forget_older(engine: OuterEngine, repository: str, tag: str) -> None:
    for older in engine.docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", repository).split():
        if older != tag:
            engine.try_docker("image", "rm", older)  # one that is in use stays until its host goes


def import_rootfs(engine: OuterEngine, tag: str, script: Path) -> None:
    """Make an image of the tar file that a script writes to its standard output."""
    log = BUILD / "log" / f"{tag.partition('/')[2].partition(':')[0]}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    importing = engine.command("import", "--change", f"LABEL {LABEL}", "-", tag)
    with log.open("wb") as output, _piped([str(script)], output) as made:
        imported = subprocess.run(importing, stdin=made.stdout, stdout=output, stderr=output, check=False)
    if made.returncode != 0 or imported.returncode != 0:
        engine.try_docker("image", "rm", tag)
        raise StepFailed(f"{script.name} failed; the end of {log}:\n{tail(log)}")


@contextmanager
def _piped(command: list[str], log: "subprocess._FILE") -> "Iterator[subprocess.Popen[bytes]]":
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log) as process:
        yield process


def _build(engine: OuterEngine, tag: str, dockerfile: Path, argument: str) -> None:
    options = ["--quiet", "--network=none", f"--label={LABEL}", f"--build-arg={argument}", f"--tag={tag}"]
    engine.docker("build", *options, f"--file={dockerfile}", str(HERE))


def files_below(directory: Path) -> list[Path]:
    """The files of a tree, in an order that stays."""
    return sorted(path for path in directory.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def hash_of_files(paths: Iterable[Path]) -> str:
    """Their names, contents, and whether they can be executed."""
    return hash_of(f"{path.relative_to(HERE)} {path.stat().st_mode & 0o100:o} {path.read_text()}" for path in paths)


def hash_of(parts: Iterable[str]) -> str:
    """A short hash of texts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
