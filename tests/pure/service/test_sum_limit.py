"""The limits of all pilots together: there before the next one runs, and lower only once a larger one is gone."""

from dataclasses import dataclass, field, replace
from typing import Optional

import pytest

from ospool_ep.container.specification import FINGERPRINT_LABEL, INSTANCE_LABEL, TOKEN_TARGET, ContainerSpec, Mount
from ospool_ep.service.sum_limit import SumLimit, limits
from tests.contract.player import play
from tests.support.fake_engine import FakeEngine
from tests.support.names import GUEST_SLICE, SLICE

GIB, OWN = 1 << 30, 100 << 20
Limits = tuple[Optional[float], Optional[int]]


def spec(name: str, cpus: Optional[int], memory: Optional[int], parent: str = SLICE) -> ContainerSpec:
    """A pilot's; ``memory`` is what its jobs have."""
    whole = None if memory is None else memory + OWN
    labels = ((FINGERPRINT_LABEL, "of a test"),)
    return replace(play(name=name, image="pilot"), cpus=cpus, memory_bytes=whole, labels=labels, cgroup_parent=parent)


@dataclass
class Stand:
    """A host with cgroups of version 2, and an engine that has systemd make them."""

    engine: FakeEngine = field(default_factory=FakeEngine)
    set: list[Limits] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    guests: list[str] = field(default_factory=list)
    systemd_does: bool = True
    unified: bool = True

    def __post_init__(self) -> None:
        self.engine.limits_sums = True
        self.engine.add_image("pilot")
        self.sum = SumLimit(
            self.engine,
            self._set,
            lambda: self.unified,
            lambda *, backfill: self._told("one for all hours" if backfill else "one for some hours"),
            lambda: self._told("the last has gone"),
        )

    def _told(self, what: str) -> bool:
        self.guests.append(what)
        return self.systemd_does

    def _set(self, name: str, cpus: Optional[float], memory: Optional[int]) -> bool:
        self.set.append((cpus, memory))
        self.places.append(name)
        return self.systemd_does

    def last(self) -> Limits:
        """The limits as they are now."""
        return self.set[-1]

    def launch(self, wanted: ContainerSpec) -> str:
        """As the service does it."""
        container_id = self.engine.create(self.sum.before_launch(wanted))
        self.engine.start(container_id)
        self.sum.after_launch()
        return container_id

    def end(self, container_id: str) -> None:
        self.engine.end(container_id)
        self.sum.after_change()


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> Stand:
    # The fake has as many CPUs as this machine.
    monkeypatch.setattr("os.sched_getaffinity", lambda _process: range(64))
    return Stand()


@pytest.mark.parametrize(
    ("pilots", "cpus", "memory"),
    [
        ([(8, 16 * GIB)], 8, 16 * GIB + OWN),
        ([(8, 16 * GIB), (8, 16 * GIB)], 8, 16 * GIB + 2 * OWN),
        ([(8, 16 * GIB), (4, 32 * GIB), (2, GIB)], 8, 32 * GIB + 3 * OWN),
        ([(8, None), (4, 32 * GIB)], 8, None),
        ([(None, 16 * GIB), (4, 16 * GIB)], None, 16 * GIB + 2 * OWN),
        ([(None, None)], None, None),
    ],
)
def test_the_limits_are_the_largest_offer_and_room_for_each_pilots_own_processes(
    pilots: list[tuple[Optional[int], Optional[int]]], cpus: Optional[float], memory: Optional[int]
) -> None:
    assert limits([spec(str(number), *pilot) for number, pilot in enumerate(pilots)]) == (cpus, memory)


def test_they_rise_before_a_larger_one_runs_and_fall_when_the_last_larger_one_is_gone(stand: Stand) -> None:
    small = stand.launch(spec("a", 4, 8 * GIB))
    assert stand.set == [(4, 8 * GIB + OWN)]
    larger = spec("b", 8, 16 * GIB)
    container_id = stand.engine.create(stand.sum.before_launch(larger))
    assert stand.last() == (8, 16 * GIB + 2 * OWN)
    # The smaller one ends as the larger one is on its way.
    stand.end(small)
    assert stand.last() == (8, 16 * GIB + OWN)
    stand.engine.start(container_id)
    stand.sum.after_launch()
    third = stand.launch(spec("c", 2, GIB))
    assert stand.last() == (8, 16 * GIB + 2 * OWN)
    stand.end(container_id)
    assert stand.last() == (2, GIB + OWN)
    stand.end(third)
    assert stand.last() == (2, GIB + OWN)
    assert stand.sum.note == ""


def test_what_was_made_room_for_and_never_came_is_forgotten(stand: Stand) -> None:
    stand.launch(spec("a", 4, 8 * GIB))
    stand.sum.before_launch(spec("b", 8, 16 * GIB))
    stand.sum.after_launch()
    assert stand.last() == (4, 8 * GIB + OWN)


def test_one_that_has_come_counts_once_though_nobody_has_said_so(stand: Stand) -> None:
    stand.launch(spec("a", 4, 8 * GIB))
    stand.engine.start(stand.engine.create(stand.sum.before_launch(spec("b", 4, 8 * GIB))))
    stand.sum.after_change()
    assert stand.last() == (4, 8 * GIB + 2 * OWN)


def test_a_container_that_is_started_again_does_not_stand_for_the_next_one(stand: Stand) -> None:
    again = stand.launch(spec("a", 2, 8 * GIB))
    stand.end(again)
    stand.sum.before_launch(spec("b", 8, 8 * GIB))
    stand.engine.start(again)
    stand.sum.after_change()
    assert stand.last() == (8, 8 * GIB + 2 * OWN)


def test_what_is_known_is_not_set_again_but_before_a_launch(stand: Stand) -> None:
    stand.launch(spec("a", 4, 8 * GIB))
    stand.sum.after_change()
    stand.sum.after_change()
    assert len(stand.set) == 1
    stand.sum.before_launch(spec("b", 4, 8 * GIB))
    stand.sum.after_launch()
    stand.sum.before_launch(spec("b", 4, 8 * GIB))
    # Somebody may have changed them meanwhile.
    assert len(stand.set) == 4


@pytest.mark.parametrize(
    ("unified", "limits_sums", "why"), [(False, True, "cgroups of version 1"), (True, False, "cgroup driver")]
)
def test_where_there_can_be_none_the_container_is_where_it_always_was_and_the_note_says_why(
    stand: Stand, unified: bool, limits_sums: bool, why: str
) -> None:
    stand.unified, stand.engine.limits_sums = unified, limits_sums
    assert stand.sum.cgroup_parent() == ""
    container_id = stand.launch(spec("a", 4, 8 * GIB, parent=""))
    assert stand.engine.spec_of(container_id).cgroup_parent == ""
    assert stand.set == []
    assert stand.sum.note.startswith("the sum of the pilots has no limit of the engine's: ")
    assert why in stand.sum.note


@pytest.mark.parametrize(
    ("unified", "limits_sums", "why"), [(False, True, "cgroups of version 1"), (True, False, "cgroup driver")]
)
def test_the_note_says_so_also_of_a_pilot_that_an_earlier_process_has_left(
    stand: Stand, unified: bool, limits_sums: bool, why: str
) -> None:
    stand.unified, stand.engine.limits_sums = unified, limits_sums
    stand.engine.add_container(spec("old", 4, 8 * GIB, parent=""))
    stand.sum.after_change()
    assert why in stand.sum.note
    # What an administrator has mended is asked for before each pilot.
    stand.unified = stand.engine.limits_sums = True
    stand.launch(spec("new", 4, 8 * GIB))
    assert "runs outside of" in stand.sum.note


def test_a_pilot_gets_no_limits_that_may_be_too_low_for_it(stand: Stand) -> None:
    stand.systemd_does = False
    container_id = stand.launch(spec("a", 4, 8 * GIB))
    assert stand.engine.spec_of(container_id).cgroup_parent == ""
    assert SLICE in stand.sum.note
    stand.systemd_does = True
    stand.end(container_id)
    stand.launch(spec("b", 4, 8 * GIB))
    assert stand.sum.note == ""


def test_a_pilot_of_an_earlier_release_is_outside_and_the_note_says_so_until_it_ends(stand: Stand) -> None:
    old = stand.engine.add_container(spec("old", 64, 64 * GIB, parent=""))
    stand.sum.after_change()
    assert old[:12] in stand.sum.note
    new = stand.launch(spec("new", 4, 8 * GIB))
    # It does not raise the limits: it is not held by them.
    assert stand.set == [(4, 8 * GIB + OWN)]
    assert old[:12] in stand.sum.note
    stand.end(old)
    assert (stand.sum.note, stand.engine.running) == ("", [new])


def test_so_is_the_pilot_of_the_packages_earlier_service_which_has_no_label(stand: Stand) -> None:
    token = (Mount("/etc/osg/ospool-ep.tkn", TOKEN_TARGET),)
    legacy = replace(spec("ospool-ep-container", None, None, parent=""), labels=(), mounts=token)
    container_id = stand.engine.add_container(legacy)
    stand.sum.after_change()
    assert container_id[:12] in stand.sum.note
    stand.engine.vanish(container_id)
    stand.engine.add_container(replace(legacy, mounts=()))
    stand.sum.after_change()
    assert stand.sum.note == ""


def test_an_engine_that_is_away_changes_nothing(stand: Stand) -> None:
    stand.launch(spec("a", 4, 8 * GIB))
    stand.engine.unreachable = True
    stand.sum.after_change()
    assert (len(stand.set), stand.sum.note) == (1, "")


def guest(name: str, cpus: Optional[int], memory: Optional[int], *, backfill: bool = True) -> ContainerSpec:
    return replace(spec(name, cpus, memory, GUEST_SLICE), guest=True, backfill=backfill)


def test_a_guest_is_in_the_slice_for_guests_and_has_the_same_limits_there(stand: Stand) -> None:
    container_id = stand.launch(guest("a", 4, 8 * GIB))
    assert stand.engine.spec_of(container_id).cgroup_parent == GUEST_SLICE
    assert (stand.places, stand.set) == ([GUEST_SLICE], [(4, 8 * GIB + OWN)])
    assert (stand.guests, stand.sum.note) == (["one for all hours"], "")
    stand.end(container_id)
    # Those of other services may weigh less from now on.
    assert stand.guests == ["one for all hours", "the last has gone"]
    stand.sum.after_change()
    assert len(stand.guests) == 2


def test_so_is_one_that_is_a_guest_at_some_hours_only(stand: Stand) -> None:
    stand.launch(guest("a", 4, 8 * GIB, backfill=False))
    assert (stand.places, stand.guests) == ([GUEST_SLICE], ["one for some hours"])


def test_as_guests_take_over_each_slice_has_the_limits_of_its_own_and_the_note_says_so(stand: Stand) -> None:
    old = stand.launch(spec("old", 8, 8 * GIB))
    new = stand.launch(guest("new", 4, 16 * GIB))
    assert list(zip(stand.places, stand.set))[-2:] == [(SLICE, (8, 8 * GIB + OWN)), (GUEST_SLICE, (4, 16 * GIB + OWN))]
    assert SLICE in stand.sum.note
    assert GUEST_SLICE in stand.sum.note
    stand.end(old)
    assert (stand.sum.note, stand.engine.running) == ("", [new])


def test_the_pilots_of_another_service_count_for_nothing_here(stand: Stand) -> None:
    theirs = replace(spec("theirs", 64, 64 * GIB), labels=((FINGERPRINT_LABEL, "x"), (INSTANCE_LABEL, "ospool-ep@b")))
    stand.engine.add_container(theirs)
    stand.engine.add_container(replace(theirs, name="outside", cgroup_parent="system-x.slice"))
    stand.launch(spec("ours", 4, 8 * GIB))
    stand.sum.after_change()
    assert (stand.last(), stand.sum.note) == ((4, 8 * GIB + OWN), "")
