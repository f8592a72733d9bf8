"""The container that a configuration asks for."""

import shlex
from pathlib import Path

import pytest

from ospool_ep.configuration.options import DEFAULT_GPU_IMAGE, DEFAULT_IMAGE
from ospool_ep.configuration.reading import read_configuration
from ospool_ep.container import from_configuration
from ospool_ep.container.create_request import create_body
from ospool_ep.container.docker_command import render
from ospool_ep.container.specification import ContainerSpec, Mount

HOST_MEMORY, HOST_OPEN_FILES = 16 << 30, 1 << 20
NAMES = "GLIDEIN_Site=A-Site\nGLIDEIN_ResourceName=A-Resource\n"


def build(text: str, directory: Path, token: str = "/etc/osg/ospool-ep.tkn") -> ContainerSpec:  # noqa: S107 - a path
    path = directory / "ospool-ep.cfg"
    path.write_text(NAMES + text)
    configuration, _ = read_configuration(str(path))
    return from_configuration.build(configuration, token, HOST_MEMORY, HOST_OPEN_FILES)


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


def test_shared_memory_is_half_of_the_memory_that_the_pilot_has(tmp_path: Path) -> None:
    assert build("MEMORY=2000\n", tmp_path).shm_bytes == 1000 << 20
    assert build("", tmp_path).shm_bytes == HOST_MEMORY // 2


def test_open_files_can_be_raised_as_far_as_a_service_can_or_the_host_allows(tmp_path: Path) -> None:
    spec = build("", tmp_path)
    assert (spec.open_files, spec.most_open_files) == (2048, 524288)
    configuration, _ = read_configuration(str(tmp_path / "ospool-ep.cfg"))
    confined = from_configuration.build(configuration, "/etc/osg/ospool-ep.tkn", HOST_MEMORY, 20_000)
    assert (confined.open_files, confined.most_open_files) == (2048, 20_000)


def test_watchtower_leaves_the_pilot_alone(tmp_path: Path) -> None:
    assert dict(build("", tmp_path).labels)["com.centurylinklabs.watchtower.enable"] == "false"


def test_mounts(tmp_path: Path) -> None:
    token = Mount("/etc/osg/ospool-ep.tkn", "/etc/condor/tokens-orig.d/flock.opensciencegrid.org", read_only=True)
    assert build("", tmp_path).mounts == (token,)
    full = build("WORKER_TEMP_DIR=/scratch\nBIND_MOUNT_CVMFS=on\nPROVIDE_NVIDIA_GPU=1\n", tmp_path)
    assert full.mounts == (
        Mount("/scratch", "/pilot"),
        token,
        Mount("/cvmfs", "/cvmfs", propagation="shared"),
        Mount("/etc/OpenCL/vendors", "/etc/OpenCL/vendors", read_only=True, may_be_missing=True),
    )


def test_a_gpu_takes_the_pid_namespaces_whatever_the_file_says(tmp_path: Path) -> None:
    spec = build("PROVIDE_NVIDIA_GPU=1\nSINGULARITY_DISABLE_PID_NAMESPACES=False\n", tmp_path)
    assert spec.gpus == ("all",)
    assert [value for key, value in spec.environment if key == "SINGULARITY_DISABLE_PID_NAMESPACES"] == ["True"]


def test_the_token_in_the_configuration_goes_nowhere_but_into_its_file(tmp_path: Path) -> None:
    spec = build("TOKEN=a.secret.token\n", tmp_path, "/run/ospool-ep/token")
    assert spec.mounts[0].source == "/run/ospool-ep/token"
    assert "a.secret.token" not in repr(spec) + render(spec, "docker") + render(spec, "podman")


@pytest.mark.parametrize(
    ("written", "passed"),
    [
        ("A || B", "(A || B)"),
        ("A", "(A)"),
        ("(A) || (B)", "((A) || (B))"),
        ("f(A)", "(f(A))"),
        ('"(" == A && B == ")"', '("(" == A && B == ")")'),
        ('(A == ")") || B', '((A == ")") || B)'),
        ("$(MINE) || A", "($(MINE) || A)"),
        # A parenthesis behind a comment would be part of it, and so are the image's own words.
        ("$(MINE) || A // ours", "$(MINE) || A // ours"),
        ("$(MINE) /* ours", "$(MINE) /* ours"),
        ('$(MINE) || A == "http://a"', '($(MINE) || A == "http://a")'),
        ("{(A)}", "({(A)})"),
        ("(A || B)", "(A || B)"),
        ("( (A) || (B) )", "( (A) || (B) )"),
        ('(A == ")")', '(A == ")")'),
    ],
)
def test_an_expression_is_passed_in_parentheses(written: str, passed: str, tmp_path: Path) -> None:
    value = written.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    spec = build(f'GLIDEIN_Start_Extra="{value}"\n', tmp_path)
    assert [value for key, value in spec.environment if key == "GLIDEIN_Start_Extra"] == [passed]
    for kind in ("docker", "podman"):
        assert f"GLIDEIN_Start_Extra={passed}" in create_body(spec, kind)["Env"]
        assert f"GLIDEIN_Start_Extra={passed}" in shlex.split(render(spec, kind).replace("\\\n", ""))


@pytest.mark.parametrize("text", ["", "GLIDEIN_Start_Extra=\n"])
def test_no_expression_is_none(text: str, tmp_path: Path) -> None:
    assert dict(build(text, tmp_path).environment).get("GLIDEIN_Start_Extra", "") == ""


def test_what_is_empty_beats_no_default_of_the_pilot(tmp_path: Path) -> None:
    spec = build("POOL=\nACCEPT_IDLE_MINUTES=\nENABLE_REMOTE_SYSLOG=\nCVMFS_HTTP_PROXY=\nMINE=\n", tmp_path)
    environment = dict(spec.environment)
    assert "POOL" not in environment
    assert (environment["ACCEPT_IDLE_MINUTES"], environment["ENABLE_REMOTE_SYSLOG"]) == ("30", "false")
    assert (environment["CVMFS_HTTP_PROXY"], environment["MINE"]) == ("", "")
    assert "POOL=" not in render(spec, "docker")


def test_a_container_says_which_service_of_this_host_has_made_it(tmp_path: Path) -> None:
    assert dict(build("", tmp_path).labels)["org.osg-htc.ospool-ep.instance"] == "ospool-ep"
