"""What engines of all kinds answer, in the project's own words."""

from typing import Any

import pytest

from ospool_ep.docker_answers import image_directory, unnamed
from ospool_ep.docker_failures import mend_of_pull, refusal
from ospool_ep.engine import EngineError, EngineUnreachable, Image, NoSuchContainer

DOCKER: dict[str, Any] = {"Components": [{"Name": "Engine"}]}
PODMAN: dict[str, Any] = {"Components": [{"Name": "Podman Engine"}]}


@pytest.mark.parametrize(
    ("info", "directory"),
    [
        ({"DockerRootDir": "/data/docker", "DriverStatus": [["Backing Filesystem", "xfs"]]}, "/data/docker"),
        (
            {"DockerRootDir": "/data/docker", "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]},
            "/var/lib/containerd",
        ),
        ({"DockerRootDir": "/var/lib/containers/storage", "DriverStatus": None}, "/var/lib/containers/storage"),
        ({}, "/var/lib/docker"),
    ],
)
def test_the_directory_of_the_images_is_where_they_are(info: dict[str, Any], directory: str) -> None:
    assert image_directory(info) == directory


def test_a_full_disk_has_a_mend_for_each_engine() -> None:
    info = {"DockerRootDir": "/data"}
    for version, command in ((DOCKER, "docker"), (PODMAN, "podman")):
        mend = mend_of_pull("write /data/x: no space left on device", version, info)
        assert f"df -h /data; {command} system df;" in mend
        assert mend.endswith(f"{command} image prune")
    assert mend_of_pull("manifest unknown", DOCKER, info) == ""


def entry(identity: str, tags: object, digests: object) -> dict[str, Any]:
    return {"Id": identity, "Created": 7, "RepoTags": tags, "RepoDigests": digests}


@pytest.mark.parametrize("none", [None, [], ["<none>:<none>"], ["hub.example/pilot@sha256:1"]])
def test_no_name_is_said_in_four_ways(none: object) -> None:
    found = [
        entry("wanted", none, ["hub.example/pilot@sha256:1"]),
        entry("named", ["localhost/x:y"], ["hub.example/pilot@sha256:2"]),
        entry("of another repository", none, ["hub.example/pilot-gpu@sha256:3"]),
        entry("never pulled", none, None),
        entry("nowhere known", none, ["<none>@<none>"]),
    ]
    assert unnamed(found, "hub.example/pilot:24") == (Image("wanted", "sha256:1", 7.0),)


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (404, "no such container", NoSuchContainer),
        (409, "removal: container is marked for removal and cannot be started", NoSuchContainer),
        (409, "name in use", EngineError),
        (503, "starting", EngineUnreachable),
        (500, "failed", EngineError),
    ],
)
def test_a_refusal_is_told_as_what_it_is(status: int, reason: str, kind: type) -> None:
    assert type(refusal(status, reason)) is kind
