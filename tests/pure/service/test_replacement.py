"""The whole service, as in ``test_loop``: what makes a pilot give way to another one, and which one follows."""

import contextlib
import os
import signal
from dataclasses import replace

import pytest

from ospool_ep import exit_codes
from ospool_ep.configuration.findings import error
from ospool_ep.configuration.values import UpdatePolicy
from ospool_ep.lifecycle.state import Phase, Want
from ospool_ep.service import pilot_watch
from ospool_ep.service.orders import Orders
from tests.pure.service.stage import IMAGE, ONE_BY_ONE, OTHER_IMAGE, Stage, specification
from tests.support.waiting import Expired, wait_until


def test_another_engine_is_left_for_the_next_process_once_no_pilot_runs(stage: Stage) -> None:
    """The process that follows chooses anew; until then the pilot goes on, whatever the file says."""
    stage.another_engine = "podman"

    def reread(orders: Orders, asked_at: float) -> None:
        stage.wanted_engine = "podman"
        orders.settings = stage.settings()
        stage.run_directory.answer_reload({"asked_at": asked_at, "code": 0, "lines": []})

    stage.perform = reread  # type: ignore[method-assign]

    def scenario() -> None:
        pilot = stage.pilot()
        stage.summary_has("In the pool")
        os.kill(os.getpid(), signal.SIGHUP)
        wait_until(stage.run_directory.reload_answer, "the file was read again")
        assert stage.engine.running == [pilot]
        stage.engine.end(pilot)
        wait_until(lambda: stage.journal.has("OSPOOL_EP_ENGINE stands for another engine now"), "it leaves")

    assert stage.play(scenario) == exit_codes.LEFT
    assert stage.engine.calls.count("create") == 1


def test_a_pilot_of_another_configuration_is_drained(stage: Stage) -> None:
    pilot = stage.engine.add_container(specification(image="registry.example/other:1"))

    def scenario() -> None:
        stage.summary_has("another configuration")
        wait_until(lambda: stage.drains == 1, "the pilot is told to drain")
        stage.engine.end(pilot)
        stage.phase_is(Phase.RUNNING)
        assert stage.pilot() != pilot

    stage.play(scenario)
    assert stage.drains == 1


def _pull_a_new_image(stage: Stage) -> None:
    stage.engine.registry[IMAGE] = "sha256:2"
    list(stage.engine.pull(IMAGE))


def test_a_new_image_drains_the_pilot_and_the_next_one_has_it(stage: Stage) -> None:
    def scenario() -> None:
        first = stage.pilot()
        stage.summary_has("In the pool")
        _pull_a_new_image(stage)
        stage.run_directory.nudge()
        stage.summary_has("Draining, 0 jobs left: a new image, sha256:2")
        wait_until(lambda: stage.drains == 1, "the pilot is told to drain")
        stage.engine.end(first)
        wait_until(lambda: stage.engine.running and stage.engine.running != [first], "the next pilot")
        wait_until(lambda: [one["image_digest"] for one in stage.report["pilots"]] == ["sha256:2"], "it is reported")
        wait_until(lambda: stage.engine.image("localhost/ospool-ep:last-good"), "the good image has its name")

    stage.play(scenario)
    assert stage.engine.unnamed_images(IMAGE) == (), "older images are removed"


def _replaced_by_one_without_a_startd(stage: Stage) -> str:
    """A new image comes, and the pilot makes room for one of it that does not come up; returns the one that goes."""
    first = stage.pilot()
    stage.summary_has("In the pool")
    _pull_a_new_image(stage)
    stage.probe_output = "starting_no_startd"
    stage.run_directory.nudge()
    stage.drains_its_pilot()
    stage.engine.end(first)
    return first


@pytest.fixture
def asked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else half of the time in which a pilot has to be in the pool has passed before its first question."""
    monkeypatch.setattr(pilot_watch, "FIRST_SECONDS", 0.01)


@pytest.mark.usefixtures("asked_at_once")
def test_a_new_image_that_does_not_work_is_rolled_back(stage: Stage) -> None:
    stage.policy = replace(ONE_BY_ONE, rollback_seconds=4.0)

    def scenario() -> None:
        _replaced_by_one_without_a_startd(stage)
        wait_until(lambda: stage.journal.has("Rolled back: the image sha256:2"), "the verdict")
        stage.probe_output = "ready_idle"
        stage.summary_has("In the pool, waiting for jobs; the image sha256:2 was rolled back")
        assert stage.report["pilots"][0]["image_digest"] == "sha256:1"

    stage.play(scenario)


@pytest.mark.usefixtures("asked_at_once")
def test_a_new_image_is_not_rolled_back_for_what_is_wrong_with_its_host(stage: Stage) -> None:
    stage.policy = replace(ONE_BY_ONE, rollback_seconds=4.0)

    def scenario() -> None:
        first = _replaced_by_one_without_a_startd(stage)
        wait_until(lambda: stage.engine.running and stage.engine.running != [first], "the next pilot")
        stage.findings = [error("scratch-full", "The file system of /scratch is full.", "Make room.")]
        wait_until(lambda: stage.journal.has("The image sha256:2 is not given up"), "no verdict")
        stage.summary_has("No pilot can run now: The file system of /scratch is full. Make room. [scratch-full]")
        stage.findings, stage.probe_output = [], "ready_idle"
        stage.summary_has("In the pool, waiting for jobs")
        assert stage.report["pilots"][0]["image_digest"] == "sha256:2"
        assert not stage.journal.has("Rolled back")

    stage.play(scenario)


@pytest.mark.parametrize("how", [UpdatePolicy.NOW, UpdatePolicy.DRAIN])
def test_this_host_is_checked_while_a_pilot_ends_that_another_one_follows(
    stage: Stage, how: UpdatePolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.policy = replace(ONE_BY_ONE, update=how)
    stop, before = stage.engine.stop, [-1]
    rechecks: list[int] = []

    def checked_first(container_id: str, grace_seconds: int) -> None:
        # What fails in a thread of the service ends its process: the scenario tells.
        with contextlib.suppress(Expired):
            wait_until(lambda: stage.rechecks > before[0], "this host is checked", 3)
        rechecks.append(stage.rechecks)
        stop(container_id, grace_seconds)

    def scenario() -> None:
        first = stage.pilot()
        stage.summary_has("In the pool")
        before[0] = stage.rechecks
        _pull_a_new_image(stage)
        stage.run_directory.nudge()
        if how is UpdatePolicy.DRAIN:
            wait_until(lambda: stage.rechecks > before[0], "this host is checked, though the pilot still drains")
            stage.engine.end(first)
        wait_until(lambda: stage.engine.running and stage.engine.running != [first], "the next pilot")
        assert stage.rechecks == before[0] + 1, "once for both"
        assert all(number > before[0] for number in rechecks), "while the pilot ran"
        before[0] = -1

    monkeypatch.setattr(stage.engine, "stop", checked_first)
    stage.play(scenario)


def test_a_reload_drains_into_the_new_configuration(stage: Stage) -> None:
    def scenario() -> None:
        first = stage.pilot()
        stage.summary_has("In the pool")
        assert stage.run_directory.ask_reload()
        stage.summary_has("the configuration has changed: IMAGE")
        stage.engine.end(first)
        wait_until(lambda: stage.engine.running and stage.engine.running != [first], "the next pilot")
        wait_until(lambda: stage.report["image"] == OTHER_IMAGE, "its image is reported")
        assert stage.run_directory.reload_answer()["code"] == 0

    stage.play(scenario)


def test_a_drain_may_only_mean_the_next_pilot(stage: Stage) -> None:
    def scenario() -> None:
        pilot = stage.pilot()
        stage.run_directory.ask_drain(Want.START)
        stage.run_directory.nudge()
        stage.drains_its_pilot()
        stage.engine.end(pilot)
        wait_until(lambda: stage.engine.running and stage.engine.running != [pilot], "the next pilot")
        wait_until(lambda: stage.run_directory.want is Want.PILOTS, "what was asked for is done")

    stage.play(scenario)
