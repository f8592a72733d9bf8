"""The container in the words of Podman's own API, which says the same as the one that it shares with Docker."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ospool_ep.container.create_request import create_body
from ospool_ep.container.libpod_request import Untranslatable, libpod_body
from ospool_ep.container.specification import Mount
from tests.pure.container.test_create_request import build

ALL = "NUM_CPUS=2\nMEMORY=1500\nPROVIDE_NVIDIA_GPU=1\nOSPOOL_EP_GPUS=0\nBIND_MOUNT_CVMFS=1\nWORKER_TEMP_DIR=/data/a:b\n"


def body_of(directory: Path, text: str = ALL) -> dict[str, Any]:
    return create_body(replace(build(text, directory), cgroup_parent="system-a.slice"), "podman")


def test_all_of_it_is_said(tmp_path: Path) -> None:
    body = body_of(tmp_path)
    request = libpod_body(body, "a-name")
    assert {key: request[key] for key in ("name", "image", "user", "stop_timeout", "cgroup_parent")} == {
        "name": "a-name",
        "image": body["Image"],
        "user": "1000",
        "stop_timeout": 120,
        "cgroup_parent": "system-a.slice",
    }
    assert request["env"]["NVIDIA_VISIBLE_DEVICES"] == "0"
    assert request["labels"] == body["Labels"]
    assert request["log_configuration"] == {"driver": "k8s-file", "size": 256 << 20}
    assert request["devices"] == [{"path": "/dev/fuse:/dev/fuse:rwm"}, {"path": "nvidia.com/gpu=0"}]
    assert request["resource_limits"] == {
        "pids": {"limit": 16384},
        "memory": {"limit": 1600 << 20},
        "cpu": {"period": 100_000, "quota": 200_000},
    }
    assert request["shm_size"] == 750 << 20
    assert request["r_limits"] == [{"type": "nofile", "soft": 2048, "hard": 524288}]
    assert (request["netns"], request["userns"]) == ({"nsmode": "bridge"}, {"nsmode": "host"})
    assert request["selinux_opts"] == ["disable"]
    assert request["seccomp_profile_path"] == "unconfined"
    assert request["no_new_privileges"] is True
    assert request["unmask"] == ["ALL"]


def test_a_guest_is_one_there_too(tmp_path: Path) -> None:
    request = libpod_body(body_of(tmp_path, "NUM_CPUS=2\nOSPOOL_EP_PRIORITY=backfill\n"), "a-name")
    assert request["oom_score_adj"] == 1000
    assert request["resource_limits"]["cpu"] == {"shares": 2, "period": 100_000, "quota": 200_000}
    request = libpod_body(body_of(tmp_path, "OSPOOL_EP_PRIORITY=backfill\n"), "a-name")
    assert request["resource_limits"]["cpu"] == {"shares": 2}


@pytest.mark.parametrize(
    ("mount", "source", "options"),
    [
        (Mount("/cvmfs", "/there", propagation="shared"), "/cvmfs", ["rbind", "shared"]),
        (Mount("/token", "/there", read_only=True), "/token", ["rbind", "ro"]),
        (Mount("/a:b", "/there", read_only=True), "/a:b", ["rbind", "ro"]),
        (Mount("/a,b", "/there"), "/a,b", ["rbind"]),
    ],
)
def test_a_mount_is_the_same_in_whichever_way_the_other_api_has_it(
    mount: Mount, source: str, options: list[str], tmp_path: Path
) -> None:
    body = create_body(replace(build("", tmp_path), mounts=(mount,)), "podman")
    expected = {"type": "bind", "source": source, "destination": "/there", "options": options}
    assert libpod_body(body, "a-name")["mounts"] == [expected]


@pytest.mark.parametrize(
    ("of_host", "more", "named"),
    [
        (True, {"Runtime": "nvidia"}, "Runtime"),
        (True, {"SecurityOpt": ["apparmor=x"]}, "apparmor=x"),
        (False, {"Cmd": ["a"]}, "Cmd"),
    ],
)
def test_what_is_not_known_is_refused(of_host: bool, more: dict[str, Any], named: str, tmp_path: Path) -> None:
    body = body_of(tmp_path)
    (body["HostConfig"] if of_host else body).update(more)
    with pytest.raises(Untranslatable, match=named):
        libpod_body(body, "a-name")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("OSPOOL_EP_NETWORK=host\n", {"netns": {"nsmode": "host"}}),
        ("OSPOOL_EP_NETWORK=mine\n", {"netns": {"nsmode": "bridge"}, "networks": {"mine": {}}}),
        ("OSPOOL_EP_PRIVILEGES=cvmfs-bind\n", {"cap_drop": ["ALL"], "no_new_privileges": True}),
        (
            "OSPOOL_EP_PRIVILEGES=minimum\n",
            {"seccomp_profile_path": "/usr/share/ospool-ep/seccomp-minimum.json", "selinux_opts": ["disable"]},
        ),
    ],
)
def test_each_way_to_lend_can_be_said(text: str, said: dict[str, Any], tmp_path: Path) -> None:
    request = libpod_body(body_of(tmp_path, f"PROVIDE_NVIDIA_GPU=1\n{text}"), "a-name")
    assert {key: request.get(key) for key in said} == said
    assert "unmask" not in request or "PRIVILEGES" not in text


def test_the_request_itself_is_left_as_it_is(tmp_path: Path) -> None:
    body, same = body_of(tmp_path), body_of(tmp_path)
    libpod_body(body, "a-name")
    assert body == same
