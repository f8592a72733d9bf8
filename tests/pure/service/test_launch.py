"""Which image a pilot is made from."""

import threading

import pytest

from ospool_ep.configuration.findings import Checked, error
from ospool_ep.lifecycle.events import Launched
from ospool_ep.lifecycle.image_record import FailedImage, ImageRecord, KnownImage
from ospool_ep.service.image_orders import LAST_GOOD
from ospool_ep.service.launch import HostCheck, launch
from tests.pure.service.stage import IMAGE, OTHER_IMAGE, Stage


@pytest.mark.parametrize(("recorded", "used"), [(IMAGE, LAST_GOOD), (OTHER_IMAGE, IMAGE)])
def test_the_last_good_image_stands_in_for_the_newest_of_its_own_reference_only(
    stage: Stage, recorded: str, used: str
) -> None:
    stage.engine.add_image(IMAGE, "sha256:2")
    stage.engine.add_image(LAST_GOOD, "sha256:1")
    found = stage.engine.image(LAST_GOOD)
    assert found
    newest, good = KnownImage("sha256:newest", "sha256:2"), KnownImage(found.id, "sha256:1")
    images = ImageRecord(recorded, newest, here=True, good=good, failed=FailedImage(newest, "it does not work", 0.0))
    event = launch(stage.engine, stage.settings(), Checked((), ""), images, stage.journal)
    assert isinstance(event, Launched)
    assert stage.engine.spec_of(event.pilot.container_id).image == used


def test_two_that_wait_for_one_check_both_get_it(stage: Stage) -> None:
    """One looks whether this host is ready by now, and the pilot ends in the same moment."""
    settings = stage.settings()
    check = HostCheck(settings, None, (), stage.journal)
    check.begin(settings)
    found: list[Checked] = []
    both = [threading.Thread(target=lambda: found.append(check.result(settings)), daemon=True) for _ in range(2)]
    for one in both:
        one.start()
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
