"""The lifecycle, step by step: starts, ends, waits, stops and drains. Updates have a file of their own."""

from dataclasses import replace
from typing import Union

import pytest

from ospool_ep.configuration.policy import Policy
from ospool_ep.lifecycle.actions import Order, Priority, Say, Verb
from ospool_ep.lifecycle.due import limit_at
from ospool_ep.lifecycle.events import (
    Asked,
    Began,
    DrainRefused,
    EngineLost,
    Event,
    FindImageRefused,
    HostChecked,
    HostSeen,
    ImageFound,
    Launched,
    LaunchRefused,
    LogRefused,
    Looked,
    LookRefused,
    Observed,
    PilotEnded,
    Pulled,
    PullProgressed,
    PullRefused,
    Reconfigured,
    RunsAgain,
    StopAsked,
    StopBegan,
    StopRefused,
    TimeUp,
    TokenSeen,
)
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.lifecycle.report import summary
from ospool_ep.lifecycle.retries import LONGEST_DELAY_SECONDS, retry_delay
from ospool_ep.lifecycle.state import Hindrance, Phase, Stage, Want
from ospool_ep.pilot.state import PilotState
from tests.pure.lifecycle.host import (
    AWAY,
    BUSY,
    CONTAINER,
    EMPTY,
    FINGERPRINT,
    FIRST,
    IN_POOL,
    KNOWN,
    NEXT,
    OTHER,
    PULLED,
    REFERENCE,
    REFUSED,
    THIRD,
    Host,
    as_found,
    ended,
    found,
    launched,
    ours,
    ours_ended,
    pilot,
    running,
    seen,
    silent,
)

LAUNCHED = Launched(pilot())


def limit_of(host: Host) -> float:
    """When the drain of the pilot is over at the latest; 0: it has no limit."""
    assert host.state.main is not None
    return limit_at(host.state, host.state.main)


OTHER_REFERENCE = "registry.example/other:1"


def test_from_nothing_to_a_pilot_in_the_pool() -> None:
    host = Host().feed(Began())
    assert host.orders == [Order.LOOK]
    assert host.feed(EMPTY).orders == [Order.PULL]
    assert host.feed(PullProgressed(REFERENCE, 40)).state.percent == 40
    assert host.feed(PULLED).orders == [Order.LAUNCH]
    assert host.feed(LAUNCHED).orders == [Verb.FOLLOW]
    assert host.state.phase is Phase.RUNNING
    assert "In the pool as ep@flock.opensciencegrid.org" in host.feed(seen(IN_POOL)).text


def test_a_pilot_that_ends_by_itself_is_followed_by_the_next() -> None:
    host = running().feed(ended())
    assert host.orders == [Verb.REMOVE, Order.LOOK]
    assert [say.priority for say in host.said] == [Priority.INFO]


@pytest.mark.parametrize("failures", range(1, 40))
def test_the_delay_grows_to_half_an_hour(failures: int) -> None:
    assert 5.0 <= retry_delay(failures) <= LONGEST_DELAY_SECONDS
    assert retry_delay(failures + 1) == min(2 * retry_delay(failures), LONGEST_DELAY_SECONDS)


def test_a_pilot_that_keeps_dying_young_waits_longer_each_time() -> None:
    host = Host().feed(Began())
    delays = []
    for _ in range(4):
        host.feed(EMPTY, PULLED, LAUNCHED, ended(lived=0.1, code=1))
        assert host.orders == [Verb.REMOVE]
        delays.append(host.state.wake_at - host.now)
        host.later(delays[-1]).feed(TimeUp())
        assert host.orders == [Order.LOOK]
    assert delays == [5.0, 10.0, 20.0, 40.0]


def test_a_pilot_that_was_well_and_is_ended_young_is_replaced_at_once_and_then_later() -> None:
    host = Host().feed(Began(), EMPTY, PULLED, LAUNCHED, seen(IN_POOL), ended(lived=9.0, code=137))
    assert host.orders == [Verb.REMOVE, Order.LOOK]
    assert host.text.endswith("The next one starts at once.")
    delays = []
    # The image is fresh at first; before it is tried again after a wait, it is pulled.
    for image in ((), (PULLED,)):
        host.feed(EMPTY, *image, LAUNCHED, seen(IN_POOL), ended(lived=9.0, code=137))
        delays.append(host.state.wake_at - host.now)
        host.later(delays[-1]).feed(TimeUp())
    assert delays == [10.0, 20.0]


def test_a_pilot_that_never_was_in_the_pool_is_no_ordinary_end() -> None:
    host = running(REFUSED).feed(ended(lived=4000.0))
    assert host.state.phase is Phase.WAITING
    assert "never in the pool" in host.text


def test_a_good_life_forgets_the_failures_before_it() -> None:
    host = Host().feed(Began(), EMPTY, PULLED, LAUNCHED, ended(lived=1.0))
    assert host.state.failures == 1
    host.later(5).feed(TimeUp(), EMPTY, PULLED, LAUNCHED, seen(IN_POOL), ended())
    assert host.state.failures == 0


def test_a_refused_pilot_is_said_once_with_the_advice() -> None:
    host = Host().feed(Began(), EMPTY, PULLED, LAUNCHED, seen(REFUSED, advice="Do X."))
    assert host.said == []
    host.feed(seen(REFUSED, advice="Do X."))
    assert host.said[0].priority is Priority.ERROR
    assert host.text.endswith("Do X.")
    assert host.feed(seen(REFUSED, advice="Do X.")).said == []


def test_a_refusal_that_passes_is_never_said() -> None:
    host = Host().feed(Began(), EMPTY, PULLED, LAUNCHED, seen(REFUSED))
    assert host.feed(seen(IN_POOL)).text.startswith("In the pool as")


def test_the_registry_is_away_and_a_local_image_is_used() -> None:
    host = Host().feed(Began(), EMPTY, Pulled(REFERENCE, FIRST, "old one"))
    assert host.said == [Say(Priority.WARNING, "old one")]
    assert host.orders == [Order.LAUNCH]


def test_what_the_operator_should_mend_is_said_of_a_pull_that_has_succeeded() -> None:
    host = Host().feed(Began(), EMPTY, Pulled(REFERENCE, FIRST, remark="A file is broken."))
    assert host.said == [Say(Priority.WARNING, "A file is broken.")]
    assert host.orders == [Order.LAUNCH]
    assert host.state.pulled_at == host.now


def test_the_registry_is_away_and_there_is_no_image() -> None:
    host = Host().feed(Began(), EMPTY, PullRefused(REFERENCE, "no registry"))
    assert host.state.phase is Phase.WAITING
    assert "Next try in 5 s" in host.text


def test_time_that_is_not_up_changes_nothing() -> None:
    host = Host().feed(Began(), EMPTY, PullRefused(REFERENCE, "no registry")).later(4.9)
    assert host.feed(TimeUp()).orders == []
    assert host.later(0.1).feed(TimeUp()).orders == [Order.LOOK]


def test_stop_with_a_job_says_which_was_evicted() -> None:
    host = running(BUSY).feed(StopAsked())
    assert host.orders == [Verb.STOP]
    host.feed(StopBegan(CONTAINER, BUSY.jobs), ended())
    assert host.orders == [Verb.REMOVE, Order.EXIT]
    assert "1 running job was evicted: 12.0" in host.text


def test_stop_without_a_job_says_so() -> None:
    host = running().feed(StopAsked(), StopBegan(CONTAINER, ()), ended())
    assert host.said == [Say(Priority.INFO, "Stopped. No job was running.", CONTAINER)]


@pytest.mark.parametrize(
    "before",
    [seen(BUSY), silent("paused"), seen(IN_POOL)],
    ids=["busy", "silent", "idle, but a job may have begun since"],
)
def test_stop_of_a_pilot_that_does_not_answer_claims_nothing(before: Event) -> None:
    host = running().feed(before, StopAsked(), StopBegan(CONTAINER, None), ended())
    assert host.said[-1].priority is Priority.WARNING
    assert "did not say whether jobs ran" in host.said[-1].text


def test_a_pilot_that_was_never_in_the_pool_had_no_job_to_lose() -> None:
    host = running(PilotState()).feed(StopAsked(), StopBegan(CONTAINER, None), ended())
    assert host.text == "Stopped. No job was running."


def test_a_second_stop_does_not_order_a_second_one() -> None:
    assert running().feed(StopAsked(), StopAsked()).orders == []


def test_stop_while_pulling_ends_at_once() -> None:
    assert Host().feed(Began(), EMPTY, StopAsked()).orders == [Order.EXIT]


def test_stop_while_waiting_looks_for_a_pilot_that_came_back_with_its_engine() -> None:
    host = running().feed(EngineLost("gone"), StopAsked())
    assert host.orders == [Order.LOOK]
    assert host.feed(ours()).orders == [Verb.FOLLOW, Verb.STOP]


def test_stop_while_waiting_for_an_image_ends() -> None:
    host = Host().feed(Began(), EMPTY, PullRefused(REFERENCE, "x"), StopAsked(), EMPTY)
    assert host.orders == [Order.EXIT]
    assert host.said == []


def test_a_pilot_that_ended_while_no_service_ran_is_not_said_to_have_missed_the_pool() -> None:
    host = Host().feed(Began(), ours_ended(), ended(code=137))
    assert host.orders == [Verb.REMOVE, Order.LOOK]
    assert "never in the pool" not in host.text


def test_stop_while_launching_stops_the_pilot_that_comes() -> None:
    host = Host().feed(Began(), EMPTY, PULLED, StopAsked())
    assert host.orders == []
    assert host.feed(LAUNCHED).orders == [Verb.FOLLOW, Verb.STOP]


def test_stop_that_the_engine_does_not_carry_out_is_said() -> None:
    host = running().feed(StopAsked(), StopRefused(CONTAINER, "frozen"))
    assert host.orders == [Order.EXIT]
    assert "could not be stopped: frozen" in host.text


def test_drain_ends_idle_and_resume_starts_again() -> None:
    host = running(BUSY).feed(Asked(Want.IDLE))
    assert host.orders == [Verb.DRAIN, Order.FIND_IMAGE]
    host.feed(ended())
    assert host.orders == [Verb.REMOVE, Order.LOOK]
    assert host.feed(EMPTY).state.phase is Phase.IDLE
    assert host.feed(Asked(Want.PILOTS), EMPTY).orders == [Order.LAUNCH]


@pytest.mark.parametrize(
    ("end", "priority"),
    [
        (PilotEnded(CONTAINER, 0, 10.0), Priority.INFO),
        (PilotEnded(CONTAINER, -1, 0.0, removed=True), Priority.WARNING),
        (PilotEnded(CONTAINER, 137, 10.0, oom_killed=True), Priority.WARNING),
    ],
)
def test_a_drain_claims_no_more_than_it_knows(end: PilotEnded, priority: Priority) -> None:
    host = running(BUSY).feed(Asked(Want.IDLE), end)
    assert [say.priority for say in host.said] == [priority]


def test_drain_that_the_pilot_does_not_take_is_tried_again() -> None:
    host = running().feed(Asked(Want.IDLE), DrainRefused(CONTAINER, "no startd")).later(10)
    assert host.feed(TimeUp()).orders == [Verb.DRAIN]


@pytest.mark.parametrize(("seen", "priority"), [([], Priority.INFO), ([seen(BUSY)], Priority.WARNING)])
def test_a_pilot_that_is_not_up_yet_is_nothing_to_warn_of(seen: list[Observed], priority: Priority) -> None:
    host = (
        Host()
        .feed(Began(), EMPTY, PULLED, LAUNCHED, *seen)
        .feed(Asked(Want.IDLE), DrainRefused(CONTAINER, "no master"))
    )
    assert [say.priority for say in host.said if "does not drain" in say.text] == [priority]


def test_drain_while_launching_drains_the_pilot_that_comes() -> None:
    host = Host().feed(Began(), EMPTY, PULLED, Asked(Want.IDLE), LAUNCHED)
    assert host.orders == [Verb.FOLLOW, Verb.DRAIN]


def test_drain_while_pulling_is_idle_at_once_and_stays_so() -> None:
    host = Host().feed(Began(), EMPTY, Asked(Want.IDLE))
    assert host.state.phase is Phase.IDLE
    assert host.feed(PULLED).state.phase is Phase.IDLE


def test_drain_survives_our_own_process() -> None:
    assert Host(Want.IDLE).feed(Began(), ours()).orders == [Verb.FOLLOW, Verb.DRAIN, Order.FIND_IMAGE]


def test_a_running_pilot_is_adopted() -> None:
    host = Host().feed(Began(), ours())
    assert host.orders == [Verb.FOLLOW, Order.FIND_IMAGE]
    assert host.feed(found(FIRST)).orders == [Order.TIDY]
    assert host.state.phase is Phase.RUNNING


@pytest.mark.parametrize("looked", [ours(fingerprint="another"), as_found(pilot(fingerprint="", legacy=True))])
def test_a_pilot_made_otherwise_is_followed_by_the_next_one_once_its_image_is_here(looked: Looked) -> None:
    host = Host().feed(Began(), looked)
    assert host.orders == [Verb.FOLLOW, Order.PULL, Order.FIND_IMAGE]
    assert host.feed(found(FIRST)).orders == [Order.LAUNCH_CLOSED, Order.TIDY]
    assert host.stage(CONTAINER) is Stage.OPEN


def test_the_next_ones_image_is_pulled_beside_the_pilot_that_has_to_go() -> None:
    host = Host().feed(Began(), ours(fingerprint="another"))
    assert Order.PULL in host.orders
    assert host.feed(found(None)).orders == []
    host.feed(PullRefused(REFERENCE, "no registry"))
    assert host.state.phase is Phase.RUNNING
    assert "goes on meanwhile. Next try in 5 s" in host.text
    assert host.later(5).feed(TimeUp()).orders == [Order.PULL]
    assert host.feed(PULLED).orders == [Order.LAUNCH_CLOSED]


def test_somebody_elses_container_is_left_alone_and_told_about() -> None:
    host = Host().feed(Began(), Looked(foreign=OTHER))
    assert host.orders == []
    assert "docker rm -f ospool-ep-container" in host.text


def test_another_engine_is_left_to_the_next_process() -> None:
    host = Host().feed(Began(), Looked(elsewhere=True))
    assert host.state.phase is Phase.ENDED
    assert host.state.leaving
    assert "another engine" in host.text


def test_a_stop_is_a_stop_where_another_engine_is_due() -> None:
    host = Host().feed(Began(), StopAsked(leaving=False), Looked(elsewhere=True))
    assert host.state.phase is Phase.ENDED
    assert not host.state.leaving


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


def test_a_removed_container_is_said() -> None:
    host = running().feed(PilotEnded(CONTAINER, -1, 0.0, removed=True))
    assert "Somebody else removed the pilot's container. The next one starts at once." in host.text


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


def test_a_pilot_killed_for_its_memory_is_said() -> None:
    host = running().feed(PilotEnded(CONTAINER, 137, 4000.0, oom_killed=True))
    assert "memory limit" in host.text


# --- the process ends, and the pilot goes on ---------------------------------------------------------------


@pytest.mark.parametrize("before", [seen(BUSY), Asked(Want.IDLE)], ids=["running", "draining"])
def test_a_process_that_makes_room_for_the_next_one_leaves_the_pilot_alone(before: Event) -> None:
    host = running(BUSY).feed(before)
    assert host.feed(StopAsked(leaving=True)).orders == [Order.EXIT]
    assert "the pilot in container cccccccccccc goes on" in host.text


def test_a_process_that_makes_room_waits_for_the_container_that_is_being_made() -> None:
    host = Host().feed(Began(), EMPTY, PULLED, StopAsked(leaving=True))
    assert host.orders == []
    assert host.feed(LAUNCHED).orders == [Order.EXIT]


@pytest.mark.parametrize("answer", [LaunchRefused("no"), EngineLost("gone")])
def test_a_process_that_makes_room_ends_without_a_container_too(answer: Union[LaunchRefused, EngineLost]) -> None:
    assert Host().feed(Began(), EMPTY, PULLED, StopAsked(leaving=True), answer).orders == [Order.EXIT]


# --- what a drain leads to ---------------------------------------------------------------------------------


def test_a_drain_with_the_next_pilot_to_follow() -> None:
    host = running(BUSY, policy=Policy(one_by_one="GPUs are offered")).feed(Asked(Want.START))
    assert host.orders == [Order.FORGET_DRAIN, Verb.DRAIN, Order.FIND_IMAGE]
    assert host.state.want is Want.PILOTS
    assert host.feed(ended(), EMPTY).orders == [Order.LAUNCH]


def test_a_drain_with_the_end_of_the_service_to_follow() -> None:
    host = running(BUSY).feed(Asked(Want.STOP), ended(), EMPTY)
    assert host.orders == [Order.END_SERVICE]
    assert host.feed(StopAsked()).orders == [Order.EXIT]


@pytest.mark.parametrize("before", [(), (PULLED,)], ids=["pulling", "launching"])
def test_a_drain_to_the_next_pilot_is_done_where_none_runs(before: tuple[Event, ...]) -> None:
    host = Host().feed(Began(), EMPTY, *before)
    assert host.feed(Asked(Want.START)).orders == [Order.FORGET_DRAIN]
    assert host.state.want is Want.PILOTS


def test_a_drain_that_an_operator_asked_for_gets_no_limit_when_it_is_taken_back() -> None:
    host = running(BUSY, policy=Policy(drain_seconds=60.0)).feed(Asked(Want.IDLE)).later(3600)
    assert host.feed(Asked(Want.PILOTS), seen(BUSY), TimeUp()).orders == []
    assert limit_of(host) == 0.0


def test_the_limit_of_a_drain_counts_from_its_beginning_over_our_death() -> None:
    limited = Policy(drain_seconds=3600.0)
    host = Host(policy=limited, images=KNOWN).feed(Began())
    before = replace(pilot(fingerprint="another"), draining_since=host.now - 3000, limited_since=host.now - 3000)
    host.feed(as_found(before), found(FIRST))
    assert host.stage(CONTAINER) is Stage.LEAVING
    assert host.later(599).feed(TimeUp(), seen(BUSY)).orders == []
    assert host.later(1).feed(TimeUp()).orders == [Verb.STOP]


def test_a_pilot_that_was_told_to_drain_before_is_told_again_though_nothing_asks_for_it_now() -> None:
    host = Host(images=KNOWN).feed(Began())
    host.feed(as_found(replace(pilot(), draining_since=host.now - 60)))
    assert host.done_to(CONTAINER) == [Verb.FOLLOW, Verb.DRAIN]
    assert "it was told to drain before" in summary(host.state, 0.0)


def test_a_drain_that_an_operator_began_has_no_limit_though_the_service_has_a_reason_of_its_own_by_now() -> None:
    host = Host(policy=Policy(drain_seconds=3600.0), images=KNOWN).feed(Began())
    before = replace(pilot(fingerprint="another"), draining_since=host.now - 90_000)
    host.feed(as_found(before), found(FIRST))
    assert limit_of(host) == 0.0


def test_a_pilot_that_answers_again_is_told_again_to_drain() -> None:
    host = running(BUSY).feed(Asked(Want.IDLE), silent("it is paused"), DrainRefused(CONTAINER, "it is paused"))
    assert host.feed(seen(BUSY)).orders == [Verb.DRAIN]


def test_an_engine_that_refuses_is_not_lost() -> None:
    host = running(BUSY).feed(LogRefused(CONTAINER, "no such driver"), FindImageRefused(REFERENCE, "no"))
    assert host.state.phase is Phase.RUNNING


def test_an_image_that_the_engine_does_not_tell_of_is_looked_for_again() -> None:
    host = running(BUSY).feed(FindImageRefused(REFERENCE, "a bug of the engine")).later(5)
    assert host.feed(TimeUp()).orders == [Order.FIND_IMAGE]
    assert host.feed(found(FIRST)).state.wake_at == 0.0


def test_a_reload_while_the_next_pilot_is_being_made_gets_its_image() -> None:
    host = Host().feed(Began(), EMPTY, PULLED, Reconfigured(Policy(), OTHER_REFERENCE, "another", "changed"))
    assert host.feed(LAUNCHED).orders == [Verb.FOLLOW, Order.PULL, Order.FIND_IMAGE]
    assert host.feed(ImageFound(OTHER_REFERENCE, THIRD)).orders == [Order.LAUNCH_CLOSED, Order.TIDY]


def test_a_container_that_cannot_be_removed_is_tried_later_and_later() -> None:
    host = running().feed(ended(), ours_ended())
    delays = []
    for _ in range(3):
        assert host.feed(ended()).orders == [Verb.REMOVE]
        delays.append(host.state.wake_at - host.now)
        host.later(delays[-1]).feed(TimeUp(), ours_ended())
    assert delays == [5.0, 10.0, 20.0]


def test_a_pilot_that_drained_before_our_process_began_may_have_been_in_the_pool() -> None:
    host = Host(images=ImageRecord(REFERENCE, newest=NEXT, good=FIRST)).feed(Began())
    draining = replace(pilot(NEXT), draining_since=host.now - 60)
    host.feed(as_found(draining), seen(AWAY), DrainRefused(CONTAINER, "busy"))
    assert host.stage(CONTAINER) is Stage.LEAVING


def test_a_look_that_is_refused_is_done_again() -> None:
    host = Host().feed(Began(), LookRefused("a bug of the engine"))
    assert host.state.phase is Phase.WAITING
    assert host.later(10).feed(TimeUp()).orders == [Order.LOOK]


def test_what_a_container_refused_that_is_gone_by_now_changes_nothing() -> None:
    host = running(BUSY).feed(Asked(Want.IDLE))
    before = host.state
    assert host.feed(DrainRefused(OTHER, "gone"), StopRefused(OTHER, "gone")).state == before


def test_a_pull_of_what_was_configured_before_does_not_keep_the_new_image_away() -> None:
    host = running(BUSY).feed(Reconfigured(Policy(), OTHER_REFERENCE, "another", "changed"))
    assert Order.PULL in host.orders
    assert Order.PULL in host.feed(Reconfigured(Policy(), REFERENCE, "a third", "changed")).orders
    assert host.feed(ImageFound(REFERENCE, None), Pulled(OTHER_REFERENCE, NEXT)).orders == []
    assert host.feed(Pulled(REFERENCE, THIRD)).orders == [Order.LAUNCH_CLOSED]


def test_a_reload_during_a_pull_begins_no_second_one_of_the_same_image() -> None:
    host = Host().feed(Began(), EMPTY)
    assert host.orders == [Order.PULL]
    host.feed(Reconfigured(Policy(), REFERENCE, "another", "changed"), EMPTY)
    assert host.orders == []
    assert host.feed(PULLED).orders == [Order.LAUNCH]


def test_a_pull_is_begun_anew_once_the_engine_is_back() -> None:
    host = Host().feed(Began(), EMPTY, EngineLost("gone")).later(10)
    assert host.feed(TimeUp(), EMPTY).orders == [Order.PULL]


def test_the_progress_of_another_pull_is_not_shown() -> None:
    host = Host().feed(Began(), EMPTY, PullProgressed(REFERENCE, 40))
    assert host.feed(PullProgressed(OTHER_REFERENCE, 90)).state.percent == 40


def test_a_second_drain_is_the_first_one() -> None:
    host = running(BUSY).feed(Asked(Want.IDLE), Asked(Want.IDLE))
    assert Verb.DRAIN not in host.orders


def test_a_pilot_that_never_was_in_the_pool_and_does_not_drain_is_stopped() -> None:
    host = running(AWAY).feed(Asked(Want.IDLE), DrainRefused(CONTAINER, "no startd"))
    assert host.orders == [Verb.STOP]
    assert "never was in the pool" in host.text


def test_a_drain_that_is_refused_is_tried_again_whatever_is_seen_meanwhile() -> None:
    host = running(BUSY).feed(Asked(Want.IDLE), DrainRefused(CONTAINER, "busy"), seen(BUSY)).later(10)
    assert host.feed(TimeUp()).orders == [Verb.DRAIN]


def test_a_drain_of_the_service_has_a_limit_and_that_of_an_operator_has_none() -> None:
    limited = Policy(drain_seconds=3600.0, one_by_one="GPUs are offered")
    host = running(BUSY, policy=limited).feed(Reconfigured(limited, REFERENCE, "another", "the file has changed"))
    assert host.orders == [Verb.DRAIN, Order.FIND_IMAGE]
    assert limit_of(host) == host.now + 3600.0
    assert host.later(3599).feed(TimeUp(), seen(BUSY)).orders == []
    assert host.later(1).feed(TimeUp()).orders == [Verb.STOP]
    host.feed(StopBegan(CONTAINER, BUSY.jobs), ended())
    assert "1 running job was evicted: 12.0. The next pilot starts." in host.text
    assert host.orders == [Verb.REMOVE, Order.LOOK]
    assert limit_of(running(BUSY, policy=limited).feed(Asked(Want.IDLE))) == 0.0


# --- the configuration, the token, silence -----------------------------------------------------------------


def test_a_reload_that_changes_nothing_of_the_pilot_leaves_it_alone() -> None:
    host = running(BUSY).feed(Reconfigured(Policy(drain_seconds=1.0), REFERENCE, FINGERPRINT, ""))
    assert host.orders == [Order.FIND_IMAGE]
    assert host.state.policy.drain_seconds == 1.0


def test_a_reload_that_names_another_image_pulls_it_before_the_drain() -> None:
    host = running(BUSY).feed(Reconfigured(Policy(), "registry.example/other:1", "another", "the image has changed"))
    assert host.orders == [Order.PULL, Order.FIND_IMAGE]
    # What was asked before the reload does not count.
    assert host.feed(ImageFound("registry.example/other:1", None), PULLED).orders == []
    assert host.feed(Pulled("registry.example/other:1", NEXT)).orders == [Order.LAUNCH_CLOSED]


def test_a_reload_that_is_taken_back_ends_the_tries_to_pull() -> None:
    host = running(BUSY).feed(Reconfigured(Policy(), "registry.example/other:1", "another", "the image has changed"))
    host.feed(ImageFound("registry.example/other:1", None), PullRefused("registry.example/other:1", "no such image."))
    host.feed(Reconfigured(Policy(), REFERENCE, FINGERPRINT, ""), found(FIRST)).later(3600).feed(TimeUp())
    assert (host.orders, host.state.wake_at) == ([], 0.0)


def test_a_reload_ends_a_wait() -> None:
    host = Host().feed(Began(), EMPTY, PullRefused(REFERENCE, "no"))
    assert host.feed(Reconfigured(Policy(), "registry.example/other:1", "another", "")).orders == [Order.LOOK]


def test_a_token_that_was_replaced_is_said_and_used_by_the_next_pilot() -> None:
    host = running(BUSY).feed(TokenSeen("token 1", ""), TokenSeen("token 2", ""))
    assert "The token on disk has changed" in host.text
    assert host.orders == []


def test_a_token_that_was_removed_is_said_and_its_return_ends_a_wait() -> None:
    host = running(BUSY).feed(TokenSeen("token 1", ""), TokenSeen("", "There is no token."))
    assert host.text == "There is no token."
    assert host.feed(TokenSeen("", "There is no token.", remind=True)).text == "There is no token."
    assert host.feed(TokenSeen("token 1", "")).said == []  # the one that this pilot has
    host = Host().feed(Began(), EMPTY, PULLED, LaunchRefused("No token."), TokenSeen("", "There is no token."))
    assert host.feed(TokenSeen("token 1", "")).orders == [Order.LOOK]


@pytest.mark.parametrize(
    ("before", "then"),
    [((), Verb.STOP), ((seen(BUSY),), Order.LAUNCH_CLOSED)],
    ids=["it never was in the pool", "it was"],
)
def test_a_pilot_whose_token_the_pool_refuses_makes_room_for_the_new_token(
    before: tuple[Event, ...], then: Union[Order, Verb]
) -> None:
    host = launched().feed(*before, seen(REFUSED), seen(REFUSED), TokenSeen("token 1", ""))
    assert host.orders == []
    assert host.feed(TokenSeen("token 2", "")).orders == [then]


def test_a_token_that_was_replaced_while_no_process_looked_is_noticed() -> None:
    host = Host().feed(Began(), ours(), found(FIRST), TokenSeen("token 2", ""), seen(REFUSED), seen(REFUSED))
    assert host.orders == [Order.LAUNCH_CLOSED]


def test_what_is_wrong_with_the_token_is_said_when_it_is_new_and_each_day() -> None:
    host = running().feed(TokenSeen("token 1", "It expires."))
    assert host.said == []  # the start of the service has said it
    assert host.feed(TokenSeen("token 1", "It expires.")).said == []
    assert host.feed(TokenSeen("token 1", "It expires.", remind=True)).text == "It expires."
    assert host.state.token_note == "It expires."  # noqa: S105 - a note


def test_a_pilot_that_does_not_answer_is_said_once_and_its_return_too() -> None:
    host = running(BUSY).feed(silent("It is paused."))
    assert host.text == "The pilot does not answer: It is paused."
    assert host.feed(silent("It is paused.")).said == []
    assert host.feed(seen(BUSY)).text == "The pilot answers again."


def test_a_registry_is_asked_again_after_five_minutes_at_most_and_said_while_that_grows() -> None:
    """It may refuse because the clock is not set yet, which a boot mends by itself."""
    host, delays, said = Host().feed(Began()), list[float](), list[bool]()
    for _ in range(9):
        host.feed(EMPTY, PullRefused(REFERENCE, "The certificate is not valid yet."))
        delays.append(host.state.wake_at - host.now)
        said.append(bool(host.text))
        host.later(delays[-1]).feed(TimeUp())
    assert delays == [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0, 300.0]
    assert said == [True] * 7 + [False] * 2


def test_somebody_elses_container_is_looked_for_at_least_once_a_minute() -> None:
    host = Host().feed(Began())
    for _ in range(9):
        host.feed(Looked(foreign=OTHER))
        assert host.state.wake_at - host.now <= 60.0
        host.later(60).feed(TimeUp())


def test_what_goes_wrong_with_the_host_is_said_once_and_so_is_its_end() -> None:
    host = running(BUSY).feed(HostSeen("CVMFS has died."))
    assert [(say.priority, say.text) for say in host.said] == [(Priority.WARNING, "CVMFS has died.")]
    assert host.state.phase is Phase.RUNNING
    assert summary(host.state, 0.0).endswith("; CVMFS has died.")
    assert host.feed(HostSeen("CVMFS has died.")).said == []
    host.feed(HostSeen(""))
    assert [(say.priority, say.text) for say in host.said] == [(Priority.NOTICE, "This is mended: CVMFS has died.")]
    assert "CVMFS" not in summary(host.state, 0.0)


def test_what_has_gone_wrong_is_forgotten_with_the_pilot() -> None:
    """What keeps the next one from running says it from then on; and nothing does, once the host has healed."""
    died = Hindrance("No pilot can run now: CVMFS has died.", ("cvmfs-not-mounted",))
    host = running().feed(HostSeen("CVMFS has died."), ended(), HostChecked(died), EMPTY)
    assert host.state.phase is Phase.WAITING
    assert summary(host.state, 0.0).count("CVMFS") == 1
    assert host.feed(HostSeen("CVMFS has died.")).said == [], "the watch comes late"
    host.later(60).feed(TimeUp(), HostChecked(None), EMPTY, PULLED, host.launched(container=OTHER))
    assert summary(host.state, 0.0) == "Pilot starting, not in the pool yet"


def test_whether_the_pilot_has_ended_or_its_engine_is_away() -> None:
    for event in (ended(), EngineLost("Nobody listens.")):
        host = running().feed(HostSeen("CVMFS has died."), event)
        assert host.state.phase in (Phase.LOOKING, Phase.WAITING)
        assert "CVMFS" not in summary(host.state, 0.0)


def test_a_host_that_is_found_well_has_nothing_wrong_any_more() -> None:
    host = running(BUSY).feed(HostSeen("CVMFS has died."), HostChecked(None))
    assert host.state.host_note == ""
    died = Hindrance("CVMFS has died.", ("cvmfs-not-mounted",))
    assert running(BUSY).feed(HostSeen("CVMFS has died."), HostChecked(died)).state.host_note == "CVMFS has died."
