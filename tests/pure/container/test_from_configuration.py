"""The container that a configuration asks for."""

from pathlib import Path

import pytest

from ospool_ep.configuration.options import DEFAULT_GPU_IMAGE, DEFAULT_IMAGE
from ospool_ep.configuration.reading import read_configuration
from ospool_ep.container import from_configuration
from ospool_ep.container.docker_command import render
from ospool_ep.container.specification import ContainerSpec, Mount

NAMES = "GLIDEIN_Site=A-Site\nGLIDEIN_ResourceName=A-Resource\n"


def build(text: str, directory: Path, token: str = "/etc/osg/ospool-ep.tkn") -> ContainerSpec:  # noqa: S107 - a path
    path = directory / "ospool-ep.cfg"
    path.write_text(NAMES + text)
    configuration, _ = read_configuration(str(path))
    return from_configuration.build(configuration, token)


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ("", DEFAULT_IMAGE),
        ("PROVIDE_NVIDIA_GPU=yes", DEFAULT_GPU_IMAGE),
        ("OSPOOL_EP_IMAGE=hub.example.org/pilot:1", "hub.example.org/pilot:1"),
        ("PROVIDE_NVIDIA_GPU=yes\nOSPOOL_EP_IMAGE=hub.example.org/pilot:1", "hub.example.org/pilot:1"),
    ],
)
def test_the_image(text: str, image: str, tmp_path: Path) -> None:
    assert build(text, tmp_path).image == image


def test_the_defaults_are_the_documented_ones() -> None:
    assert DEFAULT_IMAGE == "hub.osg-htc.org/osg-htc/ospool-ep:25-release"
    assert DEFAULT_GPU_IMAGE == "hub.osg-htc.org/osg-htc/ospool-ep:25-cuda_11_8_0-release"


def test_limits(tmp_path: Path) -> None:
    assert (build("", tmp_path).cpus, build("", tmp_path).memory_bytes) == (None, None)
    limited = build("NUM_CPUS=4\nMEMORY=2000\n", tmp_path)
    assert (limited.cpus, limited.memory_bytes) == (4, 2100 * 1024 * 1024)
    assert {("NUM_CPUS", "4"), ("MEMORY", "2000")} <= set(limited.environment)


def test_mounts(tmp_path: Path) -> None:
    token = Mount("/etc/osg/ospool-ep.tkn", "/etc/condor/tokens-orig.d/flock.opensciencegrid.org", read_only=True)
    assert build("", tmp_path).mounts == (token,)
    full = build("WORKER_TEMP_DIR=/scratch\nBIND_MOUNT_CVMFS=on\nPROVIDE_NVIDIA_GPU=1\n", tmp_path)
    assert full.mounts == (
        Mount("/scratch", "/pilot"),
        token,
        Mount("/cvmfs", "/cvmfs", propagation="shared"),
        Mount("/etc/OpenCL/vendors", "/etc/OpenCL/vendors", read_only=True),
    )


def test_a_gpu_takes_the_pid_namespaces_whatever_the_file_says(tmp_path: Path) -> None:
    spec = build("PROVIDE_NVIDIA_GPU=1\nSINGULARITY_DISABLE_PID_NAMESPACES=False\n", tmp_path)
    assert spec.runtime == "nvidia"
    assert [value for key, value in spec.environment if key == "SINGULARITY_DISABLE_PID_NAMESPACES"] == ["True"]


def test_the_token_in_the_configuration_goes_nowhere_but_into_its_file(tmp_path: Path) -> None:
    spec = build("TOKEN=a.secret.token\n", tmp_path, "/run/ospool-ep/token")
    assert spec.mounts[0].source == "/run/ospool-ep/token"
    assert "a.secret.token" not in repr(spec) + render(spec)
