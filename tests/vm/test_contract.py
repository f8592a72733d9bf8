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

# Of create, inspect, log, exec, stop and events the tests with that mark.
QUICK = {
    "test_engine": ["-k", "real", "-m", "machine"],
    "test_engine_logs": ["-m", "machine"],
    "test_gpus": ["-m", "machine"],
    "test_inspect": ["-m", "machine"],
    "test_privileges": ["-m", "machine"],
    "test_lent": ["-m", "machine"],
}
WHOLE = {
    "test_engine": ["-k", "real"],
    "test_engine_faults": ["-m", "not dockers_own"],
    "test_engine_logins": [],
    "test_engine_logs": [],
    "test_gpus": ["-m", "not dockers_own"],
    "test_inspect": ["-m", "not dockers_own"],
    "test_privileges": [],
    "test_lent": ["-m", "not dockers_own"],
}
# What the kernel says where a container has used up its memory, with where it stood.
OUT_OF_MEMORY = r"oom-killer|out of memory|^CPU: |^Hardware name|^Call Trace|^ |^R[A-Z0-9]{2}: |^Code: "
SELECTED, SECONDS = (WHOLE, 3000) if os.environ.get("WHOLE_CONTRACT") else (QUICK, 300)


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


@pytest.mark.parametrize("module", SELECTED)
def test_the_contract_holds_with_podman(endpoint: Endpoint, tests_inside: Host, module: str) -> None:
    endpoint.host.do("systemctl", "start", "podman.socket")
    if SELECTED is WHOLE and module == "test_engine":
        endpoint.expect_message(OUT_OF_MEMORY)
    command = ["python3", "-m", "pytest", "-p", "no:cacheprovider", f"tests/contract/{module}.py", *SELECTED[module]]
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
