"""What a real engine and a real registry do when they fail, and that each failure is told as what it is."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ospool_ep.docker_engine import DockerEngine
from ospool_ep.engine import EngineError, EngineUnreachable, LogLine, NoSuchContainer, PullFailed
from tests.contract.player import load_image, play
from tests.support.private_engine import PrivateEngine, docker, private_engine
from tests.support.registry import Registry
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateEngine]:
    """An engine that the tests of this file may ill-treat."""
    with private_engine() as engine:
        load_image(engine.url, tmp_path_factory.mktemp("player"))
        yield engine


@pytest.fixture
def engine(victim: PrivateEngine) -> Iterator[DockerEngine]:
    yield DockerEngine(victim.url, timeout_seconds=2)
    for container in docker(victim.url, "ps", "--all", "--quiet").stdout.split():
        docker(victim.url, "rm", "--force", container)


def start(engine: DockerEngine, *instructions: str) -> str:
    container_id = engine.create(play(*instructions))
    engine.start(container_id)
    return container_id


class Attempt:
    """A call in a thread of its own, and what it raised."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.error: BaseException | None = None
        self._call = call
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._call()
        except BaseException as error:
            self.error = error

    def outcome(self, seconds: float = 20) -> "BaseException | None":
        """What it raised; fails when it still runs then."""
        self._thread.join(seconds)
        assert not self._thread.is_alive()
        return self.error


def test_a_frozen_engine_is_given_up_on(engine: DockerEngine, victim: PrivateEngine) -> None:
    container_id = start(engine, "forever")
    victim.freeze()
    try:
        for call in (
            engine.info,
            lambda: engine.container(container_id),
            lambda: list(engine.logs(container_id)),
            lambda: engine.execute(container_id, ("true",), user="1000", timeout_seconds=20),
        ):
            begun = time.monotonic()
            with pytest.raises(EngineUnreachable, match="no answer in time"):
                call()
            assert time.monotonic() - begun < 10
    finally:
        victim.thaw()
    assert engine.info().kind == "docker"


def test_a_killed_engine_ends_what_waits_for_it(engine: DockerEngine, victim: PrivateEngine) -> None:
    container_id = start(engine, "out ready", "forever")
    seen: list[LogLine] = []
    attempts = [
        Attempt(lambda: engine.wait(container_id)),
        Attempt(lambda: seen.extend(iter_into(seen, engine, container_id))),
        Attempt(lambda: engine.execute(container_id, ("sleep", "600"), user="1000", timeout_seconds=600)),
    ]
    wait_until(lambda: seen, "the log is followed")
    wait_until(lambda: docker(victim.url, "top", container_id).stdout.count("sleep") == 2, "the command runs")
    victim.kill()
    try:
        for attempt in attempts:
            error = attempt.outcome()
            assert isinstance(error, EngineUnreachable), repr(error)
            assert "\n" not in str(error)
    finally:
        victim.start()


def iter_into(seen: list[LogLine], engine: DockerEngine, container_id: str) -> Iterator[LogLine]:
    for line in engine.logs(container_id):
        seen.append(line)
        yield from ()


def test_no_socket_and_nobody_behind_it_are_told_apart(tmp_path: Path, victim: PrivateEngine) -> None:
    with pytest.raises(EngineUnreachable, match=r"there is no such socket.*systemctl start docker"):
        DockerEngine(f"unix://{tmp_path}/none.sock").info()
    victim.kill()
    try:
        with pytest.raises(EngineUnreachable, match="nobody listens there"):
            DockerEngine(victim.url).info()
    finally:
        victim.start()


def test_a_container_removed_by_force_ends_the_wait(engine: DockerEngine, victim: PrivateEngine) -> None:
    container_id = start(engine, "forever")
    attempt = Attempt(lambda: engine.wait(container_id))
    docker(victim.url, "rm", "--force", container_id)
    assert isinstance(attempt.outcome(), (NoSuchContainer, type(None)))


def test_a_paused_container_is_not_taken_for_one_that_has_ended(engine: DockerEngine, victim: PrivateEngine) -> None:
    container_id = start(engine, "forever")
    docker(victim.url, "pause", container_id)
    try:
        container = engine.container(container_id)
        assert container is not None
        assert (container.running, container.paused) == (True, True)
        with pytest.raises(EngineError, match="paused") as refusal:
            engine.execute(container_id, ("true",), user="1000", timeout_seconds=20)
        assert not isinstance(refusal.value, (NoSuchContainer, EngineUnreachable))
    finally:
        docker(victim.url, "unpause", container_id)


def test_a_command_that_does_not_end_is_given_up_on(engine: DockerEngine) -> None:
    container_id = start(engine, "forever")
    begun = time.monotonic()
    with pytest.raises(EngineError, match="did not end within 1 s: sh") as failure:
        engine.execute(
            container_id, ("sh", "-c", "while :; do echo on; sleep 0.1; done"), user="1000", timeout_seconds=1
        )
    assert not isinstance(failure.value, (EngineUnreachable, NoSuchContainer))
    assert time.monotonic() - begun < 10


def test_what_is_not_there_to_start_is_told(engine: DockerEngine) -> None:
    spec = play("forever")
    broken = type(spec)(**{**spec.__dict__, "devices": ("/dev/none-such",)})
    container_id = engine.create(broken)
    with pytest.raises(EngineError, match="/dev/none-such") as refusal:
        engine.start(container_id)
    assert not isinstance(refusal.value, EngineUnreachable)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("refuse", "."),
        ("break", "EOF|HTTP 206"),
        ("corrupt", "verification failed|invalid|digest"),
    ],
)
def test_a_pull_that_fails_in_mid_stream_has_failed(
    engine: DockerEngine, registry: Registry, fault: str, reason: str
) -> None:
    old = registry.put("pilot", "1", b"old")
    reference = registry.reference("pilot:1")
    list(engine.pull(reference))
    registry.put("pilot", "1", bytes(range(256)) * 20_000)
    registry.blob_fault = fault
    with pytest.raises(PullFailed, match=f"Cannot pull {reference}: .*({reason})") as failure:
        list(engine.pull(reference))
    assert "\n" not in str(failure.value)
    image = engine.image(reference)
    assert image is not None
    assert image.digest == old


def test_a_registry_that_needs_a_login_says_so(engine: DockerEngine, registry: Registry) -> None:
    registry.put("pilot", "1", b"secret")
    registry.needs_login = True
    with pytest.raises(PullFailed, match=r"no basic auth credentials|unauthorized|authentication required"):
        list(engine.pull(registry.reference("pilot:1")))


def test_a_registry_that_is_away_says_so(engine: DockerEngine) -> None:
    with pytest.raises(PullFailed, match="connection refused"):
        list(engine.pull("127.0.0.1:1/pilot:1"))


@pytest.mark.parametrize("reference", ["UPPER/case", "pilot:1:2", "https://hub.example.org/pilot", " "])
def test_a_reference_that_is_none_is_refused(engine: DockerEngine, reference: str) -> None:
    with pytest.raises(PullFailed) as failure:
        list(engine.pull(reference))
    assert "\n" not in str(failure.value)


def test_an_engine_killed_in_mid_pull_is_away(engine: DockerEngine, victim: PrivateEngine, registry: Registry) -> None:
    registry.put("pilot", "1", bytes(range(256)) * 20_000)
    registry.blob_fault = "hang"
    attempt = Attempt(lambda: list(engine.pull(registry.reference("pilot:1"))))
    assert registry.hanging.wait(20)
    victim.kill()
    try:
        assert isinstance(attempt.outcome(), EngineUnreachable), repr(attempt.error)
    finally:
        victim.start()


def test_a_digest_is_pulled_and_found_again(engine: DockerEngine, registry: Registry) -> None:
    digest = registry.put("pilot", "1", b"pinned")
    reference = registry.reference(f"pilot@{digest}")
    list(engine.pull(reference))
    image = engine.image(reference)
    assert image is not None
    assert image.digest == digest
