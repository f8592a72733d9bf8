"""Disks that are full: that of the jobs, and that of the engine while it pulls."""

from tests.faults.fault import fault
from tests.faults.image_faults import FRESH, make_fresh
from tests.faults.scene import SCRATCH, Scene

_DOWNLOADS = "/var/lib/docker/tmp"


def _small_scratch(scene: Scene) -> None:
    scene.do("mount", "-t", "tmpfs", "-o", "size=16m,uid=1000,gid=1000,mode=755", "tmpfs", SCRATCH)
    scene.afterwards(lambda: scene.do("umount", "--lazy", SCRATCH))


@fault("the scratch directory is full for 20 s", prepare=_small_scratch)
def scratch_full(scene: Scene) -> None:
    scene.host.run(["dd", "if=/dev/zero", f"of={SCRATCH}/large", "bs=1M"])
    scene.let_pass(20)
    scene.do("rm", f"{SCRATCH}/large")


@fault("the engine's disk is full during the pull of a new image")
def full_during_pull(scene: Scene) -> None:
    make_fresh(scene)
    scene.endpoint.offer_image(FRESH)
    scene.do("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", _DOWNLOADS)
    try:
        done = scene.host.run(scene.side.update)
        scene.let_pass(10)
    finally:
        scene.do("umount", "--lazy", _DOWNLOADS)
    if scene.ours:
        assert "no space left on device" in done.stderr
