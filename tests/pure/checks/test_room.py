"""Where two pilots have no room on this host's disks, they follow each other, and an operator is told why."""

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Optional

import pytest

from ospool_ep.checks import engine_facts, path_probe, scratch_handles
from ospool_ep.checks.check import check_all, run_checks
from ospool_ep.checks.engine_facts import examine_engine, look_at_engine, look_at_layers
from ospool_ep.checks.path_sight import Sight
from ospool_ep.checks.room import is_full, no_room
from ospool_ep.configuration.reading import read_configuration
from ospool_ep.engine import chosen
from ospool_ep.engine.address import DOCKER
from ospool_ep.engine.choice import Choice
from ospool_ep.engine.presence import Presence
from ospool_ep.service import helper_calls
from ospool_ep.system.json_data import encode
from tests.pure.checks.played_engine import serving
from tests.pure.checks.test_host_checks import Host
from tests.pure.checks.test_path_checks import own
from tests.pure.checks.test_path_probe import mount
from tests.pure.checks.test_scratch_directories import left_over

GIB = 1 << 30
HEAD = b"HTTP/1.0 200 OK\r\nServer: Docker/29.0.0 (linux)\r\n\r\n"


def seen(path: str, free_gib: float) -> Sight:
    return Sight(path, free_bytes=int(free_gib * GIB))


ROWS = [
    ("", 5.0, 5.0, ""),
    ("", 4.9, 5.0, "only 4.9 GB are free in /scratch, and a second pilot needs 5 GB there (OSPOOL_EP_HAND_OVER_GB)"),
    ("", 5.0, 4.9, "only 4.9 GB are free in /layers, and a second pilot needs 5 GB there (OSPOOL_EP_HAND_OVER_GB)"),
    # Without a scratch directory all is on the engine's disk.
    ("", None, 4.9, "only 4.9 GB are free in /layers, and a second pilot needs 5 GB there (OSPOOL_EP_HAND_OVER_GB)"),
    ("", None, 5.0, ""),
    ("", 5.0, None, ""),
    ("OSPOOL_EP_HAND_OVER_GB=0.5", 0.5, 0.5, ""),
    ("OSPOOL_EP_HAND_OVER_GB=", 4.9, 5.0, "only 4.9 GB are free in /scratch"),
    ("OSPOOL_EP_HAND_OVER_GB=20", 19.0, 99.0, "a second pilot needs 20 GB there"),
    ("CVMFSEXEC_REPOS=oasis.opensciencegrid.org", 5.0, 9.0, ""),
    ("CVMFSEXEC_REPOS=oasis.opensciencegrid.org", 5.0, 8.9,
     "needs 9 GB there (OSPOOL_EP_HAND_OVER_GB, and 4 GB for the cache of CVMFSEXEC_REPOS)"),
    ("CVMFSEXEC_REPOS=oasis.opensciencegrid.org\nCVMFS_QUOTA_LIMIT=20480", 5.0, 24.0, "and 20 GB for the cache"),
    # Where the pilot has no cache of its own.
    ("CVMFS_QUOTA_LIMIT=20480", 5.0, 5.0, ""),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "scratch", "layers", "why"), ROWS)
def test_how_much_has_to_be_free(
    tmp_path: Path, lines: str, scratch: Optional[float], layers: Optional[float], why: str
) -> None:
    path = tmp_path / "ospool-ep.cfg"
    path.write_text(f"{lines}\n")
    disk, engines = (seen(*one) if one[1] else None for one in (("/scratch", scratch or 0), ("/layers", layers or 0)))
    found = no_room(read_configuration(str(path))[0], disk, engines)
    assert why in found
    assert bool(why) == bool(found)


@pytest.mark.parametrize(
    ("scratch", "layers", "why"),
    [(5.0, 5.0, ""), (4.9, 5.0, "4.9 GB are free in /scratch"), (5.0, 4.9, "4.9 GB are free in /layers")],
)
def test_a_disk_is_full_where_those_that_run_have_no_room_whatever_their_caches_hold(
    tmp_path: Path, scratch: float, layers: float, why: str
) -> None:
    path = tmp_path / "ospool-ep.cfg"
    path.write_text("CVMFSEXEC_REPOS=oasis.opensciencegrid.org\n")
    closed = replace(seen("/scratch", scratch), closed_to_us=True)
    found = is_full(read_configuration(str(path))[0], closed, seen("/layers", layers))
    assert why in found
    assert bool(why) == bool(found)


def test_a_server_that_keeps_root_out_leaves_no_room_for_two(tmp_path: Path) -> None:
    configuration, _ = read_configuration(str(tmp_path / "none"))
    why = no_room(configuration, Sight("/scratch", free_bytes=99 * GIB, closed_to_us=True), None)
    assert "/scratch keeps root out" in why


@pytest.mark.parametrize(("number", "closed"), [(errno.EACCES, True), (errno.ENOENT, False), (errno.EIO, False)])
def test_root_is_kept_out_where_it_may_not_look_for_a_name(
    open_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, closed: bool
) -> None:
    own(open_path, 0o700, 1000, 1000)
    real = os.stat

    def stat(path: str, *, dir_fd: Optional[int] = None, follow_symlinks: bool = True) -> os.stat_result:
        if os.geteuid() == 0 and str(path).startswith(f"{open_path}/"):
            raise OSError(number, os.strerror(number))
        return real(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)

    assert not path_probe.look({str(open_path): "write"}, 30.0)[str(open_path)].closed_to_us
    monkeypatch.setattr(os, "stat", stat)
    sights = path_probe.look({str(open_path): "write"}, 30.0)
    assert sights[str(open_path)].closed_to_us is closed


SNAPSHOTS = b'{"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]], "DockerRootDir": "/var/lib/docker"}'
TOLD = [
    (b'{"DockerRootDir": "/data/docker", "DriverStatus": [["Backing Filesystem", "xfs"]]}', "/data/docker"),
    (SNAPSHOTS, "containerd"),
    (b'{"DockerRootDir": 5}', ""),
    (b'{"DockerRootDir": "relative"}', ""),
    (b"[]", ""),
    (b"no JSON", ""),
]


@pytest.mark.parametrize(("told", "where"), TOLD)
def test_the_engine_says_where_it_keeps_what_containers_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: bytes, where: str
) -> None:
    engines = {"docker": Presence(), "podman": Presence()}
    monkeypatch.setattr(chosen, "presences", lambda: engines)
    monkeypatch.setattr(chosen, "noted", lambda: None)
    monkeypatch.setattr(engine_facts, "CONTAINERD", f"{tmp_path}/containerd")
    wanted = f"unix://{tmp_path}/sock"
    with serving(tmp_path / "sock", HEAD + told):
        if told is SNAPSHOTS:
            # One that Docker has for itself is where Docker is.
            assert look_at_layers(wanted).layers == "/var/lib/docker"
            (tmp_path / "containerd").mkdir()
            where = f"{tmp_path}/containerd"
        assert look_at_layers(wanted).layers == examine_engine(wanted).layers == where


def test_an_engine_that_does_not_answer_is_not_asked_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chosen, "presences", lambda: {"docker": Presence(), "podman": Presence()})
    monkeypatch.setattr(chosen, "noted", lambda: None)
    assert look_at_layers(f"unix://{tmp_path}/none").layers == ""


class Roomy:
    """A host whose engine keeps what containers write on a small disk."""

    def __init__(self, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
        self.host = host
        mount(host.path / "layers", "size=3g")
        self.told = HEAD + b'{"DockerRootDir": "%s/layers"}' % os.fsencode(host.path)
        choice = Choice(replace(DOCKER, socket=f"{host.path}/engine.sock"), "auto")
        monkeypatch.setattr(engine_facts, "chosen_engine", lambda _wanted: choice)


def test_the_check_says_that_pilots_follow_each_other_and_why(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    roomy = Roomy(host, monkeypatch)
    path = str(host.write("OSPOOL_EP_HAND_OVER_GB=4"))
    (host.path / "engine.sock").unlink()
    with serving(host.path / "engine.sock", roomy.told):
        found = run_checks(path, host.places, host.engine, examine_engine)
        (finding,) = found.findings
        assert (finding.code, finding.severity.value) == ("hand-over-no-room", "info")
        assert (finding.key, finding.line) == ("OSPOOL_EP_HAND_OVER_GB", 5)
        assert f"only 3.0 GB are free in {host.path}/layers, and a second pilot needs 4 GB there" in finding.message
        assert found.ok
        configuration, findings = read_configuration(path)
        # The service is told so each time that it may make one.
        monkeypatch.setattr("ospool_ep.checks.check.Places", lambda: host.places)
        assert "only 3.0 GB" in helper_calls.recheck(encode(configuration)).no_room
        assert "only 3.0 GB" in helper_calls.recheck(encode(configuration)).is_full
        assert "only 3.0 GB" in helper_calls.read_again(path).checked.no_room
        # Its start does not wait for that.
        assert check_all(configuration, findings, host.places, host.engine, look_at_engine).no_room == ""


def test_what_earlier_releases_left_is_told_with_its_size(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    own(host.scratch, 0o755, 1000, 1000)
    left_over(host.scratch)
    (host.scratch / "osgvo-pilot-Ab12Cd/image.sif").write_bytes(bytes(700 << 20))
    (finding,) = host.check().findings
    assert (finding.code, finding.severity.value, finding.key, finding.line) == (
        "scratch-left-overs", "info", "WORKER_TEMP_DIR", 4
    )  # fmt: skip
    names = "osgvo-pilot-Ab12Cd, osgvo-pilot-Ef34Gh, rsyslog, log"
    assert finding.message == f"Pilots of earlier releases have left 0.7 GiB in {host.scratch}: {names}."
    assert finding.hint.startswith("The service removes")
    assert (host.scratch / "log/MasterLog").exists()
    monkeypatch.setattr(scratch_handles, "may_be_shared", lambda _kind: True)
    (finding,) = host.check().findings
    assert f"rm -rf {names.replace(',', '')}" in finding.hint
