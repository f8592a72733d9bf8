"""Which image a pilot is made from."""

import re
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Optional

import pytest

from ospool_ep.configuration.findings import Checked, error
from ospool_ep.container.specification import FINGERPRINT_LABEL, SCRATCH_TARGET, Mount
from ospool_ep.engine.interface import EngineUnreachable
from ospool_ep.lifecycle.events import Event, HostChecked, Launched, LaunchRefused
from ospool_ep.lifecycle.image_record import FailedImage, ImageRecord, KnownImage
from ospool_ep.lifecycle.state import Stage as PilotStage
from ospool_ep.service.host_check import HostCheck
from ospool_ep.service.image_orders import last_good
from ospool_ep.service.launch import Launcher
from ospool_ep.service.scratch import Scratch
from ospool_ep.service.settings import Settings
from ospool_ep.service.sum_limit import SumLimit
from ospool_ep.system.helper_program import HelperFailed
from tests.pure.service.stage import IMAGE, OTHER_IMAGE, Stage, specification
from tests.support.names import CONTAINER_NAME

PLACE = "/scratch/ospool-ep-pilot-1"


class PlayedScratch(Scratch):
    """Gives one directory."""

    def __init__(self) -> None:
        self.removed: list[str] = []
        self.problem = ""
        self.beside = False

    def for_next(self, *, beside: bool = False) -> str:
        self.beside = beside
        if self.problem:
            raise HelperFailed(self.problem)
        return PLACE

    def gone(self, path: str) -> None:
        self.removed.append(path)


def launcher(stage: Stage, scratch: Optional[Scratch] = None, ends: Callable[[], bool] = lambda: False) -> Launcher:
    return Launcher(
        stage.engine, stage.journal, scratch or PlayedScratch(), SumLimit(stage.engine), stage.run_directory, ends
    )


def with_scratch(stage: Stage) -> Settings:
    spec = specification()
    return stage.settings(replace(spec, mounts=(*spec.mounts, Mount("/scratch", SCRATCH_TARGET))))


def made(stage: Stage, launcher: Launcher, *, beside: bool = False, checked: Optional[Checked] = None) -> Event:
    stage.engine.add_image(IMAGE, "sha256:1")
    return launcher.launch(
        with_scratch(stage), checked or Checked((), ""), ImageRecord(IMAGE, here=True), beside=beside
    )


@pytest.mark.parametrize("beside", [False, True])
def test_each_pilot_has_a_scratch_directory_of_its_own(stage: Stage, beside: bool) -> None:
    event = made(stage, launcher(stage), beside=beside)
    assert isinstance(event, Launched)
    container = stage.engine.container(event.pilot.container_id)
    assert container
    assert container.mounts[SCRATCH_TARGET] == PLACE
    assert (event.pilot.stage, event.pilot.begins_closed) == (
        (PilotStage.CLOSED, True) if beside else (PilotStage.OPEN, False)
    )
    assert event.pilot.named is not beside
    assert (container.name == CONTAINER_NAME) is not beside


def test_a_pilot_beside_others_has_a_name_that_no_other_one_has(stage: Stage) -> None:
    scratch = PlayedScratch()
    for _ in range(3):
        assert isinstance(made(stage, launcher(stage, scratch), beside=True), Launched)
    assert scratch.beside
    names = {container.name for container in stage.engine.labelled(FINGERPRINT_LABEL)}
    assert len(names) == 3
    assert all(re.fullmatch(CONTAINER_NAME + "-[0-9a-f]{8}", name) for name in names)


def test_a_pilot_that_the_engine_does_not_start_leaves_no_directory(stage: Stage) -> None:
    stage.engine.start_refusal = "error gathering device information"
    scratch = PlayedScratch()
    assert isinstance(made(stage, launcher(stage, scratch)), LaunchRefused)
    assert scratch.removed == [PLACE]


def test_where_the_engine_is_gone_the_container_may_be_there_all_the_same(stage: Stage) -> None:
    scratch = PlayedScratch()
    stage.engine.unreachable = True
    with pytest.raises(EngineUnreachable):
        made(stage, launcher(stage, scratch))
    assert scratch.removed == []


def test_a_stop_that_comes_while_the_directory_is_made_ends_the_launch(stage: Stage) -> None:
    scratch, asked = PlayedScratch(), iter([False, True])
    event = made(stage, launcher(stage, scratch, lambda: next(asked)))
    assert event == LaunchRefused("The service ends.")
    assert scratch.removed == [PLACE]
    assert "create" not in stage.engine.calls


def test_a_directory_that_cannot_be_made_is_told(stage: Stage) -> None:
    scratch = PlayedScratch()
    scratch.problem = "No directory for the pilot can be made in /scratch: No space left on device."
    event = made(stage, launcher(stage, scratch))
    assert event == LaunchRefused(f"There is no scratch directory for the pilot: {scratch.problem}")


def test_no_room_keeps_only_a_pilot_beside_others_from_being_made(stage: Stage) -> None:
    full = Checked((), "", no_room="4 GB are free")
    assert made(stage, launcher(stage), beside=True, checked=full) == HostChecked(None, "4 GB are free")
    assert isinstance(made(stage, launcher(stage), checked=full), Launched)


@pytest.mark.parametrize(("recorded", "used"), [(IMAGE, last_good()), (OTHER_IMAGE, IMAGE)])
def test_the_last_good_image_stands_in_for_the_newest_of_its_own_reference_only(
    stage: Stage, recorded: str, used: str
) -> None:
    stage.engine.add_image(IMAGE, "sha256:2")
    stage.engine.add_image(last_good(), "sha256:1")
    found = stage.engine.image(last_good())
    assert found
    newest, good = KnownImage("sha256:newest", "sha256:2"), KnownImage(found.id, "sha256:1")
    images = ImageRecord(recorded, newest, here=True, good=good, failed=FailedImage(newest, "it does not work", 0.0))
    event = launcher(stage).launch(stage.settings(), Checked((), ""), images, beside=False)
    assert isinstance(event, Launched)
    assert stage.engine.spec_of(event.pilot.container_id).image == used


def test_two_that_need_it_at_once_both_get_one_result(stage: Stage) -> None:
    """One looks whether this host is ready by now, and a launch begins in the same moment."""
    settings, reached, go_on = stage.settings(), threading.Event(), threading.Event()

    def recheck() -> Checked:
        reached.set()
        assert go_on.wait(10)
        return settings.recheck()

    slow = replace(settings, recheck=recheck)
    check = HostCheck(slow, None, (), stage.journal)
    found: list[Checked] = []
    both = [threading.Thread(target=lambda: found.append(check.result(slow)), daemon=True) for _ in range(2)]
    for one in both:
        one.start()
    assert reached.wait(10)
    go_on.set()
    for one in both:
        one.join(10)
    assert [checked.token for checked in found] == ["token 1", "token 1"]
    assert stage.rechecks == 1


def test_what_was_found_wrong_is_not_believed_for_a_moment(stage: Stage) -> None:
    settings, missing = stage.settings(), error("scratch-missing", "There is no scratch.", "Make it.")
    check = HostCheck(settings, Checked((missing,), ""), (missing,), stage.journal)
    assert check.result(settings).findings == (missing,)
    assert check.result(settings).findings == ()
    stage.findings = [missing]
    check.forget()
    check.result(settings)
    assert stage.journal.has("There is no scratch."), "it had gone, and is back"
