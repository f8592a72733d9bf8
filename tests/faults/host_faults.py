"""The host itself: it shuts down and boots, it loses its power."""

from tests.faults.fault import KILLED, fault
from tests.faults.scene import Scene


def _enabled(scene: Scene) -> None:
    scene.systemctl("enable")
    scene.afterwards(lambda: scene.systemctl("disable"))


@fault("the host shuts down and boots", promise=KILLED, prepare=_enabled)
def reboot(scene: Scene) -> None:
    scene.ground.off("stop")
    scene.ground.boot()


@fault("the host loses its power, and boots", promise=KILLED, prepare=_enabled)
def power_cut(scene: Scene) -> None:
    scene.ground.off("kill")
    scene.ground.boot()
