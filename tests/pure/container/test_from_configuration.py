"""The container that a configuration asks for, and its fingerprint."""

import dataclasses
from pathlib import Path

import pytest

from ospool_ep.configuration.options import DEFAULT_GPU_IMAGE, DEFAULT_IMAGE
from ospool_ep.configuration.reading import read_configuration
from ospool_ep.container import from_configuration
from ospool_ep.container.docker_command import render
from ospool_ep.container.fingerprint import fingerprint
from ospool_ep.container.specification import FINGERPRINT_LABEL, ContainerSpec, Mount

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


SAME = {
    "order of the lines": ("ITB=true\nPOOL=x\n", "POOL=x\nITB=true\n"),
    "a comment": ("", "# nothing\n"),
    "another spelling of a host's truth value": ("BIND_MOUNT_CVMFS=yes", "BIND_MOUNT_CVMFS=1"),
    "the default image by its name": ("", f"OSPOOL_EP_IMAGE={DEFAULT_IMAGE}"),
}
OTHER = {
    "a pilot's key": ("", "ITB=true\n"),
    "an unknown key": ("", "SOMETHING=1\n"),
    "an empty key and none": ("POOL=\n", ""),
    "a limit": ("", "NUM_CPUS=3\n"),
    "the scratch": ("WORKER_TEMP_DIR=/a\n", "WORKER_TEMP_DIR=/b\n"),
    "the image": ("", "OSPOOL_EP_IMAGE=hub.example.org/pilot:1\n"),
    "a GPU": ("OSPOOL_EP_IMAGE=a/b\n", "OSPOOL_EP_IMAGE=a/b\nPROVIDE_NVIDIA_GPU=1\n"),
}


@pytest.mark.parametrize("what", SAME)
def test_the_fingerprint_is_the_same_with(what: str, tmp_path: Path) -> None:
    one, other = (fingerprint(build(text, tmp_path)) for text in SAME[what])
    assert one == other


@pytest.mark.parametrize("what", OTHER)
def test_the_fingerprint_changes_with(what: str, tmp_path: Path) -> None:
    one, other = (fingerprint(build(text, tmp_path)) for text in OTHER[what])
    assert one != other


def test_the_fingerprint_is_on_the_container_and_does_not_depend_on_itself(tmp_path: Path) -> None:
    spec = build("", tmp_path)
    assert dict(spec.labels)[FINGERPRINT_LABEL] == fingerprint(spec)
    other = dataclasses.replace(spec, labels=(), log_max_bytes=1, stop_timeout_seconds=1)
    assert fingerprint(other) == fingerprint(spec)


def test_a_fingerprint_outlives_releases() -> None:
    spec = ContainerSpec(
        image="i", name="n", user="1000", environment=(("A", "1"),), mounts=(Mount("/a", "/b"),),
        devices=("/dev/fuse",), security_options=("x",), unmasked_system_paths=True, open_files=1, pids_limit=2,
        stop_timeout_seconds=3, labels=(), log_max_bytes=4,
    )  # fmt: skip
    # A change of this value makes every running pilot look outdated when the package is upgraded: all would drain.
    assert fingerprint(spec) == "e21ce616c579ce7745cbd5457c9b8300a238090515c82c31a10209212be90b2c"
