"""The engines under test: the fake one, and a real one.

The real one is a private dockerd, or the one whose address stands in OSPOOL_EP_TEST_ENGINE (unix:///…; Podman's
socket, say). Where neither can be had the tests fail; none is skipped.
"""

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ospool_ep.container.specification import ContainerSpec
from ospool_ep.engine.adapter import DockerEngine
from ospool_ep.engine.interface import Engine, Execution, PullFailed
from tests.contract.player import PlayingFake, load_image
from tests.support.private_engine import PrivateEngine, docker, private_engine
from tests.support.registry import Registry, registry_on_loopback

ADDRESS = "OSPOOL_EP_TEST_ENGINE"
# The fake one is the same wherever its tests run.
ENGINES = ["real"] if ADDRESS in os.environ else ["fake", "real"]

# A name that tests give to images.
LAST_GOOD = "localhost/ospool-ep-contract:last-good"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "machine: is run by the quick layer in the virtual machine, too")
    config.addinivalue_line("markers", "dockers_own: of what only Docker does, or has")
    config.addinivalue_line("markers", "podmans_own: of what only Podman does; is run where a test engine is named")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # The private engine is a Docker.
    elsewhere = [] if ADDRESS in os.environ else [item for item in items if item.get_closest_marker("podmans_own")]
    items[:] = [item for item in items if item not in elsewhere]
    config.hook.pytest_deselected(items=elsewhere)


@pytest.fixture(scope="session")
def engine_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the real engine; it has the player's image."""
    scratch = tmp_path_factory.mktemp("player")
    if ADDRESS in os.environ:
        load_image(os.environ[ADDRESS], scratch)
        yield os.environ[ADDRESS]
        return
    with private_engine() as private:
        load_image(private.url, scratch)
        yield private.url


@pytest.fixture(scope="session")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateEngine]:
    """A real engine that tests may ill-treat; it has the player's image."""
    with private_engine() as private:
        load_image(private.url, tmp_path_factory.mktemp("player"))
        yield private


@pytest.fixture
def registry() -> Iterator[Registry]:
    """An empty registry on loopback."""
    with registry_on_loopback() as held:
        yield held


@dataclass
class World:
    """An engine, and the means to set the stage for it without knowing which it is.

    ``kind`` is what it says of itself; ``publish`` puts an image of one layer with that content into a registry, and
    returns its reference and digest; ``publish_list`` does so with an image for this architecture and another one;
    ``pause``, ``unpause`` and ``remove_by_force`` are what somebody else does to a container; ``teach`` makes sure that
    a command gives that answer inside a container; ``away`` is an engine that is silent; ``images`` lists the names
    that the engine has of the registry's images, and of ours.
    """

    engine: Engine
    kind: str
    publish: Callable[[str, bytes], tuple[str, str]]
    publish_list: Callable[[str, bytes], tuple[str, str]]
    unpublished: str
    pause: Callable[[str], object]
    unpause: Callable[[str], object]
    remove_by_force: Callable[[str], object]
    teach: Callable[[Sequence[str], Execution], None]
    away: Engine
    images: Callable[[], list[str]]
    made: list[str] = field(default_factory=list)

    def name_of(self, container_id: str) -> str:
        """The name of a container that is there."""
        container = self.engine.container(container_id)
        assert container is not None
        return container.name

    def start(self, spec: ContainerSpec) -> str:
        """Create and start."""
        container_id = self.engine.create(spec)
        self.made.append(container_id)
        self.engine.start(container_id)
        return container_id


@pytest.fixture(params=ENGINES)
def world(request: pytest.FixtureRequest, registry: Registry, tmp_path: Path) -> Iterator[World]:
    """The stage of a contract test."""
    if request.param == "fake":
        yield _fake_world(PlayingFake(), registry)
        return
    url = request.getfixturevalue("engine_url")
    yield _real_world(url, registry, tmp_path)
    _remove_containers(url)
    if registry.manifests:
        _remove_images(url, f"127.0.0.1:{registry.port}/")


@pytest.fixture(params=ENGINES)
def mortal(
    request: pytest.FixtureRequest, registry: Registry, tmp_path: Path
) -> Iterator[tuple[World, Callable[[], object]]]:
    """A stage, and what ends its engine as a crash would."""
    if request.param == "fake":
        fake = PlayingFake()

        def die() -> None:
            fake.unreachable = True

        yield _fake_world(fake, registry), die
        return
    victim: PrivateEngine = request.getfixturevalue("victim")
    yield _real_world(victim.url, registry, tmp_path), victim.kill
    victim.start()
    _remove_containers(victim.url)


@functools.lru_cache
def _kind(url: str) -> str:
    return "podman" if "Podman" in docker(url, "version").stdout else "docker"


def _real_world(url: str, registry: Registry, directory: Path) -> World:
    return World(
        engine=DockerEngine(url),
        kind=_kind(url),
        publish=lambda name, content: (registry.reference(f"{name}:1"), registry.put(name, "1", content)),
        publish_list=lambda name, content: (registry.reference(f"{name}:1"), _put_list(registry, name, content)),
        unpublished=registry.reference("nothing:1"),
        pause=lambda container_id: docker(url, "pause", container_id),
        unpause=lambda container_id: docker(url, "unpause", container_id),
        remove_by_force=lambda container_id: docker(url, "rm", "--force", container_id),
        teach=lambda _command, _execution: None,
        away=DockerEngine(f"unix://{directory}/nobody.sock"),
        images=lambda: _images(url, f"127.0.0.1:{registry.port}/"),
    )


def _fake_world(fake: PlayingFake, registry: Registry) -> World:
    away = PlayingFake()
    away.unreachable = True
    answers: dict[tuple[str, ...], Execution] = {}
    fake.answer = lambda command: answers[tuple(command)]

    def publish(name: str, content: bytes) -> tuple[str, str]:
        digest = registry.put(name, "1", content)
        for suffix in (":1", f"@{digest}"):
            fake.registry[registry.reference(f"{name}{suffix}")] = digest
        return registry.reference(f"{name}:1"), digest

    def publish_list(name: str, content: bytes) -> tuple[str, str]:
        reference, digest = registry.reference(f"{name}:1"), _put_list(registry, name, content)
        fake.registry[reference] = digest
        return reference, digest

    unpublished = registry.reference("nothing:1")
    fake.registry[unpublished] = PullFailed(f"manifest for {unpublished} not found: manifest unknown")
    return World(
        engine=fake,
        kind="docker",
        publish=publish,
        publish_list=publish_list,
        unpublished=unpublished,
        pause=fake.pause,
        unpause=fake.unpause,
        remove_by_force=fake.vanish,
        teach=lambda command, execution: answers.update({tuple(command): execution}),
        away=away,
        images=lambda: [name for name in fake.registry if fake.image(name)],
    )


def _put_list(registry: Registry, name: str, content: bytes) -> str:
    return registry.put_list(name, "1", amd64=content, s390x=b"of another architecture")


def _remove_containers(url: str) -> None:
    for container in docker(url, "ps", "--all", "--quiet", "--filter=name=ospool-ep-").stdout.split():
        docker(url, "rm", "--force", "--volumes", container)


def _images(url: str, registry: str) -> list[str]:
    names = docker(url, "image", "ls", "--format={{.Repository}}:{{.Tag}}").stdout.split()
    return [name for name in names if name.startswith((registry, "localhost/ospool-ep:"))]


def _remove_images(url: str, registry: str) -> None:
    """The name that tests give, and the images that came from that registry."""
    docker(url, "image", "rm", LAST_GOOD, check=False)
    listing = docker(url, "image", "ls", "--digests", "--format={{.ID}} {{.Repository}}").stdout
    for image in {line.split()[0] for line in listing.splitlines() if registry in line}:
        docker(url, "image", "rm", "--force", image, check=False)
    # Podman forgets where they came from together with their names.
    docker(url, "image", "prune", "--force", check=False)
