"""Calls in a process of their own: what comes back, what is raised, and that a dead process is no riddle."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from ospool_ep import apart
from ospool_ep.apart import Call, NoResult
from ospool_ep.engine import EngineUnreachable
from ospool_ep.setup import Plan

NAMES = "GLIDEIN_Site=Example\nGLIDEIN_ResourceName=Example-EP\n"


def processes() -> list[str]:
    """The command lines of our children."""
    listed = subprocess.run(
        ["ps", "--ppid", str(os.getpid()), "-o", "args="], capture_output=True, text=True, check=True
    )
    return [line for line in listed.stdout.splitlines() if "ospool_ep.apart" in line]


def test_what_the_function_returns_comes_back(tmp_path: Path) -> None:
    config = tmp_path / "ospool-ep.cfg"
    config.write_text(NAMES)
    plan, checked = Call("survey:read", str(config)).value()
    assert isinstance(plan, Plan)
    assert (plan.site, plan.resource) == ("Example", "Example-EP")
    assert "token-missing" in {finding.code for finding in checked.findings}
    assert processes() == []


def test_an_error_of_the_engine_is_raised_here(tmp_path: Path) -> None:
    with pytest.raises(EngineUnreachable, match="there is no such socket"):
        Call("docker_registry:digest", "registry.example/pilot:1", str(tmp_path / "none.sock"), 1.0).value()


def test_a_bug_is_told_on_standard_error_and_gives_no_result(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NoResult, match=r"survey:nothing ended without a result \(exit code 1\)"):
        Call("survey:nothing").value()
    assert "AttributeError" in capfd.readouterr().err


def test_a_process_that_is_killed_gives_no_result() -> None:
    call = Call("survey:read", "/dev/null")
    call._process.send_signal(signal.SIGKILL)
    with pytest.raises(NoResult, match="exit code -9"):
        call.value()


def test_no_process_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "_COMMAND", ("/no/such/program",))
    with pytest.raises(NoResult, match=r"No process can be started: No such file or directory\."):
        Call("survey:read", "/dev/null")


def test_a_secret_in_the_configuration_is_in_no_command_line(tmp_path: Path) -> None:
    config = tmp_path / "ospool-ep.cfg"
    config.write_text(f"{NAMES}TOKEN=secret-word\n")
    plan, _ = Call("survey:read", str(config)).value()
    call = Call("survey:look_at_token", plan.configuration)
    assert not any("secret" in line for line in processes())
    digest, note = call.value()
    assert "secret" not in digest + note
