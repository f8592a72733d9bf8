"""What systemd is told at a start: by the process that somebody waits for, and by the one that follows it."""

import time

import pytest

from ospool_ep import exit_codes
from ospool_ep.configuration.findings import error
from ospool_ep.engine import interface
from ospool_ep.engine.interface import PullFailed
from ospool_ep.engine.no_engine import no_engine
from ospool_ep.lifecycle import start
from ospool_ep.lifecycle.state import Phase
from ospool_ep.service import image_orders
from tests.pure.service.stage import IMAGE, Stage
from tests.support.waiting import wait_until

NO_SCRATCH = error("scratch-missing", "There is no directory /scratch.", "Make it.", key="WORKER_TEMP_DIR", line=7)


def nothing() -> None:
    """The service ends by itself."""


def test_a_start_that_somebody_waits_for_fails_with_the_reasons(stage: Stage) -> None:
    stage.start_began = time.monotonic()
    stage.findings = [NO_SCRATCH]
    assert stage.play(nothing, stops=False) == exit_codes.FAILED
    assert stage.journal.has("/etc/osg/ospool-ep.cfg:7: error: WORKER_TEMP_DIR: There is no directory /scratch.")
    assert stage.journal.has("The start has failed")
    assert "READY=1" not in stage.notifications
    assert "pull" not in stage.engine.calls


def test_the_process_that_follows_is_there_at_once_and_heals(stage: Stage) -> None:
    stage.findings = [NO_SCRATCH]

    def scenario() -> None:
        stage.summary_has("No pilot can run now: There is no directory /scratch. Make it. [scratch-missing]")
        wait_until(lambda: "READY=1" in stage.notifications, "systemd is told")
        assert not stage.report["well"]
        wait_until(lambda: stage.rechecks > 2, "it is looked at again and again")
        stage.findings = []
        stage.pilot()

    assert stage.play(scenario) == exit_codes.OK
    said = [text for _, text in stage.journal.said if "scratch-missing]" in text]
    assert len(said) == 1, "the finding is said once"
    assert stage.notifications.count("READY=1") == 1


def test_a_registry_that_is_silent_ends_a_start(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "STILL_SECONDS", 0.3)
    stage.start_began = time.monotonic()
    stage.engine.hanging_pulls = True
    began = time.monotonic()
    assert stage.play(nothing, stops=False) == exit_codes.FAILED
    assert time.monotonic() - began < 10
    assert stage.journal.has(f"Nothing of the image {IMAGE} has come for")
    stage.engine.hanging_pulls = False


@pytest.mark.parametrize("waited_for", [True, False])
def test_a_registry_that_is_silent_does_not_end_a_start_for_which_there_is_an_image(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, waited_for: bool
) -> None:
    assert image_orders.WAITED_FOR_SECONDS + 15 < start.STILL_SECONDS < interface.STALLED_SECONDS
    monkeypatch.setattr(start, "STILL_SECONDS", 20.0)
    monkeypatch.setattr(image_orders, "WAITED_FOR_SECONDS", 0.3)
    stage.start_began = time.monotonic() if waited_for else None
    stage.engine.add_image(IMAGE, "sha256:old")
    stage.engine.hanging_pulls = True

    def scenario() -> None:
        if not waited_for:
            until = time.monotonic() + 1.5
            wait_until(lambda: time.monotonic() > until, "as long as a start would have waited")
            assert stage.engine.running == []
            stage.engine.hanging_pulls = False
        stage.pilot()

    assert stage.play(scenario) == exit_codes.OK
    assert stage.journal.has("Going on with the local image") is waited_for
    stage.engine.hanging_pulls = False


def test_a_registry_that_is_away_is_waited_for_once_nobody_waits(stage: Stage) -> None:
    stage.engine.registry[IMAGE] = PullFailed("no such host")

    def scenario() -> None:
        stage.summary_has("Waiting to retry until")
        wait_until(lambda: "READY=1" in stage.notifications, "systemd is told")
        stage.engine.registry[IMAGE] = "sha256:1"
        stage.pilot()

    assert stage.play(scenario) == exit_codes.OK


def test_a_pilot_that_runs_is_taken_over_by_a_start_on_a_host_that_lacks_something(stage: Stage) -> None:
    pilot: list[str] = []
    stage.stop_is_wanted = False
    stage.play(lambda: pilot.append(stage.pilot()))
    stage.start_began = time.monotonic()
    stage.findings = [NO_SCRATCH]
    assert stage.play(lambda: stage.phase_is(Phase.RUNNING)) == exit_codes.LEFT
    assert stage.engine.running == pilot


def test_an_engine_that_is_installed_late_is_left_for_the_next_process(stage: Stage) -> None:
    stage.absent_engine = no_engine("There is no container engine. Install one. [engine-not-installed]")

    def scenario() -> None:
        stage.summary_has("There is no container engine. Install one.")
        stage.another_engine = "auto"
        wait_until(lambda: stage.journal.has("There is a container engine now"), "it leaves")

    assert stage.play(scenario) == exit_codes.LEFT
