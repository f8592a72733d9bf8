"""The host itself: its journal is away, it shuts down and boots, it loses its power."""

from tests.faults.fault import KILLED, fault
from tests.faults.scene import Scene
from tests.faults.setting import enabled

_JOURNALD = ("systemd-journald.socket", "systemd-journald-dev-log.socket", "systemd-journald.service")


@fault("journald is killed (SIGKILL)")
def journald_killed(scene: Scene) -> None:
    scene.do("systemctl", "kill", "--signal=KILL", "systemd-journald.service")


@fault("journald and its sockets are stopped for 10 s", slow=False)
def journald_stopped(scene: Scene) -> None:
    # systemd tells that another of its sockets may start it again.
    scene.do("systemctl", "--quiet", "stop", *_JOURNALD)
    scene.let_pass(10)
    scene.do("systemctl", "start", *_JOURNALD)


@fault("the host shuts down and boots", promise=KILLED, prepare=enabled)
def reboot(scene: Scene) -> None:
    scene.ground.off("stop")
    scene.ground.boot()


@fault("the host loses its power, and boots", promise=KILLED, prepare=enabled)
def power_cut(scene: Scene) -> None:
    scene.ground.off("kill")
    scene.ground.boot()
