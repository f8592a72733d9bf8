"""What an engine does with CVMFS of the host: a real file system in user space, and caches that pilots have."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ospool_ep.container.specification import Mount
from ospool_ep.engine.interface import Engine, EngineError
from ospool_ep.service.cvmfs_places import with_cvmfs_places
from tests.contract.conftest import World
from tests.contract.player import play
from tests.support import fuse_server

CACHE = "/cvmfs-cache"
READ = f"[ -e /cvmfs/one/{fuse_server.NAME.decode()} ]"


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that everybody can pass through; a mount of its own in it is unmounted again."""
    path = Path(tempfile.mkdtemp(prefix="ospool-ep-test-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    subprocess.run(["umount", "--recursive", "--lazy", path / "cvmfs"], check=False)
    shutil.rmtree(path)


def name_of(engine: Engine, container_id: str) -> str:
    container = engine.container(container_id)
    assert container
    return Path(container.mounts[CACHE]).name


def test_no_container_has_the_cache_of_one_that_is_there_in_whatever_state(world: World, place: Path) -> None:
    wanted = replace(play("forever"), mounts=(Mount(str(place), CACHE),))

    def create(name: str) -> str:
        return world.engine.create(replace(with_cvmfs_places(wanted, world.engine), name=f"ospool-ep-contract-{name}"))

    created, running, ended = (create(name) for name in ("created", "running", "ended"))
    world.engine.start(running)
    world.engine.start(ended)
    world.engine.stop(ended, 1)
    names = [name_of(world.engine, one) for one in (created, running, ended, create("next"))]
    assert names == ["cache-1", "cache-2", "cache-3", "cache-4"]
    world.engine.remove(ended)
    assert name_of(world.engine, create("successor")) == "cache-3"


def mount_cvmfs(place: Path, kind: str) -> Mount:
    """A directory as /cvmfs of a host, on a mount that is shared or private."""
    top = place / "cvmfs"
    top.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", top], check=True)
    subprocess.run(["mount", f"--make-{kind}", top], check=True)
    return Mount(str(top), "/cvmfs", propagation="shared")


@pytest.mark.parametrize("world", ["real"], indirect=True)
def test_what_is_mounted_later_is_seen_on_a_shared_mount(world: World, place: Path) -> None:
    mount = mount_cvmfs(place, "shared")
    wait = f"while ! {READ}; do sleep 0.1; done"
    container = world.engine.create(replace(play(wait, "out there", "forever"), mounts=(mount,)))
    world.engine.start(container)
    with subprocess.Popen([sys.executable, fuse_server.__file__, f"{mount.source}/one"]) as server:
        assert next(iter(world.engine.logs(container))).text == b"there"
        server.kill()
    world.engine.stop(container, 1)


@pytest.mark.dockers_own
@pytest.mark.parametrize("world", ["real"], indirect=True)
def test_docker_refuses_a_shared_bind_of_a_private_mount(world: World, place: Path) -> None:
    container = world.engine.create(replace(play("forever"), mounts=(mount_cvmfs(place, "private"),)))
    with pytest.raises(EngineError, match="not a shared mount"):
        world.engine.start(container)
