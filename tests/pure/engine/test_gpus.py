"""By which way a pilot gets its GPUs, for each engine; and what the engine is then told."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ospool_ep.container.create_request import create_body
from ospool_ep.container.docker_command import render
from ospool_ep.container.specification import ContainerSpec, Mount
from ospool_ep.engine.gpus import for_libpod, with_gpus
from ospool_ep.engine.interface import EngineError, EngineInfo
from tests.pure.service.stage import specification
from tests.support.nvidia_host import NvidiaHost

OLD_PODMAN = EngineInfo("podman", "4.9.4-rhel", "1.41", frozenset(("crun", "nvidia")), "/")
DIRECTORIES = ("/etc/cdi", "/var/run/cdi")
BOTH = EngineInfo("docker", "29.1.0", "1.52", frozenset(("runc", "nvidia")), "/", cdi_directories=DIRECTORIES)
RUNTIME = replace(BOTH, cdi_directories=())
INTERFACE = replace(BOTH, runtimes=frozenset(("runc",)))
PODMAN = EngineInfo("podman", "5.4.2", "1.41", frozenset(("crun", "nvidia")), "/")
NODES = ["/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia1"]


def made(engine: EngineInfo, root: Path, *gpus: str) -> ContainerSpec:
    NvidiaHost(root)
    spec = replace(specification(), devices=("/dev/fuse",), gpus=gpus, gpus_by_cdi=False)
    return with_gpus(spec, engine, str(root))


def told(engine: EngineInfo, root: Path, *gpus: str) -> dict[str, Any]:
    config: dict[str, Any] = create_body(made(engine, root, *gpus), engine.kind)["HostConfig"]
    return config


@pytest.mark.parametrize("engine", [BOTH, RUNTIME])
def test_by_the_runtime_its_devices_are_named_too(engine: EngineInfo, tmp_path: Path) -> None:
    config = told(engine, tmp_path, "0")
    assert config["Runtime"] == "nvidia"
    assert [device["PathOnHost"] for device in config["Devices"]] == ["/dev/fuse", *NODES]
    assert "DeviceRequests" not in config


@pytest.mark.parametrize("engine", [INTERFACE, PODMAN])
def test_by_the_interface_only_the_gpus_are_named(engine: EngineInfo, tmp_path: Path) -> None:
    config = told(engine, tmp_path, "0", "1:0")
    assert config["DeviceRequests"] == [{"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=0", "nvidia.com/gpu=1:0"]}]
    assert [device["PathOnHost"] for device in config["Devices"]] == ["/dev/fuse"]
    assert "Runtime" not in config


@pytest.mark.parametrize("engine", [BOTH, INTERFACE, PODMAN])
def test_a_pilot_without_gpus_is_told_of_none(engine: EngineInfo, tmp_path: Path) -> None:
    config = told(engine, tmp_path)
    assert not {"Runtime", "DeviceRequests"} & config.keys()
    assert len(config["Devices"]) == 1


@pytest.mark.parametrize(
    ("engine", "options"),
    [
        (BOTH, ["--device /dev/fuse", *(f"--device {node}" for node in NODES), "--runtime nvidia"]),
        (INTERFACE, ["--device /dev/fuse", "--device nvidia.com/gpu=0"]),
        (PODMAN, ["--device /dev/fuse", "--device nvidia.com/gpu=0"]),
    ],
)
def test_the_command_line_says_the_same(engine: EngineInfo, options: list[str], tmp_path: Path) -> None:
    lines = render(made(engine, tmp_path, "0"), engine.kind).replace(" \\\n", "\n").splitlines()
    assert [line.strip() for line in lines if "--device" in line or "--runtime" in line] == options


def test_a_podman_that_passes_over_what_it_is_asked_for_is_asked_over_its_own_api(tmp_path: Path) -> None:
    spec = made(OLD_PODMAN, tmp_path, "0", "1:0")
    assert spec.gpus_by_libpod
    assert not made(PODMAN, tmp_path / "newer", "0").gpus_by_libpod
    asked = for_libpod(create_body(spec, "podman"), spec)
    assert asked["devices"] == [
        {"path": "/dev/fuse:/dev/fuse:rwm"},
        {"path": "nvidia.com/gpu=0"},
        {"path": "nvidia.com/gpu=1:0"},
    ]


def test_over_that_api_a_source_that_may_be_missing_and_is_is_left_out(tmp_path: Path) -> None:
    mounts = tuple(
        Mount(str(source), f"/{source.name}", may_be_missing=True) for source in (tmp_path, tmp_path / "none")
    )
    spec = with_gpus(replace(specification(), mounts=mounts, gpus=("all",)), OLD_PODMAN)
    assert spec.mounts == mounts[:1]


def test_what_that_api_can_not_be_told_of_is_an_error_that_names_it(tmp_path: Path) -> None:
    spec = made(OLD_PODMAN, tmp_path, "0")
    body = create_body(spec, "podman")
    body["HostConfig"]["Something"] = "new"
    with pytest.raises(EngineError, match=r"Podman 5\.4 .*Something"):
        for_libpod(body, spec)
