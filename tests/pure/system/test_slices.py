"""What systemd is asked to set for the slice of the pilots."""

from pathlib import Path
from typing import Optional

import pytest

from ospool_ep import this_service
from ospool_ep.system import slices, systemctl
from ospool_ep.system.slices import set_limits
from tests.support.names import SLICE

UNITS = Path(__file__).parents[3] / "systemd"
GUESTS = this_service.ServiceName().guest_slice


@pytest.fixture(autouse=True)
def run_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What was set since the boot: nothing yet."""
    monkeypatch.setattr(slices, "RUN_TIME", tmp_path)
    return tmp_path


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What systemd is asked for, and does."""
    said: list[tuple[str, ...]] = []

    def ask(*arguments: str) -> str:
        said.append(arguments)
        return ""

    monkeypatch.setattr(systemctl, "ask", ask)
    return said


def set_before(run_time: Path, name: str, *keys: str) -> None:
    (run_time / f"{name}.d").mkdir()
    for key in keys:
        (run_time / f"{name}.d" / f"50-{key}.conf").touch()


@pytest.mark.parametrize(
    ("cpus", "memory", "settings"),
    [
        (8, 17 << 30, ["CPUQuota=800%", "MemoryMax=18253611008"]),
        (1.5, 1 << 20, ["CPUQuota=150%", "MemoryMax=1048576"]),
        # systemd refuses a quota of nothing.
        (0.001, 1 << 20, ["CPUQuota=1%", "MemoryMax=1048576"]),
        (8, None, ["CPUQuota=800%"]),
        (None, 1 << 20, ["MemoryMax=1048576"]),
    ],
)
def test_limits_in_the_words_of_systemd(
    asked: list[tuple[str, ...]], cpus: Optional[float], memory: Optional[int], settings: list[str]
) -> None:
    assert set_limits(SLICE, cpus, memory)
    assert asked == [("set-property", "--runtime", SLICE, *settings)]


def test_no_limit_leaves_that_of_an_administrator_and_takes_back_an_earlier_one_of_ours(
    asked: list[tuple[str, ...]], run_time: Path
) -> None:
    assert set_limits(SLICE, None, None)
    assert asked == []
    set_before(run_time, SLICE, "MemoryMax", "CPUQuota")
    assert set_limits(SLICE, None, None)
    assert set_limits(GUESTS, None, None)
    assert asked == [("set-property", "--runtime", SLICE, "CPUQuota=", "MemoryMax=infinity")]


def test_a_refusal_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systemctl, "ask", lambda *_arguments: None)
    assert not set_limits(SLICE, 1, None)


@pytest.mark.parametrize("instance", ["", "a", "gpu-hosts"])
def test_the_slices_and_what_is_above_them_are_not_stopped_at_a_shutdown(instance: str) -> None:
    service = this_service.ServiceName(instance)
    for name in (service.slice, service.guest_slice):
        # The name says where it is: each dash is one more slice, and those have a file or a drop-in here. system.slice
        # is never stopped.
        parts = name.removesuffix(".slice").split("-")
        above = {"-".join(parts[:length]) for length in range(1, len(parts) + 1)} - {"system"}
        assert above
        for one in above:
            prefix = one.rpartition("-")[0]
            files = [UNITS / f"{one}.slice", UNITS / f"{prefix}-.slice.d" / "10-ospool-ep.conf"]
            texts = [file.read_text() for file in files if file.exists()]
            assert [text.count("\nDefaultDependencies=no\n") for text in texts] == [1], one


def test_where_cgroups_are_of_version_1_there_is_no_list_of_controllers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "UNIFIED", tmp_path / "cgroup.controllers")
    assert not slices.cgroups_are_unified()
    (tmp_path / "cgroup.controllers").touch()
    assert slices.cgroups_are_unified()
