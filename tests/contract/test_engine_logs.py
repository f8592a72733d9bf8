"""What only a real engine can show of a log: bursts, giants, garbage, and crashes of everybody involved."""

import re
from collections.abc import Iterator

import pytest

from ospool_ep.checks.engine_checks import LOG_IS_KEPT_SINCE
from ospool_ep.engine.adapter import DockerEngine
from ospool_ep.pilot.log import LogLine
from tests.contract.attempt import Attempt
from tests.contract.player import IMAGE, play
from tests.support.private_engine import docker
from tests.support.waiting import SLOW, wait_until

BURST = 300_000 // SLOW


@pytest.fixture
def engine(engine_url: str) -> Iterator[DockerEngine]:
    yield DockerEngine(engine_url)
    for container in docker(engine_url, "ps", "--all", "--quiet", "--filter=name=ospool-ep-").stdout.split():
        docker(engine_url, "rm", "--force", container)


def start(engine: DockerEngine, *instructions: str) -> str:
    container_id = engine.create(play(*instructions))
    engine.start(container_id)
    return container_id


def docker_version(engine: DockerEngine) -> tuple[int, ...]:
    """Newer than any for Podman."""
    info = engine.info()
    return tuple(map(int, re.findall(r"\d+", info.version)[:3])) if info.kind == "docker" else (1 << 20,)


def texts(lines: Iterator[LogLine]) -> list[bytes]:
    return [line.text for line in lines]


def test_a_line_of_a_megabyte_is_one_line(engine: DockerEngine) -> None:
    container_id = start(engine, "head -c 1000000 /dev/zero | tr '\\0' x", "echo", "out behind it")
    engine.wait(container_id)
    assert texts(engine.logs(container_id)) == [b"x" * 1_000_000, b"behind it"]


def end_where_the_log_gets_lost(engine: DockerEngine, container_id: str) -> None:
    """Docker before 20.10.13 loses some of it for a reader who keeps up; `check` warns of such an engine."""
    if docker_version(engine) < LOG_IS_KEPT_SINCE:
        engine.wait(container_id)


def test_giants_on_both_streams_do_not_mix(engine: DockerEngine) -> None:
    giant = "i=0; while [ $i -lt 20 ]; do head -c 50000 /dev/zero | tr '\\0' {}; echo; i=$((i+1)); done"
    container_id = start(engine, f"({giant.format('o')}) & ({giant.format('e')}) >&2 & wait")
    end_where_the_log_gets_lost(engine, container_id)
    lines = list(engine.logs(container_id))
    assert [line.text for line in lines if line.stream == "stdout"] == [b"o" * 50_000] * 20
    assert [line.text for line in lines if line.stream == "stderr"] == [b"e" * 50_000] * 20


def test_garbage_comes_byte_for_byte(engine: DockerEngine) -> None:
    container_id = start(engine, r"printf 'a\000b\nc\377\376d\r\n\n\n\033[1mbold\n'")
    assert texts(engine.logs(container_id)) == [b"a\0b", b"c\xff\xfed\r", b"", b"", b"\x1b[1mbold"]


def test_the_last_line_needs_no_newline(engine: DockerEngine) -> None:
    container_id = start(engine, "out one", "printf two")
    lines = list(engine.logs(container_id))
    assert [line.text for line in lines] == [b"one", b"two"]
    assert list(engine.logs(container_id, lines[0].cursor)) == lines[1:]
    assert list(engine.logs(container_id, lines[1].cursor)) == []


def test_an_unfinished_line_is_told_once_it_is_whole(engine: DockerEngine) -> None:
    # In between, what runs the container has passed on what is there of the line.
    container_id = start(engine, "out one", "printf un", "sleep 1", "out finished", "forever")
    log = engine.logs(container_id)
    assert [next(log).text, next(log).text] == [b"one", b"unfinished"]


@pytest.mark.machine
def test_a_burst_comes_whole_and_in_order(engine: DockerEngine) -> None:
    text = "." * 60
    container_id = start(engine, f"awk 'BEGIN {{ for (i = 0; i < {BURST}; i++) print i \"{text}\" }}'")
    end_where_the_log_gets_lost(engine, container_id)
    seen = texts(engine.logs(container_id))
    assert len(seen) == BURST
    assert seen == [f"{number}{text}".encode() for number in range(BURST)]


def test_a_log_that_is_kept_elsewhere_is_read_too(engine: DockerEngine, engine_url: str) -> None:
    # As the script's pilot has it, which an upgrade takes over.
    driver = {"docker": "json-file", "podman": "journald"}[engine.info().kind]
    options = ["--detach", "--name=ospool-ep-other", f"--log-driver={driver}", "--env=PLAY=out one\nout two"]
    container_id = docker(engine_url, "run", *options, IMAGE).stdout.strip()
    engine.wait(container_id)
    assert texts(engine.logs(container_id)) == [b"one", b"two"]


def test_a_reader_that_comes_late_gets_the_rest(engine: DockerEngine) -> None:
    container_id = start(engine, "seq 1 1000", "forever")
    log = engine.logs(container_id)
    half = [next(log) for _ in range(500)]
    wait_until(lambda: docker_has(engine, container_id, 1000), "the engine has all of them")
    rest = engine.logs(container_id, half[-1].cursor)
    assert [next(rest).text for _ in range(500)] == [str(number).encode() for number in range(501, 1001)]


def docker_has(engine: DockerEngine, container_id: str, number: int) -> bool:
    return any(line.text == str(number).encode() for line in engine.logs(container_id))


def test_a_reader_notices_within_moments_that_the_container_was_killed(engine: DockerEngine, engine_url: str) -> None:
    container_id = start(engine, "out ready", "deaf")
    log = engine.logs(container_id)
    assert next(log).text == b"ready"
    rest = Attempt(lambda: texts(log))
    docker(engine_url, "kill", container_id)
    assert rest.result(10) == []
