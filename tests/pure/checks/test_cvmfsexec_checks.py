"""What keeps a pilot from mounting CVMFS by itself, on a host of our own making."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Optional

import pytest

from ospool_ep.checks import cvmfsexec_checks
from ospool_ep.checks.cvmfs_directories import give
from ospool_ep.checks.cvmfsexec_checks import check_cvmfsexec, check_quota
from ospool_ep.checks.cvmfsexec_facts import Cvmfsexec, quota_bytes
from ospool_ep.checks.path_sight import Sight
from ospool_ep.checks.permissions import Node
from ospool_ep.checks.room import no_room
from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.reading import read_configuration
from tests.pure.checks.test_host_checks import Host
from tests.pure.checks.test_path_checks import own
from tests.pure.checks.test_path_probe import mount

REPOS = "CVMFSEXEC_REPOS=oasis.opensciencegrid.org"
NONE = "/none/cvmfs-default.local"
MIB = 1 << 20


def configuration(directory: Path, *lines: str) -> Configuration:
    path = directory / "ospool-ep.cfg"
    path.write_text("\n".join([REPOS, *lines, ""]))
    return read_configuration(str(path))[0]


def codes(host: Host, *lines: str) -> list[tuple[str, str, Optional[str]]]:
    findings = host.check(REPOS, *lines).findings
    return [(finding.code, finding.severity.value, finding.key) for finding in findings]


@pytest.mark.parametrize(
    ("release", "old"),
    [("4.17.9", True), ("3.10.0-1160.el7.x86_64", True), ("4.18.0-553.el8_10.x86_64", False), ("6.1", False),
     ("10.0.0", False), ("unheard-of", False)],
)  # fmt: skip
def test_an_old_kernel_is_told(release: str, old: bool, tmp_path: Path) -> None:
    facts = Cvmfsexec(release, Sight(NONE, error=2))
    found = [finding.code for finding in check_cvmfsexec(configuration(tmp_path), facts)]
    assert found == (["kernel-too-old"] if old else [])


KEYS = ("OSPOOL_EP_CVMFS_CACHE", "OSPOOL_EP_CVMFS_LOGS")


def missing(_path: Path) -> None:
    pass


def a_file(path: Path) -> None:
    path.write_text("")


def read_only(path: Path) -> None:
    mount(path, "ro,mode=755,size=20g")


def full(path: Path) -> None:
    mount(path, "mode=1777,size=4k")
    (path / "x").write_bytes(bytes(4096))


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    ("make", "code"),
    [
        (missing, "cvmfs-directory-missing"),
        (a_file, "cvmfs-directory-missing"),
        (read_only, "cvmfs-directory-not-writable"),
        (full, "cvmfs-directory-not-writable"),
    ],
)
def test_a_directory_that_serves_no_pilot_is_an_error(
    host: Host, key: str, make: Callable[[Path], None], code: str
) -> None:
    make(host.path / "place")
    assert (code, "error", key) in codes(host, f"{key}={host.path}/place")


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(("mode", "owner"), [(0o755, 0), (0o700, 1000), (0o755, 4242)])
def test_one_of_root_serves_as_root_makes_the_pilots_in_it(host: Host, key: str, mode: int, owner: int) -> None:
    mount(host.path / "place", "size=20g,noexec")
    own(host.path / "place", mode, owner, owner)
    assert codes(host, f"{key}={host.path}/place") == []


def test_one_on_a_server_that_may_not_trust_root_has_to_be_the_pilots(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cvmfsexec_checks, "may_be_shared", lambda _kind: True)
    mount(host.path / "place", "size=20g,mode=755")
    line = f"OSPOOL_EP_CVMFS_CACHE={host.path}/place"
    assert codes(host, line) == [("cvmfs-directory-not-writable", "error", "OSPOOL_EP_CVMFS_CACHE")]
    own(host.path / "place", 0o755, 1000, 1000)
    assert codes(host, line) == []


def test_a_server_that_keeps_root_out_is_told(tmp_path: Path) -> None:
    item = Sight("/c", item=None)
    seen = replace(item, closed_to_us=True, item=Node("/c", 1000, 1000, 0o40700))
    (finding,) = check_cvmfsexec(configuration(tmp_path), Cvmfsexec("6.1", Sight(NONE, error=2), cache=seen))
    assert "chmod o+x /c" in finding.hint
    (finding,) = check_cvmfsexec(
        configuration(tmp_path), Cvmfsexec("6.1", Sight(NONE, error=2), logs=Sight("/c", hangs=True))
    )
    assert "does not answer" in finding.message


def test_a_cache_that_may_grow_beyond_its_disk_is_a_warning(tmp_path: Path) -> None:
    asked = configuration(tmp_path, "CVMFS_QUOTA_LIMIT=5000")
    facts = Cvmfsexec("6.1", Sight(NONE))
    layers = Sight("/var/lib/docker", free_bytes=4999 * MIB)
    (finding,) = check_quota(asked, facts, layers)
    assert (finding.code, finding.severity.value, finding.line) == ("cvmfs-quota-exceeds-disk", "warning", 2)
    assert "4999 MB are free in /var/lib/docker" in finding.message
    assert "CVMFS_QUOTA_LIMIT=3499" in finding.hint
    assert not list(check_quota(asked, facts, replace(layers, free_bytes=5000 * MIB)))
    assert not list(check_quota(asked, facts, None))
    # What the caches hold already is theirs; and the engine's disk has no part in it.
    own_disk = replace(facts, cache=Sight("/c", free_bytes=2000 * MIB), held_bytes=3000 * MIB)
    assert not list(check_quota(asked, own_disk, layers))
    (finding,) = check_quota(asked, replace(own_disk, held_bytes=2999 * MIB), None)
    assert "2000 MB are free in /c, where caches hold 2999 MB" in finding.message


@pytest.mark.parametrize(
    ("text", "megabytes"),
    [
        ("CVMFS_QUOTA_LIMIT=20000\n", 20000),
        (" export CVMFS_QUOTA_LIMIT='20000' # large", 20000),
        ("CVMFS_QUOTA_LIMIT=5\nCVMFS_QUOTA_LIMIT=20000\nCVMFS_A=1\n", 20000),
        ("# CVMFS_QUOTA_LIMIT=20000\n", 4096),
        ("CVMFS_QUOTA_LIMIT=-1\n", 4096),
        ("CVMFS_QUOTA_LIMIT=0\n", 4096),
        ("CVMFS_QUOTA_LIMIT=99999999999999999999\n", 4096),
    ],
)
def test_the_quota_of_the_file_of_settings_counts_where_the_configuration_says_none(
    text: str, megabytes: int, tmp_path: Path
) -> None:
    settings = Sight(NONE, content=text.encode())
    assert quota_bytes(configuration(tmp_path), settings) == megabytes * MIB
    assert quota_bytes(configuration(tmp_path, "CVMFS_QUOTA_LIMIT=6000"), settings) == 6000 * MIB
    found = list(check_quota(configuration(tmp_path), Cvmfsexec("6.1", settings), Sight("/l", free_bytes=9000 * MIB)))
    assert bool(found) is (megabytes > 9000)


def test_what_warm_caches_hold_is_measured_where_the_disk_is_short(host: Host) -> None:
    place = host.path / "place"
    mount(place, "size=1500m,mode=755")
    line = f"OSPOOL_EP_CVMFS_CACHE={place}"
    assert ("cvmfs-quota-exceeds-disk", "warning", "CVMFS_QUOTA_LIMIT") in codes(host, line, "CVMFS_QUOTA_LIMIT=1600")
    chunk = Path(give(str(place), "/cvmfs-cache", [])) / "chunk"
    chunk.write_bytes(bytes(600 << 20))
    own(chunk, 0o600, 1000, 1000)
    found = {code for code, _, _ in codes(host, line, "CVMFS_QUOTA_LIMIT=1400")}
    assert "cvmfs-quota-exceeds-disk" not in found
    assert "cvmfs-quota-exceeds-disk" in {code for code, _, _ in codes(host, line, "CVMFS_QUOTA_LIMIT=1600")}


def test_caches_on_a_disk_of_their_own_take_no_part_in_the_engines(tmp_path: Path) -> None:
    asked = configuration(tmp_path, "CVMFS_QUOTA_LIMIT=4096", "OSPOOL_EP_CVMFS_CACHE=/c")
    layers = Sight("/layers", free_bytes=6 << 30)
    facts = Cvmfsexec("6.1", Sight(NONE), cache=Sight("/c", free_bytes=8 << 30))
    assert "and 4 GB for the cache" in no_room(asked, None, layers)
    assert no_room(asked, None, layers, facts) == ""
    short = replace(facts, cache=Sight("/c", free_bytes=3 << 30), held_bytes=4 << 30)
    why = "only 3.0 GB are free in /c, where caches hold 4.0 GB, and those of two pilots may take 8 GB"
    assert no_room(asked, None, layers, short) == f"{why} (CVMFS_QUOTA_LIMIT)"
    assert no_room(asked, None, layers, replace(short, held_bytes=5 << 30)) == ""


SETTINGS = "OSPOOL_EP_CVMFS_DEFAULT"


def test_a_file_of_settings_that_is_named_has_to_be_there(host: Host) -> None:
    path = host.path / "default.local"
    assert codes(host, f"{SETTINGS}={path}") == [("cvmfs-settings-missing", "error", SETTINGS)]
    path.mkdir()
    assert codes(host, f"{SETTINGS}={path}") == [("cvmfs-settings-missing", "error", SETTINGS)]
    path.rmdir()
    os.mkfifo(path)
    assert codes(host, f"{SETTINGS}={path}") == [("cvmfs-settings-missing", "error", SETTINGS)]
    path.unlink()
    path.write_text("CVMFS_TIMEOUT=5\n")
    path.chmod(0o600)
    assert codes(host, f"{SETTINGS}={path}") == [("cvmfs-settings-unreadable", "error", SETTINGS)]
    path.chmod(0o644)
    assert codes(host, f"{SETTINGS}={path}") == []
    path.write_text("CVMFS_TIMEOUT = 5\n")
    assert codes(host, f"{SETTINGS}={path}") == [("not-a-cvmfs-setting", "warning", SETTINGS)]
    path.write_bytes(b"CVMFS_A=\0\n")
    assert codes(host, f"{SETTINGS}={path}") == [("cvmfs-settings-long", "warning", SETTINGS)]
    path.write_text("#" * 100_000)
    assert codes(host, f"{SETTINGS}={path}") == [("cvmfs-settings-long", "warning", SETTINGS)]


def test_the_shipped_one_may_be_missing(host: Host) -> None:
    assert codes(host, f"{SETTINGS}=/etc/osg/cvmfs-default.local") == codes(host) == []
