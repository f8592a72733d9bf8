"""A registry that wants credentials, or refuses for another reason: what the engine gets from us, and what it says."""

import base64
import json
import platform
from collections.abc import Callable
from pathlib import Path

import pytest

from ospool_ep.engine.adapter import DockerEngine
from ospool_ep.engine.interface import PullFailed, PullProgress
from tests.support.registry import Registry

LOGIN = "somebody:pass:word"
SECRETS = ("pass:word", base64.b64encode(LOGIN.encode()).decode())
# By the kind of the engine: where its own commands write the credentials, or may.
FILES = {
    "docker": ["root/.docker/config.json"],
    "podman": [
        "run/user/0/containers/auth.json",
        "run/containers/0/auth.json",
        "root/.config/containers/auth.json",
        "root/.docker/config.json",
    ],
}

Ask = Callable[[], object]


class Endpoint:
    """The engine, as it is on a host whose files are below ``root``."""

    def __init__(self, url: str, root: Path, registry: Registry) -> None:
        self.engine = DockerEngine(url, root=str(root))
        self.kind = self.engine.info().kind
        self.files = [root / name for name in FILES[self.kind]]
        self.registry = registry
        self.digest = registry.put("osg/pilot", "1", b"content")
        self.reference = registry.reference("osg/pilot:1")
        for file in self.files:
            file.parent.mkdir(parents=True, exist_ok=True)

    def log_in(self, file: Path, login: str = LOGIN, place: str = "") -> None:
        """As `docker login` and `podman login` do."""
        entry = {"auth": base64.b64encode(login.encode()).decode()}
        file.write_text(json.dumps({"auths": {f"127.0.0.1:{self.registry.port}{place}": entry}}))

    def ask(self) -> str:
        return self.engine.registry_digest(self.reference)

    def pull(self) -> PullProgress:
        return list(self.engine.pull(self.reference))[-1]


@pytest.fixture
def endpoint(engine_url: str, tmp_path: Path, registry: Registry) -> Endpoint:
    return Endpoint(engine_url, tmp_path, registry)


@pytest.fixture
def closed(endpoint: Endpoint) -> Endpoint:
    """Its registry lets in only whom it knows."""
    endpoint.registry.needs_login, endpoint.registry.login = True, LOGIN
    return endpoint


def assert_refused(endpoint: Endpoint) -> None:
    for ask in (endpoint.ask, endpoint.pull):
        with pytest.raises(PullFailed, match=rf"`{endpoint.kind} login .*127\.0\.0\.1:{endpoint.registry.port}`"):
            ask()


def test_a_registry_that_needs_a_login_says_so(closed: Endpoint) -> None:
    assert_refused(closed)


def test_who_has_logged_in_may_ask_and_pull(closed: Endpoint) -> None:
    for file in closed.files:
        closed.log_in(file)
        assert closed.ask() == closed.digest
        assert closed.pull().percent == 100
        file.unlink()
        assert_refused(closed)


def test_a_login_for_a_part_of_the_registry_is_for_no_other(closed: Endpoint) -> None:
    closed.log_in(closed.files[-1], place="/osg")
    assert closed.ask() == closed.digest
    closed.log_in(closed.files[-1], place="/other")
    assert_refused(closed)


def test_who_starts_us_has_no_say_in_whose_credentials_are_used(
    closed: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed.log_in(tmp_path / "config.json")
    closed.log_in(tmp_path / ".dockercfg")
    for name in ("HOME", "DOCKER_CONFIG"):
        monkeypatch.setenv(name, str(tmp_path))
    assert_refused(closed)


def test_a_wrong_password_is_refused_and_told_nowhere(closed: Endpoint, capfd: pytest.CaptureFixture[str]) -> None:
    closed.registry.login = "somebody:else"
    closed.log_in(closed.files[0])
    for ask in (closed.ask, closed.pull):
        with pytest.raises(PullFailed) as failure:
            ask()
        said = f"{failure.value!r} {capfd.readouterr()}"
        assert not [secret for secret in SECRETS if secret in said]


def test_a_broken_file_is_told_and_what_is_public_is_pulled(endpoint: Endpoint) -> None:
    for file in endpoint.files:
        file.write_text("{broken")
        assert endpoint.ask() == endpoint.digest
        assert endpoint.pull().problem.startswith(f"{file} is no JSON (line 1). Remove it, and log in again: ")
        file.unlink()
    assert endpoint.pull().problem == ""


def test_a_broken_file_is_told_where_the_registry_refuses(closed: Endpoint) -> None:
    closed.files[0].write_text("{broken")
    for ask in (closed.ask, closed.pull):
        with pytest.raises(PullFailed, match=f"{closed.files[0]} is no JSON") as failure:
            ask()
        assert "\n" not in str(failure.value)


def test_an_image_for_another_architecture_is_told_with_this_hosts(endpoint: Endpoint) -> None:
    endpoint.registry.put_list("osg/pilot", "1", s390x=b"content")
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    with pytest.raises(PullFailed, match=rf"for this host's architecture, {architecture}\. .*OSPOOL_EP_IMAGE"):
        endpoint.pull()


def test_a_host_that_pulls_too_often_is_told_to_wait(endpoint: Endpoint) -> None:
    # Podman asks again and again, and for minutes, before it says so.
    endpoint.registry.limited = True
    with pytest.raises(PullFailed, match="wait for some hours"):
        endpoint.pull()
