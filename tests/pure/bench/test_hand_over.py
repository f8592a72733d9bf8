"""What the real hand-overs are judged by: the event log of the jobs."""

import pytest

from tests.bench import hand_over, job_log
from tests.bench.job_log import Run

# Two cores. The old pilot gets its last job at second 10; one core is free at 20, the other at 30.
LOG = """\
000 (001.000.000) 2026-11-28 10:00:00 Job submitted from host: <172.17.0.1:9618?addrs=172.17.0.1-9618>
...
001 (001.000.000) 2026-11-28 10:00:00 Job executing on host: <172.17.0.2:40001?addrs=172.17.0.2-40001&noUDP>
\tSlotName: slot1_1@0123456789ab
\tCpus = 1
...
001 (001.001.000) 2026-11-28 10:00:02 Job executing on host: <172.17.0.2:40001?addrs=172.17.0.2-40001&noUDP>
\tSlotName: slot1_2@0123456789ab
...
006 (001.001.000) 2026-11-28 10:00:05 Image size of job updated: 100
...
005 (001.001.000) 2026-11-28 10:00:10 Job terminated.
\t(1) Normal termination (return value 0)
...
001 (001.002.000) 2026-11-28 10:00:10 Job executing on host: <172.17.0.2:40001?addrs=172.17.0.2-40001&noUDP>
\tSlotName: slot1_2@0123456789ab
...
005 (001.000.000) 2026-11-28 10:00:20 Job terminated.
...
001 (001.003.000) 2026-11-28 10:00:23 Job executing on host: <172.17.0.3:40007?addrs=172.17.0.3-40007&noUDP>
\tSlotName: slot1_1@ba9876543210
...
005 (001.003.000) 2026-11-28 10:00:25 Job terminated.
...
001 (001.004.000) 2026-11-28 10:00:26 Job executing on host: <172.17.0.3:40007?addrs=172.17.0.3-40007&noUDP>
\tSlotName: slot1_1@ba9876543210
...
005 (001.002.000) 2026-11-28 10:00:30 Job terminated.
...
001 (001.005.000) 2026-11-28 10:00:35 Job executing on host: <172.17.0.3:40007?addrs=172.17.0.3-40007&noUDP>
\tSlotName: slot1_2@ba9876543210
...
"""
BEGAN = job_log.seconds("2026-11-28 10:00:00")


def test_the_log_tells_which_pilot_ran_which_job() -> None:
    found = job_log.runs(LOG)
    assert [run.pilot for run in found] == ["0123456789ab"] * 3 + ["ba9876543210"] * 3
    assert [(run.begin - BEGAN, run.end and run.end - BEGAN) for run in found] == [
        (0, 20), (2, 10), (10, 30), (23, 25), (26, None), (35, None),
    ]  # fmt: skip
    without = job_log.runs("\n".join(line for line in LOG.splitlines() if "SlotName" not in line))
    assert [run.pilot for run in without] == ["172.17.0.2:40001"] * 3 + ["172.17.0.3:40007"] * 3


@pytest.mark.parametrize("number", ["004", "007", "024"])
def test_a_job_that_was_cut_off_is_told(number: str) -> None:
    found = job_log.runs(LOG.replace("005 (001.002.000)", f"{number} (001.002.000)"))
    assert [run.cut_off for run in found] == [False, False, True, False, False, False]


def test_each_core_waits_for_the_next_pilot_s_first_job_on_it() -> None:
    (found,) = job_log.hand_overs(job_log.runs(LOG))
    assert (found.begin - BEGAN, found.end - BEGAN) == (10, 30)
    assert list(found.waits) == [3, 5]
    # In these 20 s: 10 + 20 of the old pilot's, 2 + 4 of the next one's.
    assert found.busy == 36


def test_a_hand_over_that_goes_on_is_none_yet() -> None:
    assert list(job_log.hand_overs(job_log.runs(LOG.partition("005 (001.002.000)")[0]))) == []


def test_more_jobs_than_cores_are_noticed() -> None:
    found = job_log.runs(LOG)
    assert job_log.most_at_once(found) == 2
    assert job_log.most_at_once([*found, Run("a third one", BEGAN + 12, BEGAN + 13)]) == 3


def test_the_figures_are_those_of_the_log() -> None:
    figures = {figure.name: figure for figure in hand_over.judge(job_log.runs(LOG), BEGAN, BEGAN + 40)}
    assert figures["most jobs at once, of 8 cores"].met
    assert figures["the longest"].of("ours") == 5
    assert figures["jobs cut off"].met
    assert figures["hand-overs in 40 real minutes"].of("ours") == 1
    possible = 8 * 40
    assert figures["goodput of these minutes"].of("ours") == pytest.approx(100 * (20 + 8 + 20 + 2 + 14 + 5) / possible)
    assert figures["what the hand-overs cost"].of("ours") == pytest.approx(100 * (8 * 20 - 36) / possible)


def test_the_simulated_minutes_have_three_hand_overs_and_cost_little() -> None:
    assert hand_over.simulate(seed=1) > 0.93
