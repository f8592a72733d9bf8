"""What *away* counts: the time in which a core is free, and no pilot of the host would take a job for it."""

import pytest

from tests.support.presence import Sample, Slot

CORES = 2
OLD, NEXT = "0123456789ab", "ba9876543210"
CLOSED = 100000


def sample(*slots: Slot, frozen: bool = False) -> Sample:
    pilots = dict(zip((OLD, NEXT), slots))
    names = frozenset(pilots)
    return Sample(0.0, frozenset() if frozen else names, names if frozen else frozenset(), pilots)


def drains(used: int) -> Slot:
    return Slot(CORES - used, used, 0, refuses=True)


def takes_over(used: int, held: int) -> Slot:
    return Slot(CORES - used, used, held, refuses=False)


@pytest.mark.parametrize(
    ("seen", "empty"),
    [
        (Sample(0.0), 2),
        (sample(takes_over(0, 0)), 0),
        (sample(takes_over(2, 0)), 0),
        (sample(drains(2)), 0),
        (sample(drains(1)), 1),
        # The next one is closed, is told less than what the first one still has, or all of it, or is behind.
        (sample(drains(1), takes_over(0, CLOSED)), 1),
        (sample(drains(2), takes_over(0, CLOSED)), 0),
        (sample(drains(1), takes_over(0, 1)), 0),
        (sample(drains(1), takes_over(1, 1)), 0),
        (sample(drains(0), takes_over(0, 1)), 1),
        (sample(drains(0), takes_over(1, 1)), 1),
        # Jobs that are frozen with their pilot have their cores still.
        (sample(takes_over(2, 0), frozen=True), 0),
        (sample(takes_over(1, 0), frozen=True), 1),
        # A pilot that the collector knows and that is gone takes no job.
        (Sample(0.0, slots={OLD: takes_over(0, 0)}), 2),
    ],
)
def test_a_core_is_empty_where_none_would_take_a_job_for_it(seen: Sample, empty: int) -> None:
    assert seen.empty(CORES) == empty


def test_a_pilot_takes_jobs_where_it_would_if_it_had_room() -> None:
    assert sample(takes_over(0, CORES)).taking_jobs == {OLD}
    assert sample(drains(1), takes_over(0, CORES)).taking_jobs == {NEXT}
    assert not sample(takes_over(0, CLOSED)).taking_jobs
    assert sample(drains(1), takes_over(1, 1)).used == CORES
