"""What becomes of our process: it is killed, restarted, reloaded, upgraded."""

from tests.faults.fault import HANDED_OVER, KILLED, fault
from tests.faults.scene import Scene
from tests.faults.setting import CHANGED, WRONG
from tests.package import life
from tests.package.packages import package
from tests.support import plain_unit


@fault("the main process is killed (SIGKILL)", slow=False)
def sigkill(scene: Scene) -> None:
    scene.kill("KILL")


@fault("the main process crashes (SIGSEGV)")
def crash(scene: Scene) -> None:
    scene.kill("SEGV")


@fault("the main process is told to end (SIGTERM)")
def sigterm(scene: Scene) -> None:
    scene.kill("TERM")


@fault("`systemctl restart`, nothing changed", slow=False)
def restart(scene: Scene) -> None:
    scene.systemctl("restart")


@fault("`systemctl restart`, a key changed", promise=HANDED_OVER)
def restart_changed(scene: Scene) -> None:
    scene.endpoint.configure(**CHANGED)
    scene.systemctl("restart")
    scene.handed_over()


@fault("`systemctl reload`, nothing changed")
def reload(scene: Scene) -> None:
    scene.systemctl("reload-or-restart")


@fault("`systemctl reload`, a key changed", promise=HANDED_OVER)
def reload_changed(scene: Scene) -> None:
    scene.endpoint.configure(**CHANGED)
    scene.systemctl("reload-or-restart")
    scene.handed_over()


@fault("`systemctl reload`, the file is wrong", slow=False)
def reload_wrong(scene: Scene) -> None:
    right = scene.host.read(scene.config)
    scene.endpoint.configure(**WRONG)
    done = scene.host.run(["systemctl", "reload-or-restart", scene.side.unit], timeout=240)
    if scene.ours:
        assert done.returncode == 1
    scene.let_pass(5)
    scene.host.write(scene.config, right)


@fault("`dnf upgrade` of the package", slow=False)
def upgrade(scene: Scene) -> None:
    if scene.ours:
        installed = scene.do("rpm", "--query", "--queryformat=%{RELEASE}", "ospool-ep")
        life.install(scene.host, package(int(installed) + 1))
    else:
        plain_unit.install(scene.host)


@fault("`systemctl daemon-reexec`")
def daemon_reexec(scene: Scene) -> None:
    scene.do("systemctl", "daemon-reexec")


@fault("`systemctl daemon-reload`")
def daemon_reload(scene: Scene) -> None:
    scene.do("systemctl", "daemon-reload")


@fault("the main process is killed (SIGKILL), and `systemctl stop` before the next one; then a start", promise=KILLED)
def stop_after_sigkill(scene: Scene) -> None:
    kill = f"systemctl kill --signal=KILL --kill-whom=main {scene.side.unit}"
    scene.do("sh", "-c", f"{kill}; systemctl stop {scene.side.unit}")
    if scene.ours:
        assert not scene.container()
    scene.systemctl("start")
