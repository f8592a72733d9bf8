"""Two pilots of one host, told by the service's own commands and without the service: the next takes over core by core.

What is counted comes from the startds themselves.
"""

import statistics
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Optional

import pytest

from ospool_ep.pilot.commands import DRAIN_COMMAND
from ospool_ep.pilot.log import HINT
from ospool_ep.pilot.state import EVERYTHING, NOTHING, Offer, PilotState, Share, Startd
from tests.support.endpoint import Endpoint
from tests.support.pilot import Pilot, Pilots
from tests.support.pool import Happening, Job

pytestmark = pytest.mark.container_host

CPUS = 4
SIZE = {"NUM_CPUS": str(CPUS), "MEMORY": "4000", "TEST_VALIDATION_SECONDS": "0"}
# Each job has a claim of its own, as one that is used again needs nothing of the slot from which it was carved.
ONE_JOB_FOR_A_CLAIM = {"_CONDOR_CLAIM_WORKLIFE": "0"}
# As the production image has it, and the tests' does not.
SELDOM = {"_CONDOR_UPDATE_INTERVAL": "300"}
SECONDS = (16, 22, 28, 34)


@pytest.fixture(scope="session")
def keep_images() -> bool:
    """Nothing here depends on what the engine has."""
    return True


@pytest.fixture
def pilots(endpoint: Endpoint) -> Iterator[Pilots]:
    """Starts pilots, and removes them with all jobs; they find a token."""
    endpoint.put_token()
    pilots = Pilots(endpoint)
    yield pilots
    pilots.remove()
    endpoint.pool.command("sh", "-c", "condor_rm -all || :", user="alice")


def wait_for_offer(pilots: Pilots, pilot: Pilot) -> None:
    """Wait until it is in the pool, and its own tests have ended."""
    pilots.endpoint.pool.wait_for_pilot(pilot.id)
    pilots.endpoint.wait_until(lambda: pilot.ask().offer is Offer.OPEN, "it would take jobs", 30)


def submit(pilots: Pilots, seconds: int, count: int = 1, cpus: int = 1) -> Job:
    """So many jobs, of which the first is returned.

    An access point takes up to 20 s to offer a job again that was refused: a test of how soon one comes has many.
    """
    more = [f"request_cpus = {cpus}", *([f"queue {count - 1}"] if count > 1 else [])]
    return pilots.endpoint.pool.submit(f"sleep {seconds}", more=more)


def cpus_of(pilot: Pilot) -> int:
    """How many cores its jobs hold; none where it does not answer."""
    return (pilot.ask_what_it_holds().holds or NOTHING).cpus


def test_one_that_begins_closed_takes_no_job_before_it_is_told_and_no_more_than_that(pilots: Pilots) -> None:
    pilot = pilots.run_closed(**SIZE, **SELDOM)
    job = submit(pilots, 600, 30)
    wait_for_offer(pilots, pilot)
    rejected = f"grep 'Rejected {job.id} .*no match found' /var/log/condor/NegotiatorLog || true"
    pilots.endpoint.wait_until(lambda: pilots.endpoint.pool.command("sh", "-c", rejected), "it does not match", 20)
    seen = pilot.ask()
    assert (seen.size, seen.holds, seen.believes, seen.heeds) == (Share(CPUS, 4000), NOTHING, EVERYTHING, True)
    pilot.tell(Share(CPUS - 2, 1000))
    pilots.endpoint.wait_until(lambda: cpus_of(pilot) == 2, "it takes two jobs", 60)
    assert pilot.ask().believes == Share(CPUS - 2, 1000)
    pilot.tell(Share(0, 4000))
    # What it has goes on, and nothing comes.
    assert cpus_of(pilot) == 2
    pilot.tell(NOTHING)
    pilots.endpoint.wait_until(lambda: cpus_of(pilot) == CPUS, "it takes as many as it has cores", 60)


def test_one_that_is_told_so_has_room_for_a_job_that_wants_all(pilots: Pilots) -> None:
    pilot = pilots.run_closed(**SIZE)
    wait_for_offer(pilots, pilot)
    job = submit(pilots, 1, cpus=CPUS)
    pilot.tell(Share(1, 0))
    rejected = f"grep 'Rejected {job.id} .*no match found' /var/log/condor/NegotiatorLog || true"
    pilots.endpoint.wait_until(lambda: pilots.endpoint.pool.command("sh", "-c", rejected), "it does not match", 20)
    pilot.tell(NOTHING)
    job.wait_for(Happening.TERMINATED, 60)


@dataclass
class Count:
    """How many cores the jobs of two pilots hold, seen again and again: the moment, the old one's, the next one's."""

    old: Pilot
    new: Pilot
    seen: list[tuple[float, int, int]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def go_on(self) -> None:
        while not self.over.is_set():
            # The old one's only sink: together they say no more than there was when the next one was asked.
            news = cpus_of(self.new)
            self.seen.append((time.monotonic(), cpus_of(self.old), news))

    def moments(self, column: int, falls: bool) -> list[float]:
        """When the number in that column rose, or fell: once for each core."""
        found: list[float] = []
        for before, after in zip(self.seen, self.seen[1:]):
            more = int(after[column] - before[column])
            found += [after[0]] * (-more if falls else more)
        return found


def hand_over(pilots: Pilots, old: Pilot, new: Pilot) -> list[tuple[float, Share]]:
    """Drain the one, and tell the other what it holds as soon as its log hints at a change; says when that was."""
    code, said = old.order(DRAIN_COMMAND)
    assert code == 0, said
    told: list[tuple[float, Share]] = []
    while old.state()["Status"] == "running":
        hints = _hints(old)
        answer = old.ask_what_it_holds()
        if answer.startd is Startd.DRAINING and answer.holds and answer.holds not in [share for _, share in told[-1:]]:
            new.tell(answer.holds)
            told.append((time.monotonic(), answer.holds))
        if answer.holds:
            pilots.endpoint.wait_until(lambda: _hints(old) > hints or _has_ended(old), "a hint", 60)  # noqa: B023
    new.tell(NOTHING)
    return [*told, (time.monotonic(), NOTHING)]


def _hints(pilot: Pilot) -> int:
    return len(HINT.findall(pilot.log().encode()))


def _has_ended(pilot: Pilot) -> bool:
    return bool(pilot.state()["Status"] != "running")


@pytest.mark.slow
def test_each_core_that_the_old_one_frees_is_the_next_ones(pilots: Pilots) -> None:
    old = pilots.run_apart([SIZE])[0]
    wait_for_offer(pilots, old)
    for seconds in SECONDS:
        submit(pilots, seconds)
    pilots.endpoint.wait_until(lambda: cpus_of(old) == CPUS, "all its cores have jobs", 30)
    new = pilots.run_closed(**SIZE)
    submit(pilots, 600, 30)
    wait_for_offer(pilots, new)
    count = Count(old, new)
    thread = threading.Thread(target=count.go_on)
    thread.start()
    try:
        told = hand_over(pilots, old, new)
        pilots.endpoint.wait_until(lambda: cpus_of(new) == CPUS, "the next one has all", 30)
    finally:
        count.over.set()
        thread.join()
    assert max(olds + news for _, olds, news in count.seen) == CPUS
    waits = [taken - freed for freed, taken in zip(count.moments(1, True), count.moments(2, False))]
    assert statistics.median(waits) <= 5, (waits, told, count.seen)
    assert max(waits) <= 12, (waits, told, count.seen)


@pytest.mark.slow
def test_what_it_holds_only_sinks_once_the_startd_has_said_that_it_drains(pilots: Pilots) -> None:
    """The order takes its time, while job after job comes."""
    pilot = pilots.run_apart([{**SIZE, **ONE_JOB_FOR_A_CLAIM, "TEST_ORDER_SECONDS": "4"}])[0]
    submit(pilots, 1, 20)
    wait_for_offer(pilots, pilot)
    submit(pilots, 30, 2)
    pilots.endpoint.wait_until(lambda: cpus_of(pilot) == CPUS, "it is busy", 30)
    assert pilot.order(DRAIN_COMMAND)[0] == 0
    assert pilot.ask_what_it_holds().startd is Startd.READY
    pilots.endpoint.wait_until(lambda: pilot.ask_what_it_holds().startd is Startd.DRAINING, "it drains", 10, 0.01)
    seen = []
    while pilot.state()["Status"] == "running":
        seen.append(pilot.ask_what_it_holds().holds)
    held = [share.cpus for share in seen if share is not None]
    assert held == sorted(held, reverse=True)


@pytest.mark.slow
def test_one_that_is_closed_again_takes_nothing_from_then_on(pilots: Pilots) -> None:
    pilot = pilots.run_closed(**SIZE, **ONE_JOB_FOR_A_CLAIM)
    submit(pilots, 1, 30)
    wait_for_offer(pilots, pilot)
    pilot.tell(NOTHING)
    pilots.endpoint.wait_until(lambda: cpus_of(pilot) == CPUS, "it is busy", 30)
    pilot.tell(EVERYTHING)
    held = [cpus_of(pilot)]
    while held[-1]:
        held.append(cpus_of(pilot))
    assert held == sorted(held, reverse=True)
    assert pilot.ask().believes == EVERYTHING


def test_a_startd_that_begins_anew_is_closed_again(pilots: Pilots) -> None:
    """In its first minute; later the master ends with it."""
    pilot = pilots.run_closed(**SIZE)
    wait_for_offer(pilots, pilot)
    pilot.tell(NOTHING)
    assert pilot.ask().believes == NOTHING
    pilot.execute("pkill", "-KILL", "-x", "condor_startd")

    def gone() -> Optional[PilotState]:
        answer = pilot.ask()
        return answer if answer.startd is Startd.MISSING else None

    # By the same answer: it is back within seconds, and the next question may find it as it begins.
    seen = pilots.endpoint.wait_until(gone, "it is gone", 10)
    assert seen is not None
    assert seen.holds == NOTHING
    pilots.endpoint.wait_until(lambda: pilot.ask().startd is Startd.READY, "it is back", 30)
    assert pilot.ask().believes == EVERYTHING


def test_an_image_that_passes_the_clause_over_is_found(pilots: Pilots) -> None:
    pilot = pilots.run_closed(**SIZE, TEST_HEEDLESS="yes")
    job = submit(pilots, 600)
    pilots.endpoint.wait_until(lambda: pilot.ask().heeds is False, "it is found", 30)
    job.wait_for(Happening.EXECUTING, 30)


def test_an_image_that_refuses_orders_can_be_told_all_the_same(pilots: Pilots) -> None:
    """Images of before July 2025."""
    pilot = pilots.run_closed(**SIZE, TEST_REFUSES_ORDERS="yes")
    wait_for_offer(pilots, pilot)
    code, said = pilot.order(DRAIN_COMMAND)
    assert code == 1
    assert 'Received "DENIED"' in said
    pilot.tell(NOTHING)
    assert pilot.ask().believes == NOTHING
