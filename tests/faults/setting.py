"""What several faults change: the configuration, the scratch directory, the engine, the host."""

from tests.faults.scene import SCRATCH, Scene
from tests.support.live_restore import set_live_restore

# A sound one that needs another container, and one that no service can work with.
CHANGED = {"MEMORY": "1024"}
WRONG = {"ACCEPT_JOBS_FOR_HOURS": "many"}
DOCKER = ("docker.socket", "docker.service")


def live_restore(scene: Scene) -> None:
    """Let containers go on while the engine is away."""
    set_live_restore(scene.host, True)
    scene.afterwards(lambda: set_live_restore(scene.host, False))


def small_scratch(scene: Scene) -> None:
    """The scratch directory has 16 MB."""
    scene.do("mount", "-t", "tmpfs", "-o", "size=16m,uid=1000,gid=1000,mode=755", "tmpfs", SCRATCH)
    scene.afterwards(lambda: scene.do("umount", "--lazy", SCRATCH))


def fill(scene: Scene, seconds: float) -> None:
    """The scratch directory is full for so long."""
    scene.host.run(["dd", "if=/dev/zero", f"of={SCRATCH}/large", "bs=1M"])
    scene.let_pass(seconds)
    scene.do("rm", f"{SCRATCH}/large")


def stop_docker(scene: Scene) -> None:
    """Stop it until somebody starts it."""
    scene.do("systemctl", "stop", *DOCKER)
    scene.afterwards(lambda: start_docker(scene))


def start_docker(scene: Scene) -> None:
    """Start it."""
    scene.do("systemctl", "start", *DOCKER)


def enabled(scene: Scene) -> None:
    """The service is started at each boot."""
    scene.systemctl("enable")
    scene.afterwards(lambda: scene.systemctl("disable"))
