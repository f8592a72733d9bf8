"""What others do to the container and the engine: a foreign container, a removal, a restart, an engine that goes."""

from ospool_ep.lifecycle.actions import Order, Verb
from ospool_ep.lifecycle.events import (
    Began,
    EngineLost,
    FindImageRefused,
    LogRefused,
    Looked,
    LookRefused,
    PilotEnded,
    RunsAgain,
    StopAsked,
    StopBegan,
    TimeUp,
)
from ospool_ep.lifecycle.state import Phase
from tests.pure.lifecycle.host import (
    BUSY,
    CONTAINER,
    EMPTY,
    LAUNCHED,
    OTHER,
    PULLED,
    REFERENCE,
    REFUSED,
    Host,
    ended,
    ours,
    ours_ended,
    running,
)


def test_somebody_elses_container_is_left_alone_and_told_about() -> None:
    host = Host().feed(Began(), Looked(foreign=OTHER))
    assert host.orders == []
    assert "docker rm -f ospool-ep-container" in host.text


def test_somebody_elses_container_is_looked_for_at_least_once_a_minute() -> None:
    host = Host().feed(Began())
    for _ in range(9):
        host.feed(Looked(foreign=OTHER))
        assert 0.0 < host.state.wake_at - host.now <= 60.0
        assert host.later(60).feed(TimeUp()).orders == [Order.LOOK]


def test_a_removed_container_is_said() -> None:
    host = running().feed(PilotEnded(CONTAINER, -1, 0.0, removed=True))
    assert "Somebody else removed the pilot's container. The next one starts at once." in host.text


# --- somebody starts it again ------------------------------------------------------------------------------


def test_a_container_that_somebody_restarted_is_taken_over_anew() -> None:
    host = running(BUSY).feed(PilotEnded(CONTAINER, 0, 0.0, restarted=True))
    assert host.orders == [Order.LOOK]
    assert "Somebody else restarted the pilot's container; the jobs that ran are lost." in host.text
    assert host.feed(ours()).orders == [Verb.FOLLOW, Order.FIND_IMAGE]


def test_one_that_somebody_restarts_while_it_is_stopped_is_stopped_again() -> None:
    host = running(BUSY).feed(StopAsked(), StopBegan(CONTAINER, BUSY.jobs))
    assert host.feed(PilotEnded(CONTAINER, 0, 0.0, restarted=True)).orders == [Verb.FOLLOW, Verb.STOP]
    assert "Somebody else restarted the pilot's container" in host.text
    host.feed(StopBegan(CONTAINER, ()), ended())
    assert host.orders == [Verb.REMOVE, Order.EXIT]
    assert host.text == "Stopped. No job was running."


def test_a_container_that_somebody_started_again_just_after_its_end_is_taken_over_at_once() -> None:
    host = running(BUSY).feed(ended(lived=10.0))
    assert host.orders == [Verb.REMOVE, Order.LOOK]
    assert host.feed(RunsAgain(CONTAINER)).orders == []
    assert "Somebody else restarted the pilot's container" in host.text
    assert host.feed(ours()).orders == [Verb.FOLLOW, Order.FIND_IMAGE]


def test_one_that_waits_for_its_next_try_is_taken_over_at_once_too() -> None:
    host = running(REFUSED).feed(ended(lived=10.0))
    assert host.state.phase is Phase.WAITING
    assert host.feed(RunsAgain(CONTAINER)).orders == [Order.LOOK]
    assert host.feed(ours()).orders == [Verb.FOLLOW, Order.FIND_IMAGE]


def test_a_container_that_runs_again_is_looked_at_once_and_not_twice() -> None:
    host = running().feed(ended())
    assert (host.orders, host.state.phase) == ([Verb.REMOVE, Order.LOOK], Phase.LOOKING)
    assert host.feed(RunsAgain(CONTAINER)).orders == []
    assert "Somebody else restarted the pilot's container" in host.text


# --- the engine --------------------------------------------------------------------------------------------


def test_another_engine_is_left_to_the_next_process() -> None:
    host = Host().feed(Began(), Looked(elsewhere=True))
    assert host.state.phase is Phase.ENDED
    assert host.state.leaving
    assert "another engine" in host.text


def test_an_engine_that_goes_away_is_asked_again_every_few_seconds_and_said_only_while_the_delay_grows() -> None:
    host, said = running(), []
    for _ in range(12):
        host.feed(EngineLost("gone."))
        said += host.said
        assert host.state.wake_at - host.now <= 10.0
        host.later(10).feed(TimeUp())
        assert host.orders == [Order.LOOK]
    assert [say.text for say in said] == [
        "gone. Next try in 5 s.",
        "gone. Next try in 10 s, and every 10 s from then on.",
    ]
    assert host.feed(ours()).orders == [Verb.FOLLOW, Order.FIND_IMAGE]


def test_the_waits_for_an_engine_do_not_make_those_for_the_next_pilot_longer() -> None:
    host = running()
    for _ in range(12):
        host.feed(EngineLost("gone.")).later(10).feed(TimeUp())
    host.feed(ours_ended(), ended(lived=10.0))
    assert host.orders == [Verb.REMOVE, Order.LOOK]
    host.feed(EMPTY, PULLED, LAUNCHED, ended(lived=10.0))
    assert host.state.wake_at - host.now == 10.0


def test_an_engine_that_refuses_is_not_lost() -> None:
    host = running(BUSY).feed(LogRefused(CONTAINER, "no such driver"), FindImageRefused(REFERENCE, "no"))
    assert host.state.phase is Phase.RUNNING


def test_a_look_that_is_refused_is_done_again() -> None:
    host = Host().feed(Began(), LookRefused("a bug of the engine"))
    assert host.state.phase is Phase.WAITING
    assert host.later(10).feed(TimeUp()).orders == [Order.LOOK]
