"""Calls in a process of their own: what comes back, what is raised, and that a dead process is no riddle."""

import errno
import os
import subprocess
from pathlib import Path

import pytest

from ospool_ep.engine.interface import EngineUnreachable
from ospool_ep.service.settings import Plan
from ospool_ep.system import helper_process
from ospool_ep.system.helper_process import Call, NoResult

NAMES = "GLIDEIN_Site=Example\nGLIDEIN_ResourceName=Example-EP\n"


def processes() -> list[str]:
    """The command lines of our children, copies and programs; that of ``ps`` is none."""
    listed = subprocess.run(
        ["ps", "--ppid", str(os.getpid()), "-o", "args="], capture_output=True, text=True, check=True
    )
    return [line for line in listed.stdout.splitlines() if not line.startswith("ps ")]


BOTH = pytest.mark.parametrize("fork", [False, True], ids=["program", "copy"])


@BOTH
def test_what_the_function_returns_comes_back(tmp_path: Path, *, fork: bool) -> None:
    config = tmp_path / "ospool-ep.cfg"
    config.write_text(NAMES)
    plan, checked = Call("service.inspection:read", str(config), fork=fork).value()
    assert isinstance(plan, Plan)
    assert (plan.site, plan.resource) == ("Example", "Example-EP")
    assert "token-missing" in {finding.code for finding in checked.findings}
    assert processes() == []


@BOTH
def test_an_error_of_the_engine_is_raised_here(tmp_path: Path, *, fork: bool) -> None:
    arguments = ("registry.example/pilot:1", str(tmp_path / "none.sock"), 1.0)
    with pytest.raises(EngineUnreachable, match="there is no such socket"):
        Call("engine.registry:digest", *arguments, fork=fork).value()


@BOTH
def test_a_bug_is_told_on_standard_error_and_gives_no_result(capfd: pytest.CaptureFixture[str], *, fork: bool) -> None:
    with pytest.raises(NoResult, match=r"service.inspection:nothing ended without a result \(exit code 1\)"):
        Call("service.inspection:nothing", fork=fork).value()
    assert "AttributeError" in capfd.readouterr().err


@BOTH
def test_a_process_that_is_killed_gives_no_result(*, fork: bool) -> None:
    call = Call("service.inspection:read", "/dev/null", fork=fork)
    call._process.kill()
    with pytest.raises(NoResult, match="exit code -9"):
        call.value()


def test_no_process_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helper_process, "_COMMAND", ("/no/such/program",))
    with pytest.raises(NoResult, match=r"No process can be started: No such file or directory\."):
        Call("service.inspection:read", "/dev/null")


def test_no_copy_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def fork() -> int:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", fork)
    with pytest.raises(NoResult, match=r"No process can be started: Resource temporarily unavailable\."):
        Call("service.inspection:read", "/dev/null", fork=True)


def test_a_secret_in_the_configuration_is_in_no_command_line(tmp_path: Path) -> None:
    config = tmp_path / "ospool-ep.cfg"
    config.write_text(f"{NAMES}TOKEN=secret-word\n")
    plan, _ = Call("service.inspection:read", str(config)).value()
    call = Call("service.inspection:look_at_token", plan.configuration)
    assert not any("secret" in line for line in processes())
    digest, note = call.value()
    assert "secret" not in digest + note
