"""A service that can't write goes on, and says what was not kept, where, and how to make room."""

import re
from pathlib import Path
from typing import cast

import pytest

from ospool_ep.configuration.reading import read_configuration
from ospool_ep.engine import chosen
from ospool_ep.engine.presence import Presence
from ospool_ep.lifecycle.actions import Priority
from ospool_ep.service import helper_calls
from ospool_ep.service.orders import Orders
from ospool_ep.service.reload import Reload
from ospool_ep.system import run_directory
from ospool_ep.system.json_data import encode
from ospool_ep.system.run_directory import RunDirectory
from tests.pure.checks.test_path_probe import mount
from tests.pure.service.stage import IMAGE, RecordingJournal, Stage
from tests.support.tokens import make_token
from tests.support.waiting import wait_until


@pytest.fixture
def disk(stage: Stage, open_path: Path) -> Path:
    """A small disk for what the service keeps, in its run-time directory and beside it."""
    path = open_path / "run"
    mount(path, "size=64k")
    stage.run_directory = RunDirectory(path)
    stage.run_directory.lock()
    return path


def fill(disk: Path) -> None:
    with (disk / "filling").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


def warnings(stage: Stage) -> list[str]:
    return [text for priority, text in stage.journal.said if priority <= Priority.WARNING]


def test_a_service_goes_on_and_says_what_was_not_kept(stage: Stage, disk: Path) -> None:
    def scenario() -> None:
        stage.summary_has("In the pool")
        fill(disk)
        stage.engine.add_image(IMAGE, "sha256:2")
        stage.run_directory.nudge()
        stage.drains_its_pilot()
        wait_until(lambda: stage.drains == 1, "the pilot is told to drain")

    assert stage.play(scenario) == 0
    told = [text for text in warnings(stage) if "cannot be written" in text]
    assert [re.split(r"[:,]| in container", text)[0] for text in told] == [
        "What is known of the images was not kept",
        "Since when the pilot",
    ]
    for text in told:
        assert f"the file system on {disk} is full. Make room there: 'df -h {disk}'" in text


def test_a_report_that_cannot_be_written_is_told_once(stage: Stage, disk: Path) -> None:
    def scenario() -> None:
        stage.summary_has("In the pool")
        (disk / ".status.json.new").mkdir()
        pilot = stage.pilot()
        stage.engine.end(pilot)
        wait_until(lambda: stage.engine.running not in ([], [pilot]), "the next pilot runs")
        (disk / ".status.json.new").rmdir()
        stage.engine.write(stage.pilot(), b"Changing activity: Idle -> Busy")
        wait_until(lambda: pilot not in stage.containers(), "the next one is reported")

    assert stage.play(scenario) == 0
    told = [text for text in warnings(stage) if "'ospool-ep status'" in text]
    assert len(told) == 1
    assert told[0].endswith(f" {disk}/status.json: Is a directory.")


def test_a_reload_whose_answer_cannot_be_written_is_told_to_the_journal(
    open_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount(open_path / "run", "ro")
    monkeypatch.setattr(chosen, "presences", lambda: {"docker": Presence(), "podman": Presence()})
    config = open_path / "ospool-ep.cfg"
    config.write_text("GLIDEIN_Site=A\n")
    file, journal = helper_calls.read_again(str(config)).file, RecordingJournal()
    # The file has an error: what would take a right one is not asked.
    orders = cast(Orders, None)
    Reload(file, RunDirectory(open_path / "run"), journal).perform(orders, asked_at=1.0)
    assert journal.has("The configuration has errors")
    assert journal.has(
        f"Who asked for the reload cannot be told what came of it: {open_path}/run/reload.json cannot be"
    )


def test_a_token_of_the_configuration_that_cannot_be_kept_is_a_finding(
    open_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount(open_path / "run", "size=4k")
    fill(open_path / "run")
    monkeypatch.setattr(run_directory, "RunDirectory", lambda: RunDirectory(open_path / "run"))
    path, token = open_path / "ospool-ep.cfg", make_token().strip()
    path.write_text(f"GLIDEIN_Site=A\nGLIDEIN_ResourceName=B\nTOKEN={token}\n")
    configuration, _ = read_configuration(str(path))
    checked = helper_calls.recheck(encode(configuration))
    (finding,) = [finding for finding in checked.findings if finding.code == "token-not-kept"]
    assert (finding.severity.value, finding.key, finding.line) == ("error", "TOKEN", 3)
    assert f"{open_path}/run/token cannot be written: the file system on {open_path}/run is full." in finding.hint
    assert token not in finding.message + finding.hint
