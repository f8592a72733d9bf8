"""Whether the host's mount under /cvmfs is shared, as the host has it; real mounts, read by this code."""

import shutil
import subprocess
from pathlib import Path

import pytest

from ospool_ep.checks.cvmfs_propagation import check_propagation
from ospool_ep.checks.mount_table import MountPoint, file_system, mount_of
from ospool_ep.configuration.findings import Place
from tests.pure.checks.test_host_checks import Host
from tests.pure.checks.test_path_probe import mount

PLACE: Place = {"key": "BIND_MOUNT_CVMFS", "line": 5}
ASKED = "BIND_MOUNT_CVMFS=1"

# As a host has them where systemd has made all shared, and where somebody has taken that back for one.
TABLE = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:5 / /a\\040b rw master:7 - autofs systemd-1 rw,fd=32
31 22 0:6 / /cvmfs rw,relatime - autofs /etc/auto.cvmfs rw
32 31 0:7 / /cvmfs/atlas.cern.ch ro,nodev shared:9 master:3 - fuse cvmfs2 rw
33 22 0:8 / /srv rw - tmpfs tmpfs rw
34 33 0:9 / /srv rw shared:12 propagate_from:2 - xfs /dev/sdb rw
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/cvmfs", MountPoint("/cvmfs", "autofs", shared=False)),
        ("/cvmfs/atlas.cern.ch/x", MountPoint("/cvmfs/atlas.cern.ch", "fuse", read_only=True)),
        ("/cvmfsx", MountPoint("/", "ext4")),
        ("/a b/c", MountPoint("/a b", "autofs", shared=False)),
        # Of two on one directory the later one counts.
        ("/srv/x", MountPoint("/srv", "xfs")),
    ],
)
def test_what_a_path_is_on_and_whether_that_is_shared(path: str, expected: MountPoint, tmp_path: Path) -> None:
    (tmp_path / "mountinfo").write_text(TABLE)
    assert mount_of(path, f"{tmp_path}/mountinfo") == expected
    assert file_system(path, f"{tmp_path}/mountinfo") == expected.kind


def test_a_table_that_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    assert mount_of("/cvmfs", f"{tmp_path}/none") is None
    assert file_system("/cvmfs", f"{tmp_path}/none") == ""
    assert list(check_propagation("/cvmfs", None, PLACE)) == []


@pytest.mark.parametrize(
    ("mount_point", "says"),
    [("/", "/cvmfs is on /, which is no shared mount"), ("/cvmfs", "/cvmfs is no shared mount")],
)
def test_a_mount_that_is_not_shared_is_an_error_with_the_command_that_shares_it(mount_point: str, says: str) -> None:
    (finding,) = check_propagation("/cvmfs", MountPoint(mount_point, "ext4", shared=False), PLACE)
    assert (finding.code, finding.severity.value, finding.line) == ("cvmfs-not-shared", "error", 5)
    assert says in finding.message
    assert f"mount --make-rshared {mount_point};" in finding.hint
    assert list(check_propagation("/cvmfs", MountPoint(mount_point, "ext4"), PLACE)) == []


def test_a_real_mount_is_found_private_and_then_shared(host: Host) -> None:
    """By the table of the host, whatever this process's own mounts are."""
    top = host.path / "cvmfs"
    shutil.rmtree(top)
    mount(top, "mode=755")
    (top / "config-osg.opensciencegrid.org").mkdir()
    table = host.path / "mountinfo"
    codes = []
    for kind in ("private", "shared", "slave"):
        subprocess.run(["mount", f"--make-{kind}", top], check=True)
        table.write_text(Path("/proc/self/mountinfo").read_text())
        codes.append([finding.code for finding in host.check(ASKED).findings])
    # A slave without a master is a private one; either gives nothing on.
    assert codes == [["cvmfs-not-shared"], [], ["cvmfs-not-shared"]]
    assert host.check("").findings == ()
