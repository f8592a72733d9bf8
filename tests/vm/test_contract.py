"""The contract with the engine, held by EL10's Podman: its tests run in the machine, as they do beside Docker."""

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.contract.conftest import ADDRESS
from tests.contract.player import busybox
from tests.support.endpoint import Endpoint
from tests.support.host import Host
from tests.support.registry import PORT
from tests.support.waiting import SLOWNESS
from tests.world import ROOT

HERE = "/srv/contract"
REGISTRY_PORT = "5999"

# Of create, inspect, log, exec, stop, events, and of each way to lend the tests with that mark.
QUICK, WHOLE = "machine", "not dockers_own"
# What the kernel says where a container has used up its memory, with where it stood.
OUT_OF_MEMORY = r"oom-killer|out of memory|^CPU: |^Hardware name|^Call Trace|^ |^R[A-Z0-9]{2}: |^Code: "
SELECTED, SECONDS = (WHOLE, 3000) if os.environ.get("WHOLE_CONTRACT") else (QUICK, 1150)


@pytest.fixture(scope="module")
def tests_inside(booted_endpoint: Endpoint) -> Host:
    """The machine, with the tests in it and a registry's port to which Podman speaks plain HTTP."""
    host = booted_endpoint.host
    host.write(
        "/etc/containers/registries.conf.d/contract.conf",
        f'[[registry]]\nlocation = "127.0.0.1:{REGISTRY_PORT}"\ninsecure = true\n',
    )
    host.do("mkdir", "--parents", HERE)
    unpack = host.command("tar", "--extract", f"--directory={HERE}")
    subprocess.run(unpack, input=_tree(busybox().path), check=True, timeout=120)
    return host


def _tree(layer: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in ("ospool_ep", "share", "tests", "pyproject.toml"):
            tar.add(ROOT / name, name, filter=lambda info: None if info.name.endswith("__pycache__") else info)
        tar.add(layer, layer.relative_to(ROOT))
    return buffer.getvalue()


def test_the_contract_holds_with_podman(endpoint: Endpoint, tests_inside: Host) -> None:
    endpoint.host.do("systemctl", "start", "podman.socket")
    if SELECTED is WHOLE:
        endpoint.expect_message(OUT_OF_MEMORY)
    # All of them in one process: to begin one takes the machine a quarter of a minute.
    command = ["python3", "-m", "pytest", "-p", "no:cacheprovider", "--durations=15", "-m", SELECTED, "tests/contract"]
    environment = [
        f"{ADDRESS}=unix:///run/podman/podman.sock",
        f"{PORT}={REGISTRY_PORT}",
        f"{SLOWNESS}={endpoint.host.patience:.0f}",
        "PATH=/opt/docker-cli/usr/bin:/usr/sbin:/usr/bin",
        "PYTHONDONTWRITEBYTECODE=1",
    ]
    done = tests_inside.run(["env", f"--chdir={HERE}", *environment, *command], timeout=SECONDS)
    print(done.stdout[-20_000:])
    assert done.returncode == 0, done.stderr[-2000:]
