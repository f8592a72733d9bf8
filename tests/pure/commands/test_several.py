"""Several services on one host: a command for one, for all, and for one that is not there."""

import json
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Optional

import pytest

from ospool_ep import cli, exit_codes
from ospool_ep.commands import update
from ospool_ep.engine import chosen
from ospool_ep.engine.address import DOCKER, PODMAN
from ospool_ep.engine.choice import Choice
from ospool_ep.engine.interface import PullFailed
from ospool_ep.lifecycle.state import Phase, Want
from ospool_ep.system import systemctl
from ospool_ep.system.image_store import ImageStore
from ospool_ep.system.systemctl import UnitState
from ospool_ep.this_service import ServiceName, become, this_service
from tests.pure.commands.played_service import IMAGE, NEW, PlayedService, draining, reported
from tests.support.fake_engine import FakeEngine
from tests.support.waiting import wait_until

Captured = pytest.CaptureFixture[str]
ALONE = (
    "The service ospool-ep does not run here. What is wrong, if anything: ospool-ep check. Start it: systemctl start"
    " ospool-ep\n"
)
FILE = f"GLIDEIN_Site=A\nGLIDEIN_ResourceName=B\nOSPOOL_EP_IMAGE={IMAGE}\n"


class Host:
    """A host whose services are played; a name that is empty stands for ospool-ep itself."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "osg/ospool-ep.cfg"
        (path / "osg/ospool-ep.d").mkdir(parents=True)
        self.config.write_text(FILE)
        self.played: dict[str, PlayedService] = {}
        self.units: dict[str, UnitState] = {}

    def has_file(self, *names: str) -> None:
        for name in names:
            (self.path / "osg/ospool-ep.d" / f"{name}.cfg").touch()

    def runs(self, name: str, news: Optional[Mapping[str, object]] = None, **how: object) -> PlayedService:
        """That one runs, and has a file; as a rule it is in the pool, without a job."""
        if name:
            self.has_file(name)
        path = ServiceName(name).run_directory
        path.mkdir(parents=True)
        self.played[name] = PlayedService(path)
        self.played[name].start(dict(news or reported(Phase.RUNNING)), **how)  # type: ignore[arg-type]
        return self.played[name]

    def unit_states(self, units: list[str]) -> dict[str, UnitState]:
        return {unit: self.units.get(unit, UnitState("loaded", "inactive", "disabled")) for unit in units}


@pytest.fixture
def host(open_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    made = Host(open_path)
    monkeypatch.setattr(ServiceName, "run_directory", property(lambda service: open_path / "run" / service.name))
    monkeypatch.setattr(ServiceName, "state_directory", property(lambda service: open_path / "lib" / service.name))
    monkeypatch.setattr(cli, "CONFIG_PATH", str(made.config))
    monkeypatch.setattr(systemctl, "unit_states", made.unit_states)
    yield made
    become("")
    for played in made.played.values():
        played.end()


def test_the_status_of_all_has_each_service_under_its_name(host: Host, capsys: Captured) -> None:
    assert cli.main(["status", "--all"]) == exit_codes.NOT_RUNNING
    assert capsys.readouterr().out == ALONE
    host.runs("")
    host.runs("gpu", draining(Want.IDLE))
    assert cli.main(["status"]) == exit_codes.OK
    alone = capsys.readouterr().out
    assert cli.main(["status", "--instance", "gpu"]) == exit_codes.OK
    gpu = capsys.readouterr().out
    assert cli.main(["status", "--all"]) == exit_codes.OK
    told = capsys.readouterr().out
    assert [line.strip() for line in told.splitlines() if line] == [
        line.strip() for line in (alone + gpu).splitlines()
    ], "nothing is lost"
    assert {line.index(": ") for line in told.splitlines() if line} == {len("ospool-ep@gpu")}, "they are aligned"
    assert [line.split(":")[0].strip() for line in told.split("\n\n")] == ["ospool-ep", "ospool-ep@gpu"]


def test_the_status_of_all_for_programs_is_one_document(host: Host, capsys: Captured) -> None:
    assert cli.main(["status", "--all", "--json"]) == exit_codes.NOT_RUNNING
    assert json.loads(capsys.readouterr().out) == {}
    host.runs("a")
    host.runs("b", reported(Phase.WAITING))
    assert cli.main(["status", "--all", "--json"]) == exit_codes.FAILED, "the worst of both"
    told = json.loads(capsys.readouterr().out)
    assert {name: report["well"] for name, report in told.items()} == {"ospool-ep@a": True, "ospool-ep@b": False}


def test_any_user_may_ask_for_the_status_of_all_and_only_root_for_a_drain(host: Host, capsys: Captured) -> None:
    host.runs("a")
    host.runs("b")
    (host.path / "run/ospool-ep@c").mkdir()
    os.seteuid(1000)
    try:
        assert cli.main(["status", "--all", "--json"]) == exit_codes.OK
        assert list(json.loads(capsys.readouterr().out)) == ["ospool-ep@a", "ospool-ep@b"]
        assert cli.main(["drain", "--all"]) == exit_codes.NOT_ROOT
        assert capsys.readouterr().err.endswith("permission denied. Run it as root.\n")
    finally:
        os.seteuid(0)


def test_what_has_ended_and_what_only_looks_like_a_service_is_none(host: Host, capsys: Captured) -> None:
    host.runs("a").end()
    (host.path / "run/ospool-ep@file").touch()
    (host.path / "run/ospool-ep@no name").mkdir()
    (host.path / "run/ospool-ep@empty").mkdir()
    assert cli.main(["status", "--all"]) == exit_codes.NOT_RUNNING
    assert capsys.readouterr().out == ALONE


@pytest.mark.parametrize("command", ["status", "drain", "resume", "reload"])
def test_where_only_instances_run_they_are_named(command: str, host: Host, capsys: Captured) -> None:
    host.runs("b")
    host.runs("a")
    assert cli.main([command]) == exit_codes.NOT_RUNNING
    printed = capsys.readouterr()
    told = "does not run here, ospool-ep@a and ospool-ep@b do: --instance NAME is for one of those, --all for all."
    assert told in printed.out + printed.err
    assert cli.main([command, "--all", *(["--no-wait"] if command == "drain" else [])]) != exit_codes.NOT_RUNNING


@pytest.mark.parametrize("command", ["status", "drain", "resume", "reload", "check", "update", "config"])
def test_an_instance_that_is_none_is_told_with_those_that_there_are(command: str, host: Host, capsys: Captured) -> None:
    config = ["--config", str(host.config)] if command in ("check", "update", "config") else []
    assert cli.main([command, "--instance=gpus", *config]) == exit_codes.USAGE
    told = capsys.readouterr().err
    assert "No service of this host has such a NAME." in told
    host.has_file("cpu", "gpu")
    host.runs("zebra")
    (host.path / "osg/ospool-ep.d/zebra.cfg").unlink()
    assert cli.main([command, "--instance=gpus", *config]) == exit_codes.USAGE
    assert capsys.readouterr().err == (
        f"ospool-ep {command}: There is no service ospool-ep@gpus: it does not run, and"
        f" {host.path}/osg/ospool-ep.d/gpus.cfg is not there. The names that there are: gpu, cpu, zebra. To set up"
        " another one, make that file.\n"
    )


def test_an_instance_that_has_a_file_and_does_not_run_is_one(host: Host, capsys: Captured) -> None:
    host.has_file("gpu")
    assert cli.main(["status", "--instance=gpu"]) == exit_codes.NOT_RUNNING
    assert capsys.readouterr().out == (
        "The service ospool-ep@gpu does not run here. What is wrong, if anything: ospool-ep check --instance gpu."
        " Start it: systemctl start ospool-ep@gpu\n"
    )


@pytest.mark.parametrize("command", ["status", "drain", "resume", "reload", "check", "update"])
def test_one_and_all_are_wrong_usage(command: str, capsys: Captured) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--all", "--instance=a"])
    assert ended.value.code == exit_codes.USAGE
    assert "not allowed with" in capsys.readouterr().err


def test_a_drain_of_all_asks_all_before_it_waits_for_any(host: Host, capsys: Captured) -> None:
    services = [host.runs("", draining()), host.runs("b", draining()), host.runs("c", draining())]

    def end() -> None:
        for service in services:
            assert service.directory.want is Want.IDLE
            service.directory.write_status(reported(Phase.IDLE, Want.IDLE))

    threading.Timer(1.0, end).start()
    assert cli.main(["drain", "--all", "--timeout=20"]) == exit_codes.OK
    told = capsys.readouterr().out
    for name in ("ospool-ep", "ospool-ep@b", "ospool-ep@c"):
        option = f" --instance {name[-1]}" if "@" in name else ""
        assert f"\n{name}: Drained: no pilot runs any more. Start the next one: ospool-ep resume{option}\n" in told
        assert f"{name}: Draining: no new jobs start, the running ones finish.\n" in told
    assert this_service() == ServiceName()


def test_a_drain_of_all_that_one_does_not_end_is_the_worst_of_all(host: Host, capsys: Captured) -> None:
    host.runs("a", reported(Phase.IDLE, Want.IDLE))
    host.runs("b", draining())
    assert cli.main(["drain", "--all", "--timeout=1"]) == exit_codes.TIME_UP
    printed = capsys.readouterr()
    assert "ospool-ep@a: Drained" in printed.out
    assert printed.err == "The time is up; the drain of ospool-ep@b goes on. Watch: ospool-ep status --all\n"


def test_a_drain_of_all_goes_on_where_one_has_ended(host: Host, capsys: Captured) -> None:
    host.runs("a", draining())
    ended = host.runs("b", draining())
    threading.Timer(1.0, ended.end).start()
    threading.Timer(2.0, host.played["a"].directory.write_status, [reported(Phase.IDLE, Want.IDLE)]).start()
    assert cli.main(["drain", "--all", "--timeout=20"]) == exit_codes.NOT_RUNNING
    printed = capsys.readouterr()
    assert "ospool-ep@b: The service has ended meanwhile. The service ospool-ep@b does not run here." in printed.err
    assert "ospool-ep@a: Drained" in printed.out


def test_a_drain_and_its_end_are_for_one_as_for_all(host: Host, capsys: Captured) -> None:
    services = [host.runs(name) for name in ("", "b")]
    assert cli.main(["drain", "--instance=b", "--no-wait", "--then=stop"]) == exit_codes.OK
    assert [service.directory.want for service in services] == [Want.PILOTS, Want.STOP]
    assert capsys.readouterr().out.endswith("Watch it: ospool-ep status --instance b\n")
    assert cli.main(["drain", "--all", "--no-wait"]) == exit_codes.OK
    assert [service.directory.want for service in services] == [Want.IDLE, Want.IDLE]
    assert capsys.readouterr().out.endswith("\nWatch them: ospool-ep status --all\n")
    assert cli.main(["resume", "--all"]) == exit_codes.OK
    assert [service.directory.want for service in services] == [Want.PILOTS, Want.PILOTS]
    told = capsys.readouterr().out.splitlines()
    assert [line.split(": The drain is taken back")[0] for line in told] == ["ospool-ep", "ospool-ep@b"]
    assert told[1].endswith("Watch: ospool-ep status --instance b")


def test_a_reload_of_all_tells_what_came_of_each(host: Host, capsys: Captured) -> None:
    host.runs("a", then={"reload": exit_codes.OK})
    host.runs("b", then={"reload": exit_codes.CONFIG})
    host.runs("ends")
    assert cli.main(["reload", "--all"]) == exit_codes.CONFIG, "the highest of them"
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        f"ospool-ep@{name}: {line}" for name in "ab" for line in ("The file was read.", "Twice.")
    ]
    assert printed.err == ("ospool-ep@ends: The service has not answered. See: systemctl status ospool-ep@ends\n")
    assert cli.main(["reload", "--instance=a"]) == exit_codes.OK
    assert capsys.readouterr().out == "The file was read.\nTwice.\n"


def test_a_check_of_all_has_the_findings_of_each_under_its_name(host: Host, capsys: Captured) -> None:
    host.has_file("a", "b", "c")
    host.units["ospool-ep@a.service"] = UnitState("loaded", "inactive", "enabled")
    host.units["ospool-ep@b.service"] = UnitState("loaded", "activating", "disabled")
    host.config.write_text(f"{FILE}NUM_CPUS=none\n")
    assert cli.main(["check", "--all", "--config", str(host.config)]) == exit_codes.CONFIG
    told = capsys.readouterr().out
    assert [part.split("\n")[0] for part in told.split("\n\n")] == ["ospool-ep@a:", "ospool-ep@b:"]
    assert told.count("NUM_CPUS") == 2
    assert cli.main(["check", "--all", "--json", "--config", str(host.config)]) == exit_codes.CONFIG
    assert {name: found["ok"] for name, found in json.loads(capsys.readouterr().out).items()} == {
        "ospool-ep@a": False,
        "ospool-ep@b": False,
    }


def test_a_check_of_all_finds_what_is_wrong_in_a_file_of_one(host: Host, capsys: Captured) -> None:
    host.runs("a")
    (host.config.parent / "ospool-ep.d" / "a.cfg").write_text("\nMEMORY=none\n")
    assert cli.main(["check", "--all", "--config", str(host.config)]) == exit_codes.CONFIG
    assert "ospool-ep.d/a.cfg:2: error: MEMORY: " in capsys.readouterr().out


def test_a_check_of_all_where_there_is_none_is_that_of_the_first(host: Host, capsys: Captured) -> None:
    cli.main(["check", "--all", "--config", str(host.config)])
    assert capsys.readouterr().out.startswith("ospool-ep:\n")


@pytest.fixture
def engine(host: Host, monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """The engine of this host; the registry has another image than the one that is here."""
    engine = FakeEngine()
    engine.add_image(IMAGE, "sha256:old")
    engine.registry[IMAGE] = NEW
    monkeypatch.setattr(chosen, "chosen_engine", lambda _wanted: Choice(DOCKER, "auto"))
    monkeypatch.setattr(update, "DockerEngine", lambda _url: engine)
    assert host
    return engine


@pytest.mark.parametrize("option", ["--all", "--scheduled"])
def test_an_update_of_all_pulls_an_image_once_and_all_know_it(
    option: str, host: Host, engine: FakeEngine, capsys: Captured
) -> None:
    """The timer's update is one for all."""
    host.has_file("a", "b", "c", "off")
    for name in ("a", "b"):
        host.runs(name, then={"nudged": True})
    host.units["ospool-ep@c.service"] = UnitState("loaded", "inactive", "enabled")
    assert cli.main(["update", option, "--config", str(host.config)]) == exit_codes.OK
    told = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in told] == ["ospool-ep@a", "ospool-ep@b", "ospool-ep@c"]
    assert all(f"{IMAGE} is new here ({NEW}): " in line for line in told)
    assert told[2].endswith("the service ospool-ep@c does not run here; the next pilot uses it.")
    assert engine.calls == ["pull"]
    for name in ("a", "b", "c"):
        become(name)
        assert ImageStore(DOCKER.socket).pulled_at(IMAGE) is not None
    told_to = [host.played[name].directory for name in ("a", "b")]
    wait_until(lambda: all("nudged" in (directory.read_status() or {}) for directory in told_to), "they were told")


def test_what_is_wrong_with_one_keeps_no_other_from_its_image(host: Host, engine: FakeEngine, capsys: Captured) -> None:
    for name in "abcd":
        host.runs(name)
    place = host.config.parent / "ospool-ep.d"
    place.joinpath("a.cfg").write_text("NUM_CPUS=none\n")
    place.joinpath("b.cfg").write_text(FILE.replace(IMAGE, "registry.example/away:1"))
    place.joinpath("c.cfg").write_text(f"{FILE}OSPOOL_EP_UPDATE=off\n")
    engine.registry["registry.example/away:1"] = PullFailed("no route to host")
    arguments = ["update", "--scheduled", "--config", str(host.config)]
    assert cli.main(arguments) == exit_codes.FAILED, "the unit tries again"
    printed = capsys.readouterr()
    wrong, away = printed.err.splitlines()
    assert wrong.startswith("ospool-ep update: ospool-ep@a: ")
    assert wrong.endswith("Show them: ospool-ep check --instance a")
    assert away == "ospool-ep update: ospool-ep@b: Cannot pull registry.example/away:1: no route to host"
    assert "ospool-ep@c: Nothing is pulled: OSPOOL_EP_UPDATE=off." in printed.out
    assert f"ospool-ep@d: {IMAGE} is new here" in printed.out
    assert engine.calls == ["pull", "pull"]
    engine.registry["registry.example/away:1"] = "sha256:1"
    assert cli.main([*arguments, "--json"]) == exit_codes.CONFIG, "only a person can mend the rest"
    told = json.loads(capsys.readouterr().out)
    assert {name: "error" in result for name, result in told.items()} == {
        "ospool-ep@a": True, "ospool-ep@b": False, "ospool-ep@c": False, "ospool-ep@d": False,
    }  # fmt: skip


def test_services_with_an_engine_each_have_a_pull_each(
    host: Host, monkeypatch: pytest.MonkeyPatch, engine: FakeEngine
) -> None:
    host.runs("docker")
    host.runs("podman")
    engines = {"docker": DOCKER, "podman": PODMAN}
    monkeypatch.setattr(chosen, "chosen_engine", lambda _: Choice(engines[this_service().instance], "auto"))
    assert cli.main(["update", "--all", "--config", str(host.config)]) == exit_codes.OK
    assert engine.calls == ["pull", "pull"]


def test_an_update_of_one_is_for_that_one(host: Host, engine: FakeEngine, capsys: Captured) -> None:
    host.runs("")
    host.runs("a")
    for options in ([], ["--instance=a"], ["--instance=a", "--scheduled"]):
        assert cli.main(["update", *options, "--config", str(host.config)]) == exit_codes.OK
        assert capsys.readouterr().out.startswith(IMAGE), "no name stands before it"
    assert engine.calls == ["pull"] * 3
