"""Services of one host that start in the same moment: none takes what another one has."""

from tests.host.scenes import STUB
from tests.host.test_cvmfs import mounts
from tests.support.endpoint import Endpoint

PLACES = "/srv/cvmfs"
LOCK = "/run/ospool-ep-launch.lock"
MOST_SECONDS = 60


def started_together(endpoint: Endpoint) -> list[Endpoint]:
    """Two services with one pair of directories for CVMFS, whose pilots run."""
    endpoint.host.do("rm", "-rf", PLACES)
    endpoint.host.do("mkdir", "--parents", f"{PLACES}/cache", f"{PLACES}/logs")
    endpoint.set_up(
        OSPOOL_EP_IMAGE=STUB, NUM_CPUS="1", MEMORY="512", CVMFSEXEC_REPOS="oasis.opensciencegrid.org",
        CVMFS_QUOTA_LIMIT="1000", OSPOOL_EP_CVMFS_CACHE=f"{PLACES}/cache", OSPOOL_EP_CVMFS_LOGS=f"{PLACES}/logs",
    )  # fmt: skip
    services = [endpoint.instance(name) for name in ("one", "two")]
    for service in services:
        service.configure(GLIDEIN_ResourceName=f"Example-{service.service.instance}")
    # The image is there: both come to their directories at once.
    endpoint.host.docker("pull", "--quiet", STUB)
    endpoint.host.do("systemctl", "start", "--no-block", *(service.service.unit for service in services))
    return services


def places(service: Endpoint) -> tuple[str, ...]:
    found = mounts(service, service.container_id())
    return found["/cvmfs-cache"], found["/cvmfs-logs"]


def test_each_pilot_has_a_cache_that_no_pilot_of_another_service_has(endpoint: Endpoint) -> None:
    services = started_together(endpoint)
    for service in services:
        service.wait_until_active(MOST_SECONDS)
    assert {places(service) for service in services} == {
        tuple(f"{PLACES}/{kind}/{kind}-{number}" for kind in ("cache", "logs")) for number in (1, 2)
    }
    for service in services:
        service.stop()
    endpoint.host.do("rm", "-rf", PLACES)


def test_a_service_that_is_killed_with_the_turn_keeps_no_other_one(endpoint: Endpoint) -> None:
    """A process of somebody's has the lock, as a service has that hangs; and is killed."""
    hold = f"exec 9>{LOCK}; flock 9; exec sleep 600"
    endpoint.host.do("systemd-run", "--quiet", "--collect", "--unit=holds-the-turn", "sh", "-c", hold)
    endpoint.wait_until(lambda: endpoint.host.run(["flock", "-n", LOCK, "true"]).returncode != 0, "it has the turn")
    services = started_together(endpoint)
    endpoint.wait_until(
        lambda: all(LOCK in endpoint.host.do("ls", "-l", f"/proc/{one.property('MainPID')}/fd") for one in services),
        "both wait for the turn",
        MOST_SECONDS,
    )
    assert [service.container_id() for service in services] == ["", ""]
    endpoint.host.do("systemctl", "kill", "--signal=KILL", "holds-the-turn.service")
    for service in services:
        service.wait_until_active(MOST_SECONDS)
        assert service.container_id()
        service.stop()
    endpoint.expect_message("holds-the-turn.service: ")
    endpoint.host.do("rm", "-rf", PLACES)
