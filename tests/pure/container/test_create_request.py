"""The container in the words of each engine's API."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ospool_ep.configuration.reading import read_configuration
from ospool_ep.container import from_configuration
from ospool_ep.container.create_request import create_body
from ospool_ep.container.privileges import SECCOMP_PROFILE
from ospool_ep.container.specification import ContainerSpec, Mount

NAMES = "GLIDEIN_Site=A-Site\nGLIDEIN_ResourceName=A-Resource\n"
ENGINES = ["docker", "podman"]


def build(text: str, directory: Path) -> ContainerSpec:
    path = directory / "ospool-ep.cfg"
    path.write_text(NAMES + text)
    configuration, _ = read_configuration(str(path))
    return from_configuration.build(configuration, "/etc/osg/ospool-ep.tkn", 8 << 30, 1 << 20)


def host_config(engine_kind: str, directory: Path, text: str = "") -> dict[str, Any]:
    config: dict[str, Any] = create_body(build(text, directory), engine_kind)["HostConfig"]
    return config


@pytest.mark.parametrize("engine_kind", ENGINES)
def test_no_engine_separates_the_pilot_by_selinux(engine_kind: str, tmp_path: Path) -> None:
    assert "label=disable" in host_config(engine_kind, tmp_path)["SecurityOpt"]


def test_docker_gets_the_text_of_a_seccomp_profile_and_podman_its_path(tmp_path: Path) -> None:
    spec = build("OSPOOL_EP_PRIVILEGES=minimum\n", tmp_path)
    assert spec.seccomp_profile == SECCOMP_PROFILE
    words = {kind: create_body(spec, kind, '{"a": 1}')["HostConfig"]["SecurityOpt"] for kind in ENGINES}
    assert words["docker"] == ["label=disable", 'seccomp={"a": 1}', "no-new-privileges"]
    assert words["podman"] == ["label=disable", f"seccomp={SECCOMP_PROFILE}", "no-new-privileges"]
    assert build("", tmp_path).seccomp_profile == ""


@pytest.mark.parametrize("engine_kind", ENGINES)
@pytest.mark.parametrize("chosen", ["minimum", "cvmfs-bind"])
def test_what_is_less_than_recommended_leaves_proc_masked(chosen: str, engine_kind: str, tmp_path: Path) -> None:
    body = create_body(build(f"OSPOOL_EP_PRIVILEGES={chosen}\n", tmp_path), engine_kind)
    assert not {"MaskedPaths", "ReadonlyPaths"} & body["HostConfig"].keys()
    assert "systempaths=unconfined" not in body["HostConfig"]["SecurityOpt"]
    assert "SINGULARITY_DISABLE_PID_NAMESPACES=True" in body["Env"]


@pytest.mark.parametrize("engine_kind", ENGINES)
def test_capabilities_go_by_name_and_are_all_that_there_are(engine_kind: str, tmp_path: Path) -> None:
    config = host_config(engine_kind, tmp_path, "OSPOOL_EP_PRIVILEGES=cvmfs-bind\n")
    assert config["CapDrop"] == ["ALL"]
    assert [name.removeprefix("CAP_") for name in config["CapAdd"]] == [
        "DAC_OVERRIDE", "DAC_READ_SEARCH", "SETGID", "SETUID", "SYS_ADMIN", "SYS_CHROOT", "SYS_PTRACE",
    ]  # fmt: skip
    for other in ("", "OSPOOL_EP_PRIVILEGES=minimum\n"):
        assert not {"CapDrop", "CapAdd"} & host_config(engine_kind, tmp_path, other).keys()


@pytest.mark.parametrize("engine_kind", ENGINES)
def test_no_engine_maps_the_users_of_the_pilot(engine_kind: str, tmp_path: Path) -> None:
    assert host_config(engine_kind, tmp_path)["UsernsMode"] == "host"


@pytest.mark.parametrize("engine_kind", ENGINES)
def test_a_parent_in_the_tree_of_cgroups_is_told_where_there_is_one(engine_kind: str, tmp_path: Path) -> None:
    spec = replace(build("", tmp_path), cgroup_parent="system-a.slice")
    assert create_body(spec, engine_kind)["HostConfig"]["CgroupParent"] == "system-a.slice"
    assert "CgroupParent" not in host_config(engine_kind, tmp_path)


def test_docker_is_told_of_no_masked_path_by_two_empty_lists(tmp_path: Path) -> None:
    config = host_config("docker", tmp_path)
    assert (config["MaskedPaths"], config["ReadonlyPaths"]) == ([], [])
    assert "systempaths=unconfined" not in config["SecurityOpt"]


def test_podman_is_told_of_no_masked_path_by_a_word(tmp_path: Path) -> None:
    config = host_config("podman", tmp_path)
    assert "systempaths=unconfined" in config["SecurityOpt"]
    assert not {"MaskedPaths", "ReadonlyPaths"} & config.keys()


def test_docker_is_asked_for_gpus_by_the_runtime(tmp_path: Path) -> None:
    config = host_config("docker", tmp_path, "PROVIDE_NVIDIA_GPU=1\nNVIDIA_VISIBLE_DEVICES=0\n")
    assert config["Runtime"] == "nvidia"
    assert "DeviceRequests" not in config


@pytest.mark.parametrize(
    ("chosen", "devices"),
    [
        ("", ["nvidia.com/gpu=all"]),
        ("NVIDIA_VISIBLE_DEVICES=all\n", ["nvidia.com/gpu=all"]),
        ("NVIDIA_VISIBLE_DEVICES=0, 2\n", ["nvidia.com/gpu=0", "nvidia.com/gpu=2"]),
    ],
)
def test_podman_is_asked_for_gpus_by_their_names(chosen: str, devices: list[str], tmp_path: Path) -> None:
    config = host_config("podman", tmp_path, f"PROVIDE_NVIDIA_GPU=1\n{chosen}")
    assert config["DeviceRequests"] == [{"Driver": "cdi", "DeviceIDs": devices}]
    assert "Runtime" not in config


@pytest.mark.parametrize("engine_kind", ENGINES)
def test_without_a_wish_for_gpus_there_are_none(engine_kind: str, tmp_path: Path) -> None:
    assert not {"Runtime", "DeviceRequests"} & host_config(engine_kind, tmp_path, "NVIDIA_VISIBLE_DEVICES=0\n").keys()


def told(mount: Mount, engine_kind: str, directory: Path) -> tuple[list[str], list[dict[str, Any]]]:
    config = create_body(replace(build("", directory), mounts=(mount,)), engine_kind)["HostConfig"]
    return config["Binds"], config["Mounts"]


def test_docker_makes_no_source_but_of_what_may_be_missing(tmp_path: Path) -> None:
    scratch = Mount("/data/a,b", "/pilot")
    mounted = {"Type": "bind", "Source": "/data/a,b", "Target": "/pilot", "ReadOnly": False}
    assert told(scratch, "docker", tmp_path) == ([], [mounted])
    assert told(replace(scratch, may_be_missing=True), "docker", tmp_path) == (["/data/a,b:/pilot"], [])


def test_podman_is_told_by_fields_only_of_what_a_bind_cannot_say(tmp_path: Path) -> None:
    assert told(Mount("/data/a,b", "/pilot", read_only=True), "podman", tmp_path) == (["/data/a,b:/pilot:ro"], [])
    mounted = {"Type": "bind", "Source": "/data/a:b", "Target": "/pilot", "ReadOnly": True}
    assert told(Mount("/data/a:b", "/pilot", read_only=True), "podman", tmp_path) == ([], [mounted])


@pytest.mark.parametrize("engine_kind", ENGINES)
def test_what_is_mounted_on_cvmfs_later_reaches_the_pilot(engine_kind: str, tmp_path: Path) -> None:
    binds, mounts = told(Mount("/cvmfs", "/cvmfs", propagation="shared"), engine_kind, tmp_path)
    said = [*binds, *(mount["BindOptions"]["Propagation"] for mount in mounts)]
    assert said == [{"docker": "shared", "podman": "/cvmfs:/cvmfs:shared"}[engine_kind]]


@pytest.mark.parametrize("engine_kind", ENGINES)
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", {}),
        ("OSPOOL_EP_PRIORITY=normal\nOSPOOL_EP_HOURS=\n", {}),
        ("OSPOOL_EP_PRIORITY=backfill\n", {"OomScoreAdj": 1000, "CpuShares": 2}),
        # Within its hours it has the usual share.
        ("OSPOOL_EP_HOURS=18-8\n", {"OomScoreAdj": 1000}),
        ("OSPOOL_EP_HOURS=18-8\nOSPOOL_EP_PRIORITY=backfill\n", {"OomScoreAdj": 1000, "CpuShares": 2}),
    ],
)
def test_a_guest_is_killed_first_and_one_at_all_hours_has_the_least_share(
    text: str, said: dict[str, int], engine_kind: str, tmp_path: Path
) -> None:
    config = host_config(engine_kind, tmp_path, text)
    assert {key: config[key] for key in ("OomScoreAdj", "CpuShares") if key in config} == said
    assert build(text, tmp_path).guest is bool(said)
