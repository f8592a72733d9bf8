"""Killed at every call to the engine, on a real host with a real job: one pilot, no job lost, and no hand."""

import pytest

from tests.faults.measure import stage
from tests.faults.scene import Ground
from tests.faults.sides import OURS, PLAIN
from tests.faults.sweep import COURSES, Course, every_call, proxied, row, sweep

BY_NAME = {course.name: course for course in COURSES}
# One moment of each; the sweep over all of them is slow.
A_FEW = {"start": [(6, True)], "update": [(3, False)]}


@pytest.mark.parametrize("course", [BY_NAME[name] for name in A_FEW], ids=str)
def test_ours_goes_on_when_it_is_killed_at_a_call(course: Course, ground: Ground) -> None:
    with stage(OURS, ground) as scene, proxied(scene):
        scene.begin(0)
        outcomes = sweep(course, scene, A_FEW[course.name])
    assert all(outcome.killed for outcome in outcomes)
    assert not [what for outcome in outcomes for what in outcome.wrong]


@pytest.mark.slow
@pytest.mark.parametrize("course", COURSES, ids=str)
def test_ours_goes_on_when_it_is_killed_at_any_call(course: Course, ground: Ground) -> None:
    with stage(OURS, ground) as scene, proxied(scene):
        scene.begin(0)
        outcomes = sweep(course, scene, every_call())
    row(course, scene, outcomes).save()
    assert not outcomes[-1].killed, "the course never came to its end"
    assert not [what for outcome in outcomes for what in outcome.wrong]


@pytest.mark.slow
@pytest.mark.parametrize("course", [BY_NAME["start"], BY_NAME["update"]], ids=str)
def test_the_plain_unit_is_swept(course: Course, ground: Ground) -> None:
    with stage(PLAIN, ground) as scene, proxied(scene):
        scene.begin(0)
        outcomes = sweep(course, scene, every_call())
    row(course, scene, outcomes).save()
    assert not outcomes[-1].killed, "the course never came to its end"
