"""How a pilot comes to its image: a registry that is away, what is pulled beside, and what is asked for anew."""

from ospool_ep.configuration.policy import Policy
from ospool_ep.lifecycle.actions import Order, Priority, Say, Verb
from ospool_ep.lifecycle.events import (
    Began,
    EngineLost,
    ImageFound,
    Pulled,
    PullProgressed,
    PullRefused,
    Reconfigured,
    TimeUp,
)
from ospool_ep.lifecycle.report import summary
from ospool_ep.lifecycle.state import Phase
from tests.pure.lifecycle.host import (
    BUSY,
    EMPTY,
    FINGERPRINT,
    FIRST,
    LAUNCHED,
    NEXT,
    OTHER_REFERENCE,
    PULLED,
    REFERENCE,
    THIRD,
    Host,
    found,
    ours,
    running,
)


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


def test_the_progress_of_another_pull_is_not_shown() -> None:
    host = Host().feed(Began(), EMPTY, PullProgressed(REFERENCE, 40))
    assert host.feed(PullProgressed(OTHER_REFERENCE, 90)).state.percent == 40


def test_the_status_says_who_else_does_the_pull_that_is_waited_for() -> None:
    host = Host().feed(Began(), EMPTY, PullProgressed(REFERENCE, 40, "ospool-ep@gpu"))
    assert summary(host.state, 0.0) == "Pulling the image: 40 %, done by ospool-ep@gpu"
    assert summary(host.feed(PullProgressed(REFERENCE, 7)).state, 0.0) == "Pulling the image: 7 %"


def test_a_pull_is_begun_anew_once_the_engine_is_back() -> None:
    host = Host().feed(Began(), EMPTY, EngineLost("gone")).later(10)
    assert host.feed(TimeUp(), EMPTY).orders == [Order.PULL]


def test_the_next_ones_image_is_pulled_beside_the_pilot_that_has_to_go() -> None:
    host = Host().feed(Began(), ours(fingerprint="another"))
    assert Order.PULL in host.orders
    assert host.feed(found(None)).orders == []
    host.feed(PullRefused(REFERENCE, "no registry"))
    assert host.state.phase is Phase.RUNNING
    assert "What runs goes on meanwhile. Next try in 5 s" in host.text
    assert host.later(5).feed(TimeUp()).orders == [Order.PULL]
    assert host.feed(PULLED).orders == [Order.LAUNCH_CLOSED]


# --- after a reload ----------------------------------------------------------------------------------------


def test_a_reload_that_names_another_image_pulls_it_before_the_drain() -> None:
    host = running(BUSY).feed(Reconfigured(Policy(), OTHER_REFERENCE, "another", "the image has changed"))
    assert host.orders == [Order.PULL, Order.FIND_IMAGE]
    # What was asked before the reload does not count.
    assert host.feed(ImageFound(OTHER_REFERENCE, None), PULLED).orders == []
    assert host.feed(Pulled(OTHER_REFERENCE, NEXT)).orders == [Order.LAUNCH_CLOSED]


def test_a_reload_that_is_taken_back_ends_the_tries_to_pull() -> None:
    host = running(BUSY).feed(Reconfigured(Policy(), OTHER_REFERENCE, "another", "the image has changed"))
    host.feed(ImageFound(OTHER_REFERENCE, None), PullRefused(OTHER_REFERENCE, "no such image."))
    host.feed(Reconfigured(Policy(), REFERENCE, FINGERPRINT, ""), found(FIRST)).later(3600).feed(TimeUp())
    assert (host.orders, host.state.wake_at) == ([], 0.0)


def test_a_reload_during_a_pull_begins_no_second_one_of_the_same_image() -> None:
    host = Host().feed(Began(), EMPTY)
    assert host.orders == [Order.PULL]
    host.feed(Reconfigured(Policy(), REFERENCE, "another", "changed"), EMPTY)
    assert host.orders == []
    assert host.feed(PULLED).orders == [Order.LAUNCH]


def test_a_reload_while_the_next_pilot_is_being_made_gets_its_image() -> None:
    host = Host().feed(Began(), EMPTY, PULLED, Reconfigured(Policy(), OTHER_REFERENCE, "another", "changed"))
    assert host.feed(LAUNCHED).orders == [Verb.FOLLOW, Order.PULL, Order.FIND_IMAGE]
    assert host.feed(ImageFound(OTHER_REFERENCE, THIRD)).orders == [Order.LAUNCH_CLOSED, Order.TIDY]


def test_a_pull_of_what_was_configured_before_does_not_keep_the_new_image_away() -> None:
    host = running(BUSY).feed(Reconfigured(Policy(), OTHER_REFERENCE, "another", "changed"))
    assert Order.PULL in host.orders
    assert Order.PULL in host.feed(Reconfigured(Policy(), REFERENCE, "a third", "changed")).orders
    assert host.feed(ImageFound(REFERENCE, None), Pulled(OTHER_REFERENCE, NEXT)).orders == []
    assert host.feed(Pulled(REFERENCE, THIRD)).orders == [Order.LAUNCH_CLOSED]
