"""What somebody else, or the kernel, does to the pilot's container."""

import time

from tests.faults.fault import KILLED, NOTHING_RUNS, Promise, fault
from tests.faults.scene import Scene
from tests.support.endpoint import CONTAINER
from tests.world.images import REGISTRY

# Uses more memory than the container may have, bit by bit, once the kernel's choice has fallen on its first process.
_HOG = "hoard = []\nwhile True: hoard.append(bytearray(1 << 20))"
_PAUSE_SECONDS = 25
STUB = f"{REGISTRY}/test/stub:1"


@fault("`docker rm -f` by somebody", promise=KILLED, slow=False)
def docker_rm(scene: Scene) -> None:
    scene.do("docker", "rm", "--force", CONTAINER)
    scene.gone(scene.first)


@fault("`docker stop` by somebody", promise=KILLED)
def docker_stop(scene: Scene) -> None:
    scene.do("docker", "stop", CONTAINER)
    scene.gone(scene.first)


@fault("`docker kill` by somebody", promise=KILLED)
def docker_kill(scene: Scene) -> None:
    scene.do("docker", "kill", CONTAINER)
    scene.gone(scene.first)


@fault(f"`docker pause` by somebody, and `docker unpause` {_PAUSE_SECONDS} s later", promise=Promise(seconds_away=30))
def docker_pause(scene: Scene) -> None:
    scene.do("docker", "pause", CONTAINER)
    paused = time.monotonic()
    scene.says("The pilot does not answer", _PAUSE_SECONDS)
    scene.let_pass(paused + _PAUSE_SECONDS - time.monotonic())
    scene.do("docker", "unpause", CONTAINER)


@fault("the pilot's first process is killed for want of memory", promise=KILLED, settings={"MEMORY": "300"})
def out_of_memory(scene: Scene) -> None:
    first = scene.do("docker", "container", "inspect", "--format={{.State.Pid}}", CONTAINER).strip()
    scene.do("sh", "-c", f"echo 1000 >/proc/{first}/oom_score_adj")
    scene.do("docker", "exec", "--detach", CONTAINER, "python3", "-c", _HOG)
    scene.gone(scene.first)


def _make_room(scene: Scene) -> None:
    scene.do("docker", "rm", "--force", CONTAINER)
    scene.hand()


@fault(
    "a start while somebody else's container has our name", promise=NOTHING_RUNS, mend=_make_room, jobs=0, patience=15
)
def foreign_container(scene: Scene) -> None:
    scene.systemctl("stop")
    scene.host.run(["docker", "rm", "--force", CONTAINER])
    theirs = scene.do("docker", "run", "--detach", f"--name={CONTAINER}", STUB).split()[-1]
    scene.systemctl("start", "--no-block")
    scene.says("A container of our name is not ours")
    scene.let_pass(5)
    scene.remark(f"the other container {'stays' if scene.container() == theirs else 'is removed'}")


@fault("the service is started a second time, beside the unit")
def second_service(scene: Scene) -> None:
    scene.run_beside("second", "sh", "-c", scene.side.run)
    scene.let_pass(8)
    scene.end_beside("second")
