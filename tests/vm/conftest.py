"""The host of this layer: a virtual machine, in which the images stay from test to test, as it is slow."""

import os
from collections.abc import Iterator

import pytest

from tests.support.endpoint import Endpoint
from tests.support.fixtures import close_host
from tests.world.machines import boot_machine_endpoint


@pytest.fixture(scope="session")
def booted_endpoint(request: pytest.FixtureRequest) -> Iterator[Endpoint]:
    """The one machine of a run."""
    endpoint = boot_machine_endpoint(f"endpoint-{os.getpid()}")
    yield endpoint
    close_host(endpoint.host, request)


@pytest.fixture(scope="session")
def keep_images() -> bool:
    """To pull the pilot takes the machine half a minute."""
    return True
