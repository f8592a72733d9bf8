"""What an administrator set for the service's unit, or for a slice, and meant for the pilot."""

from pathlib import Path

import pytest

from ospool_ep.checks import drop_in_checks
from ospool_ep.checks.drop_in_checks import administrators_settings, check_drop_ins
from ospool_ep.configuration.reading import read_configuration
from ospool_ep.system import systemctl
from ospool_ep.this_service import GUESTS
from tests.pure.container.test_create_request import NAMES
from tests.support.names import GUEST_SLICE, SLICE, UNIT


class Host:
    """The drop-ins of each unit, as systemd names them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._paths: dict[str, list[str]] = {unit: [] for unit in (UNIT, SLICE, GUEST_SLICE, GUESTS)}

    def drop_in(self, unit: str, text: str, name: str = "own.conf", place: str = "") -> Path:
        path = self._directory / (place or f"{unit}.d") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self._paths[unit].append(str(path).replace("\\", "\\x5c"))
        return path

    def ask(self, *_arguments: str, seconds: float) -> str:
        """As systemctl show."""
        assert seconds <= 5
        blocks = [f"FragmentPath=/usr/lib/x\nDropInPaths={' '.join(paths)}" for paths in self._paths.values()]
        return "\n\n".join(blocks) + "\n"

    def found(self, text: str = "") -> list[tuple[str, str]]:
        """Messages and hints."""
        path = self._directory / "ospool-ep.cfg"
        path.write_text(NAMES + text)
        configuration, _ = read_configuration(str(path))
        findings = list(check_drop_ins(configuration, administrators_settings()))
        assert {(finding.severity.value, finding.code) for finding in findings} <= {
            ("warning", "drop-in-without-effect")
        }
        return [(finding.message, finding.hint) for finding in findings]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host(tmp_path)
    monkeypatch.setattr(systemctl, "ask", made.ask)
    return made


@pytest.mark.parametrize(
    ("setting", "mend"),
    [
        ("CPUQuota=200%", "Set NUM_CPUS"),
        ("MemoryMax=8G", "Set MEMORY"),
        ("MemoryLimit=8G", "Set MEMORY"),
        ("CPUWeight=1", f"systemctl edit --force '{SLICE}'"),
        ("CPUWeight=1", "Set OSPOOL_EP_PRIORITY=backfill"),
        ("AllowedCPUs=0-3", f"systemctl edit --force '{SLICE}'"),
        ("MemoryHigh = 7G", f"systemctl edit --force '{SLICE}'"),
        ("IOReadBandwidthMax=/dev/sda 1M", f"systemctl edit --force '{SLICE}'"),
        ("Nice=19", "Set OSPOOL_EP_PRIORITY=backfill"),
        ("Slice=other.slice", "Set OSPOOL_EP_PRIORITY=backfill"),
    ],
)
def test_what_is_set_for_the_unit_and_meant_for_the_pilot_is_told_with_where_it_works(
    host: Host, setting: str, mend: str
) -> None:
    path = host.drop_in(UNIT, f"[Unit]\nAfter=x.mount\n# CPUQuota=1%\n[Service]\nRestartSec=1\n{setting}\n{setting}\n")
    ((message, hint),) = host.found()
    assert message.startswith(f"{setting.partition('=')[0].strip()}= in {path} does nothing to the pilot")
    assert mend in hint


@pytest.mark.parametrize("text", ["OSPOOL_EP_PRIORITY=backfill\n", "OSPOOL_EP_HOURS=18-8\n"])
def test_for_a_guest_it_is_the_slice_of_guests(host: Host, text: str) -> None:
    host.drop_in(UNIT, "[Service]\nMemoryHigh=1G\n")
    assert GUEST_SLICE in host.found(text)[0][1]


def test_what_is_not_meant_for_the_pilot_is_left_alone(host: Host) -> None:
    host.drop_in(
        UNIT, "[Service]\nTimeoutStartSec=1\nTasksMax=500\nCPUWeight=\n;MemoryMax=1\nEnvironment=A=CPUQuota=1\n"
    )
    host.drop_in(UNIT, "[Service]\nCPUWeight=50\n", place="service.d")
    assert host.found() == []


def test_a_drop_in_of_a_slice_holds_but_for_what_the_service_sets_there(host: Host) -> None:
    path = host.drop_in(SLICE, "[Slice]\nCPUWeight=20\nMemoryHigh=1G\nAllowedCPUs=0\nCPUQuota=100%\nMemoryMax=1G\n")
    assert host.found() == []
    found = host.found("NUM_CPUS=2\nMEMORY=2000\n")
    assert [message for message, _hint in found] == [
        f"CPUQuota= in {path} does not hold: the service sets it by NUM_CPUS.",
        f"MemoryMax= in {path} does not hold: the service sets it by MEMORY.",
    ]


def test_above_all_guests_a_limit_holds_and_a_weight_only_without_hours(host: Host) -> None:
    path = host.drop_in(GUESTS, "[Slice]\nCPUWeight=20\nMemoryMax=1G\n")
    assert host.found("MEMORY=2000\nOSPOOL_EP_PRIORITY=backfill\n") == []
    assert [message for message, _hint in host.found("MEMORY=2000\nOSPOOL_EP_HOURS=18-8\n")] == [
        f"CPUWeight= in {path} does not hold: the service sets it by OSPOOL_EP_HOURS."
    ]


def test_what_the_service_itself_has_set_is_no_administrators(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drop_in_checks, "RUN_TIME", tmp_path / "control")
    host.drop_in(SLICE, "[Slice]\nMemoryMax=1\n", "50-MemoryMax.conf", f"control/{SLICE}.d")
    assert host.found("MEMORY=2000\n") == []


def test_a_path_with_a_backslash_is_found_as_systemctl_prints_it(host: Host) -> None:
    host.drop_in(UNIT, "[Service]\nMemoryMax=1\n", place=r"ospool-ep@a\x2db.service.d")
    assert r"a\x2db" in host.found()[0][0]


def test_without_systemd_nothing_is_told(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.drop_in(UNIT, "[Service]\nMemoryMax=1\n")
    monkeypatch.setattr(systemctl, "ask", lambda *_arguments, **_options: None)
    assert host.found() == []


def test_a_file_that_has_gone_is_passed_over(host: Host) -> None:
    host.drop_in(UNIT, "[Service]\nMemoryMax=1\n").unlink()
    assert host.found() == []
