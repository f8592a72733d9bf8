"""What a real engine and a real registry do when they fail, and that each failure is told as what it is."""

import os
import struct
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from ospool_ep.engine.adapter import DockerEngine
from ospool_ep.engine.interface import EngineError, EngineUnreachable, NoSuchContainer, PullFailed
from tests.contract.attempt import Attempt
from tests.contract.player import play
from tests.support.private_engine import PrivateEngine, docker
from tests.support.registry import Registry
from tests.support.waiting import SLOW, wait_until

# How long the engine may be silent, in seconds.
SHORT = 2 * SLOW
STALLED = 3 * SLOW


@pytest.fixture
def engine(victim: PrivateEngine) -> Iterator[DockerEngine]:
    yield DockerEngine(victim.url, timeout_seconds=SHORT, stalled_seconds=STALLED)
    for container in docker(victim.url, "ps", "--all", "--quiet").stdout.split():
        docker(victim.url, "rm", "--force", container)


def start(engine: DockerEngine, *instructions: str) -> str:
    container_id = engine.create(play(*instructions))
    engine.start(container_id)
    return container_id


def new_layer() -> bytes:
    """The content of a layer that no engine has yet: what it has it does not pull."""
    return os.urandom(3_000_000)


def test_a_frozen_engine_is_given_up_on(engine: DockerEngine, victim: PrivateEngine) -> None:
    container_id = start(engine, "forever")
    victim.freeze()
    try:
        for call in (
            engine.info,
            lambda: engine.container(container_id),
            lambda: list(engine.logs(container_id)),
            lambda: engine.execute(container_id, ("true",), user="1000", timeout_seconds=20 * SLOW),
        ):
            begun = time.monotonic()
            with pytest.raises(EngineUnreachable, match="no answer in time"):
                call()
            assert time.monotonic() - begun < 10 * SLOW
    finally:
        victim.thaw()
    assert engine.info().kind == victim.kind


def test_a_killed_engine_ends_the_wait_for_a_command(engine: DockerEngine, victim: PrivateEngine) -> None:
    container_id = start(engine, "forever")
    command = ("sleep", "600")
    waiting = Attempt(lambda: engine.execute(container_id, command, user="1000", timeout_seconds=600))
    wait_until(lambda: "sleep 600" in docker(victim.url, "top", container_id).stdout, "the command runs")
    victim.kill()
    try:
        with pytest.raises(EngineUnreachable) as away:
            waiting.result()
        assert "\n" not in str(away.value)
    finally:
        victim.start()


def test_no_socket_and_nobody_behind_it_are_told_apart(tmp_path: Path, victim: PrivateEngine) -> None:
    with pytest.raises(EngineUnreachable, match=r"there is no such socket.*Start what listens on"):
        DockerEngine(f"unix://{tmp_path}/none.sock").info()
    victim.kill()
    try:
        with pytest.raises(EngineUnreachable, match="nobody listens there"):
            DockerEngine(victim.url).info()
    finally:
        victim.start()


def test_a_removal_that_somebody_else_has_begun_is_waited_for(engine: DockerEngine, victim: PrivateEngine) -> None:
    for _ in range(5):
        container_id = start(engine, "forever")
        removal = Attempt(partial(docker, victim.url, "rm", "--force", container_id))
        with pytest.raises(NoSuchContainer):
            engine.wait(container_id)
        engine.remove(container_id)
        assert engine.container(container_id) is None
        removal.result()


@pytest.mark.dockers_own
def test_a_container_that_lacks_memory_says_so_while_it_runs_on(engine: DockerEngine) -> None:
    # A job inside takes too much; the pilot, which is the first process, goes on.
    hog = "(x=a; while :; do x=$x$x; done)"
    container_id = engine.create(replace(play(f"read x; {hog}; forever"), memory_bytes=32 << 20))
    stream = engine.happenings(container_id)
    engine.start(container_id)
    assert [next(stream), next(stream)] == ["start", "oom"]
    container = engine.container(container_id)
    assert container is not None
    assert container.running


def test_a_command_that_does_not_end_is_given_up_on(engine: DockerEngine) -> None:
    container_id = start(engine, "forever")
    begun = time.monotonic()
    with pytest.raises(EngineError, match="did not end within 1 s: sh") as failure:
        engine.execute(
            container_id, ("sh", "-c", "while :; do echo on; sleep 0.1; done"), user="1000", timeout_seconds=1
        )
    assert not isinstance(failure.value, (EngineUnreachable, NoSuchContainer))
    assert time.monotonic() - begun < 10 * SLOW


def test_a_command_that_never_stops_talking_fills_no_memory(engine: DockerEngine) -> None:
    container_id = start(engine, "forever")
    with pytest.raises(EngineError, match="printed more than 256 KiB: sh"):
        engine.execute(container_id, ("sh", "-c", "while :; do echo on; done"), user="1000", timeout_seconds=60 * SLOW)


@pytest.mark.dockers_own
def test_no_line_is_lost_or_told_twice_when_the_clock_was_set_back(engine: DockerEngine, victim: PrivateEngine) -> None:
    container_id = start(engine, "seq 1 20")
    engine.wait(container_id)
    set_clock_back(victim.data_directory / f"containers/{container_id}/local-logs/container.log", kept=10)
    lines = list(engine.logs(container_id))
    assert [int(line.text) for line in lines] == list(range(1, 21))
    assert lines[10].cursor < lines[9].cursor
    for count, line in enumerate(lines, start=1):
        assert list(engine.logs(container_id, line.cursor)) == lines[count:]


def set_clock_back(log: Path, kept: int) -> None:
    """Make a container's log one that was written while the clock was set back by two hours, after ``kept`` lines.

    Docker's driver "local" writes each entry between two copies of its length, as a protocol buffer whose first
    field is the stream and whose second is the time. Source: moby, api/types/plugins/logdriver/entry.proto.
    """
    content = bytearray(log.read_bytes())
    begin = number = 0
    while begin < len(content):
        (length,) = struct.unpack_from(">I", content, begin)
        time_begin = begin + 4 + 2 + content[begin + 5]
        assert (content[begin + 4], content[time_begin]) == (1 << 3 | 2, 2 << 3)
        if number >= kept:
            # The time has nine bytes of seven bits each, the lowest first.
            stamp = sum((content[time_begin + 1 + i] & 0x7F) << 7 * i for i in range(9)) - 7200 * 10**9
            for i in range(9):
                content[time_begin + 1 + i] = stamp >> 7 * i & 0x7F | (0x80 if i < 8 else 0)
        begin, number = begin + 4 + length + 4, number + 1
    log.write_bytes(content)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("refuse", "500 Internal Server Error"),
        # In the words of one version of the engine or of another.
        ("break", "(EOF|HTTP 206)"),
        ("corrupt", "(verification failed|invalid|[Dd]igest)"),
    ],
)
def test_a_pull_that_fails_in_mid_stream_has_failed(
    engine: DockerEngine, registry: Registry, fault: str, reason: str
) -> None:
    old = registry.put("pilot", "1", b"old")
    reference = registry.reference("pilot:1")
    list(engine.pull(reference))
    registry.put("pilot", "1", new_layer())
    registry.blob_fault = fault
    with pytest.raises(PullFailed, match=f"Cannot pull {reference}: .*{reason}") as failure:
        list(engine.pull(reference))
    assert "\n" not in str(failure.value)
    image = engine.image(reference)
    assert image is not None
    assert image.digest == old


def test_a_registry_that_is_away_says_so(engine: DockerEngine) -> None:
    for ask in (
        lambda: list(engine.pull("127.0.0.1:1/pilot:1")),
        lambda: engine.registry_digest("127.0.0.1:1/pilot:1"),
    ):
        with pytest.raises(PullFailed, match="connection refused"):
            ask()


def test_a_registry_that_never_answers_is_given_up_on(
    engine: DockerEngine, victim: PrivateEngine, registry: Registry
) -> None:
    reference = registry.reference("pilot:1")
    registry.silent = True
    with pytest.raises(PullFailed, match=f"Cannot pull {reference}: nothing came for {STALLED} s"):
        list(engine.pull(reference))
    with pytest.raises(PullFailed, match=f"Cannot ask the registry for {reference}: nothing came for {SHORT} s"):
        engine.registry_digest(reference)
    assert engine.info().kind == victim.kind


def test_a_pull_that_stands_still_is_given_up_and_the_next_one_begins_anew(
    engine: DockerEngine, registry: Registry
) -> None:
    digest, reference = registry.put("pilot", "1", new_layer()), registry.reference("pilot:1")
    registry.blob_fault = "hang"
    with pytest.raises(PullFailed, match=f"Cannot pull {reference}: nothing came for {STALLED} s") as failure:
        list(engine.pull(reference))
    assert "\n" not in str(failure.value)
    # The engine would have the next pull wait for the same bytes if it had not given up the first one.
    registry.blob_fault = ""
    list(engine.pull(reference))
    image = engine.image(reference)
    assert image is not None
    assert image.digest == digest


def test_a_pull_that_nobody_wants_any_more_is_given_up(engine: DockerEngine, registry: Registry) -> None:
    registry.put("pilot", "1", b"small", new_layer())
    reference = registry.reference("pilot:1")
    registry.blob_fault = "hang"
    pull = engine.pull(reference)
    next(pull)
    pull.close()  # type: ignore[attr-defined]  # of a generator
    registry.blob_fault = ""
    list(engine.pull(reference))


def test_an_engine_that_freezes_in_mid_pull_is_away(
    engine: DockerEngine, victim: PrivateEngine, registry: Registry
) -> None:
    registry.put("pilot", "1", new_layer())
    registry.blob_fault = "hang"
    attempt = Attempt(lambda: list(engine.pull(registry.reference("pilot:1"))))
    assert registry.hanging.wait(20 * SLOW)
    victim.freeze()
    try:
        with pytest.raises(EngineUnreachable):
            attempt.result()
    finally:
        victim.thaw()


@pytest.fixture
def small_disk(victim: PrivateEngine) -> Iterator[str]:
    """What the mend names of the engine's directory for downloads, which has little space as long as the test lasts."""
    directory = victim.data_directory / "tmp"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "ospool-ep", directory], check=True)
    # Docker's is a part of what it keeps; to Podman it is the one for temporary files.
    yield str(victim.data_directory if victim.kind == "docker" else directory)
    subprocess.run(["umount", directory], check=True)


def test_a_full_disk_is_told_with_its_mend(
    engine: DockerEngine, victim: PrivateEngine, registry: Registry, small_disk: str
) -> None:
    registry.put("pilot", "1", new_layer())
    reference = registry.reference("pilot:1")
    with pytest.raises(PullFailed, match=f"Cannot pull {reference}: .*write .*: no space left on device") as failure:
        list(engine.pull(reference))
    assert f"`df -h {small_disk}` and `{victim.kind} system df`" in str(failure.value)
    assert f"{victim.kind} image prune" in str(failure.value)
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("{registry}/UPPER/case", "repository name must be lowercase"),
        ("{registry}/pilot:1:2", "(manifest unknown|invalid reference format)"),
        ("https://{registry}/pilot", "Repository name cannot contain a scheme"),
        (" ", "invalid reference format"),
    ],
)
def test_a_reference_that_is_none_is_refused_with_the_reason(
    engine: DockerEngine, registry: Registry, reference: str, reason: str
) -> None:
    asked = reference.format(registry=f"127.0.0.1:{registry.port}")
    with pytest.raises(PullFailed, match=f"Cannot pull {asked}: .*{reason}") as failure:
        list(engine.pull(asked))
    assert "\n" not in str(failure.value)


def test_an_engine_killed_in_mid_pull_is_away(engine: DockerEngine, victim: PrivateEngine, registry: Registry) -> None:
    registry.put("pilot", "1", new_layer())
    registry.blob_fault = "hang"
    attempt = Attempt(lambda: list(engine.pull(registry.reference("pilot:1"))))
    assert registry.hanging.wait(20 * SLOW)
    victim.kill()
    try:
        with pytest.raises(EngineUnreachable):
            attempt.result()
    finally:
        victim.start()
