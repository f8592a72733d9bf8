"""A pilot that mounts CVMFS by itself has a cache that the one before has filled, and that no other one uses."""

from tests.host.test_cvmfs import mounts
from tests.pool.test_jobs import join
from tests.support.endpoint import SERVICE, Endpoint

PLACES = "/srv/cvmfs"
REPOSITORY = "oasis.opensciencegrid.org"


def containers(endpoint: Endpoint) -> list[str]:
    return [pilot["container"] for pilot in endpoint.pilots()]


def hand_over(endpoint: Endpoint, value: str) -> tuple[str, str]:
    """Another configuration makes the pilot hand over; gives the two containers while both are there."""
    before = containers(endpoint)
    assert len(before) == 1
    endpoint.configure(OSG_SQUID_LOCATION=f"http://squid-{value}.example.net:3128")
    endpoint.host.do("systemctl", "reload", SERVICE)
    endpoint.wait_until(lambda: len(containers(endpoint)) == 2, "two pilots", 60)
    old, new = containers(endpoint)
    return old, new


def test_caches_are_used_again_and_during_a_hand_over_each_pilot_has_its_own(endpoint: Endpoint) -> None:
    host = endpoint.host
    host.do("rm", "-rf", PLACES)
    host.do("mkdir", "--parents", f"{PLACES}/cache", f"{PLACES}/logs")
    host.write(
        "/etc/osg/cvmfs-default.local", "CVMFS_QUOTA_LIMIT=1\nCVMFS_HTTP_PROXY='http://a:1;DIRECT'\n", mode=0o644
    )
    join(
        endpoint, CVMFSEXEC_REPOS=REPOSITORY, CVMFS_QUOTA_LIMIT="1000", OSPOOL_EP_HAND_OVER_GB="0.1",
        OSPOOL_EP_CVMFS_CACHE=f"{PLACES}/cache", OSPOOL_EP_CVMFS_LOGS=f"{PLACES}/logs",
    )  # fmt: skip
    (first,) = containers(endpoint)
    said = host.docker("logs", first)
    # The environment wins where it says something, and the file holds where it does not.
    assert f"would mount {REPOSITORY}, its cache is cold, of 1000 MB, by http://a:1;DIRECT" in said
    old, new = hand_over(endpoint, "one")
    assert old == first
    assert mounts(endpoint, old)["/cvmfs-cache"] == f"{PLACES}/cache/cache-1"
    assert mounts(endpoint, new)["/cvmfs-cache"] == f"{PLACES}/cache/cache-2"
    endpoint.wait_until(lambda: containers(endpoint) == [new], "the old one has ended", 90)
    # A container has its cache until it is removed.
    gone = ("container", "inspect", old)
    endpoint.wait_until(lambda: host.try_docker(*gone).returncode != 0, "the old one is removed", 30)
    _, third = hand_over(endpoint, "two")
    assert mounts(endpoint, third)["/cvmfs-cache"] == f"{PLACES}/cache/cache-1"
    endpoint.wait_until(lambda: f"would mount {REPOSITORY}" in host.try_docker("logs", third).stdout, "it mounts", 30)
    assert "its cache is cold" not in host.docker("logs", third)
    endpoint.wait_until(lambda: containers(endpoint) == [third], "the second one has ended", 90)
    used = host.read(f"{PLACES}/cache/cache-1/{REPOSITORY}").split()
    assert [first[:12], third[:12]] == list(dict.fromkeys(used))
    endpoint.stop()
    host.do("rm", "-rf", PLACES)
