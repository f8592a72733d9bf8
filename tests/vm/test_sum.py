"""The limits for all pilots together, where systemd makes the cgroups and they are of version 2."""

import pytest

from ospool_ep.container.specification import FINGERPRINT_LABEL, MEMORY_MARGIN_BYTES
from tests.support.endpoint import Endpoint
from tests.support.names import SLICE
from tests.world.images import MANAGER

LOOK = """
import sys
sys.path.insert(0, "/usr/lib/ospool-ep")
from ospool_ep.engine.adapter import DockerEngine
from ospool_ep.service.sum_limit import SumLimit
limit = SumLimit(DockerEngine("unix:///run/podman/podman.sock"))
limit.after_change()
print(limit.cgroup_parent(), limit.note)
"""
MIB, SECONDS = 1 << 20, 5
# One that uses up a CPU once it is told to: before there are limits, three of them would leave nothing to the machine.
BUSY = "trap 'while :; do :; done' USR1; while :; do sleep 1000 & wait $!; done"
MEASURE = f"""
cd /sys/fs/cgroup/system.slice/{SLICE}
used() {{ awk '$1 == "usage_usec" {{ print $2 }}' cpu.stat; }}
begun=$(date +%s%6N) before=$(used)
sleep {SECONDS}
echo $(($(used) - before)) $(($(date +%s%6N) - begun))
"""


def limits(endpoint: Endpoint) -> tuple[str, str]:
    """CPUs per second and bytes."""
    values = endpoint.host.do("systemctl", "show", "--property=CPUQuotaPerSecUSec,MemoryMax", "--value", SLICE).split()
    return values[0], values[1]


# That the limits are set where they belong is seen by test_guest, too.
@pytest.mark.slow
def test_three_containers_have_the_limits_of_one_together_and_systemd_shows_it(endpoint: Endpoint) -> None:
    host, names = endpoint.host, ("first", "second", "third")
    host.do("systemctl", "start", "podman.socket")
    memory = 64 * MIB + MEMORY_MARGIN_BYTES
    options = [f"--cgroup-parent={SLICE}", f"--label={FINGERPRINT_LABEL}=of-a-test", "--cpus=1", f"--memory={memory}"]
    for name in names:
        busy = ["--entrypoint=/bin/sh", "--security-opt=label=disable", MANAGER, "-c", BUSY]
        host.docker("run", "--detach", f"--name={name}", *options, *busy)
    assert host.do("python3", "-c", LOOK).split() == [SLICE]
    assert limits(endpoint) == ("1s", str(64 * MIB + 3 * MEMORY_MARGIN_BYTES))
    host.docker("kill", "--signal=USR1", *names)
    used, passed = map(int, host.shell(MEASURE).split())
    # Each of them would use up a CPU of the two that there are.
    assert 0.5 < used / passed < 1.2
    assert f"system.slice/{SLICE} " in host.do("systemd-cgtop", "--batch", "--iterations=1", "--raw", "--depth=3")
    host.docker("rm", "--force", "--time=0", names[0])
    host.do("python3", "-c", LOOK)
    assert limits(endpoint) == ("1s", str(64 * MIB + 2 * MEMORY_MARGIN_BYTES))
    host.docker("rm", "--force", "--time=0", *names[1:])
