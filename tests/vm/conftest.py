"""The host of this layer: a virtual machine, in which the images stay from test to test, as it is slow."""

import pytest


@pytest.fixture(scope="session")
def on_machines() -> bool:
    """Also where the environment does not say so."""
    return True


@pytest.fixture(scope="session")
def keep_images() -> bool:
    """To pull the pilot takes the machine half a minute."""
    return True
