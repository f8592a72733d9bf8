"""Which credentials go to a registry: those of the first file that has some, and of its most special entry."""

import base64
import json
import os
from pathlib import Path
from typing import Any, Optional

import pytest

from ospool_ep.configuration.image_reference import parse
from ospool_ep.engine.credentials import Credentials, find

DOCKERS = "root/.docker/config.json"
SESSION = "run/user/0/containers/auth.json"
UNTIL_BOOT = "run/containers/0/auth.json"
LASTING = "root/.config/containers/auth.json"
IMAGE = "hub.example/osg/pilot:25"
PASSWORD = "hunter2"  # noqa: S105 - of nobody


def auth(name: str, password: str = PASSWORD) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{name}:{password}".encode()).decode()}


def write(root: Path, name: str, content: object) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def found(root: Path, kind: str, image: str = IMAGE) -> Credentials:
    return find(parse(image), kind, str(root))


def who(root: Path, kind: str, image: str = IMAGE) -> Optional[str]:
    header = found(root, kind, image).header
    if header is None:
        return None
    return str((header if kind == "docker" else next(iter(header.values())))["username"])


def test_without_any_file_nothing_is_sent(tmp_path: Path) -> None:
    for kind in ("docker", "podman"):
        assert found(tmp_path, kind) == Credentials()


def test_docker_gets_what_its_own_login_has_written(tmp_path: Path) -> None:
    write(tmp_path, DOCKERS, {"auths": {"hub.example": auth("me", "pass:word")}, "HttpHeaders": {"X": "y"}})
    expected = {"username": "me", "password": "pass:word", "serveraddress": "hub.example"}
    assert found(tmp_path, "docker") == Credentials(expected)


def test_podman_gets_it_for_that_registry_and_no_other(tmp_path: Path) -> None:
    # Its configuration may have it ask a mirror first.
    write(tmp_path, LASTING, {"auths": {"hub.example": auth("me")}})
    assert found(tmp_path, "podman") == Credentials({"hub.example": {"username": "me", "password": PASSWORD}})


def test_docker_gets_nothing_of_podmans_files(tmp_path: Path) -> None:
    for name in (SESSION, UNTIL_BOOT, LASTING):
        write(tmp_path, name, {"auths": {"hub.example": auth("podman")}})
    assert found(tmp_path, "docker") == Credentials()


def test_podmans_files_go_before_each_other_in_its_own_order(tmp_path: Path) -> None:
    order = (SESSION, UNTIL_BOOT, LASTING, DOCKERS)
    for name in order:
        write(tmp_path, name, {"auths": {"hub.example": auth(name)}})
    for name in order:
        assert who(tmp_path, "podman") == name
        (tmp_path / name).unlink()


def test_a_file_that_knows_the_registry_goes_before_one_that_comes_first(tmp_path: Path) -> None:
    write(tmp_path, SESSION, {"auths": {"other.example": auth("other")}})
    write(tmp_path, LASTING, {"auths": {"hub.example": auth("me")}})
    assert who(tmp_path, "podman") == "me"


@pytest.mark.parametrize("kind", ["docker", "podman"])
@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("hub.example/osg/pilot:25", "pilot"),
        ("hub.example/osg/other:25", "osg"),
        ("hub.example/osgood/pilot:25", "host"),
        ("hub.example:5000/osg/pilot:25", "port"),
        ("sub.hub.example/osg/pilot:25", None),
        ("osg/pilot:25", "Docker Hub"),
        ("docker.io/library/pilot", "Docker Hub"),
    ],
)
def test_the_entry_that_says_most_of_the_images_name_is_the_one(
    tmp_path: Path, kind: str, image: str, expected: Optional[str]
) -> None:
    entries = {
        "hub.example": auth("host"),
        "hub.example/osg": auth("osg"),
        "hub.example/osg/pilot": auth("pilot"),
        "https://hub.example:5000/v1/": auth("port"),
        "https://index.docker.io/v1/": auth("Docker Hub"),
    }
    for name in (DOCKERS, LASTING):
        write(tmp_path, name, {"auths": entries})
    assert who(tmp_path, kind, image) == expected


def test_a_token_of_dockers_goes_to_docker(tmp_path: Path) -> None:
    write(tmp_path, DOCKERS, {"auths": {"hub.example": {**auth("<token>", ""), "identitytoken": "t"}}})
    assert found(tmp_path, "docker").header == {"identitytoken": "t", "serveraddress": "hub.example"}
    # Podman reads that itself.
    assert found(tmp_path, "podman") == Credentials()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{\n not json", "is no JSON (line 2)."),
        ("[]", "is no JSON object."),
        ('{"auths": []}', None),
        ('{"auths": ["hub.example"]}', ': "auths" is no JSON object.'),
        ('{"auths": {"hub.example": "word"}}', ": the entry of hub.example is no JSON object."),
        ('{"auths": {"hub.example": {"auth": "c2VjcmV0!"}}}', ': the entry of hub.example has no "auth" that can'),
        ('{"auths": {"hub.example": {"auth": 7}}}', ': the entry of hub.example has no "auth" that can'),
        ('{"auths": {"other.example": "word"}}', None),
        ('{"auths": {"hub.example": {}}}', None),
    ],
)
@pytest.mark.parametrize(("kind", "name"), [("docker", DOCKERS), ("podman", LASTING)])
def test_a_broken_file_is_told_in_one_line_with_its_mend(
    tmp_path: Path, kind: str, name: str, content: str, reason: Optional[str]
) -> None:
    write(tmp_path, name, content)
    told = found(tmp_path, kind)
    if reason is None:
        assert told == Credentials()
        return
    path = str(tmp_path / name)
    assert told.problem.startswith(f"{path}{'' if reason[0] == ':' else ' '}{reason}")
    assert told.problem.endswith(" hub.example`.")
    assert f"Remove it, and log in again: `{kind} login" in told.problem
    assert "\n" not in told.problem


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / DOCKERS).mkdir(parents=True)
    assert found(tmp_path, "docker").problem.startswith(f"{tmp_path / DOCKERS} cannot be read: Is a directory.")


def test_an_empty_file_says_nothing_to_docker_and_is_broken_for_podman(tmp_path: Path) -> None:
    write(tmp_path, DOCKERS, "")
    assert found(tmp_path, "docker") == Credentials()
    assert "is no JSON" in found(tmp_path, "podman").problem


def test_behind_a_broken_file_the_next_one_counts(tmp_path: Path) -> None:
    write(tmp_path, SESSION, "{")
    write(tmp_path, LASTING, {"auths": {"hub.example": auth("me")}})
    assert who(tmp_path, "podman") == "me"
    assert SESSION in found(tmp_path, "podman").problem


def test_podman_is_kept_from_a_broken_file_by_credentials_for_nobody(tmp_path: Path) -> None:
    write(tmp_path, LASTING, "{")
    header = found(tmp_path, "podman").header
    assert header is not None
    assert all(place.endswith(".invalid") for place in header)


def test_no_secret_is_in_what_can_be_printed(tmp_path: Path) -> None:
    write(tmp_path, DOCKERS, {"auths": {"hub.example": auth("me")}})
    broken = f'{{"auths": {{"hub.example": {{"auth": "{auth("me")["auth"]}" "x"}}}}}}'
    write(tmp_path, SESSION, broken)
    for kind in ("docker", "podman"):
        told = found(tmp_path, kind)
        assert PASSWORD not in f"{told!r}{told}"
        assert auth("me")["auth"] not in f"{told!r}{told}"


def program(directory: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A program docker-credential-vault, which is found where commands are."""
    path = directory / "bin" / "docker-credential-vault"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\nread -r server\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("image", "settings", "asked"),
    [
        (IMAGE, {"credsStore": "vault"}, "hub.example"),
        (IMAGE, {"credHelpers": {"hub.example": "vault"}, "credsStore": "other"}, "hub.example"),
        ("osg/pilot:25", {"credsStore": "vault"}, "https://index.docker.io/v1/"),
    ],
)
def test_the_program_that_keeps_the_credentials_is_asked_for_docker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: str, settings: dict[str, Any], asked: str
) -> None:
    script = 'echo "{\\"Username\\": \\"me\\", \\"Secret\\": \\"for $server at $HOME by $1\\"}"'
    program(tmp_path, monkeypatch, script)
    write(tmp_path, DOCKERS, {"auths": {"hub.example": {}}, **settings})
    expected = {"username": "me", "password": f"for {asked} at /root by get", "serveraddress": asked}
    assert found(tmp_path, "docker", image) == Credentials(expected)
    assert found(tmp_path, "podman", image) == Credentials()


def test_what_the_program_does_not_have_stands_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, "echo credentials not found in native keychain; exit 1")
    write(tmp_path, DOCKERS, {"auths": {"hub.example": auth("me")}, "credsStore": "vault"})
    assert who(tmp_path, "docker") == "me"


@pytest.mark.parametrize("script", ["echo hunter2; exit 1", 'echo \'{"Secret": "hunter2"}\'', None])
def test_a_program_that_fails_is_told_with_the_command_to_try_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: Optional[str]
) -> None:
    if script:
        program(tmp_path, monkeypatch, script)
    write(tmp_path, DOCKERS, {"credsStore": "vault"})
    told = found(tmp_path, "docker")
    assert told.header is None
    assert told.problem == (
        f"{tmp_path / DOCKERS} names docker-credential-vault, which gave no credentials for hub.example."
        " The units have no network, and the timer's sees no other file of root's home."
        " Try it: `echo hub.example | docker-credential-vault get`."
    )
