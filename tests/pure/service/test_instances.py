"""Services side by side in one engine: each sees its own pilots and images, and takes nothing of another one's."""

from dataclasses import replace
from pathlib import Path
from typing import Optional

import pytest

from ospool_ep.checks import job_bind_checks
from ospool_ep.checks.host_facts import Places
from ospool_ep.container.specification import INSTANCE_LABEL, TOKEN_TARGET, Mount
from ospool_ep.engine import adapter
from ospool_ep.engine.address import DOCKER
from ospool_ep.engine.chosen import pilot_in
from ospool_ep.lifecycle.image_record import ImageRecord, KnownImage
from ospool_ep.service.find_pilot import look
from ospool_ep.service.image_orders import ImageOrders, last_good
from ospool_ep.system.image_store import ImageStore
from ospool_ep.this_service import ServiceName, become, this_service
from tests.pure.service.stage import IMAGE, specification
from tests.support.fake_engine import FakeEngine

ITSELF, ONE, TWO = "", "one", "two"


@pytest.fixture(autouse=True)
def belongs_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test becomes it is no more afterwards."""
    monkeypatch.setenv("OSPOOL_EP_INSTANCE", ITSELF)


@pytest.fixture
def engine() -> FakeEngine:
    made = FakeEngine()
    made.add_image(IMAGE, "sha256:1")
    return made


def run_pilot(engine: FakeEngine, instance: str, name: str = "", label: Optional[str] = None) -> str:
    """A pilot of that service. ``label``: what it has in place of this release's; empty: none."""
    service = ServiceName(instance)
    spec = specification()
    says = service.name if label is None else label
    labels = (*spec.labels, (INSTANCE_LABEL, says)) if says else spec.labels
    container = engine.create(replace(spec, name=name or service.container_name, labels=labels))
    engine.start(container)
    return container


def seen(engine: FakeEngine, instance: str) -> tuple[list[str], str]:
    """The pilots that this service takes for its own, and the container that is in its way."""
    become(instance)
    found = look(engine, this_service().container_name)
    return [container.id for container in found.ours], found.foreign


def test_each_finds_its_own_pilots(engine: FakeEngine) -> None:
    pilots = {instance: [run_pilot(engine, instance)] for instance in (ITSELF, ONE, TWO)}
    pilots[ONE].append(run_pilot(engine, ONE, name="ospool-ep-one-container-12345678"))
    for instance, ours in pilots.items():
        assert seen(engine, instance) == (ours, "")


@pytest.mark.parametrize("label", ["", "ospool-ep"], ids=["25.1.0", "25.3.0"])
def test_a_pilot_of_an_earlier_release_belongs_to_ospool_ep_itself(engine: FakeEngine, label: str) -> None:
    pilot = run_pilot(engine, ITSELF, label=label)
    assert seen(engine, ITSELF) == ([pilot], "")
    assert seen(engine, ONE) == ([], "")


@pytest.mark.parametrize("maker", [ITSELF, TWO])
def test_a_pilot_of_another_service_that_has_the_name_is_foreign(engine: FakeEngine, maker: str) -> None:
    pilot = run_pilot(engine, maker, name=ServiceName(ONE).container_name)
    assert seen(engine, ONE) == ([], pilot)
    assert seen(engine, maker) == ([pilot], "")


def test_a_container_without_labels_is_of_the_earlier_package_under_the_first_name_alone(engine: FakeEngine) -> None:
    spec = replace(specification(labelled=False), mounts=(Mount("/etc/osg/ospool-ep.tkn", TOKEN_TARGET),))
    of_the_package, somebodys = (
        engine.create(replace(spec, name=ServiceName(instance).container_name)) for instance in (ITSELF, ONE)
    )
    assert seen(engine, ITSELF) == ([of_the_package], "")
    assert seen(engine, ONE) == ([], somebodys)


def test_the_engine_is_asked_for_the_pilots_of_this_service(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "DockerEngine", lambda *_args, **_more: engine)
    run_pilot(engine, ONE)
    has_pilot = {}
    for instance in (ITSELF, ONE, TWO):
        become(instance)
        has_pilot[instance] = pilot_in(DOCKER)
        assert (job_bind_checks.missing_in_pilot(DOCKER, ["/srv"]) is None) or instance == ONE
    assert has_pilot == {ITSELF: False, ONE: True, TWO: False}


def test_no_service_removes_the_last_good_image_of_another(engine: FakeEngine, tmp_path: Path) -> None:
    """They have proved different ones, and all have moved on to a newer one of the same name."""
    good = {}
    for instance in (ITSELF, ONE, TWO):
        engine.add_image(IMAGE, f"sha256:of {instance}")
        found = engine.image(IMAGE)
        assert found
        good[instance] = KnownImage(found.id, found.digest)
        _tidy(engine, tmp_path, instance, good[instance])
    engine.add_image(IMAGE, "sha256:newest")
    for instance in (TWO, ONE, ITSELF):
        _tidy(engine, tmp_path, instance, good[instance], replaced=tuple(image.id for image in good.values()))
    for instance, image in good.items():
        become(instance)
        named = engine.image(last_good())
        assert named
        assert named.id == image.id


def _tidy(engine: FakeEngine, directory: Path, instance: str, good: KnownImage, replaced: tuple[str, ...] = ()) -> None:
    become(instance)
    newest = engine.image(IMAGE)
    assert newest
    record = ImageRecord(IMAGE, KnownImage(newest.id, newest.digest), here=True, good=good, replaced=replaced)
    ImageOrders(engine, ImageStore("", directory), lambda _event: None).tidy(record)


def test_what_is_looked_at_is_this_services_own() -> None:
    become(ONE)
    assert Places().kept == ("/var/lib/ospool-ep@one", "/run/ospool-ep@one")
