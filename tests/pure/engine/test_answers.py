"""What engines of all kinds answer, in the project's own words."""

from typing import Any

import pytest

from ospool_ep.engine.answers import has_digest, image_directory, unnamed
from ospool_ep.engine.failures import refusal
from ospool_ep.engine.interface import EngineError, EngineUnreachable, Image, NoSuchContainer
from ospool_ep.wording import sentence


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


@pytest.mark.parametrize(("text", "whole"), [("a\n b", "a b."), ("a.", "a."), ("a?", "a?")])
def test_a_sentence_ends(text: str, whole: str) -> None:
    assert sentence(text) == whole


@pytest.mark.parametrize("status", [500, 503])
def test_what_a_registry_says_upsets_no_terminal(status: int) -> None:
    assert "not\\x1b[31m there" in str(refusal(status, "not\x1b[31m\nthere"))


def entry(identity: str, tags: object, digests: object) -> dict[str, Any]:
    return {"Id": identity, "Created": 7, "RepoTags": tags, "RepoDigests": digests}


def test_an_image_may_have_several_digests() -> None:
    found = entry("of Podman", ["hub.example/pilot:1"], ["hub.example/pilot@sha256:12", "hub.example/pilot@sha256:34"])
    assert has_digest(found, "sha256:34")
    assert not has_digest(found, "sha256:3")
    assert not has_digest(entry("never pulled", [], None), "sha256:34")


def test_podman_tells_an_unnamed_image_by_the_names_that_it_had() -> None:
    """As Podman 5.4 lists one whose tag has gone over to the next image."""
    known = {**entry("wanted", None, []), "Digest": "sha256:1", "History": ["hub.example/pilot:24", "localhost/x:y"]}
    other = {**entry("other", None, []), "Digest": "sha256:2", "History": ["hub.example/pilot-gpu:24"]}
    assert unnamed([known, other], "hub.example/pilot:24") == (Image("wanted", "sha256:1", 7.0),)


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
        # Podman 5.4, while it removes it.
        (500, "no container with ID 3b018871e615 found in database: no such container", NoSuchContainer),
        (500, "no space left on device", EngineError),
        (409, "removal: container is marked for removal and cannot be started", NoSuchContainer),
        (409, "name in use", EngineError),
        (503, "starting", EngineUnreachable),
        (500, "failed", EngineError),
    ],
)
def test_a_refusal_is_told_as_what_it_is(status: int, reason: str, kind: type) -> None:
    assert type(refusal(status, reason)) is kind
