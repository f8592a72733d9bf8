"""Directories of the host that jobs get, the pilot's network, and what jobs' containers get: how values are read."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ospool_ep.configuration.binds import Bind, binds, check_binds, mount_points
from ospool_ep.configuration.findings import Finding
from ospool_ep.configuration.job_binds import in_no_mount, sources
from ospool_ep.configuration.network import check_network, network_of
from ospool_ep.configuration.reading import read_configuration

NAMES = "GLIDEIN_Site=Example\nGLIDEIN_ResourceName=Example-EP\n"


def findings(text: str, directory: Path) -> list[Finding]:
    """What is found in a file with that text; each finding is one line, and says how to mend it."""
    path = directory / "ospool-ep.cfg"
    path.write_text(NAMES + text, encoding="utf-8", errors="surrogateescape")
    found = list(read_configuration(str(path))[1])
    for finding in found:
        assert finding.message.endswith(".")
        assert finding.hint
        assert len(finding.as_text("cfg").splitlines()) == 1
    return found


def codes(text: str, directory: Path) -> list[tuple[str, str]]:
    return [(finding.severity.value, finding.code) for finding in findings(text, directory)]


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("/data", [Bind("/data", "/data")]),
        ("/data:/srv/data", [Bind("/data", "/srv/data")]),
        ("/data:/srv/data:ro", [Bind("/data", "/srv/data")]),
        ("/data:/srv/data:rw", [Bind("/data", "/srv/data", writable=True)]),
        (" /a b :/c  , /d/ ", [Bind("/a b", "/c"), Bind("/d", "/d")]),
        ("//data/./x//:/y/", [Bind("/data/x", "/y")]),
        ("/ünï", [Bind("/ünï", "/ünï")]),
    ],
)
def test_what_a_value_names(value: str, read: list[Bind], tmp_path: Path) -> None:
    assert list(binds(value)) == read
    assert codes(f"OSPOOL_EP_BIND={value}", tmp_path) == []


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("data", "bind-invalid"),
        ("/data:srv", "bind-invalid"),
        ("/data:rw", "bind-invalid"),
        ("/data:", "bind-invalid"),
        (":/data", "bind-invalid"),
        ("/data::rw", "bind-invalid"),
        ("/data:/srv/data:", "bind-invalid"),
        ("/data:/srv/data:RW", "bind-invalid"),
        ("/data:/srv/data:ro,z", "bind-invalid"),
        ("/data/run:2026:/srv/data:ro", "bind-invalid"),
        ("/data/run:2026:/srv/data", "bind-invalid"),
        ("/data/../etc", "bind-invalid"),
        ("/data:/srv/..", "bind-invalid"),
        ("/x,'/data'", "bind-invalid"),
        ("/da\tta", "bind-invalid"),
        ("/data:/etc/condor/config.d", "bind-target-refused"),
        ("/data:/pilot", "bind-target-refused"),
        ("/data:/pilot/data", "bind-target-refused"),
        ("/data:/home", "bind-target-refused"),
        ("/data:/", "bind-target-refused"),
        ("/data:/var", "bind-target-refused"),
        ("/a:/srv/x,/b:/srv/x/", "bind-target-twice"),
        ("/a:/srv/x/y,/b:/srv/x", "bind-target-hidden"),
        ("/:/srv/host", "bind-refused"),
        ("/etc:/srv/etc", "bind-refused"),
        ("/etc/osg:/srv/osg", "bind-refused"),
        ("/var:/srv/var", "bind-refused"),
        ("/run/secrets:/srv/secrets", "bind-refused"),
        ("/var/lib/docker/volumes:/srv/volumes", "bind-refused"),
        ("/var/lib/ospool-ep:/srv/kept", "bind-refused"),
        ("/var/lib/ospool-ep@one/x:/srv/kept", "bind-refused"),
    ],
)
def test_what_is_refused_has_one_error(value: str, found: str, tmp_path: Path) -> None:
    assert codes(f"OSPOOL_EP_BIND={value}", tmp_path) == [("error", found)]


@pytest.mark.parametrize("value", ["/data,", ",/data", "/a,,/b", "/a, ,/b"])
def test_a_comma_with_nothing_beside_it_is_told_and_harms_nobody(value: str, tmp_path: Path) -> None:
    assert codes(f"OSPOOL_EP_BIND={value}", tmp_path) == [("warning", "bind-empty")]
    assert binds(value)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    found = codes("OSPOOL_EP_BIND=data,/a:/etc,/b:/srv/b:x,/etc/osg:/srv/c", tmp_path)
    assert sorted(found) == [
        ("error", "bind-invalid"), ("error", "bind-invalid"), ("error", "bind-refused"),
        ("error", "bind-target-refused"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("WORKER_TEMP_DIR=/scratch\nOSPOOL_EP_BIND=/scratch:/srv/s", ("warning", "bind-of-scratch")),
        ("WORKER_TEMP_DIR=/scratch/pilots\nOSPOOL_EP_BIND=/scratch:/srv/s", ("warning", "bind-of-scratch")),
        ("WORKER_TEMP_DIR=/scratch\nOSPOOL_EP_BIND=/scratch/x:/srv/s:rw", ("error", "bind-of-scratch")),
        (
            "CVMFSEXEC_REPOS=a.b\nOSPOOL_EP_CVMFS_CACHE=/c\nOSPOOL_EP_BIND=/c/cache-1:/srv/s",
            ("warning", "bind-of-scratch"),
        ),
        ("CVMFSEXEC_REPOS=a.b\nOSPOOL_EP_CVMFS_LOGS=/l\nOSPOOL_EP_BIND=/:/srv/s:rw", ("error", "bind-refused")),
        ("CVMFSEXEC_REPOS=a.b\nOSPOOL_EP_CVMFS_LOGS=/l/x\nOSPOOL_EP_BIND=/l:/srv/s:rw", ("error", "bind-of-scratch")),
        ("TOKEN_LOCATION=/srv/keys/token\nOSPOOL_EP_BIND=/srv/keys:/srv/k", ("error", "bind-refused")),
        ("TOKEN_LOCATION=/srv/keys/token\nOSPOOL_EP_BIND=/srv:/opt/srv", ("error", "bind-refused")),
    ],
)
def test_what_the_pilots_themselves_use_is_refused(text: str, found: tuple[str, str], tmp_path: Path) -> None:
    assert codes(text, tmp_path) == [found]


def test_a_target_in_another_one_needs_a_directory_to_be_mounted_on() -> None:
    wanted = binds("/a:/srv/x,/b:/srv/x/y:rw,/c:/srv/x/y/z,/d:/srv/xy")
    assert list(mount_points(wanted)) == [("/a/y", "/srv/x/y"), ("/b/z", "/srv/x/y/z")]


@given(st.text(alphabet="/ab.:, rwo'\"\\\n\udcff", max_size=20))
def test_no_value_is_too_odd_to_be_read(value: str) -> None:
    wrong = [finding for finding in check_binds(value) if finding.code == "bind-invalid"]
    parts = [part for part in value.split(",") if part.strip()]
    assert len(binds(value)) + len(wrong) == len(parts)
    for bind in binds(value):
        for path in (bind.source, bind.target):
            assert path.startswith("/")
            assert not {"", ".", ".."} & set(path[1:].split("/")) or path == "/"


@pytest.mark.parametrize("value", ["bridge", "host", "HOST", "ospool", "my_net.1-a", "0net"])
def test_a_network_that_may_be_there(value: str) -> None:
    assert list(check_network(value)) == []


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("none", "network-refused"), ("None", "network-refused"), ("container:x", "network-refused"),
        ("default", "network-refused"), ("pasta", "network-refused"), ("my net", "not-a-network"),
        ("-x", "not-a-network"), ("a/b", "not-a-network"), ("ns:/run/x", "not-a-network"), ("nét", "not-a-network"),
        ("a\nb", "not-a-network"),
    ],
)  # fmt: skip
def test_a_network_that_no_pilot_can_use(value: str, code: str) -> None:
    assert [finding.code for finding in check_network(value)] == [code]


def test_the_two_words_for_a_network_are_read_in_upper_and_lower_case() -> None:
    assert [network_of(value) for value in ("bridge", "Bridge", "host", "Host", "Net")] == [
        "",
        "",
        "host",
        "host",
        "Net",
    ]


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("/data", ("/data",)),
        ("/data:/x:ro,/b/", ("/data", "/b")),
        ("/data:/x:ro,image-src=/y,id=2,rw,/c", ("/data", "/c")),
        (r"/a\:b:/x,/c\,d", ("/a:b", "/c,d")),
        (" /a , relative, $HOME/x,,/a", ("/a",)),
    ],
)
def test_what_jobs_containers_are_to_get(value: str, read: tuple[str, ...]) -> None:
    assert sources(value) == read


@pytest.mark.parametrize(
    ("text", "outside"),
    [
        ("SINGULARITY_BIND_EXTRA=/data", ("/data",)),
        ("SINGULARITY_BIND_EXTRA=/data/x\nOSPOOL_EP_BIND=/data", ()),
        ("SINGULARITY_BIND_EXTRA=/data\nOSPOOL_EP_BIND=/data:/srv/data", ("/data",)),
        ("SINGULARITY_BIND_EXTRA=/srv/data\nOSPOOL_EP_BIND=/data:/srv/data", ()),
        ("SINGULARITY_BIND_EXTRA=/database\nOSPOOL_EP_BIND=/data", ("/database",)),
        ("SINGULARITY_BIND_EXTRA=/etc/hosts,/tmp,/pilot/x,/dev/shm", ()),
        ("SINGULARITY_BIND_EXTRA=/etc/grid-security", ("/etc/grid-security",)),
        ("SINGULARITY_BIND_EXTRA=/cvmfs/a.example.org", ("/cvmfs/a.example.org",)),
        ("SINGULARITY_BIND_EXTRA=/cvmfs/a.example.org\nBIND_MOUNT_CVMFS=1", ()),
        ("SINGULARITY_BIND_EXTRA=/cvmfs/a.example.org\nCVMFSEXEC_REPOS=a.example.org", ()),
    ],
)
def test_which_of_them_are_in_no_mount(text: str, outside: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "ospool-ep.cfg"
    path.write_text(NAMES + text)
    assert in_no_mount(read_configuration(str(path))[0]) == outside
