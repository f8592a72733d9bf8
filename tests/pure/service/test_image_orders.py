"""What comes of the orders about images."""

from pathlib import Path

from ospool_ep.lifecycle.events import Event, Pulled
from ospool_ep.service.image_orders import ImageOrders
from ospool_ep.system.image_store import ImageStore
from tests.pure.checks.test_path_probe import mount
from tests.pure.service.stage import IMAGE
from tests.support.fake_engine import FakeEngine


def test_a_problem_with_the_credentials_comes_with_the_image(tmp_path: Path) -> None:
    engine, posted = FakeEngine(), list[Event]()
    engine.registry[IMAGE], engine.problem = "sha256:1", "A file is broken."
    ImageOrders(engine, ImageStore("", tmp_path), posted.append).pull(IMAGE, only_missing=False)
    assert isinstance(posted[-1], Pulled)
    assert (posted[-1].remark, posted[-1].warning, posted[-1].pulled_at) == ("A file is broken.", "", None)


def test_a_pull_that_cannot_be_noted_is_told(open_path: Path) -> None:
    engine, posted = FakeEngine(), list[Event]()
    engine.registry[IMAGE], engine.problem = "sha256:1", "A file is broken."
    mount(open_path / "state", "ro")
    ImageOrders(engine, ImageStore("", open_path / "state"), posted.append).pull(IMAGE, only_missing=False)
    assert isinstance(posted[-1], Pulled)
    assert posted[-1].remark.startswith("A file is broken. That the image was pulled just now was not kept")
    assert f"{open_path}/state/pulled cannot be written" in posted[-1].remark
