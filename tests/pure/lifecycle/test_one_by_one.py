"""Where two pilots can't run at once one follows the other; and what the next one waits for otherwise."""

from dataclasses import replace

import pytest

from ospool_ep.configuration.policy import Policy
from ospool_ep.configuration.values import UpdatePolicy
from ospool_ep.lifecycle.actions import Order, Verb
from ospool_ep.lifecycle.events import (
    Asked,
    EngineLost,
    Event,
    HostChecked,
    LaunchRefused,
    PilotEnded,
    PullRefused,
    Reconfigured,
    RunsAgain,
    StopAsked,
    StopBegan,
    TimeUp,
    TokenSeen,
)
from ospool_ep.lifecycle.next_pilot import NO_ROOM_SECONDS
from ospool_ep.lifecycle.report import report, summary
from ospool_ep.lifecycle.state import Hindrance, Phase, Stage, Want
from ospool_ep.pilot.state import Offer
from tests.pure.lifecycle.host import (
    CONTAINER,
    EMPTY,
    FINGERPRINT,
    FIRST,
    NEXT,
    OTHER,
    REFERENCE,
    REFUSED,
    TAKES_JOBS,
    THIRD,
    WAITS,
    believing,
    drains,
    ended,
    found,
    handing_over,
    running,
    seen,
    took,
)

GPUS = Policy(one_by_one="GPUs are offered")
CHANGED = Reconfigured(Policy(), REFERENCE, "another", "the configuration has changed: MEMORY")
NO_ROOM = HostChecked(None, "There is no room for two pilots on /scratch: 3 GB are free, and 5 GB are needed.")
NO_SCRATCH = Hindrance("There is no directory /scratch.", ("scratch-missing",))
RETIRED = replace(TAKES_JOBS, offer=Offer.RETIRED)
HOURS = 3600.0


@pytest.mark.parametrize(
    "reason",
    [(found(NEXT),), (replace(CHANGED, policy=GPUS),), (Asked(Want.START),), (seen(REFUSED), seen(REFUSED))],
    ids=["image", "configuration", "drain --then start", "token"],
)
def test_each_reason_drains_the_one_that_runs_first(reason: tuple[Event, ...]) -> None:
    host = running(TAKES_JOBS, policy=GPUS).feed(TokenSeen("token 1", ""), TokenSeen("token 2", ""), seen(TAKES_JOBS))
    host.feed(*reason)
    assert host.done_to(CONTAINER) == [Verb.DRAIN]
    for event in (seen(drains(3)), found(NEXT), TimeUp()):
        assert Order.LAUNCH_CLOSED not in host.feed(event).orders
    assert host.feed(ended()).orders == [Verb.REMOVE, Order.LOOK]
    assert Order.LAUNCH in host.feed(EMPTY).orders
    assert report(host.state, 0.0)["one_by_one"] == "GPUs are offered"


def test_none_is_drained_for_its_age_before_it_retires() -> None:
    lasts = replace(TAKES_JOBS, retires_at=1.0 + 62 * HOURS, dies_at=1.0 + 72 * HOURS)
    host = running(TAKES_JOBS, policy=GPUS).feed(seen(lasts)).later(61 * HOURS).feed(TimeUp(), seen(lasts))
    assert (host.orders, host.stage(CONTAINER)) == ([], Stage.OPEN)
    host.later(HOURS).feed(seen(replace(lasts, offer=Offer.RETIRED)))
    assert host.orders == [Verb.DRAIN]


def test_a_further_reason_waits_for_the_ones_that_leave_as_none_is_made_before_they_have_gone() -> None:
    host = handing_over(4).feed(took(4), seen(believing(4), OTHER), replace(CHANGED, policy=GPUS), found(THIRD))
    assert host.stage(OTHER) is Stage.OPEN
    assert host.feed(ended()).done_to(OTHER) == [Verb.DRAIN]


def test_a_resume_waits_for_the_end_of_the_one_that_drains() -> None:
    host = running(TAKES_JOBS, policy=GPUS).feed(Asked(Want.IDLE), seen(drains(3)), found(FIRST), Asked(Want.PILOTS))
    assert Order.LAUNCH_CLOSED not in host.orders
    assert report(host.state, 0.0)["phase"] == "draining"
    assert host.feed(ended(), EMPTY).orders == [Order.LAUNCH]


def test_one_that_retires_is_followed_when_it_has_ended() -> None:
    host = running(TAKES_JOBS, policy=GPUS).later(HOURS).feed(seen(RETIRED))
    assert host.orders == [Verb.DRAIN]
    assert host.later(86_400).feed(TimeUp(), seen(RETIRED)).orders == []


# --- no room for two ----------------------------------------------------------------------------------------------


def test_where_there_is_no_room_for_two_one_follows_the_other() -> None:
    host = running(TAKES_JOBS).feed(found(NEXT), NO_ROOM)
    assert (host.state.phase, host.done_to(CONTAINER)) == (Phase.RUNNING, [Verb.DRAIN])
    assert "no room for two pilots" in report(host.state, 0.0)["one_by_one"]
    assert host.feed(ended(), HostChecked(None), EMPTY, host.launched(NEXT)).state.no_room == ""


def test_that_there_was_no_room_is_not_believed_for_long() -> None:
    host = running(TAKES_JOBS).feed(Asked(Want.IDLE), seen(drains(3)), found(FIRST), Asked(Want.PILOTS), NO_ROOM)
    assert host.orders == []
    assert host.state.wake_at == host.now + NO_ROOM_SECONDS
    assert host.later(NO_ROOM_SECONDS - 1).feed(TimeUp(), seen(drains(3))).orders == []
    assert host.later(1).feed(TimeUp()).orders == [Order.LAUNCH_CLOSED]


def test_once_room_is_looked_for_again_none_makes_room_before_the_next_one_works() -> None:
    host = handing_over(8).feed(Asked(Want.START), NO_ROOM)
    assert (host.orders, host.stage(OTHER)) == ([], Stage.OPEN)
    assert Order.LAUNCH_CLOSED in host.later(NO_ROOM_SECONDS).feed(ended()).orders
    assert host.stage(OTHER) is Stage.OPEN


def test_a_reload_looks_for_room_anew() -> None:
    host = running(TAKES_JOBS).feed(Asked(Want.IDLE), seen(drains(3)), found(FIRST), Asked(Want.PILOTS), NO_ROOM)
    assert Order.LAUNCH_CLOSED in host.feed(Reconfigured(Policy(), REFERENCE, FINGERPRINT, "")).orders


def test_for_its_age_alone_none_is_drained_where_there_is_no_room() -> None:
    lasts = replace(TAKES_JOBS, retires_at=1.0 + 62 * HOURS, dies_at=1.0 + 72 * HOURS)
    host = running(TAKES_JOBS).feed(seen(lasts)).later(52 * HOURS).feed(TimeUp())
    assert host.orders == [Order.LAUNCH_CLOSED]
    assert (host.feed(NO_ROOM).orders, host.stage(CONTAINER)) == ([], Stage.OPEN)
    assert host.later(NO_ROOM_SECONDS).feed(TimeUp()).orders == [Order.LAUNCH_CLOSED]


# --- what the next one waits for ----------------------------------------------------------------------------------


def test_a_host_that_is_not_ready_when_the_next_one_is_made_is_looked_at_again() -> None:
    host = running(TAKES_JOBS).feed(found(NEXT), HostChecked(NO_SCRATCH))
    assert (host.state.phase, host.stage(CONTAINER)) == (Phase.RUNNING, Stage.OPEN)
    assert host.later(30).feed(TimeUp()).orders == [Order.CHECK_HOST]
    assert host.feed(HostChecked(None)).orders == [Order.LAUNCH_CLOSED]


def test_a_check_that_comes_late_loses_no_pilot_that_is_being_made() -> None:
    """It was asked for before a reload that has found the host ready."""
    host = running(TAKES_JOBS).feed(replace(CHANGED, hindrance=NO_SCRATCH), found(FIRST)).later(30).feed(TimeUp())
    assert host.orders == [Order.CHECK_HOST]
    assert Order.LAUNCH_CLOSED in host.feed(CHANGED).orders
    host.feed(HostChecked(NO_SCRATCH), host.launched_closed(fingerprint="another"))
    assert (host.done_to(OTHER), host.stage(OTHER)) == ([Verb.FOLLOW], Stage.CLOSED)


def test_the_image_is_pulled_beside_first_and_later_and_later_where_that_fails() -> None:
    other = "registry.example/other:1"
    host, delays = running(TAKES_JOBS).feed(replace(CHANGED, reference=other)), []
    for _ in range(3):
        host.feed(PullRefused(other, "no registry."))
        assert (host.stage(CONTAINER), host.state.phase) == (Stage.OPEN, Phase.RUNNING)
        delays.append(host.state.wake_at - host.now)
        assert host.later(delays[-1]).feed(TimeUp()).orders == [Order.PULL]
    assert delays == [5.0, 10.0, 20.0]


def test_one_that_can_not_be_made_is_tried_again_and_the_one_that_runs_goes_on() -> None:
    host, delays = running(TAKES_JOBS).feed(found(NEXT)), []
    for _ in range(3):
        host.feed(LaunchRefused("no such runtime"))
        assert host.stage(CONTAINER) is Stage.OPEN
        assert "the next one is tried at" in summary(host.state, 0.0)
        delays.append(host.state.wake_at - host.now)
        assert host.later(delays[-1]).feed(TimeUp()).orders == [Order.LAUNCH_CLOSED]
    assert delays == [5.0, 10.0, 20.0]


@pytest.mark.parametrize(
    ("update", "then"),
    [(UpdatePolicy.DRAIN, Order.LAUNCH_CLOSED), (UpdatePolicy.NOW, Verb.STOP), (UpdatePolicy.OFF, Order.TIDY),
     (UpdatePolicy.RETIRE, Order.TIDY)],
)  # fmt: skip
def test_what_a_new_image_leads_to_is_the_operators(update: UpdatePolicy, then: object) -> None:
    assert running(TAKES_JOBS, policy=Policy(update=update)).feed(found(NEXT)).orders[0] is then


def test_now_means_now_and_the_next_one_follows_its_end() -> None:
    host = running(TAKES_JOBS, policy=Policy(update=UpdatePolicy.NOW)).feed(found(NEXT), TimeUp(), seen(TAKES_JOBS))
    assert host.orders == []
    assert host.feed(ended(), EMPTY).orders == [Order.LAUNCH]


# --- the service ends, or loses its engine, in mid-hand-over --------------------------------------------------------


def test_a_stop_ends_all_pilots_side_by_side() -> None:
    host = handing_over(4).feed(took(4), seen(believing(4), OTHER), StopAsked())
    assert [(do.verb, do.container_id) for do in host.did] == [(Verb.STOP, CONTAINER), (Verb.STOP, OTHER)]
    assert host.feed(ended()).orders == [Verb.REMOVE]
    assert host.feed(ended(container=OTHER)).orders == [Verb.REMOVE, Order.EXIT]


def test_a_stop_while_the_next_one_is_made_ends_that_one_too() -> None:
    host = running(TAKES_JOBS).feed(found(NEXT), StopAsked())
    assert host.feed(ended()).orders == [Verb.REMOVE], "one is still being made"
    assert host.feed(host.launched_closed(NEXT)).done_to(OTHER) == [Verb.FOLLOW, Verb.STOP]
    assert host.feed(ended(container=OTHER)).orders == [Verb.REMOVE, Order.EXIT]


@pytest.mark.parametrize("answer", [LaunchRefused("The service ends."), HostChecked(NO_SCRATCH), NO_ROOM])
@pytest.mark.parametrize("left", [True, False])
def test_or_ends_with_the_last_where_none_was_made(answer: Event, left: bool) -> None:
    host = running(TAKES_JOBS).feed(found(NEXT), StopAsked())
    if left:
        host.feed(answer)
        assert host.orders == []
        assert host.feed(ended()).orders == [Verb.REMOVE, Order.EXIT]
    else:
        assert host.feed(ended(), answer).orders == [Order.EXIT]


def test_an_engine_that_goes_away_is_asked_for_all_of_them_when_it_is_back() -> None:
    host = handing_over(4).feed(took(4), EngineLost("gone."))
    assert (host.state.phase, host.state.pilots) == (Phase.WAITING, ())
    assert host.later(5).feed(TimeUp()).orders == [Order.LOOK]


@pytest.mark.parametrize("event", [PilotEnded(CONTAINER, 0, 0.0, restarted=True), RunsAgain(CONTAINER), ended()])
def test_a_process_that_makes_room_does_so_whatever_comes_while_the_next_one_is_made(event: Event) -> None:
    host = running(TAKES_JOBS).feed(found(NEXT), StopAsked(leaving=True), event)
    assert Order.LOOK not in host.orders
    assert host.feed(host.launched_closed(NEXT)).orders == [Order.EXIT]


def test_a_closed_one_that_does_not_say_so_had_no_jobs_to_lose() -> None:
    host = running(TAKES_JOBS).feed(Asked(Want.START), found(FIRST))
    host.feed(host.launched_closed(), seen(replace(WAITS, offer=Offer.UNVALIDATED), OTHER), StopAsked())
    host.feed(StopBegan(OTHER, None), ended(container=OTHER))
    assert host.text == "Stopped. No job was running."


def test_a_process_that_makes_room_leaves_all_pilots_alone() -> None:
    host = handing_over(4).feed(took(4), seen(WAITS, OTHER), StopAsked(leaving=True))
    assert host.orders == [Order.EXIT]
    assert "the pilots in containers cccccccccccc and dddddddddddd go on" in host.text
