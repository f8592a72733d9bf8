"""A configuration that is changed while the service waits, and no pilot runs, is read without anybody's word."""

import time
from pathlib import Path

import pytest

from ospool_ep.configuration import reading
from ospool_ep.configuration.findings import error
from ospool_ep.engine import chosen
from ospool_ep.engine.presence import Presence
from ospool_ep.lifecycle.state import Phase
from ospool_ep.service import file_watch, helper_calls
from ospool_ep.service.reload import Reload
from ospool_ep.this_service import become, this_service
from tests.pure.service.stage import OTHER_IMAGE, Stage
from tests.support.waiting import wait_until


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_watch, "LOOK_SECONDS", 0.05)


def test_a_change_is_read_while_the_service_waits(stage: Stage) -> None:
    changes = [False, False, True]
    stage.file_has_changed = lambda: changes.pop(0) if changes else False
    stage.findings = [error("scratch-missing", "There is no scratch.", "Make it.")]

    def scenario() -> None:
        stage.phase_is(Phase.WAITING)
        wait_until(lambda: stage.report.get("image") == OTHER_IMAGE, "the file is read")
        stage.findings = []
        stage.pilot()
        assert stage.journal.has("The configuration has changed, and no pilot runs: it is read again.")

    assert stage.play(scenario) == 0


def test_beside_a_pilot_it_is_for_a_person_to_say_when_it_is_read(stage: Stage) -> None:
    looks = list[bool]()

    def changed() -> bool:
        looks.append(True)
        return True

    stage.file_has_changed = changed

    def scenario() -> None:
        stage.phase_is(Phase.RUNNING)
        until = time.monotonic() + 10 * file_watch.LOOK_SECONDS
        wait_until(lambda: time.monotonic() > until, "some rounds of the watch")
        assert looks == []

    assert stage.play(scenario) == 0


def test_a_change_is_told_once_and_one_that_comes_while_the_file_is_read_is_none_less(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chosen, "presences", lambda: {"docker": Presence(), "podman": Presence()})
    config = tmp_path / "ospool-ep.cfg"
    config.write_text("GLIDEIN_Site=A\n")
    read = reading.read_configuration

    def change_meanwhile(*paths: str) -> object:
        answer = read(*paths)
        config.write_text("GLIDEIN_Site=ABC\n")
        return answer

    reload = Reload(helper_calls.read_again(str(config)).file, stage.run_directory, stage.journal)
    assert not reload.has_changed()
    monkeypatch.setattr(helper_calls, "read_configuration", change_meanwhile)
    reload = Reload(helper_calls.read_again(str(config)).file, stage.run_directory, stage.journal)
    assert [reload.has_changed() for _ in range(3)] == [True, False, False]
    config.unlink()
    assert [reload.has_changed() for _ in range(2)] == [True, False]


def test_a_change_of_the_own_file_of_an_instance_is_one(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chosen, "presences", lambda: {"docker": Presence(), "podman": Presence()})
    # So that it is put back.
    monkeypatch.setenv("OSPOOL_EP_INSTANCE", "")
    become("west")
    config = tmp_path / "ospool-ep.cfg"
    config.write_text("GLIDEIN_Site=A\n")
    own = Path(this_service().own_file(str(config)))
    own.parent.mkdir()
    reload = Reload(helper_calls.read_again(str(config)).file, stage.run_directory, stage.journal)
    assert not reload.has_changed()
    own.write_text("GLIDEIN_ResourceName=A\n")
    assert [reload.has_changed() for _ in range(2)] == [True, False]
    config.write_text("GLIDEIN_Site=ABC\n")
    assert [reload.has_changed() for _ in range(2)] == [True, False]
    content = helper_calls.read_again(str(config)).file
    assert (content.site, content.resource, content.spec is not None) == ("ABC", "A", True)
