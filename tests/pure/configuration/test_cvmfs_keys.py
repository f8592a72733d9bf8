"""What is wrong with CVMFSEXEC_REPOS and with the keys that belong to it, before anything is mounted."""

from pathlib import Path

import pytest

from ospool_ep.configuration.findings import Finding
from ospool_ep.configuration.reading import read_configuration

REPOS = "CVMFSEXEC_REPOS=oasis.opensciencegrid.org"
OURS = ("repositor", "cvmfs")


def found(directory: Path, *lines: str) -> list[Finding]:
    """What is found of CVMFS; the lines begin at line 3."""
    path = directory / "ospool-ep.cfg"
    path.write_text("\n".join(["GLIDEIN_Site=Site", "GLIDEIN_ResourceName=Resource", *lines, ""]))
    return [finding for finding in read_configuration(str(path))[1] if any(word in finding.code for word in OURS)]


NO_REPOSITORIES = [
    ("cvmfs://oasis.opensciencegrid.org", "oasis.opensciencegrid.org"),
    ("http://cvmfs.example.org:8000/cvmfs/oasis.opensciencegrid.org/", "oasis.opensciencegrid.org"),
    ("/cvmfs/oasis.opensciencegrid.org", "oasis.opensciencegrid.org"),
    ("*.opensciencegrid.org", "Write names like"),
    ("oasis", "Write names like"),
    ("oasis.opensciencegrid.org.", "Write names like"),
    (".opensciencegrid.org", "Write names like"),
    ("oasis..org", "Write names like"),
    ("-N.example.org", "Write names like"),
    ("oasis;opensciencegrid.org", "Write names like"),
    ("öasis.example.org", "Write names like"),
    (".".join(["a" * 63] * 4), "Write names like"),
    ("true", "BIND_MOUNT_CVMFS=true"),
    ("none", "Leave it empty"),
]


@pytest.mark.parametrize(("name", "hint"), NO_REPOSITORIES)
def test_what_is_no_repository_is_an_error_with_the_name_that_is_meant(name: str, hint: str, tmp_path: Path) -> None:
    (finding,) = found(tmp_path, f"CVMFSEXEC_REPOS=atlas.cern.ch,{name}")
    assert (finding.code, finding.severity.value, finding.line) == ("not-a-repository", "error", 3)
    assert hint in finding.hint


@pytest.mark.parametrize("name", ["atlas.cern.ch", "a.b", "x_1-y.example.org", ".".join(["a" * 62] * 4) + ".b"])
def test_a_repository_is_none_of_these(name: str, tmp_path: Path) -> None:
    assert found(tmp_path, f"CVMFSEXEC_REPOS={name}") == []


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    first, second, third = found(tmp_path, "CVMFSEXEC_REPOS=one two a.b A.org a.b")
    assert (first.code, second.code, third.code) == ("not-a-repository", "repository-in-capitals", "repository-twice")
    assert "one" in first.message
    assert "two" in first.message
    assert "are no repositories" in first.message
    assert (second.severity.value, third.severity.value) == ("warning", "info")
    assert "a.org" in second.hint


@pytest.mark.parametrize(
    "line", ["OSPOOL_EP_CVMFS_CACHE=/cache", "OSPOOL_EP_CVMFS_LOGS=/logs", "OSPOOL_EP_CVMFS_DEFAULT=/x.local"]
)
@pytest.mark.parametrize("repositories", ["", "BIND_MOUNT_CVMFS=true", "CVMFSEXEC_REPOS="])
def test_a_key_without_repositories_has_no_effect_and_that_is_said(
    line: str, repositories: str, tmp_path: Path
) -> None:
    (finding,) = found(tmp_path, line, repositories)
    assert (finding.code, finding.severity.value, finding.line) == ("cvmfs-key-not-used", "warning", 3)
    assert found(tmp_path, line, REPOS) == []


def test_a_key_at_its_default_is_not_told_of(tmp_path: Path) -> None:
    lines = ("OSPOOL_EP_CVMFS_DEFAULT=/etc/osg/cvmfs-default.local", "OSPOOL_EP_CVMFS_CACHE=", "OSPOOL_EP_CVMFS_LOGS=")
    assert found(tmp_path, *lines) == []


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        (("WORKER_TEMP_DIR=/scratch", "OSPOOL_EP_CVMFS_CACHE=/scratch/"), "OSPOOL_EP_CVMFS_CACHE"),
        (("WORKER_TEMP_DIR=/scratch", "OSPOOL_EP_CVMFS_LOGS=/scratch/logs"), "OSPOOL_EP_CVMFS_LOGS"),
        (("WORKER_TEMP_DIR=/data/scratch", "OSPOOL_EP_CVMFS_CACHE=/data"), "OSPOOL_EP_CVMFS_CACHE"),
        (("OSPOOL_EP_CVMFS_LOGS=/data/../cache", "OSPOOL_EP_CVMFS_CACHE=/cache"), "OSPOOL_EP_CVMFS_LOGS"),
        (("OSPOOL_EP_CVMFS_CACHE=/",), None),
        (("OSPOOL_EP_CVMFS_LOGS=/cachelogs", "OSPOOL_EP_CVMFS_CACHE=/cache"), None),
    ],
)
def test_directories_do_not_overlap(lines: tuple[str, ...], key: str, tmp_path: Path) -> None:
    overlaps = [finding for finding in found(tmp_path, REPOS, *lines) if finding.code == "cvmfs-directories-overlap"]
    assert [(finding.key, finding.severity.value) for finding in overlaps] == ([(key, "error")] if key else [])


@pytest.mark.parametrize(("quota", "small"), [("999", True), ("1000", False), ("", False)])
def test_a_small_cache_is_told_of(quota: str, small: bool, tmp_path: Path) -> None:
    codes = [finding.code for finding in found(tmp_path, REPOS, f"CVMFS_QUOTA_LIMIT={quota}")]
    assert ("cvmfs-quota-small" in codes) is small
    assert found(tmp_path, "CVMFS_QUOTA_LIMIT=10") == []
