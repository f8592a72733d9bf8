"""How much the guests of this host weigh, one service's among themselves and all of them together."""

from pathlib import Path
from typing import Optional

import pytest

from ospool_ep.system import guest_slice, slices, spared_memory, systemctl
from ospool_ep.system.guest_slice import guest_comes, last_has_gone, set_guest
from ospool_ep.this_service import GUESTS, ServiceName

OURS, OTHER = ServiceName().guest_slice, ServiceName("other").guest_slice


class Host:
    """What systemd was asked to set, and has set; the cgroups, as far as they matter here."""

    def __init__(self, directory: Path) -> None:
        self.run_time, self.cgroups = directory / "control", directory / "cgroup"
        self.set: dict[str, str] = {}
        self.low = dict.fromkeys(spared_memory.HOSTS_OWN, "0")
        self.asked = 0
        self.does = True

    def ask(self, *arguments: str) -> Optional[str]:
        """As systemctl, which keeps what is set at run time in a file of its own for each property."""
        if not self.does:
            return None
        if arguments[0] == "show":
            assert arguments[1:3] == ("--property=MemoryLow", "--value")
            # With a property alone systemctl puts an empty line between two units.
            return "\n\n".join(self.low[name] for name in arguments[3:]) + "\n"
        command, when, name, *settings = arguments
        assert (command, when) == ("set-property", "--runtime")
        self.asked += 1
        values = dict(setting.split("=") for setting in settings)
        (self.run_time / f"{name}.d").mkdir(parents=True, exist_ok=True)
        for key, value in values.items():
            (self.run_time / f"{name}.d" / f"50-{key}.conf").write_text(f"[Slice]\n{key}={value}\n")
        if name in self.low:
            self.low[name] = values["MemoryLow"]
        else:
            self.set[name] = f"{values['CPUWeight']}/{values['IOWeight']}"
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


def test_a_guest_at_all_hours_has_what_the_units_say_so_that_drop_ins_hold(host: Host) -> None:
    assert set_guest(True)
    assert host.set == {}


def test_the_memory_of_the_hosts_own_work_is_spared_while_guests_run(host: Host) -> None:
    assert set_guest(True)
    assert set(host.low.values()) == {"infinity"}
    asked = host.asked
    assert set_guest(True)
    assert host.asked == asked
    assert last_has_gone()
    assert set(host.low.values()) == {"0"}
    assert host.set == {}


def test_it_is_not_spared_in_the_hours_of_a_guest_nor_while_another_one_has_some(host: Host) -> None:
    set_guest(True)
    assert set_guest(False)
    assert set(host.low.values()) == {"0"}
    host.other(100)
    assert set_guest(True)
    assert set(host.low.values()) == {"0"}
    host.other(1)
    assert last_has_gone()
    assert set(host.low.values()) == {"infinity"}


def test_the_next_guest_of_a_service_finds_what_was_last_set_for_it(host: Host) -> None:
    set_guest(False)
    last_has_gone()
    assert host.set == {OURS: "100/100", GUESTS: "1/1"}
    assert guest_comes(backfill=False)
    assert host.set == {OURS: "100/100", GUESTS: "100/100"}
    assert guest_comes(backfill=True)
    assert host.set == {OURS: "1/1", GUESTS: "1/1"}
    assert guest_comes(backfill=False)
    assert (host.set, set(host.low.values())) == ({OURS: "1/1", GUESTS: "1/1"}, {"infinity"})


def test_what_an_administrator_has_protected_stays_as_it_is(host: Host) -> None:
    host.low["system.slice"] = str(1 << 30)
    assert set_guest(True)
    assert (host.low["system.slice"], host.low["user.slice"]) == (str(1 << 30), "infinity")
    assert last_has_gone()
    assert (host.low["system.slice"], host.low["user.slice"]) == (str(1 << 30), "0")


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
    assert last_has_gone()
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
    assert host.set == {}


def test_what_systemd_refuses_is_told(host: Host) -> None:
    host.does = False
    assert not set_guest(False)
