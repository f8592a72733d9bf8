"""A service that cannot read its configuration: what is asked of it meanwhile, and what comes of that; and its stop."""

import os
import signal
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

import pytest

from ospool_ep import exit_codes
from ospool_ep.engine import chosen
from ospool_ep.engine.address import PODMAN
from ospool_ep.engine.choice import Choice, Kept
from ospool_ep.engine.presence import Presence
from ospool_ep.lifecycle import retries
from ospool_ep.service import daemon, helper_calls
from ospool_ep.service.helper_answers import Inspected
from ospool_ep.service.own_engine import OwnEngine
from ospool_ep.this_service import become, this_service
from tests.pure.service.stage import Stage, specification
from tests.support.names import CONTAINER_NAME
from tests.support.waiting import wait_until

MISSING = "The configuration cannot be read: No such file or directory."


class Reader:
    """Reads in this process, and has things happen meanwhile."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.reads = 0
        self.meanwhile: Callable[[], object] = lambda: None

    def __call__(self, _call: str, _path: str) -> "Reader":
        return self

    def value(self, _kind: type[Inspected]) -> Inspected:
        inspected = helper_calls.read_again(str(self.config))
        self.reads += 1
        self.meanwhile()
        return inspected


@pytest.fixture
def reader(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """In a service that systemd has started, and that nobody waits for."""
    reader = Reader(tmp_path / "ospool-ep.cfg")
    monkeypatch.setattr(retries, "FIRST_DELAY_SECONDS", 30.0)
    monkeypatch.setattr(chosen, "presences", lambda: {"docker": Presence(), "podman": Presence()})
    for name, value in {
        "HelperProcess": reader, "RunDirectory": lambda: stage.run_directory, "Journal": lambda: stage.journal,
        "started_us": lambda: True, "somebody_waits": lambda: False,
    }.items():  # fmt: skip
        monkeypatch.setattr(daemon, name, value)
    return reader


def play(reader: Reader, scenario: Callable[[], None]) -> int:
    """What the service ends with."""
    failures: list[BaseException] = []

    def act() -> None:
        try:
            wait_until(lambda: reader.reads, "it has read")
            scenario()
        except BaseException as failure:
            failures.append(failure)
            # It ends with a wrong file.
            reader.config.write_text("A\n")
            os.kill(os.getpid(), signal.SIGHUP)

    actor = threading.Thread(target=act)
    actor.start()
    code = daemon.run(str(reader.config), None)
    actor.join()
    for failure in failures:
        raise failure
    return code


def ask_reload(stage: Stage) -> None:
    stage.run_directory.answer_reload({})
    os.kill(os.getpid(), signal.SIGHUP)


def answer(stage: Stage) -> dict[str, Any]:
    return dict(wait_until(stage.run_directory.reload_answer, "an answer to the reload"))


def test_a_reload_is_answered_and_a_wrong_file_is_the_end(stage: Stage, reader: Reader) -> None:
    def scenario() -> None:
        stage.summary_has(MISSING)
        ask_reload(stage)
        first = answer(stage)
        assert first["code"] == exit_codes.FAILED
        assert MISSING in first["lines"][0]
        stage.summary_has("(attempt 2 failed)")
        reader.config.write_text("GLIDEIN_Site=A\n")
        ask_reload(stage)

    assert play(reader, scenario) == exit_codes.CONFIG
    last = answer(stage)
    assert last["code"] == exit_codes.CONFIG
    assert any("GLIDEIN_ResourceName" in line for line in last["lines"])


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1])
def test_what_is_asked_while_the_file_is_read_ends_nothing_and_has_it_read_again(
    stage: Stage, reader: Reader, number: signal.Signals
) -> None:
    def once() -> None:
        if reader.reads == 1:
            os.kill(os.getpid(), number)

    reader.meanwhile = once

    def scenario() -> None:
        wait_until(lambda: reader.reads > 1, "it is read again")
        stage.summary_has("(attempt 2 failed)")
        reader.config.write_text("GLIDEIN_Site=A\n")
        os.kill(os.getpid(), signal.SIGUSR1)

    assert play(reader, scenario) == exit_codes.CONFIG
    assert (stage.run_directory.reload_answer().get("code") == exit_codes.FAILED) is (number is signal.SIGHUP)


def test_what_came_last_is_handed_to_the_service_that_begins(
    stage: Stage, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    heeded = list[signal.Signals]()

    class Begun:
        begins_anew = False

        def run(self, earlier: Callable[[], Iterable[signal.Signals]]) -> int:
            heeded.extend(earlier())
            return exit_codes.OK

    monkeypatch.setattr(daemon, "Service", lambda *_arguments, **_more: Begun())

    def scenario() -> None:
        stage.summary_has(MISSING)
        reader.config.write_text("GLIDEIN_Site=A\nGLIDEIN_ResourceName=B\n")
        ask_reload(stage)

    def meanwhile() -> None:
        if reader.reads == 2:
            os.kill(os.getpid(), signal.SIGUSR1)

    reader.meanwhile = meanwhile
    assert play(reader, scenario) == exit_codes.OK
    assert heeded == [signal.SIGHUP, signal.SIGUSR1]


@pytest.mark.parametrize("text", [None, "OSPOOL_EP_ENGINE=docker\nNUM_CPUS=many\n"])
def test_a_stop_needs_no_configuration(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: Optional[str]
) -> None:
    """The process that could not read it, or has crashed, has left a pilot running in an engine that is noted."""
    config = tmp_path / "ospool-ep.cfg"
    if text:
        config.write_text(text)
    monkeypatch.setattr(chosen, "presences", lambda: {"docker": Presence(), "podman": Presence()})
    monkeypatch.setattr(helper_calls, "noted", lambda: Kept(PODMAN, "auto", holds=False, containers=frozenset("c")))
    used = list[Choice]()

    def own_engine(inspected: Inspected, _not_noted: object) -> OwnEngine:
        used.append(inspected.engine)
        return OwnEngine(
            stage.engine, str(tmp_path), "podman", lambda *_: False, lambda _containers: None, lambda: True,
            lambda: None, lambda: None,
        )  # fmt: skip

    class InThisProcess:
        def __init__(self, call: str, path: str) -> None:
            assert call.endswith(":read_to_stop")
            self.path = path

        def value(self, _kind: type[Inspected]) -> Inspected:
            return helper_calls.read_to_stop(self.path)

    for name, value in {
        "HelperProcess": InThisProcess, "RunDirectory": lambda: stage.run_directory, "own_engine": own_engine,
        "Journal": lambda: stage.journal, "ImageStore": lambda _socket: stage.store,
    }.items():  # fmt: skip
        monkeypatch.setattr(daemon, name, value)
    stage.engine.add_container(specification())
    assert daemon.run(str(config), None, only_stop=True) == exit_codes.OK
    assert stage.engine.running == []
    assert [choice.address for choice in used] == [PODMAN]


@pytest.mark.parametrize("several", [False, True])
def test_pilots_that_go_on_without_the_service_are_told_with_the_way_to_end_each(
    stage: Stage, reader: Reader, monkeypatch: pytest.MonkeyPatch, several: bool
) -> None:
    left = list[list[str]]()
    monkeypatch.setattr(daemon, "DockerEngine", lambda _url: stage.engine)
    monkeypatch.setattr(daemon, "pilots_are_left", lambda _address, containers: left.append(list(containers)))
    monkeypatch.setattr(chosen, "noted", lambda: None)
    monkeypatch.setattr(
        chosen, "presences", lambda: {"docker": Presence(), "podman": Presence(installed=True, in_use=True)}
    )
    names = [CONTAINER_NAME, f"{CONTAINER_NAME}-0123abcd"] if several else [CONTAINER_NAME]
    pilots = [stage.engine.add_container(replace(specification(), name=name)) for name in names]
    reader.config.write_text("GLIDEIN_Site=A\n")
    assert daemon.run(str(reader.config), None) == exit_codes.CONFIG
    said = " and ".join(pilot[:12] for pilot in pilots)
    assert stage.journal.has(
        f"in containers {said} go on with their jobs" if several else f"in container {said} goes on"
    )
    for name in names:
        assert stage.journal.has(f"podman exec -u 1000 {name} condor_off -fast -master")
    assert left == [pilots]


def test_of_an_instance_the_file_is_named_that_is_missing_or_wrong(
    stage: Stage, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that it is put back.
    monkeypatch.setenv("OSPOOL_EP_INSTANCE", "")
    become("west")
    own = Path(this_service().own_file(str(reader.config)))
    own.parent.mkdir()
    reader.config.write_text("GLIDEIN_Site=A\nGLIDEIN_ResourceName=A\nNUM_CPUS=x\n")

    def scenario() -> None:
        stage.summary_has(f"{own}: error: The configuration of this service alone cannot be read")
        own.write_text("\nNUM_CPUS=2\nMEMORY=x\n")
        ask_reload(stage)

    assert play(reader, scenario) == exit_codes.CONFIG
    # Of the common value that the own one replaces nothing is said.
    assert stage.journal.has(f"{own}:3: error: MEMORY: ")
    assert stage.journal.has(f"File: {own}")
    assert not stage.journal.has("NUM_CPUS: ")
