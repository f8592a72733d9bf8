"""SELinux enforcing: what it refuses a container that it confines, and that ours is not confined."""

import pytest

from tests.host.scenes import findings, inspect
from tests.pool.test_jobs import IN_POOL, join
from tests.support.endpoint import CONTAINER, TOKEN, Endpoint
from tests.support.host import CommandFailed
from tests.world.images import FIRST_PILOT

SCRATCH = "/srv/scratch"

# A container as ours in all but this: it is confined, as Podman's are unless somebody says otherwise.
CONFINED = f"""
docker run --rm --user=1000 --security-opt=seccomp=unconfined --volume={SCRATCH}:/pilot --volume={TOKEN}:/token:ro \\
    --entrypoint=touch "$@" {FIRST_PILOT} /pilot/mine
"""


def scratch(endpoint: Endpoint) -> None:
    endpoint.host.do("install", "--directory", "--owner=1000", "--group=1000", SCRATCH)


def test_a_confined_container_writes_no_scratch_disk(endpoint: Endpoint) -> None:
    scratch(endpoint)
    endpoint.put_token()
    with pytest.raises(CommandFailed, match="exit code 1"):
        endpoint.host.shell(CONFINED, timeout=300)
    endpoint.host.shell(CONFINED, "--security-opt=label=disable", timeout=300)


def test_ours_reads_and_writes_with_no_label_changed(endpoint: Endpoint) -> None:
    scratch(endpoint)
    labels = ["stat", "--format=%C", SCRATCH, TOKEN]
    endpoint.put_token()
    before = endpoint.host.do(*labels)
    join(endpoint, WORKER_TEMP_DIR=SCRATCH)
    endpoint.wait_for_summary(IN_POOL)
    assert not findings(endpoint)
    assert inspect(endpoint)["ProcessLabel"] == ""
    label = endpoint.host.docker("exec", CONTAINER, "cat", "/proc/1/attr/current")
    assert "container_t" not in label
    endpoint.host.docker("exec", CONTAINER, "touch", "/pilot/mine")
    assert endpoint.host.do("stat", "--format=%u", f"{SCRATCH}/mine").strip() == "1000"
    assert endpoint.host.do(*labels) == before
