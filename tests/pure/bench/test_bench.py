"""The benchmark's own arithmetic: medians, goals, and the two simulations."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.bench import figures, goodput, spread
from tests.bench.figures import Figure, Goal
from tests.bench.month import DAY, Assumptions, Fault, schedule


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
    account = goodput.simulate(goodput.SIDES[side], Assumptions(), schedule(), seed=1)
    assert account.delivered + sum(account.lost.values()) == pytest.approx(account.possible)


def test_ours_loses_no_job_but_to_a_reboot_and_to_the_pilot_s_own_end() -> None:
    for seed in range(5):
        account = goodput.simulate(goodput.SIDES["ours"], Assumptions(), schedule(), seed)
        cut = {cause for cause in account.lost if cause.startswith("cut off")}
        assert cut <= {"cut off: reboot", "cut off: the pilot's end of life"}


def test_the_simulated_plain_unit_loses_its_jobs_to_a_crash() -> None:
    faults = [Fault(DAY, "crash")]
    account = goodput.simulate(goodput.SIDES["plain"], Assumptions(until=2 * DAY), faults, seed=1)
    assert account.lost["cut off: crash"] > 0
