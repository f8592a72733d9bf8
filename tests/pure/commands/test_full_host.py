"""Full disks, and too many processes: the commands say what could not be done, where, and how to mend it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ospool_ep import cli, exit_codes
from ospool_ep.commands import config as config_command
from ospool_ep.lifecycle.state import Phase, Want
from tests.pure.checks.test_path_probe import mount
from tests.pure.commands.played_service import IMAGE, NEW, PlayedService, reported
from tests.support.fake_engine import FakeEngine

Captured = pytest.CaptureFixture[str]


@pytest.mark.usefixtures("service")
def test_an_update_with_a_full_state_directory_says_what_was_not_kept(
    engine: FakeEngine, open_path: Path, config: str, capsys: Captured
) -> None:
    mount(open_path / "state", "size=4k")
    (open_path / "state" / "filling").write_bytes(bytes(4096))
    assert cli.main(["update", "--config", config]) == exit_codes.OK
    local = engine.image(IMAGE)
    assert local is not None
    assert local.digest == NEW, "there was room for the image itself"
    told = capsys.readouterr().err
    assert "That the image was pulled just now was not kept" in told
    assert f"{open_path}/state/pulled cannot be written: the file system on {open_path}/state is full." in told


@pytest.mark.usefixtures("service", "engine")
def test_an_update_without_room_for_its_lock(open_path: Path, config: str, capsys: Captured) -> None:
    mount(open_path / "state", "nr_inodes=1")
    assert cli.main(["update", "--config", config]) == exit_codes.OK
    told = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[2].partition(":")[0] for line in told] == [
        "Another update may run beside this one",
        "That the image was pulled just now was not kept, so that the next pilot's start asks the registry again",
    ]


def test_a_drain_and_its_end_on_a_full_run(service: PlayedService, capsys: Captured) -> None:
    shutil.rmtree(service.path)
    mount(service.path, "size=8k")
    service.directory.ask_drain()
    service.start(reported(Phase.IDLE, Want.IDLE))
    (service.path / "filling").write_bytes(b"")
    assert cli.main(["drain", "--then=start"]) == exit_codes.FAILED
    told = capsys.readouterr().err
    assert told.startswith(
        f"ospool-ep drain: {service.path}/drain cannot be written: the file system on {service.path} is full."
    )
    assert service.directory.want is Want.IDLE, "what was asked for before stands"


def test_output_that_does_not_fit_is_told_with_its_place(open_path: Path) -> None:
    mount(open_path / "full", "size=4k")
    (open_path / "full" / "filling").write_bytes(bytes(4096))
    with (open_path / "full" / "output").open("w") as output:
        done = subprocess.run(
            [sys.executable, "-m", "ospool_ep", "config", "--config", "etc/ospool-ep.cfg"],
            cwd=Path(__file__).parents[3], stdout=output, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == exit_codes.FAILED
    assert done.stderr.startswith(f"ospool-ep config: {open_path}/full/output cannot be written: the file system on ")


def test_too_many_processes_are_told_in_one_line(
    config: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def no_thread(*_: object) -> str:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(config_command, "as_text", no_thread)
    assert cli.main(["config", "--config", config]) == exit_codes.FAILED
    told = capsys.readouterr().err
    assert told.startswith("ospool-ep config: No process can be started: a limit on their number is reached.")
    assert len(told.splitlines()) == 1


def test_other_errors_of_the_program_are_not_hidden(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*_: object) -> str:
        raise RuntimeError("a bug")

    monkeypatch.setattr(config_command, "as_text", bug)
    with pytest.raises(RuntimeError, match="a bug"):
        cli.main(["config", "--config", config])
