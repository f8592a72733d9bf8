"""What a pilot's answers come to: whether it takes jobs, whether it is dead inside, whether its time is over."""

from dataclasses import replace

import pytest

from ospool_ep.configuration.policy import Policy
from ospool_ep.lifecycle.actions import Order, Priority, Verb
from ospool_ep.lifecycle.due import limit_at
from ospool_ep.lifecycle.events import Asked, Event, Observed, StopBegan, TimeUp
from ospool_ep.lifecycle.report import is_well, summary
from ospool_ep.lifecycle.sight import ABSENT_SECONDS, LEFT_SECONDS, VALIDATION_SECONDS
from ospool_ep.lifecycle.state import Phase, Want
from ospool_ep.pilot.state import NOTHING, Job, Offer, PilotState, Startd
from tests.pure.lifecycle.host import (
    BUSY,
    CONTAINER,
    EMPTY,
    IN_POOL,
    PULLED,
    Host,
    ended,
    launched,
    running,
    seen,
    silent,
)

OPEN = replace(IN_POOL, offer=Offer.OPEN)
CLOSED = replace(IN_POOL, offer=Offer.CLOSED, closed_because="Apptainer does not work. Do X", unmet=("X",))
UNVALIDATED = replace(IN_POOL, offer=Offer.UNVALIDATED)
RETIRED = replace(BUSY, offer=Offer.RETIRED)
MISSING = PilotState(Startd.MISSING, jobs=())
STARTING = PilotState(Startd.STARTING, jobs=())
GONE = PilotState(Startd.GONE, jobs=(), holds=NOTHING)
NOT_KNOWN = PilotState()


def status(host: Host) -> tuple[str, bool]:
    return summary(host.state, 0.0), is_well(host.state)


def test_a_pilot_that_takes_no_jobs_is_said_with_the_clause_and_is_not_well() -> None:
    host = running(OPEN)
    assert "ready for jobs" in launched().feed(seen(OPEN)).text
    assert host.feed(seen(CLOSED)).said == []
    assert host.feed(seen(CLOSED)).said[0].priority is Priority.WARNING
    assert "takes no jobs: Apptainer does not work. Do X." in host.text
    assert status(host) == ("In the pool, but takes no jobs: Apptainer does not work. Do X", False)
    assert host.feed(seen(CLOSED)).said == []
    assert host.feed(seen(OPEN)).text.endswith("ready for jobs.")
    assert status(host) == ("In the pool, waiting for jobs", True)


def test_what_runs_in_it_is_told_beside() -> None:
    busy = replace(CLOSED, jobs=(Job("slot1_1", "12.0"),))
    assert status(running(busy)) == (
        "In the pool, running 1 job, but takes no new jobs: Apptainer does not work. Do X",
        False,
    )


def test_a_clause_of_the_operators_is_well() -> None:
    host = launched().feed(seen(replace(IN_POOL, offer=Offer.OWN)))
    assert "GLIDEIN_Start_Extra" in host.text
    assert status(host) == ("In the pool, waiting for jobs", True)


def test_an_answer_that_does_not_say_whether_it_takes_jobs_changes_nothing_at_once() -> None:
    host = running(CLOSED).feed(seen(NOT_KNOWN))
    assert host.said == []
    assert host.feed(seen(CLOSED)).said == []
    assert not is_well(host.state)
    # An image that does not tell is unknown, and unknown is no fault.
    assert host.feed(seen(IN_POOL), seen(IN_POOL)).state.main.offer is Offer.UNKNOWN  # type: ignore[union-attr]
    assert is_well(host.state)


def test_it_is_not_validated_in_the_first_minutes_and_then_that_is_a_fault() -> None:
    host = launched().feed(seen(UNVALIDATED))
    assert "once its own tests of this host have ended" in host.text
    assert status(host) == ("In the pool, its own tests of this host have not ended yet; waiting for jobs", False)
    host.later(VALIDATION_SECONDS - 1).feed(seen(UNVALIDATED))
    assert host.said == []
    host.later(1).feed(seen(UNVALIDATED))
    assert "takes no jobs: its own tests of this host have not ended 15 min after its start" in host.text
    assert not is_well(host.state)
    assert host.feed(seen(OPEN)).text.endswith("ready for jobs.")


def test_a_pilot_whose_time_for_jobs_is_over_drains_and_its_jobs_have_their_time() -> None:
    host = running(OPEN, policy=Policy(drain_seconds=3600.0)).later(60).feed(seen(RETIRED))
    assert host.orders == [Verb.DRAIN, Order.LAUNCH_CLOSED]
    assert "ACCEPT_JOBS_FOR_HOURS" in host.text
    assert limit_at(host.state, host.state.pilots[0]) == 0.0


@pytest.mark.parametrize(
    ("answer", "seconds", "says"),
    [
        (MISSING, ABSENT_SECONDS, "its HTCondor does not run"),
        (STARTING, ABSENT_SECONDS, "its startd does not come up"),
    ],
)
@pytest.mark.parametrize("before", [(), (seen(OPEN), seen(OPEN))])
def test_a_pilot_that_is_dead_inside_is_ended_and_the_next_one_comes_later_each_time(
    answer: PilotState, seconds: float, says: str, before: tuple[Observed, ...]
) -> None:
    delays: list[float] = []
    host = launched().feed(*before)
    for _ in range(3):
        host.feed(seen(answer)).later(seconds * 16 - 1 if delays and answer is STARTING else seconds - 1)
        if not delays or answer is not STARTING:
            assert host.feed(seen(answer)).orders == []
        host.later(1).feed(seen(answer))
        assert host.orders == [Verb.STOP]
        assert host.said[-1].priority is Priority.ERROR
        assert says in host.text
        host.feed(StopBegan(CONTAINER, ()), ended(lived=500.0))
        assert host.orders == [Verb.REMOVE]
        assert host.state.phase is Phase.WAITING
        delays.append(host.state.wake_at - host.now)
        host.later(delays[-1]).feed(TimeUp(), EMPTY, PULLED, host.launched(), *before)
    assert delays == [5.0, 10.0, 20.0]


def test_one_whose_startd_has_left_takes_no_claim_and_the_next_one_does_not_wait_for_its_end() -> None:
    host = running(OPEN).feed(seen(GONE)).later(LEFT_SECONDS - 1).feed(seen(GONE))
    assert host.orders == []
    assert host.later(1).feed(seen(GONE)).orders == [Verb.STOP, Order.LAUNCH_CLOSED]
    assert "its master has not followed" in host.text


def test_a_slow_host_gets_more_time_with_each_pilot() -> None:
    host = launched().feed(seen(STARTING)).later(ABSENT_SECONDS).feed(seen(STARTING))
    host.feed(StopBegan(CONTAINER, ()), ended(lived=500.0)).later(5).feed(TimeUp(), EMPTY, PULLED, host.launched())
    host.feed(seen(STARTING)).later(ABSENT_SECONDS).feed(seen(STARTING))
    assert host.orders == []
    host.later(ABSENT_SECONDS).feed(seen(STARTING))
    assert host.orders == [Verb.STOP]


def test_silence_is_no_death() -> None:
    host = running(OPEN).feed(seen(MISSING)).later(ABSENT_SECONDS * 9)
    assert host.feed(silent("its container is paused")).orders == []
    assert host.feed(seen(NOT_KNOWN)).orders == []
    assert host.later(ABSENT_SECONDS).feed(seen(NOT_KNOWN)).orders == []
    assert host.feed(seen(OPEN)).orders == []
    assert host.feed(seen(MISSING)).orders == []


def test_a_pilot_that_does_not_answer_is_said_once_and_its_return_too() -> None:
    host = running(BUSY).feed(silent("It is paused."))
    assert host.text == "The pilot does not answer: It is paused."
    assert host.feed(silent("It is paused.")).said == []
    assert host.feed(seen(BUSY)).text == "The pilot answers again."


@pytest.mark.parametrize("silence", [silent("its container is paused"), seen(NOT_KNOWN)])
def test_what_was_while_it_did_not_say_is_not_counted(silence: Event) -> None:
    host = launched().feed(seen(STARTING), silence).later(ABSENT_SECONDS * 9).feed(seen(STARTING))
    assert host.orders == []
    assert host.later(ABSENT_SECONDS).feed(seen(STARTING)).orders == [Verb.STOP]


def test_a_startd_that_does_not_answer_is_not_well_and_not_dead() -> None:
    mute = replace(IN_POOL, jobs=None)
    host = running(OPEN).feed(seen(mute))
    assert is_well(host.state)
    assert "startd does not answer" in host.feed(seen(mute)).text
    assert status(host) == ("In the pool, but the pilot's startd does not answer, jobs not known", False)
    assert host.later(ABSENT_SECONDS * 9).feed(seen(mute)).orders == []
    assert host.feed(seen(OPEN)).text.endswith("ready for jobs.")
    assert is_well(host.state)


def test_a_reason_in_other_words_is_not_said_again() -> None:
    host = running(CLOSED)
    for number in range(3):
        assert host.feed(seen(replace(CLOSED, closed_because=f"Warning {number}"))).said == []
    assert "Warning 2" in status(host)[0]
    other = replace(CLOSED, closed_because="Another", unmet=("Y",))
    assert "Another" in host.feed(seen(other), seen(other)).text


def test_a_pilot_to_which_some_jobs_can_not_come_is_well_and_says_so() -> None:
    limited = replace(OPEN, closed_because="no job with docker:// images can come", unmet=("docker:// images",))
    host = launched().feed(seen(limited), seen(limited))
    assert "ready for jobs, but no job with docker:// images can come." in host.text
    assert status(host) == ("In the pool, waiting for jobs; no job with docker:// images can come", True)


def test_pilots_that_retire_as_they_begin_follow_each_other_later_each_time() -> None:
    host, delays = launched(), []
    for _ in range(4):
        host.feed(seen(RETIRED), ended(lived=12.0))
        delays.append(host.state.wake_at - host.now if host.state.phase is Phase.WAITING else 0.0)
        host.later(delays[-1]).feed(*([TimeUp()] if delays[-1] else []), EMPTY)
        host.feed(*([PULLED] if host.state.phase is Phase.PULLING else []), host.launched())
    assert delays == [0.0, 10.0, 20.0, 40.0]


def test_a_startd_that_comes_up_once_and_again_starts_the_time_anew() -> None:
    host = running(OPEN)
    for _ in range(5):
        host.feed(seen(MISSING)).later(ABSENT_SECONDS - 1).feed(seen(MISSING), seen(OPEN))
        assert host.state.phase is Phase.RUNNING


def test_one_that_flaps_and_never_is_ready_is_dead() -> None:
    host = launched()
    for _ in range(10):
        host.feed(seen(MISSING), seen(STARTING)).later(ABSENT_SECONDS / 10)
    assert host.feed(seen(MISSING)).orders == [Verb.STOP]


def test_in_a_drain_that_an_operator_asked_for_none_follows() -> None:
    host = running(OPEN).feed(Asked(Want.IDLE), seen(MISSING)).later(ABSENT_SECONDS).feed(seen(MISSING))
    assert host.orders == [Verb.STOP]
    assert "next one" not in host.text
    host.feed(StopBegan(CONTAINER, ()), ended())
    assert "next pilot" not in host.text
    assert host.feed(EMPTY).state.phase is Phase.IDLE


def test_the_status_says_that_htcondor_does_not_run() -> None:
    assert status(running(OPEN).feed(seen(MISSING))) == (
        "HTCondor does not run in the pilot, which is replaced where that lasts for minutes",
        False,
    )
    assert status(running(OPEN).feed(seen(STARTING)))[0] == "HTCondor in the pilot is not up, waiting for jobs"
