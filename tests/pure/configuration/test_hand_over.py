"""Which configurations keep two pilots from running side by side, and which hours leave no time for a hand-over."""

from pathlib import Path
from typing import Optional

import pytest

from ospool_ep.configuration.findings import Finding
from ospool_ep.configuration.hand_over import one_by_one
from ospool_ep.configuration.htcondor_knobs import BAR_HAND_OVER, what_breaks
from ospool_ep.configuration.reading import read_configuration

NAMES = "GLIDEIN_Site=Example\nGLIDEIN_ResourceName=Example-EP\n"
CODE = "no-time-for-longest-job"


def why(text: str, directory: Path) -> str:
    path = directory / "ospool-ep.cfg"
    path.write_text(NAMES + text, encoding="utf-8")
    return one_by_one(read_configuration(str(path))[0])


def found(text: str, directory: Path) -> list[Finding]:
    path = directory / "ospool-ep.cfg"
    path.write_text(NAMES + text, encoding="utf-8")
    return [finding for finding in read_configuration(str(path))[1] if finding.code == CODE]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "OSPOOL_EP_HAND_OVER=\n",
        "OSPOOL_EP_HAND_OVER=YES\n",
        "PROVIDE_NVIDIA_GPU=false\nNVIDIA_VISIBLE_DEVICES=0\n",
        "GLIDEIN_Start_Extra=A || B\n",
        "GLIDEIN_Start_Extra=(A || B) && C /* why */\n",
        "GLIDEIN_Start_Extra=$(MINE)\n",
        "_CONDOR_SLOT_TYPE_1=cpus=50%\n_CONDOR_ALL_DEBUG=D_ALL\nSTART=no setting\n",
    ],
)
def test_two_pilots_can_run_side_by_side(text: str, tmp_path: Path) -> None:
    assert why(text, tmp_path) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("OSPOOL_EP_HAND_OVER=false\n", "OSPOOL_EP_HAND_OVER is false"),
        ("OSPOOL_EP_HAND_OVER=maybe\n", "OSPOOL_EP_HAND_OVER is false"),
        ("PROVIDE_NVIDIA_GPU=true\n", "the same GPUs"),
        ("PROVIDE_NVIDIA_GPU=1\nNVIDIA_VISIBLE_DEVICES=0\n", "the same GPUs"),
        ("GLIDEIN_Start_Extra=$(MINE) // all of it\n", "GLIDEIN_Start_Extra"),
        ("GLIDEIN_Start_Extra=$(MINE) /* to its end\n", "GLIDEIN_Start_Extra"),
        ("_CONDOR_START=True\n", "_CONDOR_START is set"),
        ("_condor_start_extra=True\n", "_condor_start_extra is set"),
        ("MINE=1\n_CONDOR_ALL_DEBUG=D_ALL\n_CONDOR_NUM_SLOTS=2\n", "_CONDOR_NUM_SLOTS is set"),
        ("_CONDOR_DENY_WRITE=*\n", "_CONDOR_DENY_WRITE is set"),
    ],
)
def test_one_pilot_follows_the_other_and_it_is_said_why(text: str, words: str, tmp_path: Path) -> None:
    assert words in why(text, tmp_path)
    assert not why(text, tmp_path).endswith(".")


@pytest.mark.parametrize("knob", sorted(BAR_HAND_OVER))
def test_a_setting_that_bars_a_hand_over_is_one_that_is_warned_of(knob: str) -> None:
    assert what_breaks(knob)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ACCEPT_JOBS_FOR_HOURS=20\n",
        "ACCEPT_JOBS_FOR_HOURS=10\nRETIREMENT_HOURS=20\n",
        "ACCEPT_JOBS_FOR_HOURS=4\nRETIREMENT_HOURS=2\nOSPOOL_EP_LONGEST_JOB_HOURS=4\n",
        # As the pilot takes them: 024 is 20.
        "ACCEPT_JOBS_FOR_HOURS=024\n",
        # They have findings of their own.
        "ACCEPT_JOBS_FOR_HOURS=none\nRETIREMENT_HOURS=1\n",
        "ACCEPT_JOBS_FOR_HOURS=4\nRETIREMENT_HOURS=+2\n",
        "OSPOOL_EP_LONGEST_JOB_HOURS=ever\n",
        # There is no hand-over.
        "ACCEPT_JOBS_FOR_HOURS=4\nRETIREMENT_HOURS=2\nOSPOOL_EP_HAND_OVER=false\n",
        "ACCEPT_JOBS_FOR_HOURS=4\nRETIREMENT_HOURS=2\nPROVIDE_NVIDIA_GPU=true\n",
    ],
)
def test_hours_that_leave_time_for_the_longest_job_are_well(text: str, tmp_path: Path) -> None:
    assert found(text, tmp_path) == []


@pytest.mark.parametrize(
    ("text", "figures", "key", "line"),
    [
        ("ACCEPT_JOBS_FOR_HOURS=10\n", (20, 10, 20), "ACCEPT_JOBS_FOR_HOURS", 3),
        # Two drain beside the one that takes jobs: for a third there is no room before the first of them has ended.
        ("ACCEPT_JOBS_FOR_HOURS=19\n", (29, 9, 20), "ACCEPT_JOBS_FOR_HOURS", 3),
        ("ACCEPT_JOBS_FOR_HOURS=9\nRETIREMENT_HOURS=30\n", (39, 9, 20), "ACCEPT_JOBS_FOR_HOURS", 3),
        ("ACCEPT_JOBS_FOR_HOURS=24\nRETIREMENT_HOURS=2\n", (26, 6, 20), "ACCEPT_JOBS_FOR_HOURS", 3),
        # As the pilot takes them: 023 is 19.
        ("ACCEPT_JOBS_FOR_HOURS=023\n", (29, 9, 20), "ACCEPT_JOBS_FOR_HOURS", 3),
        ("RETIREMENT_HOURS=2\nACCEPT_JOBS_FOR_HOURS=4\n", (6, 4, 2, 20), "ACCEPT_JOBS_FOR_HOURS", 4),
        ("RETIREMENT_HOURS=2\nACCEPT_JOBS_FOR_HOURS=012\n", (12, 10, 2), "ACCEPT_JOBS_FOR_HOURS", 4),
        ("OSPOOL_EP_LONGEST_JOB_HOURS=72\n", (72, 62, 10, 72), "OSPOOL_EP_LONGEST_JOB_HOURS", 3),
        ("\nOSPOOL_EP_LONGEST_JOB_HOURS=100.5\nRETIREMENT_HOURS=1\n", (63, 62, "100.5"), "RETIREMENT_HOURS", 5),
    ],
)
def test_hours_that_leave_none_are_a_warning_with_figures(
    text: str, figures: tuple[object, ...], key: str, line: Optional[int], tmp_path: Path
) -> None:
    (finding,) = found(text, tmp_path)
    assert (finding.severity.value, finding.key, finding.line) == ("warning", key, line)
    for figure in figures:
        assert f"{figure} h" in finding.message or f"={figure}" in finding.message, figure
    assert "OSPOOL_EP_LONGEST_JOB_HOURS" in finding.hint
    assert len(finding.as_text("cfg").splitlines()) == 1
