"""The host boots, and something that a pilot needs comes later: a mount, the token, CVMFS, the engine, the registry."""

from collections.abc import Callable

from tests.faults.fault import Promise, fault
from tests.faults.scene import SCRATCH, Scene
from tests.faults.setting import enabled
from tests.support.endpoint import CONTAINER, TOKEN

_LATE_SECONDS = 20
_CVMFS = "/cvmfs/config-osg.opensciencegrid.org"
_DOCKER = ("docker.socket", "docker.service")
_REGISTRY = "docker-registry.service"

# The boot, what is late, and a pause between two looks; no hand, and no job ran.
_HEALS = Promise(same_pilot=False, lines_lost=None, seconds_away=90.0)


def _boots(scene: Scene, goes: Callable[[], object], comes: Callable[[], object]) -> None:
    """The host boots without something that it had, which comes a while after the boot."""

    def late() -> None:
        scene.let_pass(_LATE_SECONDS)
        comes()

    goes()
    scene.ground.off("stop")
    # The pool needs the host's engine.
    scene.ground.boot(late)


def _mount_scratch(scene: Scene) -> None:
    scene.do("mount", "-t", "tmpfs", "-o", "size=64m,uid=1000,gid=1000,mode=755", "tmpfs", SCRATCH)


def _scratch_on_a_mount(scene: Scene) -> None:
    enabled(scene)
    scene.do("chown", "root:root", SCRATCH)
    _mount_scratch(scene)
    scene.afterwards(lambda: scene.do("umount", "--lazy", SCRATCH))


def _cvmfs(scene: Scene) -> None:
    enabled(scene)
    _mount_cvmfs(scene)
    scene.afterwards(lambda: scene.do("umount", "--lazy", _CVMFS))


def _mount_cvmfs(scene: Scene) -> None:
    scene.do("mkdir", "--parents", _CVMFS)
    scene.do("mount", "-t", "tmpfs", "tmpfs", _CVMFS)


@fault(f"the host boots, and its scratch directory is mounted {_LATE_SECONDS} s later", jobs=0,
       promise=_HEALS, prepare=_scratch_on_a_mount)  # fmt: skip
def boot_scratch_late(scene: Scene) -> None:
    _boots(scene, lambda: None, lambda: _mount_scratch(scene))


@fault(f"the host boots, and its token comes {_LATE_SECONDS} s later", jobs=0, promise=_HEALS, prepare=enabled)
def boot_token_late(scene: Scene) -> None:
    _boots(scene, lambda: scene.do("mv", TOKEN, f"{TOKEN}.away"), lambda: scene.do("mv", f"{TOKEN}.away", TOKEN))


@fault(f"the host boots, and CVMFS is mounted {_LATE_SECONDS} s later", jobs=0, promise=_HEALS, prepare=_cvmfs,
       settings={"BIND_MOUNT_CVMFS": "true"})  # fmt: skip
def boot_cvmfs_late(scene: Scene) -> None:
    def goes() -> None:
        scene.do("umount", "--lazy", _CVMFS)
        scene.do("rm", "-r", "/cvmfs")

    def comes() -> None:
        _mount_cvmfs(scene)
        # A pilot that was made before takes jobs, and has none of it.
        if scene.container() and scene.host.try_docker("exec", CONTAINER, "test", "-e", _CVMFS).returncode:
            scene.remark("its pilot has no CVMFS")

    _boots(scene, goes, comes)


@fault(f"the host boots, and Docker is unmasked and started {_LATE_SECONDS} s later", jobs=0, promise=_HEALS,
       prepare=enabled, settings={"OSPOOL_EP_ENGINE": "docker"})  # fmt: skip
def boot_engine_late(scene: Scene) -> None:
    _boots(scene, lambda: scene.do("systemctl", "--quiet", "mask", *_DOCKER), lambda: _unmask(scene))


def _unmask(scene: Scene) -> None:
    scene.do("systemctl", "--quiet", "unmask", *_DOCKER)
    scene.do("systemctl", "start", *_DOCKER)


@fault(f"the host boots without an image, and the registry is back {_LATE_SECONDS} s later", jobs=0, promise=_HEALS,
       prepare=enabled)  # fmt: skip
def boot_registry_away(scene: Scene) -> None:
    image = scene.do("docker", "container", "inspect", "--format={{.Image}}", scene.container()).strip()
    scene.do("systemctl", "--quiet", "disable", _REGISTRY)
    scene.afterwards(lambda: scene.do("systemctl", "--quiet", "enable", _REGISTRY))

    def goes() -> None:
        scene.systemctl("stop")
        scene.do("docker", "image", "rm", "--force", image)

    _boots(scene, goes, lambda: scene.do("systemctl", "start", _REGISTRY))
