"""What a pilot that mounts CVMFS by itself has mounted of this host."""

from pathlib import Path

import pytest

from ospool_ep.container.create_request import create_body
from ospool_ep.container.cvmfs_mounts import where_there
from ospool_ep.container.docker_command import render
from ospool_ep.container.specification import Mount
from tests.pure.container.test_from_configuration import build

REPOS = "CVMFSEXEC_REPOS=oasis.opensciencegrid.org\n"
ALL = "OSPOOL_EP_CVMFS_CACHE=/c\nOSPOOL_EP_CVMFS_LOGS=/l\nOSPOOL_EP_CVMFS_DEFAULT=/d.local\n"
SHIPPED = Mount("/etc/osg/cvmfs-default.local", "/cvmfsexec/default.local", read_only=True, only_if_there=True)


def mounts(text: str, directory: Path) -> list[Mount]:
    """All but the token's."""
    return list(build(text, directory).mounts[1:])


def test_caches_logs_and_settings_where_they_are_named(tmp_path: Path) -> None:
    assert mounts(REPOS, tmp_path) == [SHIPPED]
    assert mounts(REPOS + ALL, tmp_path) == [
        Mount("/c", "/cvmfs-cache"),
        Mount("/l", "/cvmfs-logs"),
        Mount("/d.local", "/cvmfsexec/default.local", read_only=True),
    ]


@pytest.mark.parametrize("repositories", ["", "CVMFSEXEC_REPOS=,\n"])
def test_a_pilot_that_mounts_none_has_none_of_them(repositories: str, tmp_path: Path) -> None:
    assert mounts(repositories + ALL, tmp_path) == []


@pytest.mark.parametrize("there", [True, False])
def test_settings_are_left_out_while_they_are_not_there_and_nothing_else(there: bool, tmp_path: Path) -> None:
    spec = build(REPOS, tmp_path)
    asked: list[str] = []
    left = where_there(spec, lambda path: not asked.append(path) and there)  # type: ignore[func-returns-value]
    assert asked == ["/etc/osg/cvmfs-default.local"]
    assert left.mounts == (spec.mounts if there else spec.mounts[:-1])
    named = build(REPOS + ALL, tmp_path)
    # The checks have it there; a mount of what has vanished since is refused by the engine.
    assert where_there(named, lambda _path: False) == named


@pytest.mark.parametrize("kind", ["docker", "podman"])
def test_both_engines_are_told_of_them(kind: str, tmp_path: Path) -> None:
    spec = build(REPOS + ALL, tmp_path)
    config = create_body(spec, kind)["HostConfig"]
    if kind == "podman":
        assert {"/c:/cvmfs-cache", "/l:/cvmfs-logs", "/d.local:/cvmfsexec/default.local:ro"} <= set(config["Binds"])
    else:
        told = {(mount["Source"], mount["Target"], mount["ReadOnly"]) for mount in config["Mounts"]}
        assert ("/d.local", "/cvmfsexec/default.local", True) in told
        assert ("/c", "/cvmfs-cache", False) in told
    assert "/c" in render(spec, kind)
