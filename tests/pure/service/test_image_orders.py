"""What comes of the orders about images; several services pull one image once."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

import pytest

from ospool_ep.engine.interface import PullFailed, PullProgress
from ospool_ep.engine.pull_progress import TOLD_SECONDS
from ospool_ep.lifecycle.events import Event, Pulled, PullProgressed, PullRefused
from ospool_ep.lifecycle.start import STILL_SECONDS
from ospool_ep.service import pull_in_turn
from ospool_ep.service.image_orders import WAITED_FOR_SECONDS, ImageOrders
from ospool_ep.system.image_store import ImageStore
from tests.pure.checks.test_path_probe import mount
from tests.pure.service.stage import IMAGE
from tests.support.fake_engine import FakeEngine
from tests.support.waiting import wait_until


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


class SlowEngine(FakeEngine):
    """A pull ends when the test says so, and counts as soon as it begins."""

    def __init__(self) -> None:
        super().__init__()
        self.began: list[str] = []
        self.goes_on, self.may_end = threading.Event(), threading.Event()

    def pull(self, reference: str, stalled_seconds: Optional[float] = None) -> Iterator[PullProgress]:
        self.began.append(reference)
        assert self.goes_on.wait(20)
        yield PullProgress(42)
        assert self.may_end.wait(20)
        yield from super().pull(reference, stalled_seconds)


class Service:
    """One that was just told to pull."""

    def __init__(self, engine: FakeEngine, directory: Path, name: str, reference: str = IMAGE) -> None:
        self.posted: list[Event] = []
        orders = ImageOrders(engine, ImageStore("", directory / name, directory / "host"), self.posted.append)
        self._thread = threading.Thread(target=orders.pull, args=(reference, False), daemon=True)
        self._thread.start()

    def outcome(self) -> Event:
        self._thread.join(20)
        assert not self._thread.is_alive()
        return self.posted[-1]


@pytest.fixture
def engine() -> Iterator[SlowEngine]:
    engine = SlowEngine()
    engine.registry[IMAGE] = engine.registry["registry.example/other:1"] = "sha256:1"
    yield engine
    engine.goes_on.set()
    engine.may_end.set()


def test_three_services_that_start_at_once_pull_their_image_once(tmp_path: Path, engine: SlowEngine) -> None:
    services = [Service(engine, tmp_path, name) for name in "abc"]
    wait_until(lambda: sum(bool(service.posted) for service in services) == 2, "two of them wait")
    engine.goes_on.set()
    told = PullProgressed(IMAGE, 42, "ospool-ep")
    wait_until(lambda: sum(told in service.posted for service in services) == 2, "they tell how far the pull is")
    engine.may_end.set()
    outcomes = [service.outcome() for service in services]
    assert [type(outcome) for outcome in outcomes] == [Pulled] * 3
    assert engine.began == [IMAGE]


def test_a_pull_that_fails_is_tried_by_the_next_service(tmp_path: Path, engine: SlowEngine) -> None:
    engine.registry[IMAGE] = PullFailed("unauthorized")
    services = [Service(engine, tmp_path, name) for name in "ab"]
    wait_until(lambda: any(service.posted for service in services), "one of them waits")
    engine.goes_on.set()
    engine.may_end.set()
    assert [type(service.outcome()) for service in services] == [PullRefused] * 2
    assert engine.began == [IMAGE] * 2


def test_a_pull_that_hangs_is_not_waited_for(
    tmp_path: Path, engine: SlowEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull_in_turn, "STILL_SECONDS", 0.5)
    Service(engine, tmp_path, "a")
    wait_until(lambda: engine.began == [IMAGE], "it pulls, and nothing comes")
    other = FakeEngine()
    other.registry[IMAGE] = "sha256:1"
    assert isinstance(Service(other, tmp_path, "b").outcome(), Pulled)
    assert other.calls == ["pull"]


def test_a_pull_holds_up_no_other_image(tmp_path: Path, engine: SlowEngine) -> None:
    Service(engine, tmp_path, "a")
    Service(engine, tmp_path, "b", "registry.example/other:1")
    wait_until(lambda: len(engine.began) == 2, "both are pulled at once")


def test_a_wait_ends_in_time_for_a_start_to_fall_back_on_the_image_that_is_here() -> None:
    assert pull_in_turn.STILL_SECONDS + WAITED_FOR_SECONDS < STILL_SECONDS
    assert pull_in_turn.STILL_SECONDS > TOLD_SECONDS, "a pull that goes on is no pull that hangs"
