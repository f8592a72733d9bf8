"""Each fault on a real host, with jobs of a real pool running: ours keeps its promise, the other is measured."""

import pytest
from _pytest.mark import ParameterSet

from tests.faults.catalogue import FAULTS
from tests.faults.fault import Fault, Promise
from tests.faults.measure import CORES, run
from tests.faults.rows import Row, load
from tests.faults.scene import Ground
from tests.faults.sides import OURS, PLAIN


def _case(fault: Fault) -> ParameterSet:
    return pytest.param(fault, id=fault.name, marks=[pytest.mark.slow] if fault.slow else [])


OF_OURS = [_case(one) for one in FAULTS]
OF_BOTH = [_case(one) for one in FAULTS if not one.ours_alone]


@pytest.mark.parametrize("fault", OF_OURS)
def test_ours_keeps_its_promise(fault: Fault, ground: Ground) -> None:
    assert not broken(fault.promise, run(fault, OURS, ground))


@pytest.mark.parametrize("fault", OF_BOTH)
def test_what_becomes_of_the_plain_unit_is_measured_and_kept(fault: Fault, ground: Ground) -> None:
    assert run(fault, PLAIN, ground) == load(fault.name, PLAIN.name)


def broken(promise: Promise, row: Row) -> list[str]:
    """What of the promise was not kept."""
    assert row.lines_lost is not None, "nobody has counted the lines"
    limits = {
        "jobs lost": (row.jobs_lost, promise.jobs_lost),
        "seconds in which a core was empty": (row.seconds_away, promise.seconds_away),
        "lines lost": (row.lines_lost, promise.lines_lost),
        "lines doubled": (row.lines_doubled, 0),
        "pilots at once": (row.pilots, promise.pilots),
        "cores at once": (row.cores, CORES),
        "hands": (row.hand, promise.hand),
    }
    found = [f"{what}: {seen}, not {most}" for what, (seen, most) in limits.items() if most is not None and seen > most]
    found += ["another pilot"] if promise.same_pilot and not row.same_pilot else []
    return found + list(row.bugs)
