"""What is said of keys that do not go together with OSPOOL_EP_PRIVILEGES."""

from pathlib import Path
from typing import Optional

import pytest

from ospool_ep.configuration.reading import read_configuration

REPOSITORIES = "CVMFSEXEC_REPOS=oasis.opensciencegrid.org"
BIND = "BIND_MOUNT_CVMFS=true"
PID = "SINGULARITY_DISABLE_PID_NAMESPACES"

Row = tuple[str, str, Optional[str], Optional[int]]


def found(directory: Path, *lines: str) -> list[Row]:
    path = directory / "ospool-ep.cfg"
    path.write_text("\n".join(("GLIDEIN_Site=Site", "GLIDEIN_ResourceName=Resource", *lines, "")))
    findings = read_configuration(str(path))[1]
    return [(finding.code, finding.severity.value, finding.key, finding.line) for finding in findings]


@pytest.mark.parametrize(
    ("lines", "row"),
    [
        (["=minimum", REPOSITORIES], ("privileges-and-cvmfsexec", "info", "OSPOOL_EP_PRIVILEGES", 3)),
        (["=cvmfs-bind"], ("privileges-without-cvmfs", "warning", "OSPOOL_EP_PRIVILEGES", 3)),
        (["=CVMFS-bind", "BIND_MOUNT_CVMFS=no"], ("privileges-without-cvmfs", "warning", "OSPOOL_EP_PRIVILEGES", 3)),
        (["=minimum", f"{PID}=false"], ("pid-namespaces-barred", "info", PID, 4)),
        (["=cvmfs-bind", BIND, f"{PID}=no"], ("pid-namespaces-barred", "info", PID, 5)),
        (["=least"], ("not-a-choice", "error", "OSPOOL_EP_PRIVILEGES", 3)),
    ],
)
def test_what_does_not_go_together_is_told_at_its_line(lines: list[str], row: Row, tmp_path: Path) -> None:
    assert found(tmp_path, f"OSPOOL_EP_PRIVILEGES{lines[0]}", *lines[1:]) == [row]


@pytest.mark.parametrize(
    "lines",
    [
        ["OSPOOL_EP_PRIVILEGES="],
        ["OSPOOL_EP_PRIVILEGES=Recommended", REPOSITORIES, f"{PID}=false"],
        ["OSPOOL_EP_PRIVILEGES=minimum", BIND, f"{PID}=true"],
        ["OSPOOL_EP_PRIVILEGES=minimum", f"{PID}="],
        ["OSPOOL_EP_PRIVILEGES=cvmfs-bind", BIND],
    ],
)
def test_what_goes_together_is_not_told(lines: list[str], tmp_path: Path) -> None:
    assert [code for code, *_ in found(tmp_path, *lines) if "priv" in code or "pid" in code] == []
