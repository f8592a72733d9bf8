"""Helper processes: what comes back, what is raised, and that a dead process is no riddle."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import ospool_ep
from ospool_ep.service.helper_answers import Inspected
from ospool_ep.system import helper_process
from ospool_ep.system.helper_process import HelperProcess
from ospool_ep.system.helper_program import HelperFailed

ROOT = Path(__file__).parents[3]
NAMES = "GLIDEIN_Site=Example\nGLIDEIN_ResourceName=Example-EP\n"


def processes() -> list[str]:
    """The command lines of our children; that of ``ps`` is none."""
    listed = subprocess.run(
        ["ps", "--ppid", str(os.getpid()), "-o", "args="], capture_output=True, text=True, check=True
    )
    return [line for line in listed.stdout.splitlines() if not line.startswith("ps ")]


def play(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Let the helper be that Python program."""
    monkeypatch.setattr(helper_process, "COMMAND", (sys.executable, "-c", f"import sys; sys.stdin.read()\n{program}"))


def test_what_the_function_returns_comes_back(tmp_path: Path) -> None:
    config = tmp_path / "ospool-ep.cfg"
    config.write_text(NAMES)
    inspected = HelperProcess("service.helper_calls:read_to_stop", str(config)).value(Inspected)
    assert (inspected.file.site, inspected.file.resource) == ("Example", "Example-EP")
    assert "token-missing" in {finding.code for finding in inspected.checked.findings}
    assert processes() == []


def test_values_come_as_they_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    play(
        monkeypatch,
        "print('value 1\\nvalue 2', flush=True); sys.stdin = open('/dev/null'); import time; time.sleep(60)",
    )
    values = HelperProcess("m:f").values(int)
    assert [next(values), next(values)] == [1, 2]
    values.close()  # type: ignore[attr-defined]
    assert processes() == []


def test_what_the_function_says_of_its_failure_is_raised_here(tmp_path: Path) -> None:
    helper = HelperProcess("engine.registry:digest", "registry.example/pilot:1", str(tmp_path / "none.sock"), 1.0, "/")
    with pytest.raises(HelperFailed, match="there is no such socket") as raised:
        helper.value(str)
    assert raised.value.kind == "EngineUnreachable"


def test_a_bug_is_told_on_standard_error_and_gives_no_result(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(HelperFailed, match=r"service.helper_calls:nothing ended without a result \(exit code 1\)"):
        HelperProcess("service.helper_calls:nothing").value(str)
    assert "AttributeError" in capfd.readouterr().err


@pytest.mark.parametrize("each", [False, True], ids=["value", "values"])
def test_a_process_that_is_killed_gives_no_result(monkeypatch: pytest.MonkeyPatch, *, each: bool) -> None:
    play(monkeypatch, "import os; os.kill(os.getpid(), 9)")
    helper = HelperProcess("m:f")
    with pytest.raises(HelperFailed, match="exit code -9"):
        list(helper.values(int)) if each else helper.value(int)


@pytest.mark.parametrize(
    "answer",
    [
        "value",
        "value 1.5",
        "value [1]",
        "value x",
        "failed",
        "failed 1",
        'failed ["text"]',
        'failed ["text", 1]',
        "cos\nsystem\n(S'true'\ntR.",
        "\xff",
        "",
    ],
)
def test_an_answer_that_is_none_is_a_failure(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    play(monkeypatch, f"print({answer!r})")
    with pytest.raises(HelperFailed, match=r"m:f gave an answer that cannot be read\."):
        HelperProcess("m:f").value(int)


def test_half_an_answer_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, "print('value 1', end='')")
    with pytest.raises(HelperFailed, match=r"ended without a result \(exit code 0\)"):
        HelperProcess("m:f").value(int)


def test_a_helper_that_nobody_waits_for_any_more_ends_without_a_word(tmp_path: Path) -> None:
    program = (
        "import os, sys; from ospool_ep.system.helper_process import HelperProcess;"
        "HelperProcess('engine.registry:digest', 'registry.example/pilot:1', sys.argv[1], 600.0, '/'); os._exit(0)"
    )
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(str(tmp_path / "sock"))
        engine.listen()
        command = [sys.executable, "-c", program, str(tmp_path / "sock")]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) as waiting:
            assert waiting.stderr is not None
            connection, _ = engine.accept()
            assert waiting.wait() == 0
            connection.close()
            engine.close()
            assert waiting.stderr.read() == b""


def test_no_process_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helper_process, "COMMAND", ("/no/such/program",))
    with pytest.raises(HelperFailed, match=r"No process can be started: No such file or directory\."):
        HelperProcess("service.helper_calls:read_to_stop", "/dev/null")


@pytest.mark.parametrize("change", ["another version", "no such module", "nothing"])
def test_a_package_that_was_replaced_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], change: str
) -> None:
    replaced = tmp_path / "ospool_ep"
    if change != "nothing":
        shutil.copytree(Path(ospool_ep.__file__).parent, replaced)
    if change == "another version":
        (replaced / "__init__.py").write_text('__version__ = "99.9.9"\n')
    if change == "no such module":
        (replaced / "system/helper_program.py").unlink()
    *program, _, version = helper_process.COMMAND
    monkeypatch.setattr(helper_process, "COMMAND", (*program, str(tmp_path), version))
    with pytest.raises(HelperFailed, match=r"^The package has been replaced; the service restarts in a moment\.$"):
        HelperProcess("service.helper_calls:read_to_stop", "/dev/null").value(Inspected)
    assert capfd.readouterr() == ("", "")


def test_a_secret_in_the_configuration_is_in_no_command_line(tmp_path: Path) -> None:
    config = tmp_path / "ospool-ep.cfg"
    config.write_text(f"{NAMES}TOKEN=secret-word\n")
    inspected = HelperProcess("service.helper_calls:read_to_stop", str(config)).value(Inspected)
    helper = HelperProcess("service.helper_calls:look_at_token", inspected.file.configuration)
    assert not any("secret" in line for line in processes())
    digest, note = helper.value(tuple[str, str])
    assert "secret" not in digest + note
