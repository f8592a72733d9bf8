"""Disks that are full: that of the jobs, and that of the engine while it pulls."""

from tests.faults.fault import fault
from tests.faults.image_faults import FRESH, make_fresh
from tests.faults.scene import Scene
from tests.faults.setting import fill, small_scratch

_DOWNLOADS = "/var/lib/docker/tmp"


@fault("the scratch directory is full for 20 s", prepare=small_scratch)
def scratch_full(scene: Scene) -> None:
    fill(scene, 20)


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
