"""With less than the recommended privileges a pilot is one: the pool sends it jobs, and they can have containers."""

from tests.pool.test_jobs import join
from tests.support.endpoint import Endpoint
from tests.support.pool import Happening


def test_with_the_least_privileges_jobs_come_and_can_have_containers(endpoint: Endpoint) -> None:
    join(endpoint, OSPOOL_EP_PRIVILEGES="minimum")
    # Which it would not be, if Apptainer did not work in it.
    endpoint.wait_for_summary("In the pool, waiting for jobs")
    job = endpoint.pool.submit("grep ^Seccomp: /proc/self/status; unshare --user --map-current-user --mount true")
    assert job.wait_for(Happening.TERMINATED, 60).exit_code == 0
    assert job.output().split() == ["Seccomp:", "2"]
    assert endpoint.host.run(["ospool-ep", "check"]).returncode == 0
