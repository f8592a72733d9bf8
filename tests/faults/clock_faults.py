"""The clock jumps: only for the service's own processes, by a library that is loaded into them."""

from tests.faults.fault import fault
from tests.faults.scene import Scene
from tests.support.waiting import wait_until

_OFFSET = "/srv/clock-offset"
# The clock that never jumps stays as it is, as it does on a host whose clock is set.
_DROP_IN = f"""[Service]
Environment=LD_PRELOAD=/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1
Environment=FAKETIME_TIMESTAMP_FILE={_OFFSET} FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1
"""


def _own_clock(scene: Scene) -> None:
    directory = f"/etc/systemd/system/{scene.side.unit}.d"
    scene.host.write(_OFFSET, "+0")
    scene.host.write(f"{directory}/clock.conf", _DROP_IN)
    scene.do("systemctl", "daemon-reload")
    scene.afterwards(lambda: scene.do("sh", "-c", f"rm -r {directory}; systemctl daemon-reload"))


def _jump(scene: Scene, offset: str) -> None:
    before = scene.endpoint.status()["since"] if scene.ours else 0
    scene.host.write(_OFFSET, offset)
    scene.let_pass(10)
    if scene.ours:
        # Something that makes it report; what it reports is dated by its clock.
        scene.systemctl("kill", "--signal=USR1", "--kill-whom=main")
        wait_until(lambda: abs(scene.endpoint.status()["since"] - before) > 3000, "the clock has jumped")


@fault("the clock jumps a day ahead", prepare=_own_clock)
def clock_ahead(scene: Scene) -> None:
    _jump(scene, "+86400")


@fault("the clock is set back by an hour", prepare=_own_clock)
def clock_back(scene: Scene) -> None:
    _jump(scene, "-3600")


@fault("the clock is set back by an hour, and the main process is killed", prepare=_own_clock)
def clock_back_sigkill(scene: Scene) -> None:
    _jump(scene, "-3600")
    scene.kill("KILL")
