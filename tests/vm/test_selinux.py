"""SELinux enforcing: what it refuses a container that it confines. Ours, which it does not, is in test_life."""

import pytest

from tests.support.endpoint import Endpoint
from tests.support.host import CommandFailed
from tests.world.images import FIRST_PILOT

SCRATCH = "/srv/scratch"

# A container as ours in all but this: it is confined, as Podman's are unless somebody says otherwise.
WRITE = f"""
docker run --rm --user=1000 --security-opt=seccomp=unconfined --volume={SCRATCH}:/pilot --entrypoint=touch "$@" \\
    {FIRST_PILOT} /pilot/mine
"""


def test_a_confined_container_writes_no_scratch_disk(endpoint: Endpoint) -> None:
    endpoint.host.do("install", "--directory", "--owner=1000", "--group=1000", SCRATCH)
    with pytest.raises(CommandFailed, match="exit code 1"):
        endpoint.host.shell(WRITE, timeout=300)
    endpoint.host.shell(WRITE, "--security-opt=label=disable", timeout=300)
