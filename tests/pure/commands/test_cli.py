"""The commands from outside: what they print, and their exit codes."""

import json
import os
import resource
import shlex
from pathlib import Path
from typing import Optional

import pytest

from ospool_ep import cli, exit_codes
from ospool_ep.commands import config as config_command
from ospool_ep.commands import render as render_command
from ospool_ep.engine.address import DOCKER, PODMAN
from ospool_ep.engine.choice import Choice, Undecided
from ospool_ep.lifecycle.state import Want
from ospool_ep.system import systemctl
from tests.support.tokens import make_token

NAMES = "GLIDEIN_Site=Example\nGLIDEIN_ResourceName=Example-EP\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "ospool-ep.cfg"
    path.write_text(NAMES)
    return path


def test_the_words_for_what_follows_a_drain_are_the_service_s() -> None:
    assert {Want(word) for word in cli.AFTER_A_DRAIN} == set(Want) - {Want.PILOTS}


@pytest.mark.parametrize("arguments", [[], ["chek"], ["check", "--jsn"], ["render", "podman"], ["check", "--config"]])
def test_wrong_usage_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == exit_codes.USAGE
    assert "usage: ospool-ep" in capsys.readouterr().err


@pytest.mark.parametrize("time", ["1w", "", "-1", "m", "1 h", "1e3"])
def test_a_wait_for_what_is_no_time_is_wrong_usage(time: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["drain", f"--timeout={time}"]) == exit_codes.USAGE
    assert capsys.readouterr().err == (
        f"ospool-ep drain: argument --timeout: {time!r} is no time; write seconds, or 10m, 2h, 1d\n"
    )


def test_check_ends_with_78_on_errors_and_prints_one_document(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(f"{NAMES}NUM_CPUS=none\nMEMORY=none\n")
    assert cli.main(["check", "--json", "--config", str(config)]) == exit_codes.CONFIG
    report = json.loads(capsys.readouterr().out)
    assert not report["ok"]
    assert [(finding["key"], finding["line"]) for finding in report["findings"][:2]] == [("NUM_CPUS", 3), ("MEMORY", 4)]


def test_config_shows_what_a_file_with_errors_says(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(f"{NAMES}NUM_CPUS=none\nexport A=1\nMINE=1 # 2\n")
    assert cli.main(["config", "--json", "--config", str(config)]) == exit_codes.OK
    values = json.loads(capsys.readouterr().out)["values"]
    assert values["NUM_CPUS"] == {"value": "none", "line": 3, "file": str(config), "goes_to": "both"}
    assert values["MINE"] == {"value": "1 # 2", "line": 5, "file": str(config), "goes_to": "pilot"}


def test_config_of_a_file_that_cannot_be_read_ends_with_78(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["config", "--config", str(tmp_path / "none")]) == exit_codes.CONFIG
    assert "[config-unreadable]" in capsys.readouterr().out


def test_render_prints_nothing_that_is_secret(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    token = make_token().strip()
    config.write_text(f"{NAMES}TOKEN={token}\nMINE={token}\nOSPOOL_EP_ENGINE=unix:///srv/docker.sock\n")
    assert cli.main(["render", "docker", "--config", str(config)]) == exit_codes.OK
    printed = capsys.readouterr()
    assert printed.out.startswith("docker --host unix:///srv/docker.sock run ")
    assert "eyJ" not in printed.out + printed.err


@pytest.mark.parametrize(
    ("choice", "command"),
    [
        (Choice(DOCKER, "auto"), "docker run"),
        (Choice(PODMAN, "auto"), "podman run"),
        (Choice(None, "auto", Undecided.NONE_INSTALLED), "docker run"),
        (Choice(None, "auto", Undecided.NOT_KNOWN), "docker run"),
        (Choice(None, "auto", Undecided.NONE_IN_USE), ""),
        (Choice(None, "podman", Undecided.NOT_INSTALLED), ""),
    ],
)
def test_render_prints_the_command_of_this_hosts_engine_and_asks_none(
    choice: Choice, command: str, config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(render_command, "chosen_engine", lambda _wanted: choice)
    assert cli.main(["render", "docker", "--config", str(config)]) == (exit_codes.OK if command else exit_codes.CONFIG)
    printed = capsys.readouterr()
    assert printed.out.startswith(command) if command else not printed.out
    assert bool(printed.err) == (choice.address is None), "why it is another one's, or none"


def test_render_mounts_the_operators_own_file_of_attributes_and_names_the_host(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.uname()
    named = os.uname_result((real.sysname, "node-7.example.edu", *tuple(real)[2:]))
    monkeypatch.setattr(os, "uname", lambda: named)
    monkeypatch.setattr(render_command, "chosen_engine", lambda _wanted: Choice(DOCKER, "auto"))
    config.write_text(f"{NAMES}OSPOOL_EP_EXTRA_ATTRIBUTES=/srv/more\n")
    assert cli.main(["render", "docker", "--config", str(config)]) == exit_codes.OK
    words = shlex.split(capsys.readouterr().out)
    assert "type=bind,source=/srv/more,target=/etc/osg/extra-attributes.cfg,readonly" in words
    assert '_CONDOR_OSPOOL_EP_HOST="node-7"' in words
    config.write_text(f"{NAMES}OSPOOL_EP_ADVERTISE_HOST=false\n")
    assert cli.main(["render", "docker", "--config", str(config)]) == exit_codes.OK
    assert "OSPOOL_EP_HOST" not in capsys.readouterr().out


@pytest.mark.parametrize(("told", "most"), [("4096\n", "4096"), ("524288\n", "524288"), ("infinity\n", ""), (None, "")])
def test_render_allows_as_many_open_files_as_the_service_would(
    told: Optional[str], most: str, config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not as many as the shell in which it runs."""
    monkeypatch.setattr(render_command, "chosen_engine", lambda _wanted: Choice(DOCKER, "auto"))
    monkeypatch.setattr(systemctl, "ask", lambda *_arguments: told)
    assert cli.main(["render", "docker", "--config", str(config)]) == exit_codes.OK
    ours = str(min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 524288))
    assert f"nofile=2048:{most or ours} " in capsys.readouterr().out


def test_render_makes_no_command_of_a_wrong_configuration(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text("GLIDEIN_Site=Example\n")
    assert cli.main(["render", "docker", "--config", str(config)]) == exit_codes.CONFIG
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "[missing-required]" in printed.err


def test_an_interrupted_command_ends_without_a_traceback(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(config_command, "as_text", interrupted)
    assert cli.main(["config", "--config", str(config)]) == exit_codes.INTERRUPTED
