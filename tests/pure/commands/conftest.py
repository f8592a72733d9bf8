"""A service that the commands find, in a directory of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ospool_ep.commands import drain, reload, resume, status, update
from ospool_ep.engine import chosen
from ospool_ep.engine.address import DOCKER
from ospool_ep.engine.choice import Choice
from ospool_ep.system import left_drain, systemctl
from ospool_ep.system.image_store import ImageStore
from ospool_ep.system.run_directory import RunDirectory
from tests.pure.commands.played_service import IMAGE, NEW, PlayedService
from tests.support.fake_engine import FakeEngine


@pytest.fixture
def service(open_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PlayedService]:
    path = open_path / "run"
    path.mkdir()
    played = PlayedService(path)
    monkeypatch.setattr(left_drain, "note", lambda: open_path / "left-drain")
    for command in (drain, reload, resume, status, update):
        monkeypatch.setattr(command, "RunDirectory", lambda: RunDirectory(path))
    monkeypatch.setattr(systemctl, "unit_states", lambda units: dict.fromkeys(units, played.unit))
    yield played
    played.end()


@pytest.fixture
def engine(open_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """The engine of this host; the registry has another image than the one that is here."""
    engine, state = FakeEngine(), open_path / "state"
    engine.add_image(IMAGE, "sha256:old")
    engine.registry[IMAGE] = NEW
    monkeypatch.setattr(chosen, "chosen_engine", lambda _wanted: Choice(DOCKER, "auto"))
    monkeypatch.setattr(update, "DockerEngine", lambda _url: engine)
    monkeypatch.setattr(update, "ImageStore", lambda socket: ImageStore(socket, state))
    return engine


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "ospool-ep.cfg"
    path.write_text(f"GLIDEIN_Site=A\nGLIDEIN_ResourceName=B\nOSPOOL_EP_IMAGE={IMAGE}\n")
    return str(path)
