"""The policy of updates that a configuration asks for."""

from pathlib import Path

import pytest

from ospool_ep.configuration.options import OPTIONS
from ospool_ep.configuration.policy import Policy, policy
from ospool_ep.configuration.reading import read_configuration
from ospool_ep.configuration.values import UpdatePolicy


def policy_of(text: str, directory: Path) -> Policy:
    path = directory / "ospool-ep.cfg"
    path.write_text(text, encoding="utf-8")
    return policy(read_configuration(str(path))[0])


def test_nothing_that_is_set_is_the_default(tmp_path: Path) -> None:
    assert policy_of("", tmp_path) == Policy() == Policy(UpdatePolicy.DRAIN, None, 72 * 3600, 15 * 60, 20 * 3600, "")


def test_a_key_that_is_empty_is_the_default(tmp_path: Path) -> None:
    keys = [key for key in OPTIONS if key.startswith("OSPOOL_EP_")]
    assert policy_of("".join(f"{key}=\n" for key in keys), tmp_path) == Policy()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("OSPOOL_EP_UPDATE=OFF", Policy(UpdatePolicy.OFF)),
        ("OSPOOL_EP_DRAIN_HOURS=0.25", Policy(drain_seconds=900.0)),
        ("OSPOOL_EP_RETIRE_HOURS=24", Policy(retire_seconds=86400.0)),
        ("OSPOOL_EP_ROLLBACK_MINUTES=0.5", Policy(rollback_seconds=30.0)),
        ("OSPOOL_EP_LONGEST_JOB_HOURS=40.5", Policy(longest_job_seconds=145_800.0)),
        ("OSPOOL_EP_HAND_OVER=no", Policy(one_by_one="OSPOOL_EP_HAND_OVER is false")),
    ],
)
def test_each_key_has_its_effect(line: str, expected: Policy, tmp_path: Path) -> None:
    assert policy_of(line, tmp_path) == expected


def test_what_is_wrong_counts_as_the_default(tmp_path: Path) -> None:
    wrong = "OSPOOL_EP_UPDATE=x\nOSPOOL_EP_DRAIN_HOURS=x\nOSPOOL_EP_RETIRE_HOURS=0\nOSPOOL_EP_ROLLBACK_MINUTES=-1\n"
    wrong += "OSPOOL_EP_LONGEST_JOB_HOURS=20h\n"
    assert policy_of(wrong, tmp_path) == Policy()


def test_the_configuration_has_a_word_for_each_policy() -> None:
    assert OPTIONS["OSPOOL_EP_UPDATE"].words == tuple(policy.value for policy in UpdatePolicy)
