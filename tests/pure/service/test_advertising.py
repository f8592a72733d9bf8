"""What each pilot advertises is in its place when it is made, whatever became of it since the last one."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Optional, cast

import pytest

from ospool_ep.configuration.findings import Checked
from ospool_ep.container.closed_start import CLOSED_START
from ospool_ep.container.specification import ATTRIBUTES_TARGET, ContainerSpec
from ospool_ep.engine import chosen
from ospool_ep.engine.presence import Presence
from ospool_ep.lifecycle.events import Launched, LaunchRefused
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.service import helper_calls
from ospool_ep.service.helper_answers import Inspected
from ospool_ep.service.launch import Launcher
from ospool_ep.service.orders import Orders
from ospool_ep.service.reload import Reload
from ospool_ep.service.sum_limit import SumLimit
from tests.pure.service.stage import IMAGE, Stage
from tests.pure.service.test_launch import PlayedScratch

OURS = Path(__file__).parents[3] / "share/closed-start.cfg"
RACK = 'Rack = "B7"\n'


@pytest.fixture
def node_name(monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.uname()
    named = os.uname_result((real.sysname, "node-7.example.edu", *tuple(real)[2:]))
    monkeypatch.setattr(os, "uname", lambda: named)


def made(stage: Stage, attributes: str, *, beside: bool = False, host: bool = False) -> ContainerSpec:
    stage.engine.add_image(IMAGE, "sha256:1")
    event = launch(stage, Checked((), "", attributes=attributes), beside=beside, host=host)
    assert isinstance(event, Launched), event
    spec = stage.engine.spec_of(event.pilot.container_id)
    stage.engine.end(event.pilot.container_id)
    stage.engine.remove(event.pilot.container_id)
    return spec


def launch(stage: Stage, checked: Checked, *, beside: bool = False, host: bool = False) -> object:
    launcher = Launcher(stage.engine, stage.journal, PlayedScratch(), SumLimit(stage.engine), stage.run_directory)
    settings = replace(stage.settings(), advertises_host=host)
    return launcher.launch(settings, checked, ImageRecord(IMAGE, here=True), beside=beside)


def mounted(spec: ContainerSpec) -> Optional[str]:
    return next((mount.source for mount in spec.mounts if mount.target == ATTRIBUTES_TARGET), None)


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_with_nothing_to_advertise_nothing_is_mounted_and_nothing_written(stage: Stage) -> None:
    before = sorted(stage.run_directory.path.iterdir())
    assert mounted(made(stage, "")) is None
    assert mounted(made(stage, "", beside=True)) == CLOSED_START
    assert sorted(stage.run_directory.path.iterdir()) == before


def test_a_pilot_gets_a_copy_that_uid_1000_can_read(stage: Stage) -> None:
    path = mounted(made(stage, RACK))
    assert path
    assert Path(path).read_text() == RACK
    assert Path(path).stat().st_mode & 0o777 == 0o644


def test_one_that_begins_closed_gets_what_the_others_hold_as_well_and_in_a_file_of_its_own(stage: Stage) -> None:
    alone, beside = mounted(made(stage, RACK)), mounted(made(stage, RACK, beside=True))
    assert alone
    assert beside
    assert Path(alone).read_text() == RACK
    assert sorted(lines(Path(beside).read_text())) == sorted([*lines(RACK), *lines(OURS.read_text())])


def test_what_a_pilot_has_stays_as_it_is_when_the_next_one_gets_another(stage: Stage) -> None:
    path = mounted(made(stage, RACK))
    assert path
    with Path(path).open() as of_the_first:
        made(stage, "Rack = 8\n")
        assert of_the_first.read() == RACK
    assert Path(path).read_text() == "Rack = 8\n"


def test_a_directory_that_somebody_has_removed_is_made_again(stage: Stage) -> None:
    shutil.rmtree(stage.run_directory.path)
    path = mounted(made(stage, RACK))
    assert path
    assert Path(path).read_text() == RACK


def test_where_it_cannot_be_put_no_pilot_is_made(stage: Stage) -> None:
    (stage.run_directory.path / ".attributes.new").mkdir()
    event = launch(stage, Checked((), "", attributes=RACK))
    assert isinstance(event, LaunchRefused)
    assert "What the pilot advertises cannot be put where it reads it: " in event.reason
    assert "create" not in stage.engine.calls


@pytest.mark.usefixtures("node_name")
def test_the_host_is_named_by_the_kernels_name_of_that_moment(stage: Stage) -> None:
    named = dict(made(stage, RACK, host=True).environment)
    assert named["_CONDOR_OSPOOL_EP_HOST"] == '"node-7"'
    assert dict(made(stage, RACK).environment).keys().isdisjoint(named)
    own = made(stage, 'ospool_ep_host = "mine"\n', host=True)
    assert dict(own.environment).keys().isdisjoint(named)


Read = Callable[[str], Inspected]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """What the service gets to know of a configuration with that line, and an attributes file that the test writes."""
    monkeypatch.setattr(chosen, "presences", lambda: {"docker": Presence(), "podman": Presence()})

    def inspected(line: str) -> Inspected:
        config = tmp_path / "ospool-ep.cfg"
        attributes = f"OSPOOL_EP_EXTRA_ATTRIBUTES={tmp_path}/attributes"
        config.write_text(f"GLIDEIN_Site=A\nGLIDEIN_ResourceName=B\nTOKEN_LOCATION=/etc/t\n{attributes}\n{line}\n")
        return helper_calls.read_again(str(config))

    return inspected


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("", True),
        ("OSPOOL_EP_ADVERTISE_HOST=", True),
        ("OSPOOL_EP_ADVERTISE_HOST=false", False),
        ("GLIDEIN_RANDOMIZE_NAME=true", False),
        ("GLIDEIN_RANDOMIZE_NAME=true\nOSPOOL_EP_ADVERTISE_HOST=yes", True),
        ("GLIDEIN_RANDOMIZE_NAME=true\nOSPOOL_EP_ADVERTISE_HOST=", False),
    ],
)
def test_a_random_name_hides_the_host_unless_it_is_asked_for(read: Read, line: str, named: bool) -> None:
    assert read(line).file.advertises_host is named


def test_what_the_file_says_comes_with_each_look_at_this_host(read: Read, tmp_path: Path) -> None:
    file = tmp_path / "attributes"
    file.write_text(f"# of the rack\n{RACK}")
    file.chmod(0o600)
    inspected = read("")
    assert inspected.checked.attributes == RACK
    file.write_text("Rack = 8\n")
    assert helper_calls.recheck(inspected.file.configuration).attributes == "Rack = 8\n"


def test_a_mistake_in_it_keeps_the_next_pilot_from_being_made_until_it_is_mended(read: Read, tmp_path: Path) -> None:
    file = tmp_path / "attributes"
    file.write_text("Rack = \n")
    inspected = read("")
    assert inspected.file.spec, "the configuration itself is right"
    codes = {finding.code for finding in inspected.checked.findings}
    assert "attribute-expression" in codes
    file.write_text(RACK)
    assert "attribute-expression" not in {
        finding.code for finding in helper_calls.recheck(inspected.file.configuration).findings
    }


def test_a_reload_says_that_another_content_is_the_next_pilots(stage: Stage, read: Read, tmp_path: Path) -> None:
    class PlayedHost:
        def heard(self, findings: object) -> None:
            pass

    class PlayedOrders:
        host = PlayedHost()
        settings = stage.settings()

        def post(self, event: object) -> None:
            pass

    def said() -> list[str]:
        reload.perform(cast(Orders, PlayedOrders()), asked_at=1.0)
        found = stage.run_directory.reload_answer()["lines"]
        return [line for line in found if "OSPOOL_EP_EXTRA_ATTRIBUTES" in line]

    file = tmp_path / "attributes"
    file.write_text(RACK)
    inspected = read("")
    reload = Reload(inspected.file, stage.run_directory, stage.journal, inspected.checked.attributes)
    assert said() == []
    file.write_text("Rack = 8\n")
    (line,) = said()
    assert "each pilot that begins now takes it, and one that runs keeps what it has" in line
    assert said() == []
    file.write_text("Rack =\n")
    (line,) = said()
    assert "[attribute-expression]" in line
    file.write_text("Rack = 8\n")
    assert said() == []
    (tmp_path / "others").write_text("Rack = 9\n")
    config = tmp_path / "ospool-ep.cfg"
    config.write_text(config.read_text().replace("/attributes", "/others"))
    assert said() == ["OSPOOL_EP_EXTRA_ATTRIBUTES (line 4) needs a new pilot."]
