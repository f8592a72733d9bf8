"""The images of the outer engine: made once, and again when the recipe changes.

Each one's tag is the hash of everything that it is made from, so that asking for it is all that a caller does.
"""

import hashlib
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ospool_ep.options import DEFAULT_IMAGE
from tests.images import recipes
from tests.world import BUILD, IDENTITY, LABEL
from tests.world.engine import OuterEngine
from tests.world.progress import StepFailed, logged, step, tail

HERE = Path(__file__).parent

# What the host's registry offers, by recipe and variant; the registry answers to the name of the real one.
REPOSITORY = DEFAULT_IMAGE.rpartition(":")[0]
REGISTRY = REPOSITORY.partition("/")[0]
OFFERED = {
    ("pilot", ""): DEFAULT_IMAGE,
    ("pilot", "next"): f"{REPOSITORY}:next",
    ("stub", ""): f"{REGISTRY}/test/stub:1",
    ("stub", "next"): f"{REGISTRY}/test/stub:next",
    ("manager", ""): f"{REGISTRY}/test/manager:1",
}


def ensure_host(engine: OuterEngine) -> str:
    """The image of the test host, without a pool: systemd, Docker, Podman, dnf, an empty registry."""
    base = _ensure(
        engine, "host-base", [HERE / "host/rootfs"], "test host, 1 of 2: Debian 12 packages (mmdebstrap, about 1 min)",
        lambda tag: import_rootfs(engine, tag, HERE / "host/rootfs"),
    )  # fmt: skip
    sources = [HERE / "host/Dockerfile", HERE / "host/debian-provides.spec", *_files_of(HERE / "host/tree")]
    return _ensure(
        engine, "host", sources, "test host, 2 of 2: its set-up",
        lambda tag: _build(engine, tag, HERE / "host", f"BASE={base}"), also=base,
    )  # fmt: skip


def ensure_pool_archive() -> Path:
    """An archive with the images of the pool and of the pilot, for ``docker load``."""
    names = sorted({name for name, _ in OFFERED})
    key = _hash([*map(recipes.recipe_hash, names), repr(sorted(OFFERED))])
    archive = BUILD / "images" / f"pool-{key}.tar"
    if not archive.exists():
        archive.parent.mkdir(parents=True, exist_ok=True)
        with step("pool: HTCondor from Debian 13 (mmdebstrap, about 40 s)"):
            logged(_recipes_command(names, archive), "pool-images.log")
    return archive


def _recipes_command(names: list[str], archive: Path) -> list[str]:
    """In a process of its own, so that what mmdebstrap says goes to the log."""
    partial = archive.with_suffix(".partial.tar")
    variants = [f"--variant={variant}" for variant in sorted({variant for _, variant in OFFERED if variant})]
    build = ["/usr/bin/python3", "-m", "tests.images.recipes", *names, *variants]
    build += [f"--output={partial}", f"--cache={archive.parent}"]
    return ["/bin/sh", "-ec", f'"$@"; mv "{partial}" "{archive}"', "build", *build]


def ensure_stocked_host(engine: OuterEngine, stock: Callable[[str, Path], str]) -> str:
    """The image of the test host with the pool's images in its registry.

    ``stock(host image, archive)`` boots a host, fills its registry and returns the id of its container, stopped.
    """
    host, archive = ensure_host(engine), ensure_pool_archive()

    def commit(tag: str) -> None:
        container = stock(host, archive)
        engine.docker("commit", f"--change=LABEL {LABEL}", container, tag)
        engine.docker("container", "rm", "--force", "--volumes", container)

    return _ensure(engine, "host-stocked", [Path(__file__)], "test host: filling its registry", commit, f"{host} {archive.name}")


def _ensure(
    engine: OuterEngine, name: str, sources: Iterable[Path], title: str, make: Callable[[str], object], also: str = ""
) -> str:
    key = _hash([also, *(f"{path.name} {path.stat().st_mode & 0o111:o} {path.read_text()}" for path in sources)])
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


def _build(engine: OuterEngine, tag: str, context: Path, argument: str) -> None:
    engine.docker(
        "build", "--quiet", "--network=none", f"--label={LABEL}", f"--build-arg={argument}", f"--tag={tag}", str(context)
    )


def _files_of(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


def _hash(parts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
