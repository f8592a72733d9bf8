"""What a set of privileges comes to on a host: with its engine, and with the profile that the package has put there."""

from dataclasses import replace
from pathlib import Path

import pytest

from ospool_ep.engine.address import EngineAddress
from ospool_ep.engine.choice import Choice
from tests.pure.checks.test_host_checks import Host, Row, rows

KEY = "OSPOOL_EP_PRIVILEGES"
SHIPPED = Path(__file__).parents[3] / "share/seccomp-minimum.json"


@pytest.fixture
def packaged(host: Host) -> Host:
    """A host with the package's profile."""
    host.places = replace(host.places, seccomp_profile=str(SHIPPED))
    return host


def told(host: Host, chosen: str, engine_kind: str, *lines: str) -> list[Row]:
    host.choice = Choice(EngineAddress(engine_kind, f"{host.path}/engine.sock"), "auto")
    return [row for row in rows(host.check(f"{KEY}={chosen}", *lines).findings) if row[2] == KEY]


@pytest.mark.parametrize("engine_kind", ["docker", "podman"])
@pytest.mark.parametrize("chosen", ["recommended", "minimum"])
def test_two_of_the_sets_are_well_with_each_engine(packaged: Host, chosen: str, engine_kind: str) -> None:
    assert told(packaged, chosen, engine_kind, "BIND_MOUNT_CVMFS=1") == []


def test_that_capabilities_have_no_effect_with_docker_is_said(packaged: Host) -> None:
    assert told(packaged, "cvmfs-bind", "docker", "BIND_MOUNT_CVMFS=1") == [
        ("capabilities-without-effect", "info", KEY, 5)
    ]


def test_that_capabilities_reach_each_job_with_podman_is_a_warning(packaged: Host) -> None:
    assert told(packaged, "cvmfs-bind", "podman", "BIND_MOUNT_CVMFS=1") == [
        ("capabilities-reach-jobs", "warning", KEY, 5)
    ]


def test_that_dockers_filter_bars_cvmfsexec_is_an_error(packaged: Host) -> None:
    found = told(packaged, "cvmfs-bind", "docker", "CVMFSEXEC_REPOS=oasis.opensciencegrid.org")
    assert ("privileges-bar-cvmfsexec", "error", KEY, 5) in found


@pytest.mark.parametrize("engine_kind", ["docker", "podman"])
def test_a_profile_that_is_missing_or_broken_is_an_error(packaged: Host, engine_kind: str, tmp_path: Path) -> None:
    profile = tmp_path / "seccomp-minimum.json"
    packaged.places = replace(packaged.places, seccomp_profile=str(profile))
    expected = [("seccomp-profile-unusable", "error", KEY, 5)]
    assert told(packaged, "minimum", engine_kind) == expected
    assert told(packaged, "recommended", engine_kind) == []
    for content in ("", "{", '{"syscalls": []}'):
        profile.write_text(content)
        assert told(packaged, "minimum", engine_kind) == expected
    packaged.choice = Choice(None, "auto")
    assert ("seccomp-profile-unusable", "error", KEY, 5) in rows(packaged.check(f"{KEY}=minimum").findings)
    profile.unlink()
    profile.mkdir()
    assert told(packaged, "minimum", engine_kind) == expected
