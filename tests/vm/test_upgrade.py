"""From release 25.1.0 to this one, over a pilot with a job."""

from collections.abc import Iterator

import pytest

from tests.host.scenes import said, warned
from tests.package.packages import package, released_package
from tests.pool.test_jobs import join
from tests.support.endpoint import CONFIG, SERVICE, Endpoint
from tests.support.pool import Happening

NO_APPTAINER = "but the pilot takes no jobs: Apptainer does not work in it"


@pytest.fixture
def released(endpoint: Endpoint) -> Iterator[Endpoint]:
    """The machine with 25.1.0, whose pilots SELinux keeps from working unless it is permissive."""
    host = endpoint.host
    host.do("systemctl", "stop", SERVICE)
    host.do("setenforce", "0")
    host.copy_in(released_package(), "/srv")
    host.do("rpm", "--upgrade", "--oldpackage", "--nodeps", f"/srv/{released_package().name}")
    host.do("systemctl", "daemon-reload")
    # It knows Docker's path only.
    host.do("ln", "--symbolic", "--force", "/run/podman/podman.sock", "/run/docker.sock")
    # And no key of a later release.
    host.do("sed", "--in-place", "/OSPOOL_EP_ENGINE/d", CONFIG)
    yield endpoint
    host.do("rm", "--force", "/run/docker.sock")
    host.do("setenforce", "1")


def test_the_busy_pilot_stays_and_is_not_called_outdated(released: Endpoint) -> None:
    host = released.host
    join(released)
    job = released.pool.submit("sleep 600")
    job.wait_for(Happening.EXECUTING, 60)
    released.expect_message(NO_APPTAINER)
    container, process = released.container_id(), released.property("MainPID")
    host.do("setenforce", "1")
    host.publish_packages([package()])
    host.do("dnf", "--assumeyes", "--quiet", "upgrade", "ospool-ep")
    released.wait_until(lambda: released.property("MainPID") not in ("0", process), "the process of this release", 60)
    released.wait_for_summary("In the pool, running 1 job")
    # With Podman the first release masked /proc: its pilots run no container, which this one notices, and tells.
    released.wait_until(lambda: any(NO_APPTAINER in text for text in warned(released)), "what it lacks is told", 60)
    status = released.status()
    assert (status["plan"], released.pilot()["container"]) == (None, container)
    assert job.happened(Happening.EVICTED) + job.happened(Happening.DISCONNECTED) == 0
    assert not [text for text in said(released) if "another configuration" in text]
    released.expect_message(rf"Stopped\. 1 running job was evicted: {job.id}")
    released.stop()
    job.remove()
