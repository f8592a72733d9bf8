"""Which cache a pilot has, the engine's containers tell: no two have the same, and a later pilot has a warm one."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from ospool_ep.configuration.findings import Checked
from ospool_ep.container.specification import FINGERPRINT_LABEL, ContainerSpec, Mount
from ospool_ep.engine.interface import EngineUnreachable
from ospool_ep.lifecycle.events import Event, Launched, LaunchRefused
from ospool_ep.lifecycle.image_record import ImageRecord
from ospool_ep.service import cvmfs_places, launch_turn
from ospool_ep.service.cvmfs_places import with_cvmfs_places
from tests.pure.checks.test_path_checks import own
from tests.pure.service.stage import IMAGE, Stage, specification
from tests.pure.service.test_launch import launcher

CACHE, LOGS, SETTINGS = "/cvmfs-cache", "/cvmfs-logs", "/cvmfsexec/default.local"


@pytest.fixture
def wanted(open_path: Path, monkeypatch: pytest.MonkeyPatch) -> ContainerSpec:
    """The container of a configuration with all of it."""
    monkeypatch.setattr(launch_turn, "PLACE", open_path / "launch.lock")
    for name in ("cache", "logs"):
        (open_path / name).mkdir()
        own(open_path / name, 0o755, 1000, 1000)
    spec = specification()
    more = (
        Mount(f"{open_path}/cache", CACHE),
        Mount(f"{open_path}/logs", LOGS),
        Mount(f"{open_path}/default.local", SETTINGS, read_only=True, only_if_there=True),
    )
    return replace(spec, mounts=(*spec.mounts, *more))


def launch(stage: Stage, wanted: ContainerSpec, *, beside: bool = False) -> Event:
    stage.engine.add_image(IMAGE, "sha256:1")
    return launcher(stage).launch(stage.settings(wanted), Checked((), ""), ImageRecord(IMAGE, here=True), beside=beside)


def launched(stage: Stage, wanted: ContainerSpec, *, beside: bool = False) -> tuple[str, dict[str, str]]:
    """The id of the pilot's container, and the names of its sources by their targets."""
    event = launch(stage, wanted, beside=beside)
    assert isinstance(event, Launched), event
    container = stage.engine.container(event.pilot.container_id)
    assert container
    return container.id, {target: Path(source).name for target, source in container.mounts.items()}


def test_pilots_side_by_side_have_different_ones_and_a_later_one_has_that_of_the_first(
    stage: Stage, wanted: ContainerSpec, open_path: Path
) -> None:
    first, mounts = launched(stage, wanted)
    assert (mounts[CACHE], mounts[LOGS], SETTINGS in mounts) == ("cache-1", "logs-1", False)
    (open_path / "default.local").touch()
    _, mounts = launched(stage, wanted, beside=True)
    assert (mounts[CACHE], mounts[LOGS], SETTINGS in mounts) == ("cache-2", "logs-2", True)
    stage.engine.stop(first, 0)
    # It has ended, and is there.
    _, mounts = launched(stage, wanted, beside=True)
    assert mounts[CACHE] == "cache-3"
    stage.engine.remove(first)
    _, mounts = launched(stage, wanted)
    assert (mounts[CACHE], mounts[LOGS]) == ("cache-1", "logs-1")


def test_a_container_that_was_made_and_not_started_has_its_own(stage: Stage, wanted: ContainerSpec) -> None:
    stage.engine.add_image(IMAGE, "sha256:1")
    given = with_cvmfs_places(wanted, stage.engine)
    # Of another service of this host, or of a launch that was cut off.
    stage.engine.create(replace(given, name="another", labels=((FINGERPRINT_LABEL, "x"),)))
    assert launched(stage, wanted)[1][CACHE] == "cache-2"


def test_a_launch_that_fails_has_taken_nothing(stage: Stage, wanted: ContainerSpec) -> None:
    event = launcher(stage).launch(
        stage.settings(replace(wanted, image="none:1")), Checked((), ""), ImageRecord("none:1"), beside=False
    )
    assert isinstance(event, LaunchRefused)
    assert launched(stage, wanted)[1][CACHE] == "cache-1"


def test_no_pilot_starts_without_its_own(stage: Stage, wanted: ContainerSpec, open_path: Path) -> None:
    (open_path / "cache").rmdir()
    event = launch(stage, wanted)
    assert isinstance(event, LaunchRefused)
    assert f"had in {open_path}/cache: No such file or directory." in event.reason
    assert stage.engine.labelled(FINGERPRINT_LABEL, ended=True) == ()


def test_none_is_given_while_the_engine_does_not_say_which_are_used(stage: Stage, wanted: ContainerSpec) -> None:
    stage.engine.unreachable = True
    with pytest.raises(EngineUnreachable):
        launch(stage, wanted)


def test_a_pilot_without_any_costs_no_process_and_no_question(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cvmfs_places, "HelperProcess")
    stage.engine.unreachable = True
    spec = specification()
    assert with_cvmfs_places(spec, stage.engine).mounts == spec.mounts


def test_services_that_launch_at_the_same_moment_have_different_ones(stage: Stage, wanted: ContainerSpec) -> None:
    stage.engine.add_image(IMAGE, "sha256:1")
    services = [replace(wanted, name=f"ospool-ep-{name}-container") for name in "abc"]
    begin, had = threading.Barrier(len(services)), list[str]()

    def launch_one(spec: ContainerSpec) -> None:
        begin.wait(10)
        event = launcher(stage).launch(
            stage.settings(spec), Checked((), ""), ImageRecord(IMAGE, here=True), beside=False
        )
        assert isinstance(event, Launched), event
        container = stage.engine.container(spec.name)
        assert container
        had.append(Path(container.mounts[CACHE]).name)

    threads = [threading.Thread(target=launch_one, args=(spec,)) for spec in services]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(had) == ["cache-1", "cache-2", "cache-3"]
