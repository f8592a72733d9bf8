"""The whole service in one process: real threads, real signals, a real notification socket; the engine is the fake."""

import contextlib
import itertools
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Union

import pytest

from ospool_ep import exit_codes
from ospool_ep.configuration.findings import error
from ospool_ep.configuration.values import UpdatePolicy
from ospool_ep.container.specification import CONTAINER_NAME, ContainerSpec
from ospool_ep.engine.interface import EngineError, Execution, PullFailed
from ospool_ep.lifecycle.actions import Do, Order, Priority, Verb
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.lifecycle.report import DRAINING
from ospool_ep.lifecycle.state import Phase, State, Want
from ospool_ep.pilot.commands import DRAIN_COMMAND
from ospool_ep.pilot.log import LogLine
from ospool_ep.service import pilot_log
from ospool_ep.service.orders import Orders
from tests.pure.service.stage import IMAGE, ONE_BY_ONE, OTHER_IMAGE, Stage, specification
from tests.support.fake_engine import FakeEngine
from tests.support.waiting import Expired, wait_until


def test_from_start_to_stop(stage: Stage) -> None:
    def scenario() -> None:
        pilot = stage.pilot()
        stage.engine.write(pilot, b"first line")
        stage.summary_has("In the pool, waiting for jobs")
        wait_until(lambda: stage.journal.lines, "the line is in the journal")

    assert stage.play(scenario) == 0
    assert stage.journal.lines == [b"first line"]
    assert stage.journal.has("In the pool as test-site@flock.opensciencegrid.org")
    assert stage.journal.has("Stopped. No job was running")
    assert not stage.engine.running
    assert stage.engine.container(CONTAINER_NAME) is None
    assert stage.notifications.count("READY=1") == 1
    assert "STATUS=Pulling the image: 50 %" in stage.notifications
    assert "STATUS=In the pool, waiting for jobs" in stage.notifications
    assert "STOPPING=1" in stage.notifications


def test_ready_is_not_said_before_the_container_runs_where_somebody_waits(stage: Stage) -> None:
    stage.start_began = time.monotonic()

    def scenario() -> None:
        stage.pilot()
        wait_until(lambda: "READY=1" in stage.notifications, "ready")

    assert stage.play(scenario) == 0
    told = stage.notifications
    assert told.index("READY=1") > told.index("STATUS=Starting the pilot")


def test_a_local_image_is_used_when_the_registry_is_away(stage: Stage) -> None:
    stage.engine.registry[IMAGE] = PullFailed("no such host")
    stage.engine.add_image(IMAGE, "sha256:old", created=1.0)
    assert stage.play(lambda: stage.phase_is(Phase.RUNNING)) == 0
    warnings = [text for priority, text in stage.journal.said if priority is Priority.WARNING]
    assert "no such host" in warnings[0]
    assert "the local image, built" in warnings[0]


def test_a_drain_ends_idle_and_resume_starts_the_next(stage: Stage) -> None:
    def scenario() -> None:
        pilot = stage.pilot()
        stage.run_directory.ask_drain()
        assert stage.run_directory.nudge()
        wait_until(lambda: stage.drains == 1, "the pilot is told to drain")
        stage.drains_its_pilot()
        stage.engine.end(pilot)
        stage.phase_is(Phase.IDLE)
        assert not stage.engine.running
        stage.run_directory.clear_drain()
        assert stage.run_directory.nudge()
        assert stage.pilot() != pilot

    assert stage.play(scenario) == 0


def test_a_pilot_whose_end_takes_the_order_to_drain_with_it_has_drained(stage: Stage) -> None:
    def answer(command: Sequence[str]) -> Union[Execution, EngineError]:
        if tuple(command) != DRAIN_COMMAND:
            return stage.answer(command)
        # The engine has noted the end of the command a moment before that of the container.
        threading.Timer(0.5, lambda: stage.engine.end(stage.engine.running[0])).start()
        return Execution(137, 'Sent "Kill-Daemon-Peacefully" command to local master\n')

    def scenario() -> None:
        stage.summary_has("In the pool")
        stage.engine.answer = answer
        stage.run_directory.ask_drain()
        assert stage.run_directory.nudge()
        stage.phase_is(Phase.IDLE)

    assert stage.play(scenario) == 0
    assert not stage.journal.has("does not drain yet")


def test_a_paused_pilot_that_is_to_drain_is_no_engine_that_is_lost(stage: Stage) -> None:
    def scenario() -> None:
        pilot = stage.pilot()
        stage.summary_has("In the pool")
        stage.engine.pause(pilot)
        stage.run_directory.ask_drain()
        assert stage.run_directory.nudge()
        wait_until(lambda: stage.journal.has("does not drain yet"), "the refusal is said")
        assert stage.phase == DRAINING
        stage.engine.unpause(pilot)
        wait_until(lambda: stage.drains == 1, "it is told to drain as soon as it answers")

    assert stage.play(scenario) == 0
    assert stage.journal.has("The pilot does not drain yet: Container")
    assert not stage.journal.has("Next try in 5 s")


def test_the_beginning_of_a_drain_outlives_the_process(stage: Stage) -> None:
    def scenario() -> None:
        stage.pilot()
        stage.run_directory.ask_drain()
        assert stage.run_directory.nudge()
        wait_until(lambda: stage.drains == 1, "the pilot is told to drain")
        stage.stop_is_wanted = False

    assert stage.play(scenario) == exit_codes.LEFT
    (pilot,) = stage.engine.running
    began = stage.run_directory.noted_drain(pilot)
    assert began[0] is not None
    stage.stop_is_wanted = True
    stage.play(stage.drains_its_pilot)
    assert stage.run_directory.noted_drain(pilot) == began


def test_an_engine_that_refuses_the_log_is_asked_again_and_the_pilot_goes_on(stage: Stage) -> None:
    logs = stage.engine.logs
    refusals = [EngineError("configured logging driver does not support reading")]

    def refuse_once(container_id: str, after: str = "") -> Iterator[LogLine]:
        if refusals:
            raise refusals.pop()
        return logs(container_id, after)

    stage.engine.logs = refuse_once  # type: ignore[method-assign]

    def scenario() -> None:
        stage.summary_has("In the pool")
        assert stage.engine.running == [stage.pilot()]

    assert stage.play(scenario) == 0
    assert stage.journal.has("The engine does not give the pilot's log, and is asked again and again: configured")
    assert stage.engine.calls.count("create") == 1


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


def test_an_engine_that_is_gone_for_good_is_left_too(stage: Stage) -> None:
    def scenario() -> None:
        stage.pilot()
        stage.summary_has("In the pool")
        stage.another_engine = "auto"
        stage.engine.unreachable = True
        wait_until(lambda: stage.journal.has("OSPOOL_EP_ENGINE stands for another engine now"), "it leaves")

    assert stage.play(scenario) == exit_codes.LEFT


def test_where_the_pilot_is_is_noted_for_the_process_that_follows(stage: Stage) -> None:
    pilots: list[str] = []

    def scenario() -> None:
        for _ in range(2):
            pilots.append(wait_until(lambda: [one for one in stage.engine.running if one not in pilots], "a pilot")[0])
            wait_until(lambda: stage.noted[-1:] == [(pilots[-1],)], "it is noted")
            stage.engine.end(pilots[-1])
        wait_until(lambda: [one for one in stage.engine.running if one not in pilots], "the last one")

    stage.play(scenario)
    changes = [noted for noted, _ in itertools.groupby(stage.noted)]
    # Before one may be made it is not known whether there is one: the process may end before it has the answer.
    assert changes[:7] == [(), None, (pilots[0],), (), None, (pilots[1],), ()]
    assert changes[-1] == (), "stopped"


def test_a_pilot_that_a_stop_does_not_reach_stays_noted(stage: Stage) -> None:
    pilots: list[str] = []

    def scenario() -> None:
        pilots.append(stage.pilot())
        stage.summary_has("In the pool")
        stage.engine.unreachable = True
        wait_until(lambda: stage.phase == Phase.WAITING.value, "the engine is gone")

    stage.play(scenario)
    assert stage.noted[-1] == (pilots[0],)


def test_a_network_that_the_firewall_took_from_podman_is_told_with_the_command(stage: Stage) -> None:
    stage.probe_output = "collector_away"
    stage.play(lambda: stage.summary_has("The pool does not answer"))
    assert stage.journal.has("Is the network out of this host open? Where firewalld was reloaded")
    assert stage.journal.has("podman network reload --all;")


def test_every_order_is_performed(stage: Stage) -> None:
    """The engine's answers do not matter here: an order that nothing performs is a KeyError."""
    orders = Orders(
        stage.engine, stage.settings(), stage.journal, stage.run_directory, stage.store, "docker",
        post=lambda _: None, stop_service=lambda: None, state=lambda: State(Phase.IDLE, 0.0),
        has_moved=lambda _wanted, _answers: False,
    )  # fmt: skip
    for order in Order:
        orders.give(order, ImageRecord(IMAGE))
    for verb in Verb:
        orders.do(Do(verb, "c"))


def test_a_stop_ends_a_drain(stage: Stage) -> None:
    stage.run_directory.ask_drain()
    stage.play(lambda: stage.phase_is(Phase.IDLE))
    assert stage.run_directory.want is Want.PILOTS


def test_a_pilot_that_dies_young_is_started_again_by_the_same_process(stage: Stage) -> None:
    def scenario() -> None:
        first = stage.pilot()
        stage.engine.end(first, 1)
        wait_until(lambda: stage.engine.running and stage.engine.running != [first], "the next pilot")

    assert stage.play(scenario) == 0
    assert stage.journal.has("with exit code 1")


def test_the_running_pilot_is_adopted_where_its_log_was_left(stage: Stage) -> None:
    stage.engine.add_image(IMAGE, "sha256:1")
    pilot = stage.engine.add_container(specification())
    for text in (b"one", b"two", b"three"):
        stage.engine.write(pilot, text)
    stage.journal.cursor = list(_kept(stage.engine, pilot))[1].cursor

    def scenario() -> None:
        wait_until(lambda: stage.journal.lines, "a line")
        assert stage.engine.running == [pilot]

    stage.play(scenario)
    assert stage.journal.lines == [b"three"]
    assert "create" not in stage.engine.calls


def _kept(engine: FakeEngine, container_id: str) -> Iterator[LogLine]:
    for _, line in zip(range(3), engine.logs(container_id)):
        yield line


def test_a_process_that_makes_room_says_how_far_it_has_copied_the_log(stage: Stage) -> None:
    stage.stop_is_wanted = False
    lines = stage.journal.lines

    def first() -> None:
        stage.engine.write(stage.pilot(), b"one")
        wait_until(lambda: lines == [b"one"], "the line")

    def second() -> None:
        stage.engine.write(stage.pilot(), b"two")
        wait_until(lambda: b"two" in lines, "the line")

    stage.play(first)
    stage.play(second)
    # The journal says of none that it was copied, as one that somebody has vacuumed does.
    assert lines == [b"one", b"two"]


def test_a_line_that_is_long_looked_for_is_waited_for(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long log of a pilot that has ended while nobody watched; with the container the rest of it would be gone."""
    monkeypatch.setattr(pilot_log, "LOG_QUIET_SECONDS", 0.01)
    pilot = stage.engine.add_container(specification())
    for line in (b"one", b"two"):
        stage.engine.write(pilot, line)
    stage.journal.cursor = next(stage.engine.logs(pilot)).cursor
    stage.engine.end(pilot)
    logs = stage.engine.logs

    def logs_later(container_id: str, after: str = "") -> Iterator[LogLine]:
        if container_id == pilot:
            time.sleep(0.5)
        yield from logs(container_id, after)

    monkeypatch.setattr(stage.engine, "logs", logs_later)
    stage.play(lambda: stage.phase_is(Phase.RUNNING))
    assert stage.journal.lines == [b"two"]


@pytest.mark.parametrize("lost", [0, 1])
def test_lines_are_kept_for_a_journal_that_is_away_and_those_that_it_lost_are_copied_again(
    lost: int, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pilot_log, "JOURNAL_SECONDS", 0.01)
    texts = [b"one", b"two", b"three", b"four"]

    def scenario() -> None:
        pilot = stage.pilot()
        for text in texts[:2]:
            stage.engine.write(pilot, text)
        wait_until(lambda: stage.journal.lines == texts[:2], "two lines")
        stage.journal.away = True
        for text in texts[2:]:
            stage.engine.write(pilot, text)
        wait_until(lambda: stage.journal.refused, "nobody takes the third")
        # What journald has not read when it ends is in no file.
        kept = 2 - lost
        del stage.journal.lines[kept:]
        stage.journal.cursor = list(_kept(stage.engine, pilot))[kept - 1].cursor
        stage.journal.away = False
        wait_until(lambda: stage.journal.lines == texts, "all lines, in their order")
        assert set(stage.journal.refused) == {b"three"}

    stage.play(scenario)


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


def test_a_pilot_of_the_earlier_service_is_drained_and_its_old_log_left_alone(stage: Stage) -> None:
    pilot = stage.engine.add_container(specification(labelled=False))
    stage.engine.write(pilot, b"printed by the earlier service")

    def scenario() -> None:
        stage.summary_has("the package's earlier service")
        stage.engine.end(pilot)
        stage.phase_is(Phase.RUNNING)

    stage.play(scenario)
    assert stage.journal.lines == []


def test_somebody_elses_container_is_never_touched(stage: Stage) -> None:
    foreign = ContainerSpec(**{**vars(specification(labelled=False)), "mounts": ()})
    theirs = stage.engine.add_container(foreign)
    stage.play(lambda: stage.summary_has("not ours"))
    assert stage.engine.running == [theirs]
    assert stage.engine.calls == []


def test_a_pilot_that_somebody_has_renamed_is_adopted_and_no_second_one_shares_its_scratch(stage: Stage) -> None:
    stage.engine.add_image(IMAGE, "sha256:1")
    pilot = stage.engine.add_container(ContainerSpec(**{**vars(specification()), "name": "another-name"}))
    stage.play(lambda: stage.summary_has("In the pool"))
    assert "create" not in stage.engine.calls
    assert not stage.engine.running
    assert stage.engine.container(pilot) is None


def test_a_refused_pilot_is_never_reported_as_well(stage: Stage) -> None:
    stage.probe_output = "token_wrong_key"
    stage.play(lambda: stage.summary_has("Refused by the pool"))
    assert stage.journal.has("Advice for")
    assert not any("In the pool" in message for message in stage.notifications)


def test_an_engine_that_goes_away_and_comes_back(stage: Stage) -> None:
    def scenario() -> None:
        pilot = stage.pilot()
        stage.engine.write(pilot, b"before")
        wait_until(lambda: stage.journal.lines == [b"before"], "the first line")
        stage.engine.unreachable = True
        stage.summary_has("does not answer")
        stage.engine.unreachable = False
        stage.engine.write(pilot, b"after")
        wait_until(lambda: stage.journal.lines == [b"before", b"after"], "each line once")
        stage.phase_is(Phase.RUNNING)

    assert stage.play(scenario) == 0


def test_what_the_next_pilot_lacks_is_said_and_asked_again(stage: Stage) -> None:
    stage.findings.append(error("token-expired", "The token has expired.", "Get a new one."))

    def scenario() -> None:
        stage.summary_has("The token has expired. Get a new one. [token-expired]")
        assert not stage.engine.running
        stage.findings.clear()
        stage.pilot()

    stage.play(scenario)


def test_a_container_that_the_engine_does_not_start_is_removed(stage: Stage) -> None:
    stage.engine.start_refusal = "error gathering device information"

    def scenario() -> None:
        stage.summary_has("error gathering device information")
        stage.engine.start_refusal = ""
        stage.pilot()

    assert stage.play(scenario) == 0


def test_a_container_that_somebody_removes_is_followed_by_the_next(stage: Stage) -> None:
    def scenario() -> None:
        first = stage.pilot()
        stage.engine.vanish(first)
        wait_until(lambda: stage.engine.running and stage.engine.running != [first], "the next pilot")

    stage.play(scenario)
    assert stage.journal.has("Somebody else removed the pilot's container")


# --- the next process, the next configuration, the next image ----------------------------------------------


def test_a_restart_leaves_the_pilot_alone_and_the_drain_that_was_asked_for(stage: Stage) -> None:
    stage.stop_is_wanted = False
    stage.play(lambda: stage.summary_has("In the pool"))
    assert len(stage.engine.running) == 1
    assert "stop" not in stage.engine.calls
    wait_until(lambda: "STOPPING=1" in stage.notifications, "systemd is told")
    stage.run_directory.ask_drain()
    stage.play(stage.drains_its_pilot)
    assert stage.run_directory.want is Want.IDLE


def test_the_next_process_adopts_the_pilot_and_its_good_name(stage: Stage) -> None:
    stage.stop_is_wanted = False
    stage.play(lambda: stage.summary_has("In the pool"))
    first = stage.engine.running
    good = stage.store.load(IMAGE).good
    assert good is not None
    assert good.digest == "sha256:1"
    stage.play(lambda: stage.summary_has("In the pool"))
    assert stage.engine.running == first


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


def test_a_new_image_that_does_not_work_is_rolled_back(stage: Stage) -> None:
    stage.policy = replace(ONE_BY_ONE, rollback_seconds=4.0)

    def scenario() -> None:
        _replaced_by_one_without_a_startd(stage)
        wait_until(lambda: stage.journal.has("Rolled back: the image sha256:2"), "the verdict")
        stage.probe_output = "ready_idle"
        stage.summary_has("In the pool, waiting for jobs; the image sha256:2 was rolled back")
        assert stage.report["pilots"][0]["image_digest"] == "sha256:1"

    stage.play(scenario)


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


def test_a_pilot_that_was_paused_is_said(stage: Stage) -> None:
    stage.probe_output = "ready_idle"

    def scenario() -> None:
        pilot = stage.pilot()
        stage.summary_has("In the pool")
        stage.engine.pause(pilot)
        stage.summary_has(
            "The pilot does not answer, jobs not known: its container is paused. Let it go on: podman unpause"
        )
        stage.engine.unpause(pilot)
        stage.summary_has("In the pool")

    stage.play(scenario)


def test_a_drain_may_end_the_service(stage: Stage) -> None:
    def scenario() -> None:
        pilot = stage.pilot()
        stage.run_directory.ask_drain(Want.STOP)
        stage.run_directory.nudge()
        stage.drains_its_pilot()
        stage.engine.end(pilot)
        stage.phase_is(Phase.ENDED)

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
