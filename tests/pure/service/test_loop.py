"""The whole service in one process: real threads, real signals, a real notification socket; the engine is the fake."""

import itertools
import threading
import time
from collections.abc import Sequence
from typing import Union

from ospool_ep import exit_codes
from ospool_ep.configuration.findings import error
from ospool_ep.container.specification import ContainerSpec
from ospool_ep.engine.interface import EngineError, Execution, PullFailed
from ospool_ep.lifecycle.actions import Do, Order, Priority, Verb
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.lifecycle.report import DRAINING
from ospool_ep.lifecycle.state import Phase, State, Want
from ospool_ep.pilot.commands import DRAIN_COMMAND
from ospool_ep.service.orders import Orders
from tests.pure.service.stage import IMAGE, Stage, specification
from tests.support.names import CONTAINER_NAME
from tests.support.waiting import wait_until


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
