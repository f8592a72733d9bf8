"""Who lends beside this service: what is read of the others on this host."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Optional

import pytest

from ospool_ep.checks import other_services
from ospool_ep.checks.beside import check_beside, has_others
from ospool_ep.checks.check import run_checks
from ospool_ep.checks.engine_facts import ask
from ospool_ep.checks.lenders import Beside, Directory
from ospool_ep.checks.other_services import look_beside
from ospool_ep.configuration.reading import read_configuration
from ospool_ep.engine import chosen
from ospool_ep.engine.presence import Presence
from ospool_ep.service import helper_calls
from ospool_ep.system.run_directory import RunDirectory
from ospool_ep.system.systemctl import UnitState
from ospool_ep.this_service import ServiceName, become, this_service
from tests.pure.checks.test_host_checks import Host as PlayedHost
from tests.pure.checks.test_host_checks import rows

NAMES = "GLIDEIN_Site=Example\nGLIDEIN_ResourceName=Example-EP\n"
RUNS, ENABLED = UnitState("loaded", "active", "enabled"), UnitState("loaded", "inactive", "enabled")
FAILED, OFF = UnitState("loaded", "failed", "disabled"), UnitState("loaded", "inactive", "disabled")

# Holds the lock of a run-time directory, as a service does, until its input ends.
_HOLDER = """
import sys; from pathlib import Path; from ospool_ep.system.run_directory import RunDirectory
directory = RunDirectory(Path(sys.argv[1])); directory.lock(); print("locked", flush=True); sys.stdin.read()
"""


class Several:
    """ospool-ep and its instances on a host of our own making."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "ospool-ep.cfg"
        self.config.write_text(NAMES)
        self.states: dict[str, UnitState] = {}
        self.asked: list[Sequence[str]] = []
        self._holders: list[subprocess.Popen[str]] = []

    def add(self, instance: str, text: str = "", state: UnitState = ENABLED) -> None:
        own = Path(ServiceName(instance).own_file(str(self.config)))
        own.parent.mkdir(exist_ok=True)
        own.write_text(text)
        self.states[ServiceName(instance).unit] = state

    def runs(self, instance: str, report: Optional[str] = None) -> RunDirectory:
        """A process of that service holds its lock, and has written that report."""
        directory = self.path / "run" / ServiceName(instance).name
        directory.parent.mkdir(exist_ok=True)
        holder = subprocess.Popen(
            [sys.executable, "-c", _HOLDER, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._holders.append(holder)
        assert holder.stdout
        assert holder.stdout.readline() == "locked\n"
        if report is not None:
            (directory / "status.json").write_text(report)
        return RunDirectory(directory)

    def end(self) -> None:
        for holder in self._holders:
            holder.communicate()

    def ask(self, units: Sequence[str]) -> Optional[Mapping[str, UnitState]]:
        self.asked.append(units)
        return {unit: self.states.get(unit, OFF) for unit in units}

    def look(self, ours: str, *, in_service: bool) -> Beside:
        become(ours)
        configuration, _ = read_configuration(str(self.config), this_service().own_file(str(self.config)))
        lender, beside = look_beside(configuration, in_service=in_service, run=f"{self.path}/run", ask=self.ask)
        assert lender.service == ServiceName(ours)
        return beside

    def names(self, ours: str, *, in_service: bool = False) -> list[str]:
        return [lender.service.instance for lender in self.look(ours, in_service=in_service).lenders]


@pytest.fixture
def several(open_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Several]:
    # So that it is put back.
    monkeypatch.setenv("OSPOOL_EP_INSTANCE", "")
    played = Several(open_path)
    yield played
    played.end()


PILOTS = json.dumps({"pilots": [{"container": "x"}]})


def test_systemd_is_asked_once_for_all(several: Several) -> None:
    several.add("a")
    several.add("b", state=FAILED)
    several.add("c", state=RUNS)
    assert several.names("a") == ["c"]
    assert several.asked == [["ospool-ep.service", "ospool-ep@a.service", "ospool-ep@b.service", "ospool-ep@c.service"]]


def test_a_host_with_one_service_asks_nobody(several: Several, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(other_services, "look_beside", lambda *_args, **_kwargs: pytest.fail("it was looked"))
    configuration, findings = read_configuration(str(several.config))
    assert not has_others(str(several.config))
    assert check_beside(configuration, findings, in_service=True) == ()
    # Nor where the directory is there, as the package installs it.
    (several.path / "ospool-ep.d").mkdir()
    (several.path / "ospool-ep.d" / "README").write_text("")
    assert check_beside(configuration, findings, in_service=True) == ()


def test_one_that_runs_and_has_pilots_has_its_place(several: Several) -> None:
    several.add("a")
    several.add("b", state=OFF)
    several.add("c", state=OFF)
    several.runs("b", PILOTS)
    several.runs("c", '{"pilots": []}')
    assert several.names("a", in_service=True) == ["b"]
    # To it those do not count that have none, enabled or not.
    assert several.names("b", in_service=True) == []
    assert several.names("a") == ["b", "c"]


@pytest.mark.parametrize("report", [None, "", "[", "[]", "{}", '"x"', '{"pilots": null}'])
def test_a_report_that_says_nothing_is_of_one_without_pilots(several: Several, report: Optional[str]) -> None:
    several.add("a")
    several.add("b", state=OFF)
    several.runs("b", report)
    assert several.names("a", in_service=True) == []


def test_what_one_that_has_ended_left_behind_counts_for_nothing(several: Several) -> None:
    several.add("a")
    several.add("b", state=OFF)
    several.runs("b", PILOTS).take_place()
    several.end()
    assert several.names("a", in_service=True) == []
    assert several.names("a") == []


def test_between_two_pilots_a_service_keeps_its_place(several: Several) -> None:
    """Else one that is added, and comes first by its name, would take it in that moment."""
    several.add("a")
    several.add("b", state=RUNS)
    several.runs("b", '{"pilots": []}').take_place()
    assert several.names("b", in_service=True) == []
    assert several.names("a", in_service=True) == ["b"]


def test_a_process_that_begins_has_the_place_of_the_one_before(several: Several) -> None:
    several.add("a")
    several.add("b", state=RUNS)
    several.runs("b").take_place()
    several.end()
    assert several.names("b", in_service=True) == []
    assert several.names("a", in_service=True) == []


def test_where_systemd_does_not_answer_those_count_that_run(several: Several, monkeypatch: pytest.MonkeyPatch) -> None:
    several.add("a")
    several.add("b")
    several.add("c")
    several.runs("c", PILOTS)
    monkeypatch.setattr(several, "ask", lambda _units: None)
    assert several.names("a") == ["c"]


@pytest.mark.parametrize(("text", "why"), [("NUM_CPUS=x\n", "has errors"), (None, "can't be read")])
def test_one_whose_file_is_of_no_use_is_said_and_not_counted(several: Several, text: Optional[str], why: str) -> None:
    several.add("a")
    several.add("b", text or "")
    if text is None:
        own = several.path / "ospool-ep.d" / "b.cfg"
        own.unlink()
        os.mkfifo(own)
    beside = several.look("a", in_service=False)
    assert beside.lenders == ()
    assert why in beside.not_counted[ServiceName("b")]


def test_files_that_no_service_reads_are_told(several: Several) -> None:
    several.add("a")
    for name in ("a b.cfg", "-x.cfg", ".cfg", f"{'l' * 41}.cfg", "\x1b[2J.cfg", "b.cfg.rpmsave", "c.conf"):
        (several.path / "ospool-ep.d" / name).write_text("")
    told = [Path(path).name for path in several.look("a", in_service=False).no_services]
    assert told == sorted(["a b.cfg", "-x.cfg", ".cfg", f"{'l' * 41}.cfg", "\x1b[2J.cfg"])


def test_scratch_directories_are_known_by_where_they_lead(several: Several) -> None:
    real = several.path / "scratch"
    real.mkdir()
    (several.path / "link").symlink_to(real)
    several.add("a", f"WORKER_TEMP_DIR={real}\n")
    several.add("b", f"WORKER_TEMP_DIR={several.path}/link\n")
    (lender,) = several.look("a", in_service=False).lenders
    status = real.stat()
    assert lender.scratch == Directory(f"{several.path}/link", str(real), (status.st_dev, status.st_ino))


def test_check_tells_both_and_each_in_its_own_file(
    host: PlayedHost, several: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(other_services, "unit_states", several.ask)
    assert several.path == host.path
    # Beside it, as in the common file.
    common = host.write("NUM_CPUS=1", "MEMORY=1000")
    several.add("a", "\nNUM_CPUS=1000\nWORKER_TEMP_DIR=\n")
    several.states["ospool-ep.service"] = RUNS
    become("")
    result = host.check("NUM_CPUS=1", "MEMORY=600")
    assert ("services-exceed-cpus", "error", "NUM_CPUS", 5) in rows(result.findings)
    assert f"{common}:5: error: NUM_CPUS: " in result.as_text()
    become("a")
    result = run_checks(
        str(common), host.places, host.engine, lambda _wanted: ask(host.choice), this_service().own_file(str(common))
    )
    text = result.as_text()
    assert f"{common.parent}/ospool-ep.d/a.cfg:2: error: NUM_CPUS: " in text
    assert "[services-exceed-cpus]" in text


def test_a_wrong_value_of_our_own_says_nothing_about_the_others(
    several: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(other_services, "unit_states", several.ask)
    several.add("a", "NUM_CPUS=x\nMEMORY=1000\n")
    several.add("b", "NUM_CPUS=1\n")
    become("a")
    configuration, findings = read_configuration(str(several.config), this_service().own_file(str(several.config)))
    found = check_beside(configuration, findings, in_service=False)
    assert [finding.code for finding in found] == ["services-exceed-memory"]


def test_it_is_a_trouble_of_the_host_that_the_service_waits_for(
    several: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To mend another service's file mends it, so this one must not have ended."""
    monkeypatch.setattr(chosen, "presences", lambda: {"docker": Presence(), "podman": Presence()})
    monkeypatch.setattr(other_services, "unit_states", several.ask)
    several.add("a")
    several.add("b")
    for ours, waits in (("a", False), ("b", True)):
        become(ours)
        inspected = helper_calls.read_to_start(str(several.config))
        assert inspected.file.spec
        assert ("services-exceed-cpus" in {one.code for one in inspected.checked.findings}) is waits
        checked = helper_calls.recheck(inspected.file.configuration)
        assert ("services-exceed-cpus" in {one.code for one in checked.findings}) is waits
    assert "services-exceed-cpus" not in {
        one.code for one in helper_calls.read_to_stop(str(several.config)).checked.findings
    }
