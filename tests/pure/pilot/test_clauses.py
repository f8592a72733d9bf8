"""Whether a job can come, for machines in many states; HTCondor's own library evaluates what the pilot is asked."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ospool_ep.container.closed_start import CLAUSE
from ospool_ep.pilot import clauses
from ospool_ep.pilot.state import Offer

DOUBLE = Path(__file__).with_name("condor_status_double.py")

START = (
    'time() < GLIDEIN_ToRetire && MY.OSG_NODE_VALIDATED && IsBlackHole =!= true && HasExcessiveLoad =!= true'
    ' && (TARGET.DESIRED_Sites is undefined || stringListMember(GLIDEIN_Site, TARGET.DESIRED_Sites))'
    ' && TARGET.ProjectName isnt undefined'
    ' && ((TARGET.RequestGPUs ?: 0) > 0 || RoomForCPUOnlyJobs)'
    ' && ifThenElse(TARGET.SingularityImage isnt undefined, SINGULARITY_START_CLAUSE, true)'
    ' && (START_EXTRA ?: true) && (OSG_PROJECT_RESTRICTION ?: true)'
)  # fmt: skip
MACHINE = {
    "Name": '"slot1@pilot"',
    "State": '"Unclaimed"',
    "SlotType": '"Partitionable"',
    "PartitionableSlot": "true",
    "Cpus": "8",
    "TotalSlotCpus": "8",
    "Memory": "16000",
    "Disk": "90000000",
    "NumDynamicSlots": "0",
    "CondorVersion": '"$CondorVersion: 25.8.2 2026-05-01 PackageID: 25.8.2-1 $"',
    "COLLECTOR_HOST_STRING": '"cm-1.ospool.osg-htc.org:9618?sock=collector3, cm-2.ospool.osg-htc.org:9618"',
    "Mips": "25000",
    "GLIDEIN_Site": '"Example"',
    "GLIDEIN_ResourceName": '"Example-EP"',
    "GLIDEIN_ToRetire": str(int(time.time()) + 100_000),
    "OSG_NODE_VALIDATED": "true",
    "HAS_SINGULARITY": "true",
    "SINGULARITY_CAN_USE_REGISTRY": "HAS_SINGULARITY && SINGULARITY_DISK_IS_FULL =!= true",
    "SINGULARITY_CAN_USE_SIF": "HAS_SINGULARITY && STASHCP_VERIFIED",
    "STASHCP_VERIFIED": "true",
    "SINGULARITY_START_CLAUSE": '(SINGULARITY_CAN_USE_REGISTRY || !regexp("^docker://", TARGET.SingularityImage))'
    ' && (SINGULARITY_CAN_USE_SIF || !regexp("sif$", TARGET.SingularityImage))',
    "IsBlackHole": "false",
    "HasExcessiveLoad": "false",
    "RoomForCPUOnlyJobs": "true",
    "START_EXTRA": "True && (TARGET.ITB_Sites =!= True)",
    "OSPool": "true",
    "Draining": "false",
    "Requirements": "START && (WithinResourceLimits)",
    "Start": START,
}


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory whose condor_status is the double."""
    directory = tmp_path_factory.mktemp("bin")
    command = directory / "condor_status"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} {DOUBLE} "$@"\n')
    command.chmod(0o755)
    return directory


def asked(commands: Path, asked_at: str = "$(date +%s)", **changes: str) -> str:
    """What a machine answers that differs from the healthy one; an empty value takes the attribute away."""
    attributes = {**MACHINE, **changes}
    machine = "\n".join(f"{name} = {value}" for name, value in attributes.items() if value)
    environment = {**os.environ, "PATH": f"{commands}:{os.environ['PATH']}", "MACHINE_AD": machine}
    command = ["/bin/sh", "-c", clauses.question('"<127.0.0.1:1>"', asked_at)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout


def offer(commands: Path, **changes: str) -> tuple[Offer, str]:
    answer = clauses.read(asked(commands, **changes))
    return answer.offer, answer.because


def test_a_healthy_pilot_takes_jobs_although_its_start_is_not_true_without_one(commands: Path) -> None:
    assert offer(commands) == (Offer.OPEN, "")


@pytest.mark.parametrize(
    ("changes", "says", "mend"),
    [
        ({"OSG_NODE_VALIDATED": "false"}, "OSG_NODE_VALIDATED", "ospool-ep check"),
        (
            {"OSG_NODE_VALIDATED": "false", "OSG_NODE_WARNINGS": '"no /cvmfs here"'},
            "(OSG_NODE_VALIDATED): no /cvmfs here.",
            "ospool-ep check",
        ),
        ({"HAS_SINGULARITY": "false"}, "Apptainer does not work in it (HAS_SINGULARITY)", "ospool-ep check"),
        ({"IsBlackHole": "true"}, "IsBlackHole", "ospool-ep drain --then start"),
        ({"HasExcessiveLoad": "true"}, "HasExcessiveLoad", "NUM_CPUS"),
        ({"Draining": "true", "Requirements": "false"}, "told it to drain", "ospool-ep drain --then start"),
        ({"State": '"Drained"'}, "told it to drain", "ospool-ep drain --then start"),
        ({"Requirements": "False"}, "told it to drain", "ospool-ep drain --then start"),
        ({"Disk": "1000"}, "less than 1 GB is free in WORKER_TEMP_DIR", "Make room"),
        ({"START_EXTRA": "False && (TARGET.ITB_Sites =!= True)"}, "lets no job in at all", "GLIDEIN_Start_Extra"),
        ({"START_EXTRA": "(false)"}, "lets no job in at all", "GLIDEIN_Start_Extra"),
        ({"Mips": "9000"}, "more than 11800 Mips", "too slow"),
        ({"CondorVersion": '"$CondorVersion: 10.9.0 2023-09-28 $"'}, "HTCondor 23.0", "OSPOOL_EP_IMAGE"),
        ({"GLIDEIN_ResourceName": '"UNKNOWN"'}, "GLIDEIN_ResourceName", "Topology"),
        ({"Start": "false"}, "START lets no usual job in", "ospool-ep drain --then start"),
        ({"Start": f"({START}) && MY.SiteClause", "SiteClause": "false"}, "START lets no usual", "ospool-ep drain"),
    ],
)  # fmt: skip
def test_a_clause_that_is_not_met_is_told_with_its_mend(
    commands: Path, changes: dict[str, str], says: str, mend: str
) -> None:
    found, why = offer(commands, **changes)
    assert found is Offer.CLOSED
    assert says in why
    assert mend in why


@pytest.mark.parametrize(
    ("changes", "which", "why"),
    [
        ({"SINGULARITY_DISK_IS_FULL": "true"}, "docker:// images", "less than 5 GB"),
        ({"SINGULARITY_CAN_USE_REGISTRY": "false"}, "docker:// images", ""),
        ({"STASHCP_VERIFIED": "false"}, ".sif images", ""),
        ({"STASHCP_VERIFIED": "false", "SINGULARITY_DISK_IS_FULL": "true"}, "docker:// images or .sif images", ""),
    ],
)
def test_a_pilot_to_which_not_all_jobs_can_come_is_open_and_says_which_can_not(
    commands: Path, changes: dict[str, str], which: str, why: str
) -> None:
    found, because = offer(commands, **changes)
    assert found is Offer.OPEN
    assert because.startswith(f"no job with {which} can come")
    assert why in because


def test_a_clause_that_start_does_not_have_is_no_fault(commands: Path) -> None:
    assert offer(commands, OSG_NODE_VALIDATED="false", Start="true") == (Offer.OPEN, "")
    extra = "false && X || TARGET.RequestCpus >= 1"
    assert offer(commands, START_EXTRA=extra) == (Offer.OPEN, "")


def test_all_clauses_that_are_not_met_are_told(commands: Path) -> None:
    _, why = offer(commands, HAS_SINGULARITY="false", OSG_NODE_VALIDATED="false")
    assert "HAS_SINGULARITY" in why
    assert "OSG_NODE_VALIDATED" in why


@pytest.mark.parametrize(
    "changes",
    [
        # Older images advertise less.
        {
            "HAS_SINGULARITY": "",
            "SINGULARITY_DISK_IS_FULL": "",
            "IsBlackHole": "",
            "Start": "time() < GLIDEIN_ToRetire",
        },
        {"OSG_NODE_VALIDATED": "", "Start": "time() < GLIDEIN_ToRetire"},
        {"GLIDEIN_ToRetire": "", "Start": "true"},
        # A clean host has not measured yet; in another pool its speed is nobody's business.
        {"Mips": ""},
        {"Mips": "9000", "COLLECTOR_HOST_STRING": '"cm.example.edu:9618"'},
        {"START_EXTRA": ""},
        # Of the cores none is left: it runs jobs.
        {"Cpus": "0", "NumDynamicSlots": "8", "Disk": "1000"},
        # With GPUs a job for one is welcome where there is no room for others.
        {"TotalSlotGPUs": "2", "GPUs": "0", "RoomForCPUOnlyJobs": "false"},
    ],
)
def test_what_is_not_known_is_no_fault(commands: Path, changes: dict[str, str]) -> None:
    assert offer(commands, **changes) == (Offer.OPEN, "")


@pytest.mark.parametrize(
    "changes",
    [
        {"Start": ""},
        {"Start": "TARGET.SomethingNew > 3"},
        {"Start": "1 + true"},
        {"Start": '"yes"'},
    ],
)
def test_a_start_that_says_nothing_of_a_usual_job_is_not_known(commands: Path, changes: dict[str, str]) -> None:
    assert offer(commands, **changes) == (Offer.UNKNOWN, "")


@pytest.mark.parametrize(
    "changes",
    [
        {"START_EXTRA": "TARGET.RequestCpus > 1000 && (TARGET.ITB_Sites =!= True)"},
        {"START_EXTRA": "(ProjectName == \"Mine\") && (TARGET.ITB_Sites =!= True)"},
        {"OSG_PROJECT_RESTRICTION": 'ProjectName == "Mine"', "OSPool": "false"},
    ],
)  # fmt: skip
def test_a_clause_of_the_operators_is_no_fault(commands: Path, changes: dict[str, str]) -> None:
    assert offer(commands, **changes) == (Offer.OWN, "")


def test_it_is_not_validated_yet(commands: Path) -> None:
    assert offer(commands, OSG_NODE_VALIDATED="") == (Offer.UNVALIDATED, "")


def test_its_time_for_new_jobs_is_over(commands: Path) -> None:
    assert offer(commands, GLIDEIN_ToRetire="1000000") == (Offer.RETIRED, "")


def test_its_time_was_over_before_it_said_what_it_holds(commands: Path) -> None:
    """Else a job can have come in between."""
    answer = clauses.read(asked(commands, asked_at="999999", GLIDEIN_ToRetire="1000000"))
    assert answer.offer is Offer.UNKNOWN


def test_one_whose_start_does_not_go_by_that_time_takes_jobs_all_the_same(commands: Path) -> None:
    assert offer(commands, GLIDEIN_ToRetire="1000000", Start="true") == (Offer.OPEN, "")


# As container/closed_start adds it; the folders know nothing of each other.
CLOSED = f"({CLAUSE}) && (TARGET.ITB_Sites =!= True)"
OTHERS_HOLD_ALL = {"START_EXTRA": CLOSED, "HeldCpus": "100000", "HeldMemory": "100000000"}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        # Its own jobs have all.
        {"Cpus": "0", "Memory": "0", "NumDynamicSlots": "8"},
        {"HeldCpus": "8", "heldmemory": "16000", "HeldMemory": ""},
        {"HeldCpus": "", "HeldMemory": ""},
    ],
)
def test_its_offer_is_what_it_would_be_if_no_other_pilot_held_anything(commands: Path, changes: dict[str, str]) -> None:
    assert offer(commands, **{**OTHERS_HOLD_ALL, **changes}) == (Offer.OPEN, "")


@pytest.mark.parametrize(
    ("changes", "heeds"),
    [
        ({}, True),
        ({"HeldCpus": "0", "HeldMemory": "0"}, True),
        ({"START_EXTRA": f'(ProjectName == "Mine") && {CLOSED}'}, True),
        # What bars all jobs now need not bar them later.
        ({"OSG_NODE_VALIDATED": ""}, True),
        ({"OSG_NODE_VALIDATED": "", "START_EXTRA": f"true || {CLOSED}"}, False),
        ({"OSG_NODE_VALIDATED": "", "PartitionableSlot": ""}, False),
        ({"START_EXTRA": f"true || {CLOSED}"}, False),
        ({"START_EXTRA": "True && (TARGET.ITB_Sites =!= True)"}, False),
        ({"START_EXTRA": "false"}, False),
        ({"START_EXTRA": ""}, False),
        ({"START_EXTRA": "TARGET.RequestCpus <= HeldCpus"}, False),
        ({"START_EXTRA": "TARGET.Unknown <= HeldCpus"}, False),
        ({"Start": "true"}, False),
        ({"PartitionableSlot": ""}, False),
    ],
)
def test_whether_it_takes_no_job_while_the_others_hold_everything(
    commands: Path, changes: dict[str, str], heeds: bool
) -> None:
    assert clauses.read(asked(commands, **{**OTHERS_HOLD_ALL, **changes})).heeds is heeds


def test_a_stamp_is_named_with_its_place(commands: Path) -> None:
    said = asked(commands, OSG_NODE_VALIDATED="false")
    why = clauses.read(f"{said}\n/pilot/stop-glidein.stamp\n").because
    assert "rm ospool-ep-pilot-*/stop-glidein.stamp" in why
    why = clauses.read(f"{said}\n/pilot/osgvo-pilot-Ab12/stop-glidein.stamp\n").because
    assert "rm ospool-ep-pilot-*/osgvo-pilot-Ab12/stop-glidein.stamp" in why


def test_an_answer_that_was_cut_off_is_not_known(commands: Path) -> None:
    lines = asked(commands, HAS_SINGULARITY="false").splitlines()
    for count in range(len(lines)):
        assert clauses.read("\n".join(lines[:count])) == clauses.Answer(Offer.UNKNOWN)
    assert clauses.read("Error: communication error\n" + "\n".join(lines)) == clauses.Answer(Offer.UNKNOWN)
