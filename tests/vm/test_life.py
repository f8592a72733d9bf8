"""The life of a pilot on EL as it is installed: Podman alone, its socket disabled, SELinux enforcing."""

import pytest

from tests.host.scenes import assert_stopped, findings, inspect
from tests.host.test_restart import ENDED, KILL
from tests.pool.test_jobs import IN_POOL, LONG, join, join_and_run
from tests.pool.test_updates import LAST_GOOD, NEVER_JOINS, digest, update
from tests.support.endpoint import CONTAINER, KILLED, SERVICE, TOKEN, Endpoint
from tests.support.fixtures import must_be_as_expected
from tests.support.names import SLICE
from tests.support.pool import Happening
from tests.world.images import MANAGER

ENGINE_UNITS = ("podman.socket", "podman.service")

SCRATCH = "/srv/scratch"
BEFORE_THE_REBOOT = ("journalctl", "--boot=-1", f"--unit={SERVICE}", "--output=cat")

# What Apptainer does to run a job, in its plainest form.
APPTAINER = "unshare --user --map-root-user --pid --fork --mount-proc true"


def test_from_the_readme_to_the_first_job_and_a_drain_that_loses_none(endpoint: Endpoint) -> None:
    host = endpoint.host
    host.do("systemctl", "stop", *ENGINE_UNITS)
    assert host.do("getenforce").strip() == "Enforcing"
    host.do("install", "--directory", "--owner=1000", "--group=1000", SCRATCH)
    endpoint.set_up(WORKER_TEMP_DIR=SCRATCH)
    labels = host.do("stat", "--format=%C", SCRATCH, TOKEN)
    assert not findings(endpoint)
    assert host.run(["systemctl", "is-active", *ENGINE_UNITS]).stdout.split() == ["inactive", "inactive"]
    endpoint.start()
    endpoint.wait_for_summary(IN_POOL)
    # Not confined, it reads the token and writes into the scratch directory, both with the labels that they had.
    assert inspect(endpoint)["ProcessLabel"] == ""
    assert "container_t" not in host.docker("exec", CONTAINER, "cat", "/proc/1/attr/current")
    assert host.do("stat", "--format=%C", SCRATCH, TOKEN) == labels
    assert host.do("find", SCRATCH, "-mindepth", "2", "-maxdepth", "2", "-user", "1000", "-name", "osgvo-pilot-*")
    masked = host.try_docker("exec", CONTAINER, "grep", " /proc/", "/proc/self/mountinfo")
    assert (masked.returncode, masked.stdout) == (1, "")
    host.docker("exec", CONTAINER, *APPTAINER.split())
    job = endpoint.pool.submit("echo hello from $(hostname)")
    assert job.wait_for(Happening.TERMINATED, 60).exit_code == 0
    assert job.output() == f"hello from {endpoint.container_id()[:12]}\n"
    assert host.do("ospool-ep", "render", "docker").startswith("podman run ")
    assert "is up to date" in host.do("ospool-ep", "update", "--check")
    job = endpoint.pool.submit("sleep 10; echo finished")
    job.wait_for(Happening.EXECUTING, 60)
    host.do("ospool-ep", "drain", timeout=60)
    assert job.wait_for(Happening.TERMINATED, 5).exit_code == 0
    assert job.output() == "finished\n"
    assert (endpoint.status()["phase"], endpoint.container_id()) == ("idle", "")
    endpoint.stop()
    assert_stopped(endpoint)
    assert host.run(["systemctl", "is-enabled", "podman.socket"]).stdout.strip() == "disabled"
    assert host.run(["test", "-e", "/run/docker.sock"]).returncode == 1


# tests/pool/test_updates sees it with Docker.
@pytest.mark.slow
def test_a_new_image_is_used_after_a_drain_and_rolled_back_where_it_never_joins(endpoint: Endpoint) -> None:
    # Three times as long as this machine takes to join.
    join(endpoint, OSPOOL_EP_ROLLBACK_MINUTES="1")
    good, reference = digest(endpoint), inspect(endpoint)["Config"]["Image"]
    endpoint.host.shell(NEVER_JOINS, reference, LAST_GOOD)
    endpoint.expect_message(
        r"Rolled back: the image sha256:\w+ does not work, its pilot was not in the pool within 1 min"
    )
    bad = update(endpoint)["after"]
    endpoint.wait_for_summary("In the pool, waiting for jobs; the image sha256:", 120)
    assert endpoint.status()["rolled_back"]["digest"] == bad
    assert endpoint.pilot()["image_digest"] == good
    # No process of ours is there when the stop comes, and Podman sleeps, which goes by systemd's order behind us.
    endpoint.expect_message(*KILLED)
    endpoint.host.do("sh", "-c", f"{ENDED}\nsystemctl stop podman.service {SERVICE}", "stop", KILL, timeout=240)
    assert not endpoint.container_id()
    endpoint.host.do("systemctl", "reset-failed")


def test_a_job_outlives_our_process_and_the_engines_socket_and_comes_back_after_a_reboot(endpoint: Endpoint) -> None:
    # Another host has the pool, as a rule: it is there until the last one.
    endpoint.pool.remove()
    endpoint.pool.start(MANAGER, options=["--cgroup-parent=system.slice"])
    job = join_and_run(endpoint, LONG)
    container = endpoint.container_id()
    endpoint.expect_message(*KILLED)
    endpoint.kill()
    endpoint.wait_for_summary("In the pool, running 1 job")
    process = endpoint.property("MainPID")
    # What listens to it, and with it the pilot, is cut off for a moment.
    endpoint.expect_message(r"The container engine does not answer on /run/podman/podman\.sock: .* Next try in 5 s\.")
    endpoint.host.do("systemctl", "restart", "podman.socket")
    endpoint.host.do("systemctl", "stop", "podman.service")
    endpoint.wait_for_summary("The container engine does not answer")
    endpoint.wait_for_summary("In the pool, running 1 job")
    assert (endpoint.container_id(), endpoint.property("MainPID")) == (container, process)
    assert job.happened(Happening.EVICTED) + job.happened(Happening.DISCONNECTED) == 0
    must_be_as_expected(endpoint.host, endpoint.began, endpoint.expected)

    assert f"/system.slice/{SLICE}/libpod-" in inspect(endpoint)["State"]["CgroupPath"]
    endpoint.host.do("systemctl", "enable", SERVICE)
    # Podman leaves processes that ignore SIGTERM, for which systemd waits as long as it may.
    endpoint.host.write("/etc/systemd/system.conf.d/short.conf", "[Manager]\nDefaultTimeoutStopSec=5\n")
    endpoint.host.do("systemctl", "daemon-reexec")
    endpoint.host.reboot()
    # What is in Podman's own slice systemd stops beside the service, and not after it.
    assert f"Stopped. 1 running job was evicted: {job.id}" in endpoint.host.do(*BEFORE_THE_REBOOT)
    endpoint.wait_until_active(60)
    endpoint.pool.start(MANAGER)
    assert job.happened(Happening.EVICTED) == 1
    endpoint.wait_for_summary("In the pool", 90)
    assert endpoint.container_id() != container
    job.wait_for(Happening.EXECUTING, 120, times=2)
    endpoint.wait_for_summary("In the pool, running 1 job")
    endpoint.host.do("systemctl", "disable", SERVICE)
    job.remove()
    endpoint.wait_for_summary("In the pool, waiting for jobs")
    # What Debian's policy refuses the rest of the system at a boot is not ours.
    endpoint.expect_message(".*")
