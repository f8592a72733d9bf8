"""What a startd's slots have and hold, also where there is not the one slot of the image."""

import pytest

from ospool_ep.pilot import slots
from ospool_ep.pilot.state import Share


def slot(kind: str, state: str, all_of_it: str, free: str, *more: str) -> str:
    """The line of a slot; both amounts are CPUS MEMORY, and ``more`` begins with what it believes."""
    values = [f"slot@{kind}", state, "Idle", "undefined", "undefined", kind, *all_of_it.split(), *free.split(), *more]
    return " ".join([*values, *["undefined"] * (len(slots.COLUMNS) - len(values))])


BUSY = slot("Partitionable", "Unclaimed", "8 16000", "2 10000", "3", "500", "2000", "3000", "false")
CARVED = slot("Dynamic", "Claimed", "6 6000", "6 6000", "9", "900", "1000", "1000", "true")


def read(*lines: str) -> tuple[slots.Slot, ...]:
    return slots.read("\n".join(lines))


def test_what_is_taken_is_missing_in_the_slot_that_others_are_carved_from() -> None:
    seen = read(BUSY, CARVED)
    assert slots.size(seen) == Share(8, 16000)
    assert slots.holds(seen) == Share(6, 6000)
    assert slots.believes(seen) == Share(3, 500)
    assert slots.moment(seen, "GLIDEIN_ToRetire") == 2000
    assert slots.moment(seen, "GLIDEIN_ToDie") == 3000
    assert not slots.take_none(seen)


@pytest.mark.parametrize(
    ("lines", "size", "holds"),
    [
        # Two that are divided, and one that is not, which has a job or none.
        ((BUSY, BUSY, CARVED), Share(16, 32000), Share(12, 12000)),
        ((BUSY, slot("Static", "Claimed", "2 500", "2 500")), Share(10, 16500), Share(8, 6500)),
        ((BUSY, slot("Static", "Unclaimed", "2 500", "2 500")), Share(10, 16500), Share(6, 6000)),
        # Of a core a part is taken, so the core is.
        ((slot("Partitionable", "Unclaimed", "8.0 16000", "6.5 15999.5"),), Share(8, 16000), Share(2, 1)),
        # It has more than it had: it holds nothing, and never less.
        ((slot("Partitionable", "Unclaimed", "8 16000", "9 16001"),), Share(8, 16000), Share(0, 0)),
        # Where one slot does not say, all is not known.
        ((BUSY, slot("Partitionable", "Unclaimed", "8 16000", "undefined 1")), Share(16, 32000), None),
        ((BUSY, slot("Partitionable", "Unclaimed", "error 16000", "1 1")), None, None),
        ((CARVED,), None, None),
        ((), None, None),
    ],
)
def test_all_slots_count(lines: tuple[str, ...], size: object, holds: object) -> None:
    assert slots.size(read(*lines)) == size
    assert slots.holds(read(*lines)) == holds


@pytest.mark.parametrize(
    ("believed", "believes"),
    [
        ([("3", "500")], Share(3, 500)),
        # It takes jobs in the one that knows of less.
        ([("3", "500"), ("2", "600")], Share(2, 500)),
        ([("-1", "0")], Share(-1, 0)),
        ([("3", "500"), ("undefined", "undefined")], None),
        ([("3", "undefined")], None),
        ([("1" + "0" * 40, "0")], None),
    ],
)
def test_what_it_takes_the_others_to_hold(believed: list[tuple[str, str]], believes: object) -> None:
    lines = [slot("Partitionable", "Unclaimed", "8 16000", "8 16000", *pair) for pair in believed]
    assert slots.believes(read(*lines)) == believes


def test_each_slot_has_to_say_that_it_takes_none() -> None:
    none = BUSY.replace("false", "true")
    assert slots.take_none(read(none, none, CARVED))
    assert not slots.take_none(read(none, BUSY))
    assert not slots.take_none(read(CARVED))


def test_a_line_that_is_no_slot_is_left_out() -> None:
    assert read("Error: communication error", "", "slot1@host Unclaimed Idle", f"{BUSY} more") == ()
