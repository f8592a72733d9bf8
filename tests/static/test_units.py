"""The unit files are clean, as tight as they were, and use nothing that the oldest systemd of EL does not know."""

import re
import subprocess
from pathlib import Path

import pytest

from ospool_ep.engine.credentials import FILES
from ospool_ep.service.stop_time import LONGEST_STOP_SECONDS
from ospool_ep.this_service import ServiceName
from tools import units

ROOT = Path(__file__).parents[2]
UNITS = sorted(path for path in (ROOT / "systemd").iterdir() if path.is_file() and path.suffix != ".preset")
# What holds for each unit of a name that begins so: systemd.unit(5).
DROP_INS = sorted((ROOT / "systemd").glob("*.d/*.conf"))
SERVICES = [path for path in UNITS if path.suffix == ".service"]

# What systemd-analyze calls the exposure, times ten: 100 is no protection at all. They must not rise unnoticed.
EXPOSURE = {"ospool-ep.service": 24, "ospool-ep@.service": 24, "ospool-ep-image.service": 9}

# systemd.service(5), systemd.unit(5): EL9 has 252, and these are newer.
NEWER_THAN_252 = ("RestartSteps", "RestartMaxDelaySec", "RestartMode", "notify-reload", "PrivatePIDs")


def test_verify_finds_nothing(tmp_path: Path) -> None:
    for path in UNITS:
        # The command is not installed here.
        (tmp_path / path.name).write_text(path.read_text().replace("=/usr/bin/ospool-ep", "=/bin/true"))
    names = [str(tmp_path / path.name) for path in UNITS]
    for path in DROP_INS:
        (tmp_path / path.parent.name).mkdir()
        (tmp_path / path.parent.name / path.name).write_text(path.read_text())
        names.append(str(tmp_path / path.parent.name.replace("-.slice.d", "-a.slice")))
        Path(names[-1]).write_text("[Slice]\n")
    command = ["systemd-analyze", "verify", "--man=no", *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_exposure_does_not_rise(path: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE[path.name]}", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout.splitlines()[-1]


def test_the_timers_unit_sees_each_file_with_credentials_and_nothing_else_of_a_home_directory() -> None:
    text = (ROOT / "systemd/ospool-ep-image.service").read_text()
    (bound,) = re.findall(r"^BindReadOnlyPaths=(.*)$", text, re.MULTILINE)
    files = {f"/{name}" for names in FILES.values() for name in names}
    hidden = {f"-{name}" for name in files if name.startswith(("/root/", "/run/user/", "/home/"))}
    assert set(bound.split()) == hidden
    assert "\nProtectHome=tmpfs\n" in text


def test_the_readme_says_the_exposure() -> None:
    assert f"says {EXPOSURE['ospool-ep.service'] / 10} in place of 9.6" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("path", [*UNITS, *DROP_INS], ids=lambda path: str(path.relative_to(ROOT / "systemd")))
def test_nothing_newer_than_the_oldest_systemd(path: Path) -> None:
    assert not [word for word in NEWER_THAN_252 if word in path.read_text()]


def test_the_template_is_what_the_tool_makes() -> None:
    assert (ROOT / units.TEMPLATE).read_text() == units.template()


def test_the_template_differs_from_the_service_in_the_name_alone() -> None:
    lines = [
        [line for line in (ROOT / path).read_text().splitlines() if not line.startswith("#")]
        for path in (units.MADE_FROM, units.TEMPLATE)
    ]
    assert len(lines[0]) == len(lines[1])
    other, name = {ours: theirs for ours, theirs in zip(*lines) if ours != theirs}, ' "--instance=%i"'
    assert {theirs.replace(name, "").replace("@%i", "").replace(", %i", "") for theirs in other.values()} == {*other}
    commands = [line for line in lines[1] if "/usr/bin/ospool-ep " in line]
    assert len(commands) == 3
    assert all(name in line for line in commands)
    service = ServiceName("%i").name
    assert {f"RuntimeDirectory={service}", f"StateDirectory={service}"} < {*lines[1]}


def test_one_timer_is_there_for_every_service() -> None:
    timer = (ROOT / "systemd/ospool-ep-image.timer").read_text()
    assert "\nWantedBy=ospool-ep.service ospool-ep@.service\n" in timer
    assert "\nStopWhenUnneeded=yes\n" in timer


def test_a_stop_is_through_before_systemd_kills() -> None:
    text = (ROOT / "systemd/ospool-ep.service").read_text()
    (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)
    # The process needs a moment for its own end, too.
    assert int(seconds) - LONGEST_STOP_SECONDS >= 10


def test_only_the_timer_is_enabled_by_preset() -> None:
    (preset,) = (ROOT / "systemd").glob("*.preset")
    rules = [line for line in preset.read_text().splitlines() if not line.startswith("#")]
    assert rules == ["enable ospool-ep-image.timer"]
