"""A pilot that is a guest of its host, where systemd makes the cgroups and they are of version 2: what its jobs get."""

import json

import pytest

from ospool_ep.container.specification import MEMORY_MARGIN_BYTES
from ospool_ep.this_service import GUESTS, ServiceName
from tests.pool.test_hand_over import pilots, wait_for_hand_over
from tests.pool.test_jobs import LONG, join
from tests.support.endpoint import Endpoint
from tests.support.names import GUEST_SLICE, SLICE
from tests.support.pool import Happening
from tests.vm.test_hand_over import UNTIL_TOLD, finish
from tests.vm.test_life import BEFORE_THE_REBOOT
from tests.vm.test_sum import MIB
from tests.world.images import MANAGER

MEMORY = 1024 * MIB
OWN = ("system.slice", "user.slice")
# Of each process in the container its score, and what it is.
PROCESSES = """
for pid in $(cat $(find "/sys/fs/cgroup/$1" -name cgroup.procs)); do
    # One that has just ended says nothing.
    score=$(cat /proc/$pid/oom_score_adj 2>/dev/null) || continue
    echo "$score $(cat /proc/$pid/comm 2>/dev/null)"
done
"""
# What systemd and the kernel say of a slice.
SETTINGS = ("DefaultDependencies", "CPUWeight", "IOWeight", "MemoryMax", "CPUQuotaPerSecUSec")


def settings(endpoint: Endpoint, name: str) -> dict[str, str]:
    lines = endpoint.host.do("systemctl", "show", f"--property={','.join(SETTINGS)}", name).splitlines()
    return dict(line.split("=", 1) for line in lines)


def weight(endpoint: Endpoint, path: str) -> str:
    return endpoint.host.do("cat", f"/sys/fs/cgroup/{path}/cpu.weight").strip()


def protected(endpoint: Endpoint) -> set[str]:
    """The memory of the host's own work that the kernel takes last."""
    return set(endpoint.host.do("cat", *(f"/sys/fs/cgroup/{name}/memory.low" for name in OWN)).split())


def cgroup(endpoint: Endpoint, container: str) -> str:
    (found,) = json.loads(endpoint.host.docker("container", "inspect", container))
    path: str = found["State"]["CgroupPath"]
    return path.lstrip("/")


def scores(endpoint: Endpoint, place: str) -> list[str]:
    return endpoint.host.shell(PROCESSES, place).splitlines()


def test_a_guest_and_its_jobs_have_the_least_share_and_a_reload_makes_the_next_pilot_a_usual_one(
    endpoint: Endpoint,
) -> None:
    host = endpoint.host
    join(endpoint, OSPOOL_EP_PRIORITY="backfill", MEMORY=str(MEMORY // MIB))
    first = endpoint.container_id()
    job = endpoint.pool.submit(UNTIL_TOLD.format(0))
    job.wait_for(Happening.EXECUTING, 100)
    place = cgroup(endpoint, first)
    assert place.startswith(f"{GUESTS}/{GUEST_SLICE}/libpod-{first}")
    limit = {"MemoryMax": str(MEMORY + MEMORY_MARGIN_BYTES), "CPUQuotaPerSecUSec": "infinity"}
    guest = {"DefaultDependencies": "no", "CPUWeight": "1", "IOWeight": "1"}
    assert settings(endpoint, GUEST_SLICE) == {**guest, **limit}
    assert settings(endpoint, GUESTS) == {**guest, "MemoryMax": "infinity", "CPUQuotaPerSecUSec": "infinity"}
    assert [weight(endpoint, path) for path in (GUESTS, f"{GUESTS}/{GUEST_SLICE}", place)] == ["1", "1", "1"]
    assert weight(endpoint, "system.slice") == weight(endpoint, "user.slice") == "100"

    # A job's process is killed by itself, and not the pilot with it. What the service asks is a process for a moment,
    # and the job sleeps for one after the other.
    def all_have_it() -> bool:
        found = scores(endpoint, place)
        return "1000 sleep" in found and {line.split()[0] for line in found} == {"1000"}

    endpoint.wait_until(all_have_it, "the job and all else have the highest score", 100)
    lowered = host.try_docker("exec", "--user=1000", first, "sh", "-c", "echo 0 >/proc/1/oom_score_adj")
    assert lowered.returncode != 0
    assert protected(endpoint) == {"max"}
    groups = host.shell('cat $(find "/sys/fs/cgroup/$1" -name memory.oom.group)', GUESTS).split()
    assert set(groups) == {"0"}
    scope = place.split("/")[2]
    assert host.do("systemctl", "show", "--property=OOMPolicy", "--value", scope).strip() == "continue"

    endpoint.configure(OSPOOL_EP_PRIORITY="normal")
    host.do("systemctl", "reload", "ospool-ep")
    following = wait_for_hand_over(endpoint, first, 100)
    assert cgroup(endpoint, following).startswith(f"system.slice/{SLICE}/")
    assert settings(endpoint, GUEST_SLICE) == {**guest, **limit}
    assert settings(endpoint, SLICE) == {**guest, **limit, "CPUWeight": "[not set]", "IOWeight": "[not set]"}
    assert f"{SLICE} and {GUEST_SLICE} each have the limits" in host.do("ospool-ep", "status")
    finish(endpoint, first, 0)
    assert job.wait_for(Happening.TERMINATED, 100).exit_code == 0
    endpoint.wait_until(lambda: pilots(endpoint) == {following: "open"}, "the guest has gone", 100)
    endpoint.wait_until(lambda: protected(endpoint) == {"0"}, "nothing is protected any more", 30)
    endpoint.wait_until(lambda: "each have" not in host.do("ospool-ep", "status"), "the status is the usual one", 30)


@pytest.mark.parametrize("name", [ServiceName("a-b_c.d").slice, ServiceName("a-b_c.d").guest_slice])
def test_the_slice_of_any_service_is_not_stopped_at_a_shutdown(endpoint: Endpoint, name: str) -> None:
    host = endpoint.host
    host.do("systemctl", "start", "podman.socket")
    options = ["--detach", f"--cgroup-parent={name}", "--entrypoint=/bin/sh", "--security-opt=label=disable"]
    container = host.docker("run", *options, MANAGER, "-c", "sleep 1000").strip()
    parts = name.removesuffix(".slice").split("-")
    above = ["-".join(parts[:length]) + ".slice" for length in range(1, len(parts) + 1)]
    assert cgroup(endpoint, container).startswith("/".join([*above, "libpod-"]))
    for one in above:
        if one != "system.slice":
            assert settings(endpoint, one)["DefaultDependencies"] == "no", one
    # An administrator's own drop-in holds beside ours.
    host.write(f"/etc/systemd/system/{name}.d/own.conf", "[Slice]\nCPUWeight=20\nMemoryHigh=1G\n")
    host.do("systemctl", "daemon-reload")
    assert settings(endpoint, name)["CPUWeight"] == "20"
    host.do("rm", "-r", f"/etc/systemd/system/{name}.d")
    host.docker("rm", "--force", "--time=0", container)


@pytest.mark.slow
def test_at_a_shutdown_the_jobs_of_a_guest_are_evicted_in_order(endpoint: Endpoint) -> None:
    # Another host has the pool, as a rule: it is there until the last one.
    endpoint.pool.remove()
    endpoint.pool.start(MANAGER, options=["--cgroup-parent=system.slice"])
    join(endpoint, OSPOOL_EP_PRIORITY="backfill")
    job = endpoint.pool.submit(LONG)
    job.wait_for(Happening.EXECUTING, 100)
    endpoint.wait_for_summary("In the pool, running 1 job")
    # Podman leaves processes that ignore SIGTERM, for which systemd waits as long as it may.
    endpoint.host.write("/etc/systemd/system.conf.d/short.conf", "[Manager]\nDefaultTimeoutStopSec=5\n")
    endpoint.host.do("systemctl", "daemon-reexec")
    endpoint.host.reboot()
    assert f"Stopped. 1 running job was evicted: {job.id}" in endpoint.host.do(*BEFORE_THE_REBOOT)
    endpoint.host.do("systemctl", "start", "podman.socket")
    endpoint.pool.start(MANAGER)
    assert job.happened(Happening.EVICTED) == 1
    job.remove()
    # What Debian's policy refuses the rest of the system at a boot is not ours.
    endpoint.expect_message(".*")
