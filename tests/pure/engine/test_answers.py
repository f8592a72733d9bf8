"""What engines of all kinds answer, in the project's own words."""

from typing import Any

import pytest

from ospool_ep.engine.answers import image_directory, unnamed
from ospool_ep.engine.failures import mend_of_pull, mend_of_registry, refusal
from ospool_ep.engine.interface import EngineError, EngineUnreachable, Image, NoSuchContainer
from ospool_ep.wording import sentence

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
        assert mend.startswith(f" The disk of /data is full: `df -h /data` and `{command} system df` show")
        assert f"`{command} image prune`" in mend
    assert mend_of_pull("manifest unknown", DOCKER, info) == ""


@pytest.mark.parametrize(
    ("reason", "mend"),
    [
        ("Get https://hub.example/v2/: dial tcp 192.0.2.1:443: connect: connection refused", "`curl -vI https://hub.example/v2/`"),
        ("nothing came for 900 s", "`curl -vI https://hub.example/v2/`"),
        ("Get https://hub.example/v2/: x509: certificate signed by unknown authority", "`curl -vI"),
        ("pull access denied for pilot, repository does not exist", "`docker login hub.example`"),
        ("manifest for hub.example/pilot:25 not found: manifest unknown", "OSPOOL_EP_IMAGE"),
    ],
)  # fmt: skip
def test_what_a_registry_said_has_a_mend(reason: str, mend: str) -> None:
    told = mend_of_registry(reason, "hub.example/pilot:25")
    assert mend in told
    assert told[0] == " "
    assert told[-1] in ".?"


def test_what_nobody_knows_has_no_mend() -> None:
    assert mend_of_registry("a wonder", "hub.example/pilot:25") == ""


def test_for_a_reference_that_is_none_no_registry_has_a_mend() -> None:
    assert mend_of_registry("invalid reference format, not found", "https://hub.example/pilot:25") == ""


@pytest.mark.parametrize(("text", "whole"), [("a\n b", "a b."), ("a.", "a."), ("a?", "a?")])
def test_a_sentence_ends(text: str, whole: str) -> None:
    assert sentence(text) == whole


@pytest.mark.parametrize("status", [500, 503])
def test_what_a_registry_says_upsets_no_terminal(status: int) -> None:
    assert "not\\x1b[31m there" in str(refusal(status, "not\x1b[31m\nthere"))


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
