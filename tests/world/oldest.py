"""The tests that need no host, on Debian 11: Python 3.9 and the oldest libraries that the package requires."""

import os
import subprocess

from tests.images.recipes import base_layer
from tests.support.container_host import PRIVILEGES
from tests.world import BUILD, IDENTITY, LABEL, ROOT
from tests.world.engine import ensure_engine
from tests.world.images import ensure_oldest
from tests.world.progress import StepFailed

# What the tests read; nothing of it can be written, and nothing of the machine's own Python is in reach.
_SOURCES = (
    "ospool_ep", "tests", "etc", "man", "share", "systemd", "packaging", "tools", "README.md", "pyproject.toml",
    "build/contract",
)  # fmt: skip
_ENVIRONMENT = {
    "PYTHONDONTWRITEBYTECODE": "1",
    "HYPOTHESIS_STORAGE_DIRECTORY": "/tmp/hypothesis",  # noqa: S108 - of a container
    "LC_ALL": "C.UTF-8",
}


def run_oldest() -> None:
    """Run them, with pytest's output on the terminal. StepFailed when a test fails."""
    engine = ensure_engine()
    image = ensure_oldest(engine)
    # Made here: the container has no network.
    base_layer("busybox.sh", BUILD / "contract")
    name = f"ospool-ep-world-{IDENTITY}-oldest-{os.getpid()}"
    command = engine.command(
        "run", f"--name={name}", f"--label={LABEL}", "--network=none", *PRIVILEGES,
        # The engines of the tests keep their data in /tmp, which must not lie on the container's overlay.
        "--volume=/tmp",
        *(f"--volume={ROOT / source}:/src/{source}:ro" for source in _SOURCES),
        *(f"--env={key}={value}" for key, value in _ENVIRONMENT.items()),
        image, "/src/tests/world/oldest/run",
    )  # fmt: skip
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, check=False)
    finally:
        engine.remove_container(name)
    if done.returncode != 0:
        raise StepFailed("tests failed with Python 3.9 and the oldest libraries")
