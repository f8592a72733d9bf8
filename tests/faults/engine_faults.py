"""What becomes of the engine: it is restarted, stopped, frozen, or its socket is missing."""

from dataclasses import replace

from tests.faults.fault import KILLED, fault
from tests.faults.scene import Scene
from tests.faults.setting import DOCKER, live_restore, start_docker, stop_docker

_SOCKET = "/run/docker.sock"
_AWAY = "The container engine"


def _freeze(scene: Scene) -> None:
    scene.do("systemctl", "kill", "--kill-whom=main", "--signal=STOP", "docker.service")
    scene.afterwards(lambda: _thaw(scene))


def _thaw(scene: Scene) -> None:
    scene.do("systemctl", "kill", "--kill-whom=main", "--signal=CONT", "docker.service")


@fault("Docker is restarted, with live-restore", prepare=live_restore)
def docker_restart_live(scene: Scene) -> None:
    scene.do("systemctl", "restart", "docker.service")


@fault("Docker is restarted, without live-restore: the engine ends the pilot", promise=KILLED)
def docker_restart(scene: Scene) -> None:
    scene.do("systemctl", "restart", "docker.service")


@fault("Docker is stopped for a minute, with live-restore", prepare=live_restore)
def docker_stopped_live(scene: Scene) -> None:
    stop_docker(scene)
    scene.says(_AWAY)
    scene.let_pass(60)
    start_docker(scene)


@fault("Docker is stopped for a minute, without live-restore", promise=replace(KILLED, seconds_away=120))
def docker_stopped(scene: Scene) -> None:
    stop_docker(scene)
    scene.says(_AWAY)
    scene.let_pass(60)
    start_docker(scene)


@fault("Docker is stopped and masked for 10 s, without live-restore", promise=KILLED)
def docker_masked(scene: Scene) -> None:
    scene.do("systemctl", "mask", "--runtime", *DOCKER)
    scene.afterwards(lambda: scene.host.run(["systemctl", "unmask", "--runtime", *DOCKER]))
    stop_docker(scene)
    scene.says(_AWAY)
    scene.let_pass(10)
    scene.do("systemctl", "unmask", "--runtime", *DOCKER)
    start_docker(scene)


@fault("dockerd is frozen for 45 s (SIGSTOP)")
def docker_frozen(scene: Scene) -> None:
    _freeze(scene)
    scene.let_pass(45)
    _thaw(scene)


@fault("the main process is killed while dockerd is frozen, for 20 s")
def sigkill_docker_frozen(scene: Scene) -> None:
    _freeze(scene)
    scene.kill("KILL")
    scene.says(_AWAY)
    scene.let_pass(20)
    _thaw(scene)


@fault("the main process is killed while Docker's socket is missing, for 10 s")
def sigkill_no_socket(scene: Scene) -> None:
    scene.do("mv", _SOCKET, f"{_SOCKET}.away")
    scene.afterwards(lambda: scene.host.run(["mv", f"{_SOCKET}.away", _SOCKET]))
    scene.kill("KILL")
    scene.says(_AWAY)
    scene.let_pass(10)
    scene.do("mv", f"{_SOCKET}.away", _SOCKET)
