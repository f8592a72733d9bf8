"""What engines of all kinds answer, in the project's own words."""

import json
from pathlib import Path
from typing import Any, Optional

import pytest

from ospool_ep.engine.adapter import DockerEngine
from ospool_ep.engine.answers import container, engine_info, has_digest, image_directory, unnamed
from ospool_ep.engine.failures import refusal
from ospool_ep.engine.interface import EngineError, EngineUnreachable, Image, NoSuchContainer
from ospool_ep.wording import sentence
from tests.pure.checks.played_engine import serving


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


@pytest.mark.parametrize(
    ("info", "limits"),
    [
        ({"CgroupDriver": "systemd", "CgroupVersion": "2"}, True),
        ({"CgroupDriver": "systemd", "CgroupVersion": "1"}, False),
        ({"CgroupDriver": "cgroupfs", "CgroupVersion": "2"}, False),
        # Docker before 20.10, which knows version 1 only.
        ({"CgroupDriver": "systemd"}, False),
        ({}, False),
    ],
)
def test_a_slice_limits_a_sum_where_systemd_makes_the_cgroups_of_version_2(info: dict[str, Any], limits: bool) -> None:
    assert engine_info({"Version": "29.1.0", "ApiVersion": "1.52"}, info).limits_sums is limits


@pytest.mark.parametrize(
    ("info", "directories"),
    [({}, ()), ({"CDISpecDirs": None}, ()), ({"CDISpecDirs": []}, ()), ({"CDISpecDirs": ["/etc/cdi"]}, ("/etc/cdi",))],
)
def test_where_docker_looks_for_device_interfaces(info: dict[str, Any], directories: tuple[str, ...]) -> None:
    """Nowhere where it has them off."""
    assert engine_info({"Version": "29.1.0", "ApiVersion": "1.52"}, info).cdi_directories == directories


@pytest.mark.parametrize(
    ("host", "cpus", "memory"),
    [
        ({"NanoCpus": 1_500_000_000, "Memory": 1 << 30}, 1.5, 1 << 30),
        ({"NanoCpus": 0, "Memory": 0}, None, None),
        ({"NanoCpus": None}, None, None),
        (None, None, None),
    ],
)
def test_no_limit_is_said_in_many_ways(host: object, cpus: Optional[float], memory: Optional[int]) -> None:
    found = container({**inspected(), "HostConfig": host})
    assert (found.cpus, found.memory_bytes) == (cpus, memory)


def inspected(**state: object) -> dict[str, Any]:
    """A container that has run for a while."""
    still: dict[str, object] = {"Running": False, "Paused": False, "ExitCode": 0, "OOMKilled": False, "FinishedAt": ""}
    return {
        "Id": "c0ffee", "Name": "/pilot", "Image": "sha256:1", "Config": {"Image": "hub.example/pilot:1"},
        "State": {**still, "StartedAt": "2026-01-02T03:04:05Z", **state},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("state", "running"),
    [
        ({"Status": "running", "Running": True}, True),
        ({"Status": "paused", "Running": True, "Paused": True}, True),
        # Podman has told it to end.
        ({"Status": "stopping"}, True),
        ({"Status": "stopped"}, False),
        ({"Status": "exited"}, False),
        ({}, False),
    ],
)
def test_a_container_runs_until_it_has_ended(state: dict[str, object], running: bool) -> None:
    assert container(inspected(**state)).running is running


REFUSED = b'{"StatusCode": -1, "Error": {"Message": "no monitor"}}'


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        (b"", EngineUnreachable),
        (REFUSED, EngineError),
        (b'{"StatusCode": 0, "Error": null}', None),
        (b'{"StatusCode": 1}', None),
    ],
)
@pytest.mark.parametrize("running", [True, False])
def test_a_wait_that_ends_before_the_container_is_no_end_of_it(
    tmp_path: Path, said: bytes, failure: Optional[type[EngineError]], running: bool
) -> None:
    def answer(asked: bytes) -> bytes:
        body = said if b"/wait" in asked else json.dumps(inspected(Running=running)).encode()
        return b"HTTP/1.0 200 OK\r\nServer: Libpod/5.4.2 (linux)\r\n\r\n" + body

    with serving(tmp_path / "e.sock", answer):
        engine = DockerEngine(f"unix://{tmp_path}/e.sock")
        if failure and running:
            with pytest.raises(EngineError) as raised:
                engine.wait("c0ffee")
            assert type(raised.value) is failure
        else:
            assert engine.wait("c0ffee").running is running


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
