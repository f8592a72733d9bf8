"""The container as a command line, in the words of each engine's command."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from ospool_ep.container.docker_command import render
from ospool_ep.container.specification import ContainerSpec, Mount
from tests.pure.container.test_create_request import ENGINES, build


def options(spec: ContainerSpec, engine_kind: str) -> dict[str, list[str]]:
    """The values of each option, in their order."""
    words = shlex.split(render(spec, engine_kind).replace("\\\n", ""))
    found: dict[str, list[str]] = {}
    for option, value in zip(words, words[1:]):
        if option.startswith("--"):
            found.setdefault(option, []).append(value)
    return found


@pytest.mark.parametrize("engine_kind", ENGINES)
def test_the_line_is_of_the_engines_own_command(engine_kind: str, tmp_path: Path) -> None:
    spec = build("", tmp_path)
    assert render(spec, engine_kind).startswith(f"{engine_kind} run --detach --pull=always \\\n")
    assert render(spec, engine_kind).endswith(f" \\\n    {spec.image}")


@pytest.mark.parametrize("engine_kind", ENGINES)
def test_both_commands_unmask_the_system_paths_by_one_word(engine_kind: str, tmp_path: Path) -> None:
    words = options(build("", tmp_path), engine_kind)["--security-opt"]
    assert {"label=disable", "seccomp=unconfined", "no-new-privileges", "systempaths=unconfined"} == set(words)


@pytest.mark.parametrize("engine_kind", ENGINES)
def test_both_commands_read_a_seccomp_profile_themselves(engine_kind: str, tmp_path: Path) -> None:
    words = options(build("OSPOOL_EP_PRIVILEGES=minimum\n", tmp_path), engine_kind)["--security-opt"]
    assert words == ["label=disable", "seccomp=/usr/share/ospool-ep/seccomp-minimum.json", "no-new-privileges"]


@pytest.mark.parametrize("engine_kind", ENGINES)
def test_capabilities_go_by_name(engine_kind: str, tmp_path: Path) -> None:
    found = options(build("OSPOOL_EP_PRIVILEGES=cvmfs-bind\n", tmp_path), engine_kind)
    assert (found["--cap-drop"], len(found["--cap-add"]), found["--cap-add"][0]) == (["ALL"], 7, "CAP_DAC_OVERRIDE")
    assert not any(word.startswith("seccomp=") for word in found["--security-opt"])


def test_limits(tmp_path: Path) -> None:
    found = options(build("NUM_CPUS=2\nMEMORY=2000\n", tmp_path), "podman")
    assert found["--shm-size"] == [str(1000 << 20)]
    assert found["--ulimit"] == ["nofile=2048:524288"]
    assert (found["--cpus"], found["--memory"]) == (["2"], [str(2100 << 20)])


@pytest.mark.parametrize("engine_kind", ENGINES)
def test_a_parent_in_the_tree_of_cgroups_stands_there_where_there_is_one(engine_kind: str, tmp_path: Path) -> None:
    spec = build("", tmp_path)
    assert options(replace(spec, cgroup_parent="system-a.slice"), engine_kind)["--cgroup-parent"] == ["system-a.slice"]
    assert "--cgroup-parent" not in options(spec, engine_kind)


@pytest.mark.parametrize("engine_kind", ENGINES)
def test_a_guest_is_one_on_the_command_line_too(engine_kind: str, tmp_path: Path) -> None:
    found = options(build("OSPOOL_EP_PRIORITY=backfill\n", tmp_path), engine_kind)
    assert (found["--oom-score-adj"], found["--cpu-shares"]) == (["1000"], ["2"])
    assert not {"--oom-score-adj", "--cpu-shares"} & options(build("", tmp_path), engine_kind).keys()


def test_each_engine_has_its_own_log_driver(tmp_path: Path) -> None:
    spec = build("", tmp_path)
    assert [options(spec, kind)["--log-driver"] for kind in ENGINES] == [["local"], ["k8s-file"]]


def test_each_engine_has_its_own_way_to_gpus(tmp_path: Path) -> None:
    spec = build("PROVIDE_NVIDIA_GPU=1\nNVIDIA_VISIBLE_DEVICES=0,1\n", tmp_path)
    docker, podman = (options(spec, kind) for kind in ENGINES)
    assert (docker["--runtime"], docker["--device"]) == (["nvidia"], ["/dev/fuse"])
    assert podman["--device"] == ["/dev/fuse", "nvidia.com/gpu=0", "nvidia.com/gpu=1"]
    assert "--runtime" not in podman


def test_the_proxies_of_who_pastes_it_are_not_the_pilots(tmp_path: Path) -> None:
    assert "--http-proxy=false" in shlex.split(render(build("", tmp_path), "podman").replace("\\\n", ""))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("/data/run:2026", "type=bind,source=/data/run:2026,target=/pilot,readonly"),
        ("/data/a,b", 'type=bind,"source=/data/a,b",target=/pilot,readonly'),
        ('/data/"a"', 'type=bind,"source=/data/""a""",target=/pilot,readonly'),
    ],
)
def test_a_mount_is_told_with_what_separates_in_quotes(source: str, said: str, tmp_path: Path) -> None:
    spec = replace(build("", tmp_path), mounts=(Mount(source, "/pilot", read_only=True),))
    assert options(spec, "docker")["--mount"] == [said]


def test_a_propagation_is_told(tmp_path: Path) -> None:
    spec = replace(build("", tmp_path), mounts=(Mount("/cvmfs", "/cvmfs", propagation="shared"),))
    assert options(spec, "docker")["--mount"] == ["type=bind,source=/cvmfs,target=/cvmfs,bind-propagation=shared"]
    assert options(spec, "podman")["--volume"] == ["/cvmfs:/cvmfs:shared"]
