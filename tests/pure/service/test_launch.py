"""Which image a pilot is made from."""

import pytest

from ospool_ep.configuration.findings import Checked
from ospool_ep.lifecycle.events import Launched
from ospool_ep.lifecycle.image_record import FailedImage, ImageRecord, KnownImage
from ospool_ep.service.image_orders import LAST_GOOD
from ospool_ep.service.launch import launch
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
