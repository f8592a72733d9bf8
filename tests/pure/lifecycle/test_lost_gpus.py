"""A pilot that has lost its GPUs is found, said, and makes room; one that never had any is only said."""

from dataclasses import replace

import pytest

from ospool_ep.configuration.policy import Policy
from ospool_ep.lifecycle.actions import Order, Priority, Verb
from ospool_ep.lifecycle.events import Began, HostChecked, TimeUp
from ospool_ep.lifecycle.report import is_well, report, summary
from ospool_ep.lifecycle.state import Hindrance, Phase, Stage
from ospool_ep.pilot.state import Gpus, PilotState
from tests.pure.lifecycle.host import CONTAINER, EMPTY, TAKES_JOBS, Host, drains, ended, launched, ours, running, seen

GPUS = Policy(one_by_one="two pilots would hand out the same GPUs (PROVIDE_NVIDIA_GPU)")
WELL = replace(TAKES_JOBS, gpus=Gpus.WELL)
UNSEEN = replace(TAKES_JOBS, gpus=Gpus.UNSEEN)
CLOSED = replace(TAKES_JOBS, gpus=Gpus.CLOSED, gpus_closed_because="Operation not permitted")
NO_DRIVER = Hindrance("The NVIDIA driver is not loaded.", ("gpu-driver-missing",))


def lost(state: PilotState = CLOSED) -> Host:
    """A pilot that had GPUs has answered so twice."""
    return running(WELL, policy=GPUS).feed(seen(state), seen(state))


def test_a_loss_that_is_seen_twice_is_said_and_drains_the_pilot() -> None:
    host = running(WELL, policy=GPUS).feed(seen(CLOSED))
    assert (host.orders, host.said) == ([], [])
    host.feed(seen(CLOSED))
    assert host.done_to(CONTAINER) == [Verb.DRAIN]
    warned = [say for say in host.said if say.priority is Priority.WARNING]
    assert "it has lost its GPUs (/dev/nvidiactl: Operation not permitted)" in warned[0].text
    assert "systemctl daemon-reload" in warned[0].text
    assert "it has lost its GPUs" in summary(host.state, 0.0)
    assert host.state.main is not None
    assert host.state.main.why == "it has lost its GPUs"


def test_a_moment_without_gpus_is_none() -> None:
    host = running(WELL, policy=GPUS)
    for _ in range(3):
        for state in (CLOSED, WELL):
            host.feed(seen(state))
            assert (host.orders, host.said) == ([], [])
    assert is_well(host.state)


def test_the_next_one_follows_once_it_has_ended_and_never_beside_it() -> None:
    host = lost()
    for event in (seen(drains(3)), TimeUp(), seen(drains(1))):
        assert Order.LAUNCH_CLOSED not in host.feed(event).orders
    assert host.feed(ended()).orders == [Verb.REMOVE, Order.LOOK]


def test_where_the_host_has_none_any_more_either_that_is_why_none_follows() -> None:
    host = lost().feed(seen(drains(0)), ended(), EMPTY)
    assert host.orders == [Order.LAUNCH]
    host.feed(HostChecked(NO_DRIVER))
    assert host.state.phase is Phase.WAITING
    assert "The NVIDIA driver is not loaded." in summary(host.state, 0.0)


def test_one_that_never_had_any_is_said_and_stays() -> None:
    """Another one would have none either: a host whose driver and libraries differ would drain for ever."""
    host = launched(policy=GPUS).feed(seen(CLOSED), seen(CLOSED))
    assert host.done_to(CONTAINER) == []
    assert host.stage(CONTAINER) is Stage.OPEN
    assert "it can't use its GPUs" in host.text
    assert "ospool-ep check" in host.text
    assert "without GPUs" in summary(host.state, 0.0)
    assert not is_well(host.state)


def test_one_whose_startd_sees_none_is_said_and_stays() -> None:
    host = running(WELL, policy=GPUS).feed(seen(UNSEEN), seen(UNSEEN))
    assert host.done_to(CONTAINER) == []
    assert "its HTCondor has found no GPU" in host.text
    assert not is_well(host.state)


def test_one_that_was_found_without_its_gpus_makes_room() -> None:
    """It may have lost them while no process of ours ran."""
    host = Host(policy=GPUS).feed(Began(), ours(), seen(CLOSED))
    assert Verb.DRAIN not in host.orders
    host.feed(seen(CLOSED))
    assert host.done_to(CONTAINER) == [Verb.DRAIN]


def test_gpus_that_are_there_again_are_said_and_the_report_is_well() -> None:
    host = launched(policy=GPUS).feed(seen(CLOSED), seen(CLOSED))
    assert report(host.state, 0.0)["pilots"][0]["gpus"]
    host.feed(seen(WELL))
    assert "can use its GPUs again" in host.text
    assert is_well(host.state)
    assert report(host.state, 0.0)["pilots"][0]["gpus"] == ""


@pytest.mark.parametrize("state", [TAKES_JOBS, WELL])
def test_nothing_is_said_of_gpus_that_are_well_or_were_never_given(state: PilotState) -> None:
    host = running(state, policy=GPUS).feed(seen(state))
    assert (host.orders, host.said) == ([], [])
    assert is_well(host.state)
