"""How much the guests of this host weigh, one service's among themselves and all of them together."""

from pathlib import Path
from typing import Optional

import pytest

from ospool_ep.system import guest_slice, slices, systemctl
from ospool_ep.system.guest_slice import set_guest, settle_parent
from ospool_ep.this_service import GUESTS, ServiceName

OURS, OTHER = ServiceName().guest_slice, ServiceName("other").guest_slice


class Host:
    """What systemd was asked to set, and has set; the cgroups, as far as they matter here."""

    def __init__(self, directory: Path) -> None:
        self.run_time, self.cgroups = directory / "control", directory / "cgroup"
        self.set: dict[str, str] = {}
        self.asked = 0
        self.does = True

    def ask(self, *arguments: str) -> Optional[str]:
        """As systemctl set-property --runtime."""
        command, when, name, *settings = arguments
        assert (command, when) == ("set-property", "--runtime")
        self.asked += 1
        if not self.does:
            return None
        values = dict(setting.split("=") for setting in settings)
        assert set(values) == {"CPUWeight", "IOWeight"}
        (self.run_time / f"{name}.d").mkdir(parents=True, exist_ok=True)
        (self.run_time / f"{name}.d" / "50-CPUWeight.conf").touch()
        self.set[name] = "/".join(values.values())
        return ""

    def other(self, weight: int, *, populated: bool = True) -> None:
        """Another service's guests."""
        place = self.cgroups / GUESTS / OTHER
        place.mkdir(parents=True, exist_ok=True)
        (place / "cpu.weight").write_text(f"{weight}\n")
        (place / "cgroup.events").write_text(f"populated {int(populated)}\nfrozen 0\n")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host(tmp_path)
    monkeypatch.setattr(slices, "RUN_TIME", made.run_time)
    monkeypatch.setattr(guest_slice, "CGROUPS", made.cgroups)
    monkeypatch.setattr(systemctl, "ask", made.ask)
    return made


def test_a_guest_at_all_hours_has_what_the_units_say_and_systemd_is_not_asked(host: Host) -> None:
    assert set_guest(True)
    assert host.asked == 0


def test_at_some_hours_it_weighs_as_much_as_one_more_slice_and_the_least_after_them(host: Host) -> None:
    assert set_guest(False)
    assert host.set == {OURS: "100/100", GUESTS: "100/100"}
    assert set_guest(True)
    assert host.set == {OURS: "1/1", GUESTS: "1/1"}


def test_all_guests_together_weigh_as_much_as_the_heaviest_service_that_has_some(host: Host) -> None:
    host.other(100)
    assert set_guest(True)
    assert host.set == {GUESTS: "100/100"}
    # systemd keeps a slice that nothing is in.
    host.other(100, populated=False)
    assert settle_parent()
    assert host.set == {GUESTS: "1/1"}


def test_a_neighbour_that_passes_a_border_meanwhile_is_heeded(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.other(100)

    def ask(*arguments: str) -> Optional[str]:
        host.other(1)
        return host.ask(*arguments)

    monkeypatch.setattr(systemctl, "ask", ask)
    assert set_guest(True)
    assert host.set == {GUESTS: "1/1"}


def test_a_cgroup_that_goes_meanwhile_counts_for_nothing(host: Host) -> None:
    host.other(100)
    (host.cgroups / GUESTS / OTHER / "cpu.weight").unlink()
    assert set_guest(True)
    assert host.asked == 0


def test_what_systemd_refuses_is_told(host: Host) -> None:
    host.does = False
    assert not set_guest(False)
