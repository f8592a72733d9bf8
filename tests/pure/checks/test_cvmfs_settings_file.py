"""The file of OSPOOL_EP_CVMFS_DEFAULT is read by a shell; what a shell reads otherwise than is meant is told."""

import subprocess

import pytest

from ospool_ep.checks.cvmfs_settings_file import check_settings
from ospool_ep.configuration.findings import Finding

PATH = "/etc/osg/cvmfs-default.local"
WELL = """\
# A comment

CVMFS_HTTP_PROXY='http://squid.example.edu:3128;DIRECT'
 export CVMFS_TIMEOUT=5
CVMFS_SERVER_URL="http://one.example.org/cvmfs/@fqrn@;http://two.example.org/cvmfs/@fqrn@" # both
CVMFS_NFILES=$((32 * 1024))
CVMFS_SEND_INFO_HEADER=yes
CVMFS_EMPTY=
if [ "$CVMFS_FQRN" = atlas.cern.ch ]; then
    CVMFS_MAX_RETRIES=2
fi
"""


def found(text: str, **environment: str) -> list[Finding]:
    return list(check_settings(PATH, text, environment))


def test_a_file_as_cvmfs_documents_it_is_well() -> None:
    assert found(WELL) == []
    subprocess.run(["sh", "-eu", "-c", f"CVMFS_FQRN=x; {WELL}"], check=True)


# Of each, what a shell makes of the variable A.
WRONG = [
    ("A = 1", "is no NAME=VALUE"),
    ("A", "is no NAME=VALUE"),
    ("A: 1", "is no NAME=VALUE"),
    ("1A=1", "is no NAME=VALUE"),
    ("CVMFS_A= 1", "what follows the blank"),
    ("CVMFS_A=a b", "what follows the blank"),
    ("CVMFS_A=http://a:1;DIRECT", "what follows ; for another command"),
    ("CVMFS_A=http://a:1|http://b:1", "what follows | for another command"),
    ("CVMFS_A=a&", "what follows & for another command"),
    ("CVMFS_A='a", "has no end"),
    ("CVMFS_A=a\r", "as on Windows"),
]


@pytest.mark.parametrize(("line", "says"), WRONG)
def test_a_line_that_sets_nothing_or_something_else_is_told_with_its_number(line: str, says: str) -> None:
    (finding,) = found(f"# one\n\n{line}\n")
    assert (finding.code, finding.severity.value) == ("not-a-cvmfs-setting", "warning")
    assert f"ine 3 of {PATH}" in finding.message
    assert says in finding.message


def test_no_value_is_shown() -> None:
    texts = [f"{one.message} {one.hint}" for line, _ in WRONG for one in found(f"{line} secret-word\n")]
    assert not any("secret-word" in text for text in texts)


@pytest.mark.parametrize("name", ["CVMFS_HTTP_PROXY", "CVMFS_QUOTA_LIMIT"])
def test_a_setting_that_the_configuration_beats_is_told(name: str) -> None:
    text = f"{name}=1\n"
    assert found(text) == []
    (finding,) = found(text, **{name: "5"})
    assert (finding.code, finding.severity.value) == ("cvmfs-setting-not-used", "info")
    assert name in finding.message


@pytest.mark.parametrize("name", ["CVMFS_CACHE_BASE", "CVMFS_ALIEN_CACHE", "CVMFS_WORKSPACE"])
def test_a_cache_elsewhere_is_a_warning(name: str) -> None:
    (finding,) = found(f"{name}=/var/lib/cvmfs\n")
    assert (finding.code, finding.severity.value) == ("cvmfs-cache-elsewhere", "warning")


def test_what_the_image_would_write_behind_a_last_line_without_an_end_is_told() -> None:
    assert found("CVMFS_TIMEOUT=5") == []
    (finding,) = found("CVMFS_TIMEOUT=5", CVMFS_QUOTA_LIMIT="5000")
    assert finding.code == "cvmfs-setting-cut"
    assert f"echo >>{PATH}" in finding.hint
    assert found("CVMFS_TIMEOUT=5\n", CVMFS_QUOTA_LIMIT="5000") == []
