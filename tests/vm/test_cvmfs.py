"""The host's CVMFS with Podman and SELinux enforcing: what is mounted after the pilot's start is seen in it."""

from tests.host.scenes import STUB, findings
from tests.host.test_cvmfs import read_in_pilot
from tests.support.endpoint import CONTAINER, Endpoint
from tests.support.fuse import CONTENT, TOP, cvmfs


def test_what_is_mounted_after_the_pilots_start_is_seen_in_it(endpoint: Endpoint) -> None:
    host = endpoint.host
    assert host.do("getenforce").strip() == "Enforcing"
    with cvmfs(endpoint) as repository:
        # Another repository is there from the beginning.
        other = f"{TOP}/oasis.opensciencegrid.org"
        host.do("sh", "-ec", f"mkdir {other} && mount -t tmpfs tmpfs {other}")
        try:
            endpoint.set_up(OSPOOL_EP_IMAGE=STUB, BIND_MOUNT_CVMFS="true")
            assert not findings(endpoint)
            endpoint.start()
            pilot = endpoint.container_id()
            assert read_in_pilot(endpoint) == ""
            repository.mount()
            endpoint.wait_until(lambda: read_in_pilot(endpoint) == CONTENT, "the pilot has it", 20)
            assert "oasis.opensciencegrid.org" in host.docker("exec", CONTAINER, "ls", TOP)
            assert endpoint.container_id() == pilot
            endpoint.stop()
        finally:
            host.do("umount", "--lazy", other)
