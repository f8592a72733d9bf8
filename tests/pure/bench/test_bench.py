"""The benchmark's own arithmetic: medians, goals, and the two simulations."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.bench import figures, goodput, spread
from tests.bench.figures import Figure, Goal
from tests.bench.goodput import OURS, PLAIN, SIDES, simulate
from tests.bench.month import DAY, HOUR, Account, Assumptions, Fault, schedule


def figure(goal: Goal, **rounds: list[float]) -> Figure:
    return Figure("memory", "MB", goal, rounds)


@pytest.mark.parametrize(
    ("goal", "rounds", "met"),
    [
        (Goal(of_plain=0.5), {"ours": [10.0, 30.0, 20.0], "plain": [40.0]}, True),
        (Goal(of_plain=0.5), {"ours": [20.1], "plain": [40.0]}, False),
        (Goal(of_plain=0.5), {"ours": [20.0]}, None),
        (Goal(of_plain=1.0, of_floor=1.3), {"ours": [1.4], "plain": [2.0], "floor": [1.0]}, False),
        (Goal(of_plain=1.0, of_floor=1.3), {"ours": [1.3], "plain": [2.0], "floor": [1.0]}, True),
        (Goal(most=0.0), {"ours": [0.0], "plain": [8.0]}, True),
        (Goal(least=100.0), {"ours": [99.9]}, False),
        (Goal(), {"ours": [1.0]}, None),
        (Goal(most=1.0), {"plain": [1.0]}, None),
    ],
)
def test_a_goal_is_judged_by_medians(goal: Goal, rounds: dict[str, list[float]], met: "bool | None") -> None:
    assert figure(goal, **rounds).met is met


def test_the_results_are_a_list_for_programs_a_table_and_a_plot(tmp_path: Path) -> None:
    measured = [figure(Goal(of_plain=0.5), ours=[3.0, 1.0, 2.0], plain=[4.0]), figure(Goal(), ours=[0.0], plain=[0.0])]
    figures.write(measured, tmp_path, ["measured here"])
    first = json.loads((tmp_path / "results.json").read_text())[0]
    assert (first["ours"], first["ratio"]) == (2.0, 0.5)
    assert set(first) >= {"name", "unit", "ours", "plain", "floor", "ratio", "goal", "met"}
    assert "| 2 (3, 1, 2) | 4 |" in (tmp_path / "results.md").read_text()
    ElementTree.parse(tmp_path / "results.svg")


def test_hosts_that_all_pull_at_once_are_noticed() -> None:
    assert spread.peak_to_mean(1, 86_400, 600) < 3
    assert spread.peak_to_mean(1, 0, 600) > 50


@pytest.mark.parametrize("side", goodput.SIDES)
def test_every_slot_hour_is_accounted_for(side: str) -> None:
    account = simulate(SIDES[side], Assumptions(), schedule(), seed=1)
    assert account.delivered + sum(account.lost.values()) == pytest.approx(account.possible)


def without_reboot() -> list[Fault]:
    return [fault for fault in schedule() if fault.kind != "reboot"]


def cut_off(account: Account) -> set[str]:
    return {cause for cause in account.lost if cause.startswith("cut off") and account.lost[cause]}


def test_the_goals_of_the_month_are_met() -> None:
    account = simulate(SIDES[OURS], Assumptions(), schedule(), seed=2)
    assert cut_off(account) == {"cut off: reboot"}
    assert account.share >= 0.993
    assert simulate(SIDES[OURS], Assumptions(), without_reboot(), seed=2).share >= 0.997
    assert goodput.empty_by_us(account) <= 12


def test_one_follows_the_other_where_two_must_not_run_at_once() -> None:
    account = simulate(SIDES[goodput.ONE_BY_ONE], Assumptions(until=5 * DAY), schedule(), seed=1)
    assert account.lost["empty: a drain"] > 10
    assert "empty: a core that was handed over" not in account.lost


def test_an_image_whose_pilots_never_join_costs_nothing() -> None:
    assumed = Assumptions(until=2 * DAY)
    with_it = simulate(SIDES[OURS], assumed, [Fault(DAY, "image that never joins")], seed=3)
    without = simulate(SIDES[OURS], assumed, [], seed=3)
    assert with_it.beside > 0.2, "it was tried"
    assert (with_it.delivered, with_it.lost) == (without.delivered, without.lost)


@pytest.mark.parametrize("kinds", [("crash",), ("crash", "upgrade", "engine restart")])
def test_a_process_that_ends_every_few_minutes_makes_a_hand_over_no_dearer(kinds: tuple[str, ...]) -> None:
    images = [Fault(hour * HOUR, kind) for hour in (20, 26) for kind in ("image", "update")]
    storm = [Fault(19 * HOUR + 250.0 * number, kinds[number % len(kinds)]) for number in range(250)]
    account = simulate(
        SIDES[OURS], Assumptions(until=2 * DAY), sorted([*images, *storm], key=lambda each: each.at), seed=4
    )
    assert cut_off(account) == set()
    assert goodput.empty_by_us(account) <= 3


def test_the_simulated_plain_unit_loses_its_jobs_to_a_crash() -> None:
    account = simulate(SIDES[PLAIN], Assumptions(until=2 * DAY), [Fault(DAY, "crash")], seed=1)
    assert account.lost["cut off: crash"] > 0
