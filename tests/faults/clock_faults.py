"""The clock jumps, for our process: what it reads is set ahead or back; the clock that never jumps stays as it is."""

from tests.faults.fault import fault
from tests.faults.scene import Scene
from tests.support.waiting import wait_until

_OFFSET = "/srv/clock-offset"
_WRAPPER = "/srv/own-clock"
# A host's clock is that of the machine it runs on, which nobody sets for a test. The plain unit never reads a clock.
_OWN_CLOCK = f"""
import sys, time
sys.path.insert(0, "/usr/lib/ospool-ep")
true_time = time.time
def own_time():
    with open("{_OFFSET}") as file:
        return true_time() + float(file.read())
time.time = own_time
from ospool_ep import cli
sys.exit(cli.main(["run"]))
"""
_DROP_IN = f"[Service]\nExecStart=\nExecStart=/usr/bin/python3 -IB {_WRAPPER}\n"


def _own_clock(scene: Scene) -> None:
    scene.host.write(_OFFSET, "0")
    if scene.ours:
        scene.host.write(_WRAPPER, _OWN_CLOCK)
        scene.host.write(f"/etc/systemd/system/{scene.side.unit}.d/clock.conf", _DROP_IN)
        scene.do("systemctl", "daemon-reload")


def _jump(scene: Scene, seconds: int) -> None:
    before = scene.endpoint.status()["since"] if scene.ours else 0
    scene.host.write(_OFFSET, str(seconds))
    scene.let_pass(10)
    if scene.ours:
        # Something that makes it report; what it reports is dated by its clock.
        scene.systemctl("kill", "--signal=USR1", "--kill-whom=main")
        wait_until(lambda: abs(scene.endpoint.status()["since"] - before) > 3000, "the clock has jumped")


@fault("the clock jumps a day ahead", prepare=_own_clock)
def clock_ahead(scene: Scene) -> None:
    _jump(scene, 86400)


@fault("the clock is set back by an hour", prepare=_own_clock)
def clock_back(scene: Scene) -> None:
    _jump(scene, -3600)


@fault("the clock is set back by an hour, and the main process is killed", prepare=_own_clock)
def clock_back_sigkill(scene: Scene) -> None:
    _jump(scene, -3600)
    scene.kill("KILL")
