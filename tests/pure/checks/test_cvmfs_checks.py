"""A CVMFS that has died is still in the table of mounts: it is looked at."""

import errno
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ospool_ep.checks.check import look_at_host
from ospool_ep.checks.cvmfs_checks import CVMFS_REPOSITORIES, Cvmfs, check_cvmfs
from ospool_ep.checks.mount_table import MountPoint
from ospool_ep.checks.path_sight import Sight
from ospool_ep.configuration.reading import read_configuration
from tests.pure.checks.test_host_checks import Host, rows
from tests.pure.checks.test_path_probe import mount

ASKED = "BIND_MOUNT_CVMFS=1"


def mount_dead(path: Path) -> None:
    """What is left of a file system in user space whose process has ended."""
    path.mkdir(exist_ok=True)
    fuse = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={fuse},rootmode=40000,user_id=0,group_id=0,allow_other"
    subprocess.run(["mount", "-i", "-t", "fuse", "-o", options, "cvmfs2", str(path)], check=True, pass_fds=[fuse])
    os.close(fuse)


@pytest.fixture
def alive(host: Host) -> Host:
    """A host with the repository that a pilot looks for, mounted."""
    repository = host.path / "cvmfs" / CVMFS_REPOSITORIES[0]
    repository.rmdir()
    mount(repository, "mode=755")
    return host


@pytest.mark.parametrize("name", [*CVMFS_REPOSITORIES, "."])
def test_a_dead_mount_is_an_error_with_the_commands_that_mount_it_anew(alive: Host, name: str) -> None:
    place = alive.path / "cvmfs" / name
    mount_dead(place)
    (finding,) = alive.check(ASKED).findings
    assert rows((finding,)) == [("cvmfs-not-mounted", "error", "BIND_MOUNT_CVMFS", 5)]
    assert f"{os.path.normpath(place)}: Transport endpoint is not connected" in finding.message
    assert "'cvmfs_config killall && cvmfs_config probe'" in finding.hint


@pytest.mark.parametrize("name", ["atlas.cern.ch", "cms.cern.ch", "with a blank.example.org"])
def test_a_dead_repository_that_no_pilot_looks_for_is_a_warning(alive: Host, name: str) -> None:
    place = alive.path / "cvmfs" / name
    mount_dead(place)
    result = alive.check(ASKED)
    assert rows(result.findings) == [("cvmfs-repository-dead", "warning", "BIND_MOUNT_CVMFS", 5)]
    assert f"{place}: Transport endpoint is not connected" in result.findings[0].message
    assert "'cvmfs_config killall && cvmfs_config probe'." in result.findings[0].hint
    assert result.ok


def test_a_dead_repository_is_no_cvmfs_where_there_is_no_other(host: Host) -> None:
    (host.path / "cvmfs" / CVMFS_REPOSITORIES[0]).rmdir()
    mount_dead(host.path / "cvmfs" / "atlas.cern.ch")
    assert rows(host.check(ASKED).findings) == [("cvmfs-not-mounted", "error", "BIND_MOUNT_CVMFS", 5)]


def test_a_dead_mount_is_nothing_to_a_pilot_that_mounts_its_own(alive: Host) -> None:
    mount_dead(alive.path / "cvmfs" / "cms.cern.ch")
    assert alive.check("").findings == ()


def test_mounts_that_answer_are_well(alive: Host) -> None:
    mount(alive.path / "cvmfs" / "cms.cern.ch", "mode=755")
    assert alive.check(ASKED).findings == ()


def test_while_a_pilot_runs_it_is_found_and_so_is_its_end(alive: Host) -> None:
    configuration, _ = read_configuration(str(alive.write(ASKED)))
    assert look_at_host(configuration, alive.places) == ""
    place = alive.path / "cvmfs" / "cms.cern.ch"
    mount_dead(place)
    assert look_at_host(configuration, alive.places).startswith("A CVMFS repository has died on this host, ")
    subprocess.run(["umount", "--lazy", place], check=True)
    assert look_at_host(configuration, alive.places) == ""
    without, _ = read_configuration(str(alive.write("")))
    mount_dead(place)
    assert look_at_host(without, alive.places) == ""


@pytest.mark.parametrize(
    ("number", "dead"),
    [
        (errno.ENOTCONN, True), (errno.ESTALE, True), (errno.EIO, True), (errno.ETIMEDOUT, True), (0, False),
        # Of a user other than root.
        (errno.EACCES, False),
    ],
)  # fmt: skip
def test_which_errors_of_a_mount_are_death(number: int, dead: bool) -> None:
    seen = Sight("/cvmfs/a.b", error=number)
    cvmfs = Cvmfs((), (MountPoint("/cvmfs/a.b", "fuse"),), (seen,))
    found = list(check_cvmfs(cvmfs, {"key": "BIND_MOUNT_CVMFS", "line": 5}))
    assert [finding.code for finding in found] == (["cvmfs-not-mounted"] if dead else [])


def test_another_repository_that_hangs_keeps_no_pilot_away() -> None:
    here, hanging = Sight("/cvmfs/a.b"), Sight("/cvmfs/c.d", hangs=True)
    cvmfs = Cvmfs((here,), (MountPoint("/cvmfs/a.b", "fuse"), MountPoint("/cvmfs/c.d", "fuse")), (here, hanging))
    found = list(check_cvmfs(cvmfs, {"key": "BIND_MOUNT_CVMFS", "line": 5}))
    assert [(finding.code, finding.severity.value) for finding in found] == [("cvmfs-hangs", "warning")]
    wanted = replace(hanging, path="/cvmfs/a.b")
    found = list(check_cvmfs(Cvmfs((wanted,), cvmfs.mounts, (wanted,)), {"key": "BIND_MOUNT_CVMFS", "line": 5}))
    assert [(finding.code, finding.severity.value) for finding in found] == [("cvmfs-not-mounted", "error")]
