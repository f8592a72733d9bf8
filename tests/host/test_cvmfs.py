"""The host's CVMFS, a real file system in user space: it comes late, hangs, dies, comes back; and caches."""

import time
from collections.abc import Iterator

import pytest

from tests.host.scenes import STUB, findings, start_in_vain, warned
from tests.host.test_host_in_trouble import DID_NOT_SAY
from tests.support.endpoint import CONTAINER, SERVICE, Endpoint
from tests.support.fuse import CONTENT, FILE, REPOSITORY, TOP, Repository, cvmfs

PLACES = "/srv/cvmfs"
WAITS = r"No pilot can run now: mend the errors above"


@pytest.fixture
def repository(endpoint: Endpoint) -> Iterator[Repository]:
    with cvmfs(endpoint) as repository:
        yield repository


def read_in_pilot(endpoint: Endpoint) -> str:
    return endpoint.host.try_docker("exec", CONTAINER, "timeout", "5", "cat", FILE).stdout


def look_again(endpoint: Endpoint) -> float:
    """A process of the service that has just begun looks at the host within a minute; returns how long it took."""
    began = time.monotonic()
    endpoint.host.do("systemctl", "restart", SERVICE)
    return time.monotonic() - began


def test_one_that_is_mounted_late_is_waited_for_and_seen_in_the_pilot(
    endpoint: Endpoint, repository: Repository
) -> None:
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB, BIND_MOUNT_CVMFS="true")
    endpoint.expect_message(r"\[cvmfs-not-mounted\]", WAITS)
    start_in_vain(endpoint)
    endpoint.wait_for_summary("cvmfs-not-mounted")
    repository.mount()
    endpoint.wait_until(endpoint.container_id, "a pilot", 90)
    endpoint.wait_until(lambda: read_in_pilot(endpoint) == CONTENT, "the pilot has it", 20)
    assert not findings(endpoint)
    endpoint.stop()


def test_one_that_hangs_dies_and_comes_back_is_told_while_the_pilot_goes_on(
    endpoint: Endpoint, repository: Repository
) -> None:
    repository.mount()
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB, BIND_MOUNT_CVMFS="true")
    endpoint.start()
    pilot = endpoint.container_id()
    # The process that stops it has not heard from the stub, in which no HTCondor is.
    endpoint.expect_message("CVMFS does not answer", "CVMFS has died on this host", DID_NOT_SAY)
    repository.hang()
    # Nothing of ours hangs with it: neither a start, nor the check, nor the status.
    assert look_again(endpoint) < 40 * endpoint.host.patience
    endpoint.wait_until(lambda: "CVMFS does not answer" in endpoint.property("StatusText"), "it is told", 120)
    assert [finding["code"] for finding in findings(endpoint)] == ["cvmfs-not-mounted"]
    assert "CVMFS does not answer" in endpoint.host.run(["ospool-ep", "status"]).stdout
    repository.die()
    look_again(endpoint)
    endpoint.wait_until(lambda: "CVMFS has died" in endpoint.property("StatusText"), "it is told", 120)
    assert f"{REPOSITORY}: Transport endpoint is not connected" in endpoint.host.run(["ospool-ep", "status"]).stdout
    repository.unmount()
    repository.mount()
    look_again(endpoint)
    endpoint.wait_until(lambda: "CVMFS" not in endpoint.property("StatusText"), "its end is seen", 120)
    # What is mounted on the host reaches the pilot that runs.
    endpoint.wait_until(lambda: read_in_pilot(endpoint) == CONTENT, "the pilot has it", 20)
    assert endpoint.container_id() == pilot
    endpoint.stop()


def test_a_cvmfs_on_a_private_mount_is_told_and_keeps_the_pilot_waiting(
    endpoint: Endpoint, repository: Repository
) -> None:
    host = endpoint.host
    host.do("sh", "-ec", f"mount -t tmpfs -o mode=755 tmpfs {TOP} && mount --make-private {TOP}")
    try:
        repository.mount()
        endpoint.set_up(OSPOOL_EP_IMAGE=STUB, BIND_MOUNT_CVMFS="true")
        (finding,) = findings(endpoint)
        assert (finding["code"], finding["severity"]) == ("cvmfs-not-shared", "error")
        # What an administrator pastes mends it, and the service sees that through its own mounts.
        endpoint.expect_message(r"\[cvmfs-not-shared\]", WAITS)
        start_in_vain(endpoint)
        endpoint.wait_for_summary("cvmfs-not-shared")
        host.do("mount", "--make-rshared", TOP)
        endpoint.wait_until(endpoint.container_id, "a pilot", 90)
        assert read_in_pilot(endpoint) == CONTENT
        endpoint.stop()
    finally:
        host.do("umount", "--recursive", "--lazy", TOP)


def mounts(endpoint: Endpoint, name: str = CONTAINER) -> dict[str, str]:
    """The sources of the container's mounts by their targets."""
    template = "{{range .Mounts}}{{.Destination}}={{.Source}}\n{{end}}"
    lines = endpoint.host.docker("container", "inspect", f"--format={template}", name).split()
    return dict(line.split("=", 1) for line in lines)


def test_a_successor_has_the_cache_again_and_no_container_that_is_there_shares_it(endpoint: Endpoint) -> None:
    host = endpoint.host
    host.do("rm", "-rf", PLACES)
    host.do("mkdir", "--parents", f"{PLACES}/cache", f"{PLACES}/logs")
    host.write("/etc/osg/cvmfs-default.local", "CVMFS_TIMEOUT=5\n", mode=0o644)
    keys = {"OSPOOL_EP_CVMFS_CACHE": f"{PLACES}/cache", "OSPOOL_EP_CVMFS_LOGS": f"{PLACES}/logs"}
    endpoint.set_up(OSPOOL_EP_IMAGE=STUB, CVMFSEXEC_REPOS="oasis.opensciencegrid.org")
    endpoint.configure(**keys)
    assert not findings(endpoint)
    assert f"source={PLACES}/cache,target=/cvmfs-cache" in host.do("ospool-ep", "render", "docker")
    endpoint.start()
    expected = {
        "/cvmfs-cache": f"{PLACES}/cache/cache-1",
        "/cvmfs-logs": f"{PLACES}/logs/logs-1",
        "/cvmfsexec/default.local": "/etc/osg/cvmfs-default.local",
    }
    assert expected.items() <= mounts(endpoint).items()
    host.docker("exec", CONTAINER, "sh", "-c", "echo warm >/cvmfs-cache/chunk; echo line >/cvmfs-logs/log")
    assert host.do("stat", "--format=%u:%g", f"{PLACES}/cache/cache-1").strip() == "1000:1000"
    endpoint.stop()
    endpoint.start()
    assert expected.items() <= mounts(endpoint).items()
    assert host.docker("exec", CONTAINER, "cat", "/cvmfs-cache/chunk") == "warm\n"
    # One that was created and never started, of another service of this host, has its cache as well.
    label = "--label=org.osg-htc.ospool-ep.fingerprint=x"
    other = ["--label=org.osg-htc.ospool-ep.instance=other", f"--volume={PLACES}/cache/cache-1:/cvmfs-cache"]
    created = host.docker("create", "--name=another", label, *other, STUB).strip()
    host.do("rm", "/etc/osg/cvmfs-default.local")
    endpoint.stop()
    endpoint.start()
    assert mounts(endpoint)["/cvmfs-cache"] == f"{PLACES}/cache/cache-2"
    assert mounts(endpoint)["/cvmfs-logs"] == f"{PLACES}/logs/logs-1"
    assert "/cvmfsexec/default.local" not in mounts(endpoint)
    host.docker("rm", "--volumes", created)
    endpoint.stop()
    endpoint.start()
    assert mounts(endpoint)["/cvmfs-cache"] == f"{PLACES}/cache/cache-1"
    assert not warned(endpoint)
    endpoint.stop()
    host.do("rm", "-rf", PLACES)
