"""From release 25.1.0 to this one, over a pilot with a job."""

from collections.abc import Iterator

import pytest

from tests.host.scenes import said
from tests.package.packages import package, released_package
from tests.pool.test_jobs import join
from tests.support.endpoint import CONFIG, SERVICE, Endpoint
from tests.support.pool import Happening


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
    # Confined by SELinux it can run no container, and would say so at its next look at the host.
    join(released, TEST_BASE_SECONDS="3600")
    job = released.pool.submit("sleep 600")
    job.wait_for(Happening.EXECUTING, 60)
    container, process = released.container_id(), released.property("MainPID")
    host.do("setenforce", "1")
    host.publish_packages([package()])
    host.do("dnf", "--assumeyes", "--quiet", "upgrade", "ospool-ep")
    released.wait_until(lambda: released.property("MainPID") not in ("0", process), "the process of this release", 60)
    released.wait_for_summary("In the pool, running 1 job")
    status = released.status()
    assert (status["plan"], released.pilot()["container"]) == (None, container)
    assert job.happened(Happening.EVICTED) + job.happened(Happening.DISCONNECTED) == 0
    assert not [text for text in said(released) if "another configuration" in text]
    released.expect_message(rf"Stopped\. 1 running job was evicted: {job.id}")
    released.stop()
    job.remove()
