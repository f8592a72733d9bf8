"""What systemd is asked to set for the slice of the pilots."""

from pathlib import Path
from typing import Optional

import pytest

from ospool_ep.system import slices, systemctl
from ospool_ep.system.slices import set_limits
from tests.support.names import SLICE

UNIT = Path(__file__).parents[3] / "systemd" / SLICE


@pytest.mark.parametrize(
    ("cpus", "memory", "settings"),
    [
        (8, 17 << 30, ["CPUQuota=800%", "MemoryMax=18253611008"]),
        (1.5, 1 << 20, ["CPUQuota=150%", "MemoryMax=1048576"]),
        # systemd refuses a quota of nothing.
        (0.001, 1 << 20, ["CPUQuota=1%", "MemoryMax=1048576"]),
        (None, None, ["CPUQuota=", "MemoryMax=infinity"]),
    ],
)
def test_limits_in_the_words_of_systemd(
    monkeypatch: pytest.MonkeyPatch, cpus: Optional[float], memory: Optional[int], settings: list[str]
) -> None:
    asked: list[tuple[str, ...]] = []

    def ask(*arguments: str) -> str:
        asked.append(arguments)
        return ""

    monkeypatch.setattr(systemctl, "ask", ask)
    assert set_limits(cpus, memory)
    assert asked == [("set-property", "--runtime", SLICE, *settings)]


def test_a_refusal_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systemctl, "ask", lambda *_arguments: None)
    assert not set_limits(1, None)


def test_the_slice_and_what_is_above_it_are_not_stopped_at_a_shutdown() -> None:
    text = UNIT.read_text()
    assert "\nDefaultDependencies=no\n" in text
    # The name says where it is: a dash would be one more slice, which has no file here. system.slice is never stopped.
    assert SLICE.removesuffix(".slice").split("-") == ["system", "ospool_ep"]


def test_where_cgroups_are_of_version_1_there_is_no_list_of_controllers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "UNIFIED", tmp_path / "cgroup.controllers")
    assert not slices.cgroups_are_unified()
    (tmp_path / "cgroup.controllers").touch()
    assert slices.cgroups_are_unified()
