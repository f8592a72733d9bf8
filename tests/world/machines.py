"""What a virtual machine starts from, in build/vm: made once, and again when the recipe changes.

A root file system, a disk of it with labels and a stocked registry, and the state of a machine that has booted it and
runs a pool. Each bears the hash of everything that it is made from.
"""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.support.endpoint import Endpoint
from tests.support.qemu import MACHINE
from tests.support.virtual_machine import VirtualMachine
from tests.world import BUILD
from tests.world.engine import OuterEngine, ensure_engine
from tests.world.hosts import ensure_image, make_endpoint, start_pool
from tests.world.images import HERE, files_below, hash_of, hash_of_files
from tests.world.progress import StepFailed, logged, step, tail
from tests.world.turns import alone_with

_MADE = BUILD / "vm"


def boot_machine(name: str) -> VirtualMachine:
    """A fresh machine of that name, the older one removed. It has a pool, and its registry holds images.OFFERED."""
    made = ensure_machine()
    machine = VirtualMachine(name)
    machine.close()
    with step(f"resuming the machine {name}"):
        return machine.boot(made)


def boot_machine_endpoint(name: str) -> Endpoint:
    """A fresh machine with a pool and the package: ready for its administrator."""
    return make_endpoint(boot_machine(name))


def ensure_machine() -> Path:
    """Make what a machine goes on from, and return its directory."""
    engine = ensure_engine()
    image = ensure_image(engine)
    with alone_with("vm"):
        _MADE.mkdir(exist_ok=True)
        rootfs = _ensure_rootfs()
        return _ensure_booted(_ensure_disk(rootfs, engine, image))


def _ensure_rootfs() -> Path:
    script = HERE / "vm/rootfs"

    def make(made: Path) -> None:
        log = BUILD / "log/vm-rootfs.log"
        log.parent.mkdir(exist_ok=True)
        with (made / "rootfs.tar").open("wb") as tar, log.open("wb") as said:
            done = subprocess.run([str(script)], stdin=subprocess.DEVNULL, stdout=tar, stderr=said, check=False)
        if done.returncode != 0:
            raise StepFailed(f"{script} failed; the end of {log}:\n{tail(log)}")

    return _ensure(
        "rootfs", hash_of_files([script]), "virtual machine, 1 of 3: Debian 13 packages (mmdebstrap, about 2 min)", make
    )


def _ensure_disk(rootfs: Path, engine: OuterEngine, image: str) -> Path:
    recipe = [path for path in files_below(HERE / "vm") if path.name != "rootfs"]

    def make(made: Path) -> None:
        registry = made / "registry"
        container = engine.docker("create", image)
        engine.docker("cp", f"{container}:/var/lib/docker-registry", str(registry))
        engine.remove_container(container)
        logged([str(HERE / "vm/disk"), str(rootfs / "rootfs.tar"), str(registry), str(made)], "vm-disk.log")
        shutil.rmtree(registry)

    # The image's tag holds the hash of what is in its registry.
    key = hash_of([rootfs.name, image, hash_of_files([*files_below(HERE / "el"), *recipe])])
    return _ensure("disk", key, "virtual machine, 2 of 3: its set-up, labels and disk", make)


def _ensure_booted(disk: Path) -> Path:
    def make(made: Path) -> None:
        for name in ("vmlinuz", "initrd.img", "ssh-key", "disk.img"):
            (made / name).hardlink_to(disk / name)
        machine = VirtualMachine("first")
        machine.close()
        machine.boot(made, from_disk=True)
        start_pool(machine)
        machine.save(made)
        machine.close()
        # The disk that was saved knows its base by this path.
        rebase = ["qemu-img", "rebase", "-u", "-b", str(disk / "disk.img"), "-F", "raw", str(made / "booted.qcow2")]
        subprocess.run(rebase, stdin=subprocess.DEVNULL, check=True)

    version = subprocess.run([MACHINE[0], "--version"], capture_output=True, text=True, check=True).stdout
    key = hash_of([disk.name, version, *MACHINE, hash_of_files([Path(__file__)])])
    return _ensure("booted", key, "virtual machine, 3 of 3: its first boot, and a pool in it (about 3 min)", make)


def _ensure(name: str, key: str, title: str, make: Callable[[Path], None]) -> Path:
    """The directory ``NAME-KEY``, filled by ``make`` unless it is there; older ones of the name go."""
    made = _MADE / f"{name}-{key}"
    if not made.exists():
        partial = _MADE / f"{name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        with step(title):
            make(partial)
        for older in _MADE.glob(f"{name}-*"):
            shutil.rmtree(older)
        partial.rename(made)
    return made
