"""The container that begins closed; HTCondor's own library evaluates its clause."""

import re
from pathlib import Path
from typing import Optional

import classad2
import pytest

from ospool_ep.container.closed_start import CLAUSE, CLOSED_START, closed
from ospool_ep.container.specification import CLOSED_LABEL, FINGERPRINT_LABEL, ContainerSpec, Mount
from ospool_ep.pilot.state import EVERYTHING, HELD_CPUS, HELD_MEMORY
from tests.pure.container.test_from_configuration import build
from tests.support.names import CONTAINER_NAME

SHIPPED = Path(__file__).parents[3] / "share/closed-start.cfg"
SPECIFICATION = Path(__file__).parents[3] / "packaging/ospool-ep.spec"
NAME = f"{CONTAINER_NAME}-0123abcd"


def closed_from(text: str, directory: Path) -> Optional[ContainerSpec]:
    return closed(build(text, directory), NAME, 60)


def environment(text: str, directory: Path) -> dict[str, str]:
    spec = closed_from(text, directory)
    assert spec is not None
    return dict(spec.environment)


def takes(job: dict[str, object], **slot: object) -> bool:
    """Whether a slot with that START_EXTRA, in which what is not defined counts as true, takes the job."""
    machine = classad2.ClassAd({"PartitionableSlot": True, "Cpus": 8, "Memory": 16000, **slot})
    machine["START_EXTRA"] = classad2.ExprTree(f"(true) && {CLAUSE} && (TARGET.ITB_Sites =!= True)")
    machine["Requirements"] = classad2.ExprTree("(START_EXTRA ?: true)")
    wants = {"Requirements": True, "RequestCpus": 1, "RequestMemory": 2000, **job}
    return bool(machine.symmetricMatch(classad2.ClassAd(wants)))


@pytest.mark.parametrize(
    ("held", "job", "taken"),
    [
        ((0, 0), {}, True),
        ((0, 0), {"RequestCpus": 8, "RequestMemory": 16000}, True),
        ((7, 14000), {}, True),
        ((7, 14000), {"RequestCpus": 2}, False),
        ((7, 14001), {}, False),
        ((8, 0), {}, False),
        ((EVERYTHING.cpus, EVERYTHING.memory), {}, False),
    ],
)
def test_a_job_is_taken_that_fits_beside_what_the_others_hold(
    held: tuple[int, int], job: dict[str, object], taken: bool
) -> None:
    assert takes(job, HeldCpus=held[0], HeldMemory=held[1]) is taken


def test_its_own_jobs_count_as_well() -> None:
    assert takes({}, Cpus=3, HeldCpus=2, HeldMemory=0)
    assert not takes({}, Cpus=2, HeldCpus=2, HeldMemory=0)


def test_a_slot_that_was_carved_keeps_its_claim() -> None:
    carved = {"PartitionableSlot": classad2.Value.Undefined, "Cpus": 1, "Memory": 2048}
    assert takes({}, HeldCpus=EVERYTHING.cpus, HeldMemory=EVERYTHING.memory, **carved)


@pytest.mark.parametrize("slot", [{}, {"HeldCpus": 0}, {"HeldMemory": 0}])
def test_one_that_does_not_know_what_the_others_hold_takes_nothing(slot: dict[str, object]) -> None:
    assert not takes({}, **slot)


def test_the_clause_has_nothing_that_the_negotiator_reads_wrong_or_the_image_takes_for_the_operators() -> None:
    assert "?:" not in CLAUSE
    assert not re.search("owner|project", CLAUSE, re.IGNORECASE)


def test_the_file_that_is_shipped_says_that_the_others_hold_everything() -> None:
    lines = [line for line in SHIPPED.read_text().splitlines() if not line.startswith("#")]
    assert lines == [f"{HELD_CPUS} = {EVERYTHING.cpus}", f"{HELD_MEMORY} = {EVERYTHING.memory}"]
    packaged = SPECIFICATION.read_text().replace("%{_datadir}/%{name}", "/usr/share/ospool-ep")
    assert f"%{{buildroot}}{CLOSED_START}" in packaged
    assert {HELD_CPUS, HELD_MEMORY} == set(re.findall(r"Held\w+", CLAUSE))


def test_it_is_the_container_of_the_configuration_otherwise(tmp_path: Path) -> None:
    text = "WORKER_TEMP_DIR=/scratch\nNUM_CPUS=4\n"
    alone, spec = build(text, tmp_path), closed_from(text, tmp_path)
    assert spec is not None
    assert spec.name == NAME
    assert spec.mounts == (*alone.mounts, Mount(CLOSED_START, "/etc/osg/extra-attributes.cfg", read_only=True))
    assert spec.labels == (*alone.labels, (CLOSED_LABEL, "true"))
    assert (spec.image, spec.cpus) == (alone.image, alone.cpus)
    assert set(alone.environment) - set(spec.environment) == {("ACCEPT_IDLE_MINUTES", "30")}


@pytest.mark.parametrize(
    ("own", "made"),
    [
        ("", CLAUSE),
        ("A || B", f"(A || B) && {CLAUSE}"),
        ("(A || B)", f"(A || B) && {CLAUSE}"),
        ("(A) || (B)", f"((A) || (B)) && {CLAUSE}"),
        ("$(MINE)", f"(($(MINE))) && {CLAUSE}"),
    ],
)
def test_the_operators_own_clause_comes_first_and_in_parentheses(own: str, made: str, tmp_path: Path) -> None:
    assert environment(f"GLIDEIN_Start_Extra={own}\n", tmp_path)["GLIDEIN_Start_Extra"] == made


@pytest.mark.parametrize(
    "text",
    [
        # Behind what may be a comment, or can't be read, ours would be lost, and every job taken.
        "GLIDEIN_Start_Extra=$(MINE) // all",
        "GLIDEIN_Start_Extra=A // all",
        "GLIDEIN_Start_Extra=A ||",
        "_CONDOR_START=True",
        "_condor_start_extra=True",
        "_CONDOR_STARTD_ATTRS=Mine",
    ],
)
def test_where_no_clause_can_be_added_there_is_no_such_container(text: str, tmp_path: Path) -> None:
    assert closed_from(f"{text}\n", tmp_path) is None


@pytest.mark.parametrize(
    ("minutes", "made"), [("", "90"), ("45", "105"), ("0", "0"), ("30.5", "30.5"), ("010", "010"), ("$(X)", "$(X)")]
)
def test_it_waits_longer_for_its_first_job(minutes: str, made: str, tmp_path: Path) -> None:
    assert environment(f"ACCEPT_IDLE_MINUTES={minutes}\n", tmp_path)["ACCEPT_IDLE_MINUTES"] == made


def test_its_fingerprint_is_the_configurations(tmp_path: Path) -> None:
    alone, spec = build("", tmp_path), closed_from("", tmp_path)
    assert spec is not None
    assert dict(spec.labels)[FINGERPRINT_LABEL] == dict(alone.labels)[FINGERPRINT_LABEL]
