"""The configuration: values, where they go, and every finding there is, all together."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ospool_ep.commands import config
from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import Finding, Severity
from ospool_ep.configuration.option import GoesTo
from ospool_ep.configuration.options import OPTIONS
from ospool_ep.configuration.reading import read_configuration
from tests.support.tokens import make_token

NAMES = "GLIDEIN_Site=Example\nGLIDEIN_ResourceName=Example-EP\n"
TOKEN = make_token().strip()

# What the package that operators have now installs, as it comes.
EXISTING = """
WORKER_TEMP_DIR=
PROVIDE_NVIDIA_GPU=false
TOKEN_LOCATION=/etc/osg/ospool-ep.tkn
GLIDEIN_Site=
GLIDEIN_ResourceName=
BIND_MOUNT_CVMFS=false
CVMFSEXEC_REPOS=
CVMFS_HTTP_PROXY=
CVMFS_QUOTA_LIMIT=
CVMFSEXEC_DEBUG=false
NUM_CPUS=
MEMORY=
ACCEPT_JOBS_FOR_HOURS=62
RETIREMENT_HOURS=10
ACCEPT_IDLE_MINUTES=30
OSG_SQUID_LOCATION=
SINGULARITY_BIND_EXTRA=
OSG_PROJECT_NAME=
GLIDEIN_Start_Extra=
ALLOW_CPUJOB_ON_GPUSLOT=false
CONTAINER_PILOT_USE_JOB_HOOK=true
GLIDEIN_RANDOMIZE_NAME=false
ENABLE_REMOTE_SYSLOG=true
ITB=false
"""


class Reader:
    """Reads text as a configuration file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, text: str) -> tuple[Configuration, tuple[Finding, ...]]:
        self._path.write_text(text, encoding="utf-8")
        return read_configuration(str(self._path))


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return Reader(tmp_path / "ospool-ep.cfg")


def described(findings: tuple[Finding, ...]) -> list[tuple[str, str, Optional[str], Optional[int]]]:
    return [(finding.severity.value, finding.code, finding.key, finding.line) for finding in findings]


def test_the_two_names_are_all_that_must_be_set(read: Reader) -> None:
    configuration, findings = read(NAMES)
    assert findings == ()
    assert configuration.text("GLIDEIN_Site") == "Example"
    assert configuration.line("GLIDEIN_ResourceName") == 2


def test_the_existing_file_lacks_only_the_names(read: Reader) -> None:
    _, findings = read(EXISTING)
    assert described(findings) == [
        ("error", "missing-required", "GLIDEIN_Site", 5),
        ("error", "missing-required", "GLIDEIN_ResourceName", 6),
        ("warning", "obsolete-key", "ALLOW_CPUJOB_ON_GPUSLOT", 21),
        ("warning", "obsolete-key", "CONTAINER_PILOT_USE_JOB_HOOK", 22),
    ]


def test_what_is_not_set_has_its_default_and_no_line(read: Reader) -> None:
    configuration, _ = read(NAMES)
    for option in OPTIONS.values():
        if option.name not in NAMES:
            assert configuration.text(option.name) == option.default
            assert configuration.line(option.name) is None


def test_an_empty_value_is_none(read: Reader) -> None:
    configuration, findings = read(f"{NAMES}TOKEN_LOCATION=\nMEMORY=\nPROVIDE_NVIDIA_GPU=\nOSG_SQUID_LOCATION=''\n")
    assert described(findings) == [("warning", "empty-value", "TOKEN_LOCATION", 3)]
    assert configuration.text("TOKEN_LOCATION") == "/etc/osg/ospool-ep.tkn"
    assert configuration.number("MEMORY") is None
    assert not configuration.truth("PROVIDE_NVIDIA_GPU")


@pytest.mark.parametrize(
    ("line", "severity", "code"),
    [
        ("GLIDEIN_Site=", "error", "missing-required"),
        ("GLIDEIN_Site='  '", "error", "missing-required"),
        ("ACCEPT_JOBS_FOR_HOURS=", "error", "missing-required"),
        ("ACCEPT_JOBS_FOR_HOURS=0", "error", "not-a-positive-integer"),
        ("RETIREMENT_HOURS=10.5", "error", "not-a-positive-integer"),
        ("RETIREMENT_HOURS='10 '", "error", "not-a-positive-integer"),
        ("NUM_CPUS=four", "error", "not-a-positive-integer"),
        ("NUM_CPUS=-1", "error", "not-a-positive-integer"),
        ("NUM_CPUS=0.5", "error", "not-a-positive-integer"),
        ("NUM_CPUS=2.5", "warning", "not-a-positive-integer"),
        ("MEMORY=4096.5", "error", "not-a-positive-integer"),
        ("MEMORY=4 GB", "error", "not-a-positive-integer"),
        ("MEMORY=99999999999", "error", "number-too-large"),
        (f"MEMORY={'9' * 10_000}", "error", "number-too-large"),
        ("MEMORY=\u0664", "error", "not-a-positive-integer"),
        ("ACCEPT_IDLE_MINUTES=0", "warning", "not-a-positive-integer"),
        ("ACCEPT_IDLE_MINUTES=soon", "error", "not-a-positive-integer"),
        ("CVMFS_QUOTA_LIMIT=-1", "warning", "not-a-positive-integer"),
        ("CVMFS_QUOTA_LIMIT=4 GB", "error", "not-a-positive-integer"),
        ("OSPOOL_EP_UPDATE=later", "error", "not-a-choice"),
        ("OSPOOL_EP_ENGINE=dockre", "error", "not-an-engine"),
        ("OSPOOL_EP_ENGINE=/run/podman/podman.sock", "error", "not-an-engine"),
        ("OSPOOL_EP_ENGINE=unix://run/podman/podman.sock", "error", "not-an-engine"),
        ("OSPOOL_EP_ENGINE=tcp://127.0.0.1:2375", "error", "not-an-engine"),
        (f"OSPOOL_EP_ENGINE=unix:///{'x' * 107}", "error", "not-an-engine"),
        ("OSPOOL_EP_UPDATE=drain,now", "error", "not-a-choice"),
        ("OSPOOL_EP_UPDATE='off '", "error", "not-a-choice"),
        ("OSPOOL_EP_DRAIN_HOURS=0", "error", "not-a-duration"),
        ("OSPOOL_EP_DRAIN_HOURS=0.000", "error", "not-a-duration"),
        ("OSPOOL_EP_DRAIN_HOURS=-1", "error", "not-a-duration"),
        ("OSPOOL_EP_DRAIN_HOURS=1,5", "error", "not-a-duration"),
        ("OSPOOL_EP_DRAIN_HOURS=.", "error", "not-a-duration"),
        ("OSPOOL_EP_DRAIN_HOURS=never", "error", "not-a-duration"),
        ("OSPOOL_EP_RETIRE_HOURS=72h", "error", "not-a-duration"),
        ("OSPOOL_EP_RETIRE_HOURS=1e3", "error", "not-a-duration"),
        ("OSPOOL_EP_RETIRE_HOURS=inf", "error", "not-a-duration"),
        ("OSPOOL_EP_RETIRE_HOURS=1000000", "error", "not-a-duration"),
        ("OSPOOL_EP_ROLLBACK_MINUTES=15 min", "error", "not-a-duration"),
        ("OSPOOL_EP_ROLLBACK_MINUTES=1_5", "error", "not-a-duration"),
        ("OSPOOL_EP_ROLLBACK_MINUTES=\u0661", "error", "not-a-duration"),
        (f"OSPOOL_EP_ROLLBACK_MINUTES={'9' * 10_000}", "error", "not-a-duration"),
        ("OSPOOL_EP_HAND_OVER_GB=0", "error", "not-a-size"),
        ("OSPOOL_EP_HAND_OVER_GB=-5", "error", "not-a-size"),
        ("OSPOOL_EP_HAND_OVER_GB=5 GB", "error", "not-a-size"),
        ("OSPOOL_EP_HAND_OVER_GB=5,5", "error", "not-a-size"),
        ("PROVIDE_NVIDIA_GPU=maybe", "warning", "not-a-truth-value"),
        ("ITB=true # for now", "warning", "not-a-truth-value"),
        ("WORKER_TEMP_DIR=scratch", "error", "path-not-absolute"),
        ("TOKEN_LOCATION=~/token", "error", "path-not-absolute"),
        ("WORKER_TEMP_DIR=/data/a:b,c", "error", "path-not-mountable"),
        ("OSG_SQUID_LOCATION=squid.example.org:3128", "warning", "squid-invalid-url"),
        ("OSG_SQUID_LOCATION=https://squid.example.org:3128", "warning", "squid-invalid-url"),
        ("OSG_SQUID_LOCATION=http://squid.example.org:port", "error", "squid-invalid-url"),
        ("OSG_SQUID_LOCATION=http://squid.example.org:99999", "error", "squid-invalid-url"),
        ("OSG_SQUID_LOCATION=http://squid.example.org:0", "error", "squid-invalid-url"),
        ("OSG_SQUID_LOCATION=http://a\tb:3128", "error", "squid-invalid-url"),
        ("OSG_SQUID_LOCATION='http://a:3128\n'", "error", "squid-invalid-url"),
        ("OSG_SQUID_LOCATION=http://a:3128/proxy", "error", "squid-invalid-url"),
        ("OSG_SQUID_LOCATION=http://", "error", "squid-invalid-url"),
        ("OSG_SQUID_LOCATION=http://a b:3128", "error", "squid-invalid-url"),
        ("OSG_SQUID_LOCATION=http://a:3128;http://b:3128", "error", "squid-invalid-url"),
        ("OSG_SQUID_LOCATION=ftp://squid.example.org", "error", "squid-invalid-url"),
        ("OSG_SQUID_LOCATION=http://[::1", "error", "squid-invalid-url"),
        ("GLIDEIN_Start_Extra=TARGET.Owner = 1", "error", "start-expression-invalid"),
        ("GLIDEIN_Start_Extra='a\n&& b'", "error", "start-expression-invalid"),
        ("OSPOOL_EP_IMAGE=Hub/Ep:1", "error", "image-reference-invalid"),
        ("OSPOOL_EP_IMAGE=https://hub.osg-htc.org/ep", "error", "image-reference-invalid"),
        ("OSPOOL_EP_IMAG=ep", "warning", "unknown-key"),
        ("NUM_CPU=4", "warning", "unknown-key"),
        ("SOMETHING_ELSE=", "warning", "unknown-key"),
        ("WORK_TEMP_DIR=/scratch", "warning", "obsolete-key"),
        ("TOKEN=secret", "warning", "token-in-configuration"),
        (f"SOMETHING={TOKEN}", "warning", "token-in-configuration"),
        (f"TOKEN_LOCATION={TOKEN}", "error", "path-not-absolute"),
        ("export NUM_CPUS=4", "error", "config-syntax"),
        ("eyJhbGciOiJIUzI1NiJ9=", "error", "config-syntax"),
        ("NUM_CPUS", "warning", "config-syntax"),
        ("GLIDEIN_Site=Other", "warning", "duplicate-key"),
    ],
)
def test_a_line_has_its_finding(read: Reader, line: str, severity: str, code: str) -> None:
    _, findings = read(f"{NAMES}{line}\n")
    found = {finding.code: finding for finding in findings}
    assert code in found
    assert found[code].severity.value == severity
    assert found[code].line == (1 if code == "duplicate-key" else 3)
    assert found[code].message
    assert found[code].hint


@pytest.mark.parametrize(
    ("line", "mended"),
    [
        ("MEMORY=4GB", "MEMORY=4096"),
        ("MEMORY=16 GiB", "MEMORY=16384"),
        ("MEMORY=4096M", "MEMORY=4096"),
        ("MEMORY=1t", "MEMORY=1048576"),
        ("CVMFS_QUOTA_LIMIT=4 gb", "CVMFS_QUOTA_LIMIT=4096"),
    ],
)
def test_a_size_with_a_unit_is_told_in_mb(read: Reader, line: str, mended: str) -> None:
    _, findings = read(f"{NAMES}{line}\n")
    assert [finding.hint.split(": ")[1] for finding in findings] == [mended]
    assert read(f"{NAMES}{mended}\n")[1] == ()


@pytest.mark.parametrize("value", ["much", "4.5 GB", "0G", "4 GBit", "4 GB!", "9999999G"])
def test_another_text_gets_no_size(read: Reader, value: str) -> None:
    _, findings = read(f"{NAMES}MEMORY={value}\n")
    assert [finding.hint for finding in findings] == ["Write a whole number of MB above 0."]


@pytest.mark.parametrize(
    "line",
    [
        "NUM_CPUS=4", "MEMORY=08192", "MEMORY=+4096", "PROVIDE_NVIDIA_GPU=Yes", "ITB=OFF",
        "WORKER_TEMP_DIR=/scratch/a b", "WORKER_TEMP_DIR=/data/run:2026", "WORKER_TEMP_DIR=/data/a,b",
        "OSG_SQUID_LOCATION=http://squid.example.org:3128", "OSG_SQUID_LOCATION=http://squid.example.org:3128/",
        "OSG_SQUID_LOCATION=http://192.0.2.1:3128", "OSG_SQUID_LOCATION=http://[2001:db8::1]:3128",
        "OSG_SQUID_LOCATION=http://user:word@squid.example.org", "OSG_SQUID_LOCATION=http://squid_1:3128",
        'GLIDEIN_Start_Extra="TARGET.Arch == \\"A\\""', "GLIDEIN_Start_Extra=$(MINE)",
        "OSPOOL_EP_IMAGE=localhost:5000/ep:1", "BIND_MOUNT_CVMFS=true", "CVMFSEXEC_REPOS=oasis.opensciencegrid.org",
        "SINGULARITY_DISABLE_PID_NAMESPACES=True", "POOL=itb-ospool", "ALLOW_CPUJOB_ON_GPUSLOT=",
        "OSPOOL_EP_UPDATE=now", "OSPOOL_EP_UPDATE=Retire", "OSPOOL_EP_UPDATE=OFF",
        "OSPOOL_EP_DRAIN_HOURS=24", "OSPOOL_EP_DRAIN_HOURS=0.5", "OSPOOL_EP_DRAIN_HOURS=",
        "OSPOOL_EP_RETIRE_HOURS=072.", "OSPOOL_EP_RETIRE_HOURS=999999.9", "OSPOOL_EP_ROLLBACK_MINUTES=.25",
    ],
)  # fmt: skip
def test_a_good_line_has_no_finding(read: Reader, line: str) -> None:
    _, findings = read(f"{NAMES}{line}\n")
    assert findings == ()


def test_a_number_is_what_the_pilot_takes_it_for(read: Reader) -> None:
    configuration, _ = read(f"{NAMES}NUM_CPUS=2.5\nMEMORY=08192\nACCEPT_IDLE_MINUTES=soon\n")
    assert configuration.number("NUM_CPUS") == 2
    assert configuration.number("MEMORY") == 8192
    assert configuration.number("ACCEPT_IDLE_MINUTES") is None
    assert configuration.number("RETIREMENT_HOURS") == 10


def test_hours_and_minutes_are_read_in_seconds(read: Reader) -> None:
    configuration, _ = read(f"{NAMES}OSPOOL_EP_DRAIN_HOURS=1.5\nOSPOOL_EP_RETIRE_HOURS=soon\n")
    assert configuration.seconds("OSPOOL_EP_DRAIN_HOURS") == 5400.0
    assert configuration.seconds("OSPOOL_EP_RETIRE_HOURS") is None
    assert configuration.seconds("OSPOOL_EP_ROLLBACK_MINUTES") == 900.0


def test_hours_that_are_none_are_told_with_their_unit(read: Reader) -> None:
    _, findings = read(f"{NAMES}OSPOOL_EP_DRAIN_HOURS=x\nOSPOOL_EP_ROLLBACK_MINUTES=x\n")
    assert ["hours" in finding.message + finding.hint for finding in findings] == [True, False]
    assert ["minutes" in finding.message + finding.hint for finding in findings] == [False, True]


@pytest.mark.parametrize(
    ("value", "engine"),
    [("", "auto"), ("Podman", "podman"), ("unix:///srv/E.sock", "unix:///srv/E.sock"), ("rkt", "auto")],
)
def test_an_engine_is_a_word_in_any_case_or_the_address_of_a_socket(read: Reader, value: str, engine: str) -> None:
    assert read(f"{NAMES}OSPOOL_EP_ENGINE={value}\n")[0].engine == engine


def test_the_path_of_a_socket_is_mended_into_its_address(read: Reader) -> None:
    _, (finding,) = read(f"{NAMES}OSPOOL_EP_ENGINE=/srv/e.sock\n")
    assert "unix:///srv/e.sock" in finding.hint


def test_a_choice_is_one_of_its_words_in_any_case(read: Reader) -> None:
    assert read(f"{NAMES}OSPOOL_EP_UPDATE=Now\n")[0].choice("OSPOOL_EP_UPDATE") == "now"
    configuration, findings = read(f"{NAMES}OSPOOL_EP_UPDATE=later\n")
    assert configuration.choice("OSPOOL_EP_UPDATE") == "drain"
    assert findings[0].hint == "Write drain, retire, now or off."


def test_both_ways_to_cvmfs_exclude_each_other(read: Reader) -> None:
    _, findings = read(f"{NAMES}BIND_MOUNT_CVMFS=1\nCVMFSEXEC_REPOS=oasis.opensciencegrid.org\n")
    assert described(findings) == [("error", "conflicting-cvmfs", "CVMFSEXEC_REPOS", 4)]


def test_a_required_key_that_is_misspelt_is_pointed_at(read: Reader) -> None:
    _, findings = read("GLIDEIN_SITE=Example\nGLIDEIN_ResourceName=Example-EP\n")
    missing = next(finding for finding in findings if finding.code == "missing-required")
    assert missing.key == "GLIDEIN_Site"
    assert "line 1" in missing.hint.lower()
    unknown = next(finding for finding in findings if finding.code == "unknown-key")
    assert "GLIDEIN_Site" in unknown.hint


def test_only_so_many_keys_are_taken_for_misspelt_as_a_hand_misspells(read: Reader) -> None:
    _, findings = read("".join(f"NUM_CPU{number:03}=4\n" for number in range(302)))
    near = [finding.line for finding in findings if "NUM_CPUS" in finding.hint]
    assert near[:3] == [1, 2, 3]
    assert max(filter(None, near)) == 300


def test_all_problems_are_told_together_in_the_order_of_the_lines(read: Reader) -> None:
    _, findings = read("NUM_CPUS=x\nnonsense here\nTOKEN_LOCATION=t\nMEMORY=y\nGLIDEIN_Start_Extra=a b\n")
    assert described(findings) == [
        ("error", "not-a-positive-integer", "NUM_CPUS", 1),
        ("error", "config-syntax", None, 2),
        ("error", "path-not-absolute", "TOKEN_LOCATION", 3),
        ("error", "not-a-positive-integer", "MEMORY", 4),
        ("error", "start-expression-invalid", "GLIDEIN_Start_Extra", 5),
        ("error", "missing-required", "GLIDEIN_Site", None),
        ("error", "missing-required", "GLIDEIN_ResourceName", None),
    ]


def test_only_what_is_the_pilots_goes_to_the_pilot(read: Reader) -> None:
    configuration, _ = read(
        f"{NAMES}NUM_CPUS=4\nWORKER_TEMP_DIR=/scratch\nTOKEN=secret\nOSG_PROJECT_NAME=\nMINE=1\nMINE_TOO=\n"
        "OSPOOL_EP_OTHER=1\nALLOW_CPUJOB_ON_GPUSLOT=true\nRETIREMENT_HOURS=5\n"
    )
    assert configuration.pilot_environment() == {
        "GLIDEIN_Site": "Example",
        "GLIDEIN_ResourceName": "Example-EP",
        "NUM_CPUS": "4",
        "OSG_PROJECT_NAME": "",
        "MINE": "1",
        "MINE_TOO": "",
        "RETIREMENT_HOURS": "5",
        "ACCEPT_JOBS_FOR_HOURS": "62",
        "ACCEPT_IDLE_MINUTES": "30",
        "CVMFSEXEC_DEBUG": "false",
        "GLIDEIN_RANDOMIZE_NAME": "false",
        "ENABLE_REMOTE_SYSLOG": "true",
        "ITB": "false",
    }
    assert configuration.unknown_keys == ("MINE", "MINE_TOO", "OSPOOL_EP_OTHER")
    assert configuration.values["OSPOOL_EP_OTHER"].goes_to is GoesTo.NOWHERE


def test_a_token_does_not_get_into_the_pilots_environment(read: Reader) -> None:
    configuration, _ = read(f"{NAMES}MINE={TOKEN}\nEXTRA_JOB_ENV=A={TOKEN[:40]}\n")
    assert not {"MINE", "EXTRA_JOB_ENV"} & set(configuration.pilot_environment())
    assert configuration.values["MINE"].goes_to is GoesTo.NOWHERE


def unreadable(path: Path) -> Finding:
    configuration, findings = read_configuration(str(path))
    assert len(findings) == 1
    assert (findings[0].code, findings[0].severity) == ("config-unreadable", Severity.ERROR)
    assert configuration.text("RETIREMENT_HOURS") == "10"
    return findings[0]


def test_a_file_that_is_not_there_is_the_one_finding(tmp_path: Path) -> None:
    assert "No such file" in unreadable(tmp_path / "none").message


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    unreadable(tmp_path / "pipe")
    unreadable(tmp_path)
    unreadable(Path("/dev/zero"))


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    path.touch()
    os.truncate(path, 1 << 40)
    assert "4 MiB" in unreadable(path).message


def test_a_link_to_a_file_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "real").write_text(NAMES, encoding="utf-8")
    (tmp_path / "link").symlink_to("real")
    assert read_configuration(str(tmp_path / "link"))[1] == ()


def test_the_lines_of_a_refused_file_that_can_be_read_are_there(tmp_path: Path) -> None:
    path = tmp_path / "ospool-ep.cfg"
    path.write_bytes(f"{NAMES}MEMORY=x\n".encode() + b"A=\xe9\nNUM_CPUS=4\n")
    configuration, findings = read_configuration(str(path))
    assert configuration.number("NUM_CPUS") == 4
    assert [finding.code for finding in findings] == ["not-a-positive-integer", "config-syntax"]


SECRETS = f"""\
TOKEN='hush hush'
OSPOOL_EP_UPDATE={TOKEN}
OSPOOL_EP_DRAIN_HOURS={TOKEN}
TOKEN_LOCATION={TOKEN}
EXTRA="{TOKEN}"
{TOKEN}
{TOKEN}=
A {TOKEN}=1
MEMORY={TOKEN}
GLIDEIN_Start_Extra={TOKEN}
OSPOOL_EP_IMAGE={TOKEN}
PROVIDE_NVIDIA_GPU={TOKEN}
OSG_SQUID_LOCATION={TOKEN}
NUM_CPUS='{TOKEN[:70]}
{TOKEN[70:]}'
eyJhbGciOiJIUzI1NiJ9=1
"""


@pytest.mark.parametrize("write", [config.as_text, config.as_json])
def test_no_secret_is_ever_shown(read: Reader, write: Callable[[Configuration, tuple[Finding, ...]], str]) -> None:
    configuration, findings = read(NAMES + SECRETS)
    shown = write(configuration, findings) + repr(configuration) + repr(findings)
    assert "(hidden)" in shown
    for secret in ["hush", "eyJ", *TOKEN.split(".")]:
        assert secret not in shown


def test_the_report_for_programs(read: Reader) -> None:
    configuration, findings = read(f"{NAMES}NUM_CPUS=x\nMINE=1\n")
    report = json.loads(config.as_json(configuration, findings))
    assert set(report) == {"values", "findings"}
    file = configuration.path
    assert report["values"]["GLIDEIN_Site"] == {"value": "Example", "line": 1, "file": file, "goes_to": "pilot"}
    assert report["values"]["RETIREMENT_HOURS"] == {"value": "10", "line": None, "file": None, "goes_to": "pilot"}
    assert report["values"]["NUM_CPUS"] == {"value": "x", "line": 3, "file": file, "goes_to": "both"}
    assert report["values"]["MINE"] == {"value": "1", "line": 4, "file": file, "goes_to": "pilot"}
    assert report["values"]["TOKEN"] == {"value": "", "line": None, "file": None, "goes_to": "host"}
    assert [finding["code"] for finding in report["findings"]] == ["not-a-positive-integer", "unknown-key"]


def test_the_report_for_people_has_a_line_for_each_key(read: Reader) -> None:
    configuration, findings = read(f"{NAMES}EXTRA_JOB_ENV='a\nb\x1b[2J'\nNUM_CPUS=x\n")
    lines = config.as_text(configuration, findings).splitlines()
    assert len(lines) == 1 + len(OPTIONS) + len(findings)
    assert lines[0].split() == ["KEY", "VALUE", "LINE", "GOES", "TO"]
    row = {line.split()[0]: line.split()[1:] for line in lines[1 : 1 + len(OPTIONS)]}
    assert row["GLIDEIN_Site"] == ["Example", "1", "pilot"]
    assert row["RETIREMENT_HOURS"] == ["10", "default", "pilot"]
    assert row["EXTRA_JOB_ENV"] == ["a\\nb\\x1b[2J", "3", "pilot"]


@given(st.binary(max_size=300))
def test_no_file_is_too_strange(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.cfg"
    path.write_bytes(data)
    configuration, findings = read_configuration(str(path))
    assert any(finding.code == "missing-required" for finding in findings)
    assert config.as_text(configuration, findings).replace("\n", "").isprintable()
    json.loads(config.as_json(configuration, findings))
