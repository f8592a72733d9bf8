"""What the kernel knows of a container that is a guest: how it is killed, and its share of the CPUs."""

from collections.abc import Callable
from pathlib import Path

from ospool_ep.engine.adapter import DockerEngine
from tests.contract.test_inspect import Case, asked, look
from tests.support.names import CONTAINER_NAME
from tests.support.waiting import SLOW

__all__ = ["asked"]

# What a container has otherwise is 1024.
LEAST_SHARE = 2
CGROUPS = Path("/sys/fs/cgroup")
SCORE = "cat /proc/1/oom_score_adj /proc/self/oom_score_adj"


def share(pid: int) -> int:
    """Of the CPUs, for that process's control group, in the words of version 1; the least one is the same in both."""
    lines = [line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    for _number, controllers, path in lines:
        if "cpu" in controllers.split(","):
            return int((CGROUPS / controllers / path.lstrip("/") / "cpu.shares").read_text())
    ((_number, _controllers, path),) = lines
    weight = int((CGROUPS / path.lstrip("/") / "cpu.weight").read_text())
    return LEAST_SHARE if weight == 1 else weight


def test_its_processes_are_killed_first_and_it_has_the_least_share(
    asked: Callable[[str], Case],
) -> None:
    case = asked("PLAY=forever\nOSPOOL_EP_PRIORITY=backfill\n")
    engine = DockerEngine(case.url)
    engine.start(engine.create(case.spec))
    done = engine.execute(CONTAINER_NAME, ("sh", "-c", SCORE), user="1000", timeout_seconds=20 * SLOW)
    assert done.output.split() == ["1000"] * 2
    assert share(look(case.url)["State"]["Pid"]) == LEAST_SHARE
