"""What an administrator is told of a pilot that is to be a guest where this host can't treat it as one."""

from pathlib import Path

import pytest

from ospool_ep.checks.engine_facts import EngineFacts
from ospool_ep.checks.guest_checks import check_guest, check_guest_here
from ospool_ep.configuration.reading import read_configuration
from ospool_ep.engine.address import DOCKER, PODMAN
from ospool_ep.engine.choice import Choice
from ospool_ep.engine.interface import EngineError, EngineInfo
from ospool_ep.engine.ping import Answer
from ospool_ep.system import slices
from tests.pure.container.test_create_request import NAMES

BACKFILL, HOURS = "OSPOOL_EP_PRIORITY=backfill\n", "OSPOOL_EP_HOURS=18-8\n"


def found(directory: Path, text: str, kind: str, *, unified: bool, by_systemd: bool) -> list[str]:
    path = directory / "ospool-ep.cfg"
    path.write_text(NAMES + text)
    configuration, _ = read_configuration(str(path))
    findings = check_guest(configuration, kind, cgroups_are_unified=unified, by_systemd=by_systemd)
    return [finding.as_text("FILE") for finding in findings]


@pytest.mark.parametrize("text", [BACKFILL, HOURS])
def test_where_systemd_makes_the_cgroups_nothing_is_missing(text: str, tmp_path: Path) -> None:
    assert not found(tmp_path, text, "docker", unified=True, by_systemd=True)


@pytest.mark.parametrize(
    ("kind", "unified", "mend"),
    [
        ("docker", False, "systemd.unified_cgroup_hierarchy=1"),
        ("podman", False, "systemd.unified_cgroup_hierarchy=1"),
        ("docker", True, "/etc/docker/daemon.json"),
        ("podman", True, "/etc/containers/containers.conf"),
    ],
)
@pytest.mark.parametrize("text", [BACKFILL, HOURS])
def test_elsewhere_one_warning_says_what_holds_and_how_to_mend_it(
    text: str, kind: str, unified: bool, mend: str, tmp_path: Path
) -> None:
    (line,) = found(tmp_path, text, kind, unified=unified, by_systemd=False)
    key = text.partition("=")[0]
    assert line.startswith(f"FILE:3: warning: {key}: The pilot does not step back behind this host's other work")
    assert ("least share among the engine's containers" in line) is (text == BACKFILL)
    assert "its jobs are killed first" in line
    assert mend in line


@pytest.mark.parametrize("unified", [True, False])
def test_the_engine_is_asked_where_it_answers_and_cgroups_are_of_version_2(
    unified: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "cgroups_are_unified", lambda: unified)
    path = tmp_path / "ospool-ep.cfg"
    path.write_text(NAMES + BACKFILL)
    configuration, _ = read_configuration(str(path))
    asked: list[str] = []

    def ask(socket: str) -> EngineInfo:
        asked.append(socket)
        return EngineInfo("podman", "5", "1.41", frozenset(), "/data", limits_sums=True)

    def fails(_socket: str) -> EngineInfo:
        raise EngineError("broken")

    well = EngineFacts(Choice(PODMAN, "auto"), Answer.WELL)
    assert len(list(check_guest_here(configuration, well, ask))) == (not unified)
    assert asked == [PODMAN.socket] * unified
    assert not list(check_guest_here(configuration, EngineFacts(Choice(DOCKER, "auto"), Answer.SILENT), ask))
    assert len(list(check_guest_here(configuration, well, fails))) == (not unified)
