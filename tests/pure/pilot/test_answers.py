"""What a real pilot answered in each state is read for what it is. Recorded by tests.pool.record_pilot_outputs."""

import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ospool_ep.pilot.answers import last_line, read_held, read_jobs, read_probe
from ospool_ep.pilot.log import HINT
from ospool_ep.pilot.state import EVERYTHING, NOTHING, UNKNOWN, Job, Offer, PilotState, Pool, Share, Startd

OUTPUTS = Path(__file__).parents[1] / "pilot_outputs"
IDENTITY = "test-site@flock.opensciencegrid.org"


# Of the host on which they were recorded; each job asks for 16 MB, which HTCondor makes 128.
SIZE, OF_A_JOB = Share(2, 24105), Share(1, 128)


def in_pool(startd: Startd, *jobs: Job, offer: Offer = Offer.OPEN) -> PilotState:
    held = sum((OF_A_JOB for _ in jobs), NOTHING)
    return PilotState(
        startd,
        Pool.ACCEPTS,
        jobs,
        IDENTITY,
        offer=offer,
        size=SIZE,
        holds=held,
        heeds=None if offer is Offer.UNKNOWN else False,
    )


STARTING = PilotState(Startd.STARTING, jobs=(), size=SIZE, holds=NOTHING)
MISSING = PilotState(Startd.MISSING, jobs=(), holds=NOTHING)
GONE = PilotState(Startd.GONE, jobs=(), holds=NOTHING)
READY = PilotState(Startd.READY, jobs=(), offer=Offer.OPEN, size=SIZE, holds=NOTHING, heeds=False)
UNREACHABLE = replace(READY, pool=Pool.UNREACHABLE)
UNAUTHENTICATED = replace(READY, pool=Pool.REFUSES, refusal="Failed to authenticate using IDTOKENS")
DENIED = 'Received "DENIED" from server for user {} using method IDTOKENS'

FIRST_JOB = Job("slot1_1", "1.0", started_at=1795997189.0)
SECOND_JOB = Job("slot1_2", "2.0", started_at=1795997193.0)
THIRD_JOB = Job("slot1_1", "3.0", started_at=1795997218.0)
SMALL = Share(4, 8000)

# Of those that can take no jobs: a part of the reason.
CLOSED = {"no_singularity": "HAS_SINGULARITY", "stamp": "rm ospool-ep-pilot-*/stop-glidein.stamp"}
EXPECTED = {
    "starting_no_master": MISSING,
    "starting_no_startd": MISSING,
    "starting_startd_alive": STARTING,
    "given_up": MISSING,
    "startd_dies": MISSING,
    "startd_hangs": MISSING,
    "startd_stopped": PilotState(Startd.STARTING),
    "not_validated": in_pool(Startd.READY, offer=Offer.UNVALIDATED),
    "under_cvmfsexec": in_pool(Startd.READY),
    "no_singularity": replace(in_pool(Startd.READY, offer=Offer.CLOSED), unmet=("HAS_SINGULARITY",)),
    "stamp": replace(in_pool(Startd.READY, offer=Offer.CLOSED), unmet=("OSG_NODE_VALIDATED",)),
    "ready_idle": in_pool(Startd.READY),
    "busy_one_job": in_pool(Startd.READY, SECOND_JOB),
    "busy_two_jobs": in_pool(Startd.READY, FIRST_JOB, SECOND_JOB),
    "draining_one_job": in_pool(Startd.DRAINING, SECOND_JOB, offer=Offer.UNKNOWN),
    "held_draining": PilotState(Startd.DRAINING, jobs=(SECOND_JOB,), size=SIZE, holds=OF_A_JOB),
    "startd_gone": replace(GONE, pool=Pool.ACCEPTS, identity=IDENTITY),
    "held_gone": GONE,
    "closed": replace(in_pool(Startd.READY), size=SMALL, believes=EVERYTHING, heeds=True),
    "told": replace(in_pool(Startd.READY, THIRD_JOB), size=SMALL, believes=Share(3, 6000), heeds=True),
    "heedless": replace(in_pool(Startd.READY), size=SMALL, believes=EVERYTHING, heeds=False),
    "token_expired": UNAUTHENTICATED,
    "token_wrong_key": UNAUTHENTICATED,
    "token_garbage": UNAUTHENTICATED,
    "token_empty": UNAUTHENTICATED,
    "token_wrong_scope": replace(UNAUTHENTICATED, refusal=DENIED.format(IDENTITY)),
    "token_other_identity": replace(UNAUTHENTICATED, refusal=DENIED.format("intruder@elsewhere.example")),
    "collector_away": UNREACHABLE,
    "collector_silent": UNREACHABLE,
}


def recorded(state: str) -> str:
    return (OUTPUTS / f"{state}.txt").read_text(encoding="utf-8")


def timeless(seen: PilotState) -> PilotState:
    """The same, without what is another at each recording."""
    return replace(seen, closed_because="", retires_at=None, dies_at=None)


def test_every_recorded_state_is_expected() -> None:
    assert {path.stem for path in OUTPUTS.glob("*.txt")} == set(EXPECTED)


@pytest.mark.parametrize("state", EXPECTED)
def test_recorded_states_are_read(state: str) -> None:
    seen = (read_held if state.startswith("held") else read_probe)(recorded(state))
    assert CLOSED.get(state, "") in seen.closed_because
    if seen.size:
        assert seen.retires_at is not None
        assert seen.dies_at == seen.retires_at + 10 * 3600
    assert timeless(seen) == EXPECTED[state]


def test_a_second_collector_that_accepts_is_enough() -> None:
    accepts = recorded("ready_idle")
    away = "[ping]\nERROR: failed to make connection to <192.0.2.1:9618>\n"
    assert timeless(read_probe(accepts.replace("[ping]\n", away))) == EXPECTED["ready_idle"]


@pytest.mark.parametrize("state", ["ready_idle", "busy_two_jobs", "told", "token_expired", "startd_gone"])
def test_no_part_of_an_answer_is_read_as_well(state: str) -> None:
    """A command that was cut off at any line says less, and nothing better."""
    lines = recorded(state).splitlines(keepends=True)
    asked = next(number for number, line in enumerate(lines) if line.startswith("[exit]"))
    for count in range(len(lines)):
        partial = read_probe("".join(lines[:count]))
        assert partial.pool is (EXPECTED[state].pool if count > asked else Pool.UNKNOWN)
        assert partial.offer in (Offer.UNKNOWN, EXPECTED[state].offer)
        assert partial.jobs in (None, EXPECTED[state].jobs)
        assert partial.holds in (None, EXPECTED[state].holds)
        assert partial.believes in (None, EXPECTED[state].believes)
        assert partial.heeds in (None, EXPECTED[state].heeds)


def test_a_list_of_slots_that_broke_off_says_nothing() -> None:
    said = recorded("told").replace("[answered] 0", "[answered] 124")
    seen = read_probe(said)
    assert (seen.jobs, seen.size, seen.holds, seen.believes) == (None, None, None, None)
    assert read_jobs(said) is None
    assert read_jobs(recorded("told")) == (THIRD_JOB,)


@pytest.mark.parametrize("read", [read_probe, read_held])
def test_it_drains_once_the_startd_says_so_itself(read: Callable[[str], PilotState]) -> None:
    """The master says so as it passes the order on, and the startd may have taken a claim since."""
    said = recorded("held_draining")
    assert read(said).startd is Startd.DRAINING
    passed_on = read(re.sub("^(slot.*) true$", r"\1 false", said, flags=re.MULTILINE))
    assert (passed_on.startd, passed_on.holds) == (Startd.READY, OF_A_JOB)
    mute = read(re.sub("^slot.*\n", "", said, flags=re.MULTILINE).replace("[answered] 0", "[answered] 124"))
    assert (mute.startd, mute.holds) == (Startd.DRAINING, None)


def test_what_one_that_is_gone_holds_is_not_known_while_a_starter_runs() -> None:
    said = recorded("held_gone").replace("supervisord\n", "supervisord\ncondor_starter\n")
    assert (read_held(said).startd, read_held(said).holds) == (Startd.GONE, None)


@pytest.mark.parametrize(("state", "heeds"), [("told", False), ("heedless", False), ("startd_stopped", None)])
def test_one_whose_image_leaves_out_the_closed_start_values_heeds_nothing(state: str, heeds: object) -> None:
    said = re.sub(r"\b(3 6000|100000 100000000)\b", "undefined undefined", recorded(state))
    assert read_probe(said).heeds is heeds


def test_a_startd_that_does_not_answer_says_nothing_of_jobs() -> None:
    said = re.sub(r"^slot1.*\n", "", recorded("busy_one_job"), flags=re.MULTILINE)
    assert read_probe(said.replace("[slots]\n", "[slots]\nError: communication error\n")).jobs is None


def test_a_job_that_is_being_evicted_still_runs() -> None:
    said = recorded("busy_two_jobs").replace("Claimed Busy", "Preempting Vacating", 1)
    assert read_probe(said).jobs == EXPECTED["busy_two_jobs"].jobs


# Any job in the pilot can have it answer this, or write it to a command's output itself.
HOSTILE = "\x1b]0;title\x07\u202e" + "x" * 10_000


@pytest.mark.parametrize(
    ("state", "what"),
    [
        ("busy_one_job", "slot1_2"),
        ("busy_one_job", "2.0"),
        ("ready_idle", "test-site"),
        ("token_wrong_scope", "DENIED"),
    ],
)
def test_what_a_job_could_have_written_upsets_no_terminal(state: str, what: str) -> None:
    seen = read_probe(recorded(state).replace(what, HOSTILE))
    shown = [seen.identity, seen.refusal, *(text for job in seen.jobs or () for text in (job.slot, job.id))]
    assert any("title" in text for text in shown)
    for text in shown:
        assert text.isprintable()
        assert len(text) <= 200


def test_why_a_drain_failed_upsets_no_terminal() -> None:
    assert last_line("before\nCan't find address\x1b[31m\n\n") == "Can't find address\\x1b[31m"
    assert last_line("Can't find address for local master\nPerhaps you need to query another pool.\n") == (
        "Can't find address for local master"
    )
    not_sent = "Can't send Set-Peaceful-Shutdown command to local startd"
    assert last_line(f'ERROR\n{not_sent}\nSent "Kill-Daemon-Peacefully" command to local master\n') == not_sent
    assert last_line("\n") == ""


def test_a_job_that_began_at_no_time_has_no_beginning() -> None:
    said = recorded("busy_one_job").replace(f"{SECOND_JOB.started_at:.0f}", "9" * 400)
    assert read_probe(said).jobs == (Job("slot1_2", "2.0"),)


@pytest.mark.parametrize("text", ["\n", "STARTD", 'STARTD="', "Remote Mapping:\n", "AUTHENTICATE:1:", "slot1@ "])
def test_a_long_answer_is_read_in_no_time(text: str) -> None:
    many = text * (200_000 // len(text))
    said = f"[who]\n{many}[slots]\n{many}[ping]\n{many}\nAuthorized: TRUE\n[exit] 0\n"
    began = time.process_time()
    read_probe(said.replace("[who]\n", '[who]\nSTARTD = "Alive"\nSTARTD_State = "Ready"\n'))
    read_probe(said.replace("[exit] 0", "[exit] 1"))
    assert time.process_time() - began < 5


@pytest.mark.parametrize("said", ["", "\n", "OCI runtime exec failed: exec failed: no such file", "[who][slots][ping]"])
def test_no_answer_is_unknown(said: str) -> None:
    assert read_probe(said) == UNKNOWN


@pytest.mark.parametrize(
    ("log", "moment"),
    [
        ("drained", "Setting ready state 'Ready' for STARTD"),
        ("drained", "Changing activity: Idle -> Busy"),
        ("drained", "Changing activity: Busy -> Idle"),
        ("drained", "Changing activity: Busy -> Retiring"),
        ("drained", r"The STARTD \(pid \d+\) exited"),
        ("token_expired", "SECMAN: required authentication"),
        ("token_wrong_scope", 'SECMAN: FAILED: Received "DENIED"'),
        ("collector_away", "SECMAN:2003:TCP connection to collector"),
    ],
)
def test_the_log_hints_at_what_changes_the_answer(log: str, moment: str) -> None:
    lines = (OUTPUTS / f"{log}.log").read_bytes().splitlines()
    (first, *_) = [line for line in lines if re.search(moment.encode(), line)]
    assert HINT.search(first)
