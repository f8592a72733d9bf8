"""A registry that wants credentials: root logs in as with any other image, and the timer and the service may pull."""

from collections.abc import Iterator

import pytest

from tests.host.scenes import STUB, inspect, said
from tests.host.test_secrets import found_at
from tests.support.endpoint import Endpoint
from tests.support.host import PODMAN
from tests.support.waiting import wait_until
from tests.world.images import MANAGER, REGISTRY

IMAGE_UNIT = "ospool-ep-image.service"
CLOSED = "127.0.0.1:5002"
IMAGE = STUB.replace(REGISTRY, CLOSED)
PASSWORD = "correct-horse-battery-staple"  # noqa: S105 - of nobody
DOCKERS_FILE = "/root/.docker/config.json"
PODMANS_FILE = "/root/.config/containers/auth.json"

# The host's registry once more, on another port, with basic authentication.
_SERVE = f"""
perl -e 'print "somebody:", crypt(<STDIN>, q($2b$05$saltsaltsaltsaltsaltsu)), "\\n"' >/run/htpasswd
systemd-run --quiet --collect --unit=closed-registry --setenv=REGISTRY_HTTP_ADDR={CLOSED} \\
    --setenv=REGISTRY_AUTH=htpasswd --setenv=REGISTRY_AUTH_HTPASSWD_REALM=closed \\
    --setenv=REGISTRY_AUTH_HTPASSWD_PATH=/run/htpasswd docker-registry serve /etc/docker/registry/config.yml
"""
_CLEAN = f"""
systemctl stop closed-registry {IMAGE_UNIT}
rm -rf /run/htpasswd /root/.docker /root/.config /run/containers/0/auth.json
"""


@pytest.fixture(autouse=True)
def closed_registry(endpoint: Endpoint) -> Iterator[None]:
    """The registry, and a configuration that names an image of it."""
    endpoint.host.do("sh", "-ec", _SERVE, input=PASSWORD)
    endpoint.set_up(OSPOOL_EP_IMAGE=IMAGE)
    answers = ["curl", "--silent", "--output", "/dev/null", f"http://{CLOSED}/v2/"]
    wait_until(lambda: endpoint.host.run(answers).returncode == 0, "the closed registry answers")
    yield
    endpoint.host.do("sh", "-c", _CLEAN)


def log_in(endpoint: Endpoint, *command: str) -> None:
    endpoint.host.do(*command, "--username=somebody", "--password-stdin", CLOSED, input=PASSWORD)


def pull(endpoint: Endpoint) -> tuple[bool, str]:
    """Have the timer's unit pull: whether it did, and what it said."""
    before = endpoint.host.cursor()
    done = endpoint.host.run(["systemctl", "start", IMAGE_UNIT])
    endpoint.host.do("systemctl", "stop", IMAGE_UNIT)  # or it would try again in an hour
    entries = endpoint.host.journal(after=before, unit=IMAGE_UNIT)
    return done.returncode == 0, "\n".join(entry.message for entry in entries if entry.identifier == "ospool-ep")


def expect_failures(endpoint: Endpoint) -> None:
    endpoint.expect_message(rf"{IMAGE_UNIT}: Failed with result", f"Failed to start {IMAGE_UNIT.partition('.')[0]}")


@pytest.mark.container_host
def test_the_timers_unit_pulls_as_long_as_root_is_logged_in(endpoint: Endpoint) -> None:
    expect_failures(endpoint)
    mend = f"`docker login {CLOSED}`, as root, gives this host access."
    pulled, told = pull(endpoint)
    assert not pulled
    assert mend in told
    log_in(endpoint, "docker", "login")
    pulled, told = pull(endpoint)
    assert pulled
    assert f"{IMAGE} is new here (sha256:" in told
    endpoint.host.do("docker", "logout", CLOSED)
    pulled, told = pull(endpoint)
    assert not pulled
    assert mend in told


@pytest.mark.container_host
def test_the_service_pulls_with_what_root_has_logged_in_with(endpoint: Endpoint) -> None:
    log_in(endpoint, "docker", "login")
    endpoint.start()
    assert inspect(endpoint)["Config"]["Image"] == IMAGE
    assert "is up to date" in endpoint.host.do("ospool-ep", "update", "--check")


@pytest.mark.container_host
def test_the_password_stands_nowhere_but_in_its_file(endpoint: Endpoint) -> None:
    log_in(endpoint, "docker", "login")
    coded = endpoint.host.read(DOCKERS_FILE).partition('"auth": "')[2].partition('"')[0]
    endpoint.start()
    assert pull(endpoint)[0]
    endpoint.host.do("ospool-ep", "update", "--check")
    assert coded
    assert not found_at(endpoint, PASSWORD)
    assert not found_at(endpoint, coded)


@pytest.mark.container_host
def test_a_broken_file_is_told_and_a_public_image_is_pulled(endpoint: Endpoint) -> None:
    endpoint.configure(OSPOOL_EP_IMAGE=STUB)
    endpoint.host.write(DOCKERS_FILE, "{broken")
    problem = f"{DOCKERS_FILE} is no JSON (line 1). Remove it, and log in again: `docker login {REGISTRY}`."
    pulled, told = pull(endpoint)
    assert pulled
    assert told.splitlines()[0] == f"ospool-ep update: {problem}"
    endpoint.host.do("rm", "/var/lib/ospool-ep/pulled")
    endpoint.expect_message(rf"{DOCKERS_FILE} is no JSON")
    endpoint.start()
    assert said(endpoint).count(problem) == 1


@pytest.fixture
def podman(endpoint: Endpoint) -> Iterator[None]:
    """Podman is the engine, and Docker is out of use."""
    insecure = f'[[registry]]\nlocation = "{CLOSED}"\ninsecure = true\n'
    endpoint.host.write("/etc/containers/registries.conf.d/closed.conf", insecure)
    if endpoint.host.engine is PODMAN:
        yield
        endpoint.host.do("rm", "/etc/containers/registries.conf.d/closed.conf")
        return
    # In order: to one that is masked while it ends systemd does not listen any more, and warns.
    endpoint.host.do("systemctl", "stop", "docker.socket", "docker.service")
    endpoint.host.do("systemctl", "start", "podman.socket")
    yield
    endpoint.host.do("sh", "-c", "podman image rm --all --force; rm /etc/containers/registries.conf.d/closed.conf")
    endpoint.host.do("systemctl", "stop", "podman.socket", "podman.service")
    endpoint.host.do("systemctl", "start", "docker.service")
    endpoint.pool.start(MANAGER)


@pytest.mark.usefixtures("podman")
def test_podman_pulls_as_long_as_root_is_logged_in(endpoint: Endpoint) -> None:
    expect_failures(endpoint)
    login = f"podman login --authfile={PODMANS_FILE}"
    pulled, told = pull(endpoint)
    assert not pulled
    assert f"`{login} {CLOSED}`, as root, gives this host access." in told
    log_in(endpoint, *login.split())
    assert "is new in the registry" in endpoint.host.do("ospool-ep", "update", "--check")
    assert pull(endpoint)[0]
    assert "is up to date" in endpoint.host.do("ospool-ep", "update", "--check")
    endpoint.host.do("podman", "logout", f"--authfile={PODMANS_FILE}", CLOSED)
    assert not pull(endpoint)[0]
    log_in(endpoint, "podman", "login")
    assert pull(endpoint)[0]
