"""Values that the image or HTCondor refuses are errors; odd ones that run are warnings, which say what comes out."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import Finding
from ospool_ep.configuration.number_checks import check_number
from ospool_ep.configuration.numbers import as_number
from ospool_ep.configuration.options import OPTIONS
from ospool_ep.configuration.pilot_text_checks import check_name
from ospool_ep.configuration.reading import read_configuration
from ospool_ep.configuration.values import POOLS

NAMES = "GLIDEIN_Site=Example\nGLIDEIN_ResourceName=Example-EP\n"
Row = tuple[str, str, Optional[str], Optional[int]]


class Reader:
    """Reads lines behind a good file, whose two lines they follow."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, *lines: str) -> tuple[Configuration, tuple[Finding, ...]]:
        self._path.write_text(NAMES + "\n".join(lines) + "\n", encoding="utf-8")
        return read_configuration(str(self._path))

    def rows(self, *lines: str) -> list[Row]:
        """Severity, code, key and line of each finding; each ends as a message does and says how to mend it."""
        _, findings = self(*lines)
        for finding in findings:
            assert finding.message.endswith(".")
            assert finding.hint
            assert len(finding.as_text("cfg").splitlines()) == 1
        return [(finding.severity.value, finding.code, finding.key, finding.line) for finding in findings]


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return Reader(tmp_path / "ospool-ep.cfg")


# --- Numbers


REFUSED_HOURS = [
    "+62", "-62", "08", "09", "018", "0", "00", "000", "' 62'", "'62 '", "6 2", "62h", "62.0", "62.5", "6e1", "1_0",
    "0x3e", "\u0666\u0662", "\uff16\uff12", "sixty", "62,0",
]  # fmt: skip


@pytest.mark.parametrize("key", ["ACCEPT_JOBS_FOR_HOURS", "RETIREMENT_HOURS"])
@pytest.mark.parametrize("value", REFUSED_HOURS)
def test_hours_that_the_pilot_refuses_are_an_error(read: Reader, key: str, value: str) -> None:
    assert read.rows(f"{key}={value}") == [("error", "not-a-positive-integer", key, 3)]


@pytest.mark.parametrize(
    ("value", "mended"),
    [
        ("+62", "62"),
        ("08", "8"),
        ("0090", "90"),
        ("' 62 '", "62"),
        ("62.0", "62"),
        ("\u0666\u0662", "62"),
        ("+ 062", "62"),
    ],
)
def test_the_number_that_is_meant_is_in_the_hint(read: Reader, value: str, mended: str) -> None:
    _, (finding,) = read(f"RETIREMENT_HOURS={value}")
    assert finding.hint == f"Write RETIREMENT_HOURS={mended}."
    assert read.rows(f"RETIREMENT_HOURS={mended}") == []


@pytest.mark.parametrize(
    ("line", "comes_out", "meant"),
    [
        ("ACCEPT_JOBS_FOR_HOURS=062", "50 hours", 62),
        ("ACCEPT_JOBS_FOR_HOURS=0062", "50 hours", 62),
        ("RETIREMENT_HOURS=010", "8 hours", 10),
        ("ACCEPT_IDLE_MINUTES=030", "24 minutes", 30),
        ("ACCEPT_IDLE_MINUTES=+030", "24 minutes", 30),
    ],
)
def test_a_number_that_comes_out_as_another_is_a_warning_with_both(
    read: Reader, line: str, comes_out: str, meant: int
) -> None:
    key = line.partition("=")[0]
    assert read.rows(line) == [("warning", "octal-number", key, 3)]
    configuration, (finding,) = read(line)
    assert comes_out in finding.message
    number, _, _ = comes_out.partition(" ")
    assert finding.hint == f"Write {key}={number} for that, or {key}={meant}."
    assert configuration.number(key) == int(number)


@pytest.mark.parametrize("value", ["1", "7", "07", "00007", "62", "1000"])
def test_hours_that_are_what_they_look_like_are_good(read: Reader, value: str) -> None:
    assert read.rows(f"ACCEPT_JOBS_FOR_HOURS={value}", "OSPOOL_EP_LONGEST_JOB_HOURS=1") == []


def by_bash(value: str) -> Optional[int]:
    """The same as in the image: digits, more than 0, and calculated with."""
    script = '[[ "$1" =~ ^[0-9]+$ ]] && [ "$1" -gt 0 ] && echo $(($1 * 1))'
    done = subprocess.run(["bash", "-c", script, "bash", value], capture_output=True, text=True, check=False)
    return int(done.stdout) if done.returncode == 0 and done.stdout else None


@pytest.mark.parametrize(
    "value", ["62", "062", "08", "007", "0", "00", "+62", "-1", "6 2", " 62", "62\n", "0x10", "1e1", "", "\u0666"]
)
def test_hours_are_what_bash_takes_them_for(value: str) -> None:
    assert as_number(OPTIONS["RETIREMENT_HOURS"], value) == by_bash(value)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ACCEPT_IDLE_MINUTES=30", None),
        ("ACCEPT_IDLE_MINUTES=+30", None),
        ("ACCEPT_IDLE_MINUTES=07", None),
        ("ACCEPT_IDLE_MINUTES=30.5", ("warning", "not-a-positive-integer")),
        ("ACCEPT_IDLE_MINUTES=0.5", ("warning", "not-a-positive-integer")),
        ("ACCEPT_IDLE_MINUTES=08.5", ("warning", "not-a-positive-integer")),
        ("ACCEPT_IDLE_MINUTES=' 30 '", ("warning", "not-a-positive-integer")),
        ("ACCEPT_IDLE_MINUTES=0", ("warning", "not-a-positive-integer")),
        ("ACCEPT_IDLE_MINUTES=-1", ("warning", "not-a-positive-integer")),
        ("ACCEPT_IDLE_MINUTES=08", ("error", "not-a-positive-integer")),
        ("ACCEPT_IDLE_MINUTES=' 09'", ("error", "not-a-positive-integer")),
        ("ACCEPT_IDLE_MINUTES=soon", ("error", "not-a-positive-integer")),
        ("ACCEPT_IDLE_MINUTES=3 0", ("error", "not-a-positive-integer")),
        ("ACCEPT_IDLE_MINUTES='  '", ("error", "not-a-positive-integer")),
        ("ACCEPT_IDLE_MINUTES=30m", ("error", "not-a-positive-integer")),
        ("ACCEPT_IDLE_MINUTES=\u0663\u0660", ("error", "not-a-positive-integer")),
        ("ACCEPT_IDLE_MINUTES=35791394", None),
        ("ACCEPT_IDLE_MINUTES=35791395", ("error", "number-too-large")),
        ("ACCEPT_IDLE_MINUTES=99999999", ("error", "number-too-large")),
        ("ACCEPT_IDLE_MINUTES=99999999999", ("error", "number-too-large")),
        ("ACCEPT_IDLE_MINUTES=0300000000", ("error", "number-too-large")),
        # Bash and HTCondor's expressions have 64 bits for these.
        ("ACCEPT_JOBS_FOR_HOURS=2147483648", None),
        ("ACCEPT_JOBS_FOR_HOURS=1000000000000", None),
        ("RETIREMENT_HOURS=999999999999999", None),
        ("RETIREMENT_HOURS=9999999999999999", ("error", "number-too-large")),
        (f"ACCEPT_JOBS_FOR_HOURS={'9' * 10_000}", ("error", "number-too-large")),
        ("MEMORY=2147483648", ("error", "number-too-large")),
        ("NUM_CPUS=99999999999.5", ("error", "number-too-large")),
        ("CVMFS_QUOTA_LIMIT=99999999999", ("warning", "number-too-large")),
        # HTCondor reads these as decimal numbers, and so does docker run --cpus.
        ("NUM_CPUS=08", None),
        ("NUM_CPUS=+4", None),
        ("MEMORY=08192", None),
        ("CVMFS_QUOTA_LIMIT=04000", None),
        ("NUM_CPUS=\u0664", ("error", "not-a-positive-integer")),
        ("NUM_CPUS='4 '", ("error", "not-a-positive-integer")),
        ("NUM_CPUS=1e1", ("error", "not-a-positive-integer")),
        ("MEMORY=0x1000", ("error", "not-a-positive-integer")),
    ],
)  # fmt: skip
def test_other_numbers_by_who_reads_them(read: Reader, line: str, expected: Optional[tuple[str, str]]) -> None:
    key = line.partition("=")[0]
    assert read.rows(line) == ([(*expected, key, 3)] if expected else [])


@given(
    st.sampled_from(["ACCEPT_JOBS_FOR_HOURS", "RETIREMENT_HOURS", "ACCEPT_IDLE_MINUTES", "MEMORY", "NUM_CPUS"]),
    st.one_of(st.from_regex(r"[+ ]?[0-9]{1,20}(\.[0-9]?)?", fullmatch=True), st.integers(2**25, 2**32).map(str)),
)
def test_a_mend_that_is_offered_is_taken(key: str, value: str) -> None:
    for finding in check_number(OPTIONS[key], value):
        for mended in re.findall(rf"{key}=([0-9]+)", finding.hint):
            again = {found.severity.value for found in check_number(OPTIONS[key], mended)}
            assert "error" not in again
            assert mended != value


def test_minutes_behind_a_line_break_are_an_error(read: Reader) -> None:
    rows = read.rows('ACCEPT_IDLE_MINUTES="\n30"')
    assert ("error", "not-a-positive-integer", "ACCEPT_IDLE_MINUTES", 3) in rows
    assert "error" not in [row[0] for row in read.rows('ACCEPT_IDLE_MINUTES="30\n"')]


OWN = "CONDOR_HOST=cm.example.edu"
ALONE = ("not-a-port", "ccb-range-incomplete")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((OWN, "CCB_RANGE_LOW=9618", "CCB_RANGE_HIGH=9700"), []),
        (("POOL=cm.example.edu", "CCB_RANGE_LOW=9618", "CCB_RANGE_HIGH=9618"), []),
        ((OWN, "CCB_RANGE_LOW=09618", "CCB_RANGE_HIGH=9700"), [("error", "not-a-port", "CCB_RANGE_LOW", 4)]),
        ((OWN, "CCB_RANGE_LOW=1", "CCB_RANGE_HIGH=65536"), [("warning", "not-a-port", "CCB_RANGE_HIGH", 5)]),
        ((OWN, "CCB_RANGE_LOW=0", "CCB_RANGE_HIGH=8"), [("warning", "not-a-port", "CCB_RANGE_LOW", 4)]),
        ((OWN, "CCB_RANGE_LOW=-1", "CCB_RANGE_HIGH=8"), [("warning", "not-a-port", "CCB_RANGE_LOW", 4)]),
        ((OWN, "CCB_RANGE_LOW=9700", "CCB_RANGE_HIGH=9618"), [("error", "ccb-range-empty", "CCB_RANGE_HIGH", 5)]),
        ((OWN, "CCB_RANGE_LOW=9_618", "CCB_RANGE_HIGH=0x2600"), []),
        ((OWN, "CCB_RANGE_LOW=broker", "CCB_RANGE_HIGH=9700"), [("error", "not-a-port", "CCB_RANGE_LOW", 4)]),
        *(
            ((OWN, f"CCB_RANGE_{end}={bad}"), [("warning", code, f"CCB_RANGE_{end}", 4) for code in ALONE])
            for end in ("LOW", "HIGH")
            for bad in ("70000", "0", "09618", "broker")
        ),
        ((OWN, "CCB_RANGE_LOW=09618", "CCB_RANGE_HIGH="), [("warning", code, "CCB_RANGE_LOW", 4) for code in ALONE]),
        ((OWN, "CCB_RANGE_LOW=9618"), [("warning", "ccb-range-incomplete", "CCB_RANGE_LOW", 4)]),
        ((OWN, "CCB_RANGE_HIGH=9618"), [("warning", "ccb-range-incomplete", "CCB_RANGE_HIGH", 4)]),
        ((OWN, "CCB_RANGE_LOW=", "CCB_RANGE_HIGH="), []),
        (("CCB_RANGE_LOW=9618", "CCB_RANGE_HIGH=9700"), [("error", "ccb-range-without-host", "CCB_RANGE_LOW", 3)]),
        (
            ("POOL=itb-ospool", "CCB_RANGE_LOW=9618", "CCB_RANGE_HIGH=9700"),
            [("error", "ccb-range-without-host", "CCB_RANGE_LOW", 4)],
        ),
    ],
)
def test_the_ports_of_brokers(read: Reader, lines: tuple[str, ...], expected: list[Row]) -> None:
    assert read.rows(*lines) == expected


@pytest.mark.parametrize("port", ["9618", "+9618", "09618", "0", "1", "96 18", "a", "9_618", "0x2592", " 9618 "])
def test_a_port_is_what_python_takes_it_for(port: str) -> None:
    code = f"import random; print(random.randrange({port},{port}+1))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    number = int(done.stdout) if re.fullmatch(r"[1-9]\d*\n", done.stdout) else None
    assert as_number(OPTIONS["CCB_RANGE_LOW"], port) == number


# --- Pools


@pytest.mark.parametrize(
    "value", [*POOLS, "cm.example.edu", "cm.example.edu:9618", "192.0.2.1", "cm-1.example.edu,cm-2.example.edu"]
)
def test_a_pool_that_the_image_knows_is_good(read: Reader, value: str) -> None:
    assert read.rows(f"POOL={value}") == []
    assert read.rows(f"POOL='{value}'") == []


@pytest.mark.parametrize(
    "value", ["flock", "OSPool", "OSPOOL", "osg", "prod", "itb", "' '", "'ospool '", "ospool,itb-ospool", "localhost",
              "localhost:9618", "true", "http://cm.example.edu", "cm.example.edu:port", "cm.example.edu:99999",
              '\'cm."example".edu\''],
)  # fmt: skip
def test_a_pool_that_the_image_does_not_know_is_an_error(read: Reader, value: str) -> None:
    assert read.rows(f"POOL={value}") == [("error", "not-a-pool", "POOL", 3)]
    # It looks at the pool first.
    assert ("error", "not-a-pool", "POOL", 3) in read.rows(f"POOL={value}", OWN)


@pytest.mark.parametrize(("value", "mended"), [("OSPool", "ospool"), ("'itb-ospool '", "itb-ospool")])
def test_a_pool_in_other_letters_is_mended(read: Reader, value: str, mended: str) -> None:
    assert read(f"POOL={value}")[1][0].hint == f"Write POOL={mended}."


@pytest.mark.parametrize(
    "value", ["cm.example.edu", "cm", "cm:9618", "cm-1.example.edu, cm-2.example.edu:9619", "192.0.2.1:9618",
              "[2001:db8::1]:9618", "cm.example.edu:9618?sock=collector3", "<192.0.2.1:9618?addrs=192.0.2.1-9618>",
              "$(FULL_HOSTNAME)"],
)  # fmt: skip
def test_central_managers_of_ones_own(read: Reader, value: str) -> None:
    assert read.rows(f"CONDOR_HOST={value}") == []


@pytest.mark.parametrize(
    "value", [",", "' '", "http://cm.example.edu", "cm.example.edu:0", "cm.example.edu:99999", "cm.example.edu:port",
              "cm.example.edu;cm-2.example.edu", "\"a'b\"", "cm/1"],
)  # fmt: skip
def test_what_is_no_central_manager_is_an_error(read: Reader, value: str) -> None:
    assert read.rows(f"CONDOR_HOST={value}") == [("error", "not-an-address", "CONDOR_HOST", 3)]


@pytest.mark.parametrize("key", ["POOL", "CONDOR_HOST"])
@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r", " \n ", ",\n", "\n\n"])
def test_a_line_break_in_an_address_breaks_htcondors_line(read: Reader, key: str, line_break: str) -> None:
    _, findings = read(f'{key}="cm-1.example.edu{line_break}cm-2.example.edu"')
    (finding,) = [finding for finding in findings if finding.code == "line-break"]
    assert (finding.severity.value, finding.key, finding.line) == ("error", key, 3)
    mended = finding.hint.partition(": ")[2]
    assert mended == f"{key}=cm-1.example.edu,cm-2.example.edu"
    assert read.rows(mended) == []
    _, findings = read(f'{key}="{line_break}cm-1.example.edu"')
    assert [finding.code for finding in findings if finding.severity.value == "error"] == ["line-break"]


def test_a_line_break_behind_the_address_does_no_harm(read: Reader) -> None:
    for key in ("POOL", "CONDOR_HOST"):
        _, findings = read(f'{key}="cm.example.edu\n"')
        assert [finding.code for finding in findings] == ["config-syntax"]


def test_a_pool_beside_central_managers_is_told(read: Reader) -> None:
    assert read.rows("POOL=prod-ospool", OWN) == [("info", "pool-not-used", "POOL", 3)]
    assert "line 4" in read("POOL=prod-ospool", OWN)[1][0].message


@pytest.mark.parametrize(
    ("lines", "ospool"),
    [
        ((), True),
        (("POOL=ospool",), True),
        (("POOL=prod-ospool",), True),
        (("POOL=",), True),
        (("POOL=itb-ospool",), False),
        (("POOL=ospool", "ITB=true"), False),
        (("POOL=cm.example.edu",), False),
        ((OWN,), False),
        (("_CONDOR_CONDOR_HOST=cm.example.edu",), False),
        (("_condor_COLLECTOR_HOST=cm.example.edu",), False),
        (("_CONDOR_NETWORK_INTERFACE=eth0",), True),
    ],
)
def test_whose_tokens_are_due(read: Reader, lines: tuple[str, ...], ospool: bool) -> None:
    assert read(*lines)[0].joins_ospool is ospool


# --- Repositories


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("oasis.opensciencegrid.org", ["oasis.opensciencegrid.org"]),
        ("oasis.opensciencegrid.org,atlas.cern.ch", ["oasis.opensciencegrid.org", "atlas.cern.ch"]),
        (" oasis.opensciencegrid.org ,, atlas.cern.ch, ", ["oasis.opensciencegrid.org", "atlas.cern.ch"]),
        ("""'"oasis.opensciencegrid.org atlas.cern.ch"'""", ["oasis.opensciencegrid.org", "atlas.cern.ch"]),
        ('''"'atlas.cern.ch'"''', ["atlas.cern.ch"]),
    ],
)
def test_repositories_as_the_image_takes_them(read: Reader, value: str, names: list[str]) -> None:
    assert read.rows(f"CVMFSEXEC_REPOS={value}") == []
    assert list(read(f"CVMFSEXEC_REPOS={value}")[0].repositories) == names


WITHOUT = [",", "' '", "', ,'", "TRUE", "FALSE", "1", "0", """'""'""", "-", "NONE", ";"]
WRONG = ["true", "True", "false", "yes", "no", "on", "none", "oasis", "oasis.opensciencegrid.org,true", "cvmfs",
         "http://oasis.opensciencegrid.org", "/cvmfs/oasis.opensciencegrid.org", "a.b;c.d", "*.org", "a..b",
         "a."]  # fmt: skip


@pytest.mark.parametrize("value", WITHOUT)
@pytest.mark.parametrize("bound", [(), ("BIND_MOUNT_CVMFS=true",)])
def test_a_list_without_a_repository_is_a_warning_and_no_conflict(read: Reader, value: str, bound: tuple[str]) -> None:
    assert read.rows(f"CVMFSEXEC_REPOS={value}", *bound) == [("warning", "no-repository", "CVMFSEXEC_REPOS", 3)]
    assert read(f"CVMFSEXEC_REPOS={value}")[0].repositories == ()


@pytest.mark.parametrize("value", WRONG)
def test_what_is_no_repository_is_an_error(read: Reader, value: str) -> None:
    assert read.rows(f"CVMFSEXEC_REPOS={value}") == [("error", "not-a-repository", "CVMFSEXEC_REPOS", 3)]


@pytest.mark.parametrize("value", ["true", "False", "oasis", "true,oasis"])
def test_what_is_no_repository_is_a_warning_where_the_pilot_has_the_hosts(read: Reader, value: str) -> None:
    lines = "BIND_MOUNT_CVMFS=true", f"CVMFSEXEC_REPOS={value}"
    assert read.rows(*lines) == [("warning", "not-a-repository", "CVMFSEXEC_REPOS", 4)]
    (finding,) = read(*lines)[1]
    assert finding.hint == "Leave it empty."
    assert "ends at once" not in finding.message


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("true", "BIND_MOUNT_CVMFS=true"),
        ("yes", "BIND_MOUNT_CVMFS=true"),
        ("false", "Leave it empty"),
        ("oasis", "names like"),
    ],
)
def test_a_truth_value_in_place_of_repositories_is_told_what_it_is_meant_for(
    read: Reader, value: str, words: str
) -> None:
    assert words in read(f"CVMFSEXEC_REPOS={value}")[1][0].hint


# The image passes both through: what reads CVMFS_HTTP_PROXY adds the http:// by itself (AddDefaultScheme in cvmfs).
@pytest.mark.parametrize(
    "value", ["squid.example.edu:3128", "http://squid.example.edu:3128", "auto;DIRECT", "http://a:1|http://b:1"]
)
def test_the_proxies_of_cvmfs_need_no_scheme(read: Reader, value: str) -> None:
    assert read.rows(f"CVMFS_HTTP_PROXY={value}") == []


# --- What stands between quotes in a file that the pilot writes

CVMFSEXEC = "CVMFSEXEC_REPOS=oasis.opensciencegrid.org"
PROXY = "http://squid.example.edu:3128"


@pytest.mark.parametrize(
    "value", [f'{PROXY}"', f'{PROXY}";"DIRECT', f"{PROXY}\n{PROXY}", f"{PROXY}\r", f"{PROXY}\\", f"{PROXY}$(hostname",
              f"{PROXY}`", f'"{PROXY};DIRECT"', '"a b"', '"'],
)  # fmt: skip
def test_a_proxy_that_breaks_the_file_of_cvmfs_is_an_error(read: Reader, value: str) -> None:
    line = f"CVMFS_HTTP_PROXY={quoted(value)}"
    _, findings = read(line, CVMFSEXEC)
    found = [finding for finding in findings if finding.code != "config-syntax"]
    assert [(one.severity.value, one.code, one.line) for one in found] == [("error", "proxy-not-quotable", 3)]
    # Nothing writes that file for a pilot without repositories of its own.
    for other in ("", "BIND_MOUNT_CVMFS=1", "CVMFSEXEC_REPOS=,"):
        assert not [finding for finding in read(line, other)[1] if finding.code == "proxy-not-quotable"]


@pytest.mark.parametrize(
    "value", [f'"{PROXY}"', "http://$HOST:3128", "http://`hostname`:3128", "a\\b", "a\\`", 'a\\"b']
)
def test_a_proxy_that_comes_out_as_another_is_a_warning(read: Reader, value: str) -> None:
    line = f"CVMFS_HTTP_PROXY={quoted(value)}"
    assert read.rows(line, CVMFSEXEC) == [("warning", "proxy-is-expanded", "CVMFS_HTTP_PROXY", 3)]


@given(st.text(st.sampled_from("ab:;| \\`$(){}'\"\n"), max_size=8))
def test_no_proxy_without_a_finding_becomes_another_one(value: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        _, findings = Reader(Path(directory) / "cfg")(f"CVMFS_HTTP_PROXY={quoted(value)}", CVMFSEXEC)
    severities = {finding.severity.value for finding in findings if finding.code.startswith("proxy-")}
    assert severities or in_a_script(value) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("A=1\nB=2", ("error", "environment-refused", 3)),
        ("A=1\rB=2", ("error", "environment-refused", 3)),
        ("A=1\n", ("error", "environment-refused", 3)),
        ('A="b"', ("warning", "environment-odd", 3)),
        ('"', ("warning", "environment-odd", 3)),
        ('"""', ("warning", "environment-odd", 3)),
        ("A='b c", ("warning", "environment-odd", 3)),
        ("A=b'c", ("warning", "environment-odd", 3)),
    ],
)
def test_an_environment_in_another_form_is_told(read: Reader, value: str, expected: tuple[str, str, int]) -> None:
    _, findings = read(f"EXTRA_JOB_ENV={quoted(value)}")
    found = [finding for finding in findings if finding.code != "config-syntax"]
    assert [(one.severity.value, one.code, one.line) for one in found] == [expected]


@pytest.mark.parametrize("value", ["A=1", "A=1 B=2", "A='b c' D=e", 'A=""b""', "A='it''s'", "A=$(x)"])
def test_an_environment_in_its_form_is_good(read: Reader, value: str) -> None:
    assert read.rows(f"EXTRA_JOB_ENV={quoted(value)}") == []


@pytest.mark.parametrize("value", ['"/data"', "'/data'", "/data,\n/more", '/da"ta'])
def test_binds_that_are_not_found_are_a_warning(read: Reader, value: str) -> None:
    _, findings = read(f"SINGULARITY_BIND_EXTRA={quoted(value)}")
    found = [finding for finding in findings if finding.code != "config-syntax"]
    assert [(one.severity.value, one.code, one.line) for one in found] == [("warning", "bind-not-found", 3)]


def test_binds_on_one_line_are_good(read: Reader) -> None:
    assert read.rows("SINGULARITY_BIND_EXTRA=/data,/more:/other:ro") == []


# --- Names

REFUSED_NAMES = ['A "B" C', '"', 'A"', "A\\", "A\\\\\\", "A\nB", "A\r"]
BROKEN_IN_BASH = ["A `B", "`", "A $(B", "${A", "$(a) $(b"]
EXPANDED_NAMES = ["$(hostname)", "A $(B) C", "`id`", "${HOME}", "$HOME", "A\\B", "A\\\\", "O'Brien", "US$", "$(a) ${b}"]
GOOD_NAMES = [
    "Example University",
    "A-B_C.D",
    "Universität",
    "A (B)",
    "A & B; C",
    "#1",
    "A\u00a0B",
    "A*",
    "{A}",
    "~a",
    "A=B",
]


def quoted(value: str) -> str:
    """The value as the file has it."""
    return '"' + re.sub(r'(["\\$`])', r"\\\1", value) + '"'


@pytest.mark.parametrize("key", ["GLIDEIN_Site", "GLIDEIN_ResourceName", "OSG_PROJECT_NAME"])
@pytest.mark.parametrize("value", REFUSED_NAMES)
def test_a_name_that_htcondor_refuses_is_an_error(read: Reader, key: str, value: str) -> None:
    configuration, findings = read(f"{key}={quoted(value)}")
    assert configuration.text(key) == value
    assert [finding.severity.value for finding in findings if finding.code == "name-refused"] == ["error"]


@pytest.mark.parametrize("value", BROKEN_IN_BASH)
def test_a_name_that_breaks_the_script_of_each_job_is_an_error(read: Reader, value: str) -> None:
    for key, code in (("GLIDEIN_Site", "name-refused"), ("OSG_PROJECT_NAME", "name-is-expanded")):
        assert code in [finding.code for finding in read(f"{key}={quoted(value)}")[1]]


@pytest.mark.parametrize("key", ["GLIDEIN_Site", "GLIDEIN_ResourceName", "OSG_PROJECT_NAME"])
@pytest.mark.parametrize("value", EXPANDED_NAMES)
def test_a_name_that_may_be_read_otherwise_is_a_warning(read: Reader, key: str, value: str) -> None:
    found = [finding for finding in read(f"{key}={quoted(value)}")[1] if finding.code.startswith("name-")]
    assert [(finding.code, finding.severity.value) for finding in found] == [("name-is-expanded", "warning")]


@pytest.mark.parametrize("key", ["GLIDEIN_Site", "GLIDEIN_ResourceName", "OSG_PROJECT_NAME"])
@pytest.mark.parametrize("value", GOOD_NAMES)
def test_other_names_are_good(read: Reader, key: str, value: str) -> None:
    assert "name" not in " ".join(finding.code for finding in read(f"{key}={quoted(value)}")[1])


def in_a_script(value: str) -> Optional[str]:
    """What a script has of a name that the image writes into it; None where bash fails."""
    script = f'set -e\nexport GLIDEIN_Site="{value}"\nprintf %s "$GLIDEIN_Site"\n'
    done = subprocess.run(["/bin/bash", "-c", script], capture_output=True, text=True, check=False, env={"PATH": ""})
    return done.stdout if done.returncode == 0 and "syntax" not in done.stderr else None


@pytest.mark.parametrize("value", [*REFUSED_NAMES[:5], *BROKEN_IN_BASH, *EXPANDED_NAMES, *GOOD_NAMES])
def test_what_a_script_gets_another_name_of_has_a_finding(value: str) -> None:
    severities = [finding.severity.value for finding in check_name(OPTIONS["GLIDEIN_Site"], value)]
    said = in_a_script(value)
    assert severities or said == value
    assert severities == ["error"] or said is not None


@given(st.text(st.sampled_from("ab \\`$(){}'\"\n"), max_size=8))
def test_no_name_without_a_finding_becomes_another_one(value: str) -> None:
    if value and not list(check_name(OPTIONS["GLIDEIN_Site"], value)):
        assert in_a_script(value) == value


@pytest.mark.parametrize("value", ['http://a"b@squid:3128', "http://a`b@squid:3128", "http://a$(b@squid:3128"])
def test_a_proxy_that_breaks_the_script_of_each_job_is_an_error(read: Reader, value: str) -> None:
    assert read.rows(f"OSG_SQUID_LOCATION={quoted(value)}") == [("error", "squid-invalid-url", "OSG_SQUID_LOCATION", 3)]


# --- Empty values


@pytest.mark.parametrize(
    ("key", "passed"),
    [
        ("POOL", None),
        ("ACCEPT_IDLE_MINUTES", "30"),
        ("ENABLE_REMOTE_SYSLOG", "false"),
        ("ITB", "false"),
        ("CVMFSEXEC_DEBUG", "false"),
        ("GLIDEIN_RANDOMIZE_NAME", "false"),
        ("GARBAGE_COLLECTION", None),
        ("SYSLOG_HOST", None),
        ("REGISTRY_HOST", None),
        ("OSG_DEFAULT_CONTAINER_DISTRIBUTION", None),
        ("OSG_DEFAULT_CONTAINER_DISTRIBUTION_GPU", None),
    ],
)
@pytest.mark.parametrize("empty", ["", "''", '""'])
def test_an_empty_value_that_beats_a_default_is_not_passed_on(
    read: Reader, key: str, passed: Optional[str], empty: str
) -> None:
    assert read.rows(f"{key}={empty}") == [("warning", "empty-value", key, 3)]
    configuration, (finding,) = read(f"{key}={empty}")
    assert configuration.pilot_environment().get(key) == passed
    assert passed is None or passed in finding.message


@pytest.mark.parametrize("empty", ["", "''", '""'])
@pytest.mark.parametrize(
    "key", ["TOKEN_LOCATION", "OSPOOL_EP_ENGINE", "OSPOOL_EP_UPDATE", "OSPOOL_EP_RETIRE_HOURS",
            "OSPOOL_EP_ROLLBACK_MINUTES"],
)  # fmt: skip
def test_an_empty_value_in_place_of_a_default_of_this_service_is_told(read: Reader, key: str, empty: str) -> None:
    assert read.rows(f"{key}={empty}") == [("warning", "empty-value", key, 3)]
    configuration, (finding,) = read(f"{key}={empty}")
    assert f"{configuration.text(key)} holds" in finding.message


@pytest.mark.parametrize(
    "key", ["WORKER_TEMP_DIR", "PROVIDE_NVIDIA_GPU", "BIND_MOUNT_CVMFS", "OSPOOL_EP_IMAGE", "OSPOOL_EP_DRAIN_HOURS"]
)
def test_an_empty_value_of_this_service_that_is_the_default_is_nothing_to_tell(read: Reader, key: str) -> None:
    assert read.rows(f"{key}=") == []


@pytest.mark.parametrize(
    "key", ["NUM_CPUS", "MEMORY", "CVMFSEXEC_REPOS", "CVMFS_HTTP_PROXY", "CVMFS_QUOTA_LIMIT", "OSG_SQUID_LOCATION",
            "GLIDEIN_Start_Extra", "OSG_PROJECT_NAME", "SINGULARITY_BIND_EXTRA", "CONDOR_HOST", "EXTRA_JOB_ENV",
            "CCB_RANGE_LOW", "_CONDOR_NETWORK_INTERFACE"],
)  # fmt: skip
def test_an_empty_value_that_is_the_default_is_nothing_to_tell(read: Reader, key: str) -> None:
    assert read.rows(f"{key}=") == []
    assert read(f"{key}=")[0].pilot_environment()[key] == ""


@pytest.mark.parametrize("blank", ["", "'  '"])
@pytest.mark.parametrize("key", ["RETIREMENT_HOURS", "ACCEPT_JOBS_FOR_HOURS"])
def test_a_key_that_must_be_set_is_told_of_once(read: Reader, key: str, blank: str) -> None:
    assert read.rows(f"{key}={blank}") == [("error", "missing-required", key, 3)]


# --- HTCondor's own settings, and keys without effect


@pytest.mark.parametrize(
    "key",
    ["_CONDOR_NETWORK_INTERFACE", "_condor_NETWORK_INTERFACE", "_Condor_all_debug", "_CONDOR_STARTD_CRON_base_PERIOD"],
)
def test_a_setting_of_htcondor_is_passed_on_and_is_no_unknown_key(read: Reader, key: str) -> None:
    assert read.rows(f"{key}=1m") == []
    assert read(f"{key}=1m")[0].pilot_environment()[key] == "1m"


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("_CONDOR_START", "GLIDEIN_Start_Extra"),
        ("_condor_start", "GLIDEIN_Start_Extra"),
        ("_CONDOR_START_EXTRA", "GLIDEIN_Start_Extra"),
        ("_CONDOR_DAEMON_LIST", "may not see"),
        ("_CONDOR_LOG", "may not see"),
        ("_CONDOR_STARTD_LOG", "journal"),
        ("_CONDOR_LOCAL_DIR", "WORKER_TEMP_DIR"),
        ("_CONDOR_EXECUTE", "WORKER_TEMP_DIR"),
        ("_CONDOR_ALLOW_ADMINISTRATOR", "refuse the orders"),
        ("_CONDOR_STARTD_NOCLAIM_SHUTDOWN", "ACCEPT_IDLE_MINUTES"),
        ("_CONDOR_MAXJOBRETIREMENTTIME", "more memory"),
        ("_CONDOR_MaxJobRetirementTime", "more memory"),
        ("_CONDOR_SHUTDOWN_GRACEFUL_TIMEOUT", "100 seconds"),
        ("_CONDOR_STARTD_CRON_JOBLIST", "never validated"),
        ("_CONDOR_STARTD_ATTRS", "not advertised"),
        ("_CONDOR_NUM_CPUS", "NUM_CPUS and MEMORY"),
        ("_CONDOR_SEC_DEFAULT_AUTHENTICATION_METHODS", "refuse the pilot"),
        ("_condor_sec_token_directory", "refuse the pilot"),
        ("_CONDOR_STARTD_CRON_base_EXECUTABLE", "validation"),
        ("_CONDOR_STARTD_CRON_BASE_MODE", "validation"),
        ("_CONDOR_STARTD_CRON_base_PERIODS", "validation"),
        ("_CONDOR_DAEMON_SHUTDOWN", "with jobs in it"),
        ("_CONDOR_DAEMON_SHUTDOWN_FAST", "with jobs in it"),
        ("_CONDOR_USER_JOB_WRAPPER", "script of the image"),
        ("_CONDOR_ALLOW_DAEMON", "access points"),
        ("_CONDOR_ALLOW_WRITE", "access points"),
        ("_CONDOR_CONDOR_HOST", "another pool"),
        ("_condor_collector_host", "another pool"),
        ("_CONDOR_SLOT_TYPE_1_PARTITIONABLE", "one slot"),
        ("_CONDOR_NUM_SLOTS", "one slot"),
        ("_CONDOR_NUM_SLOTS_TYPE_1", "one slot"),
        ("_CONDOR_LOCAL_CONFIG_DIR", "settings of the image"),
        ("_CONDOR_GLIDEIN_ToRetire", "set ACCEPT_JOBS_FOR_HOURS"),
        ("_CONDOR_GLIDEIN_ToDie", "set RETIREMENT_HOURS"),
        ("_CONDOR_SHUTDOWN_FAST_TIMEOUT", "in order"),
        ("_CONDOR_DEFAULT_MASTER_SHUTDOWN_SCRIPT", "outlive"),
    ],
)
def test_a_setting_that_breaks_what_this_service_does_is_a_warning(read: Reader, key: str, words: str) -> None:
    assert read.rows(f"{key}=1") == [("warning", "knob-breaks", key, 3)]
    configuration, (finding,) = read(f"{key}=1")
    assert words in finding.message
    assert configuration.pilot_environment()[key] == "1"


@pytest.mark.parametrize("key", ["_CONDOR_", "CONDOR_START", "_CONDR_START", "_CONDOR", "_CONDOR_1", "__CONDOR_START"])
def test_what_only_looks_like_a_setting_is_unknown(read: Reader, key: str) -> None:
    assert read.rows(f"{key}=1") == [("warning", "unknown-key", key, 3)]


@pytest.mark.parametrize(
    ("key", "passed"),
    [
        ("SUPERVISORD_RESTART_POLICY", True),
        ("APPTAINER_REGISTRY_MIRROR", True),
        ("ALLOW_CPUJOB_ON_GPUSLOT", False),
        ("CONTAINER_PILOT_USE_JOB_HOOK", False),
    ],
)
def test_a_key_without_effect_is_told(read: Reader, key: str, passed: bool) -> None:
    assert read.rows(f"{key}=true") == [("warning", "obsolete-key", key, 3)]
    assert (key in read(f"{key}=true")[0].pilot_environment()) is passed
    assert read.rows(f"{key}=") == []


# --- The common pool


@pytest.mark.parametrize(
    "value", ['Owner == "me"', 'TARGET.owner =?= "me"', "f(ProjectName, x)", "MyPROJECTS", '"downowner" == x'],
)  # fmt: skip
def test_an_expression_that_takes_the_pilot_out_of_the_common_pool_is_a_warning(read: Reader, value: str) -> None:
    line = f"GLIDEIN_Start_Extra={quoted(value)}"
    assert read.rows(line) == [("warning", "not-in-common-pool", "GLIDEIN_Start_Extra", 3)]
    assert read.rows(line, "POOL=itb-ospool") == [("warning", "not-in-common-pool", "GLIDEIN_Start_Extra", 3)]
    # Another pool has no such rule.
    assert read.rows(line, OWN) == read.rows(line, "POOL=cm.example.edu") == []


@pytest.mark.parametrize("value", ["TARGET.RequestCpus < 8", "Own && Projekt", ""])
def test_another_expression_leaves_it_there(read: Reader, value: str) -> None:
    assert read.rows(f"GLIDEIN_Start_Extra={value}") == []


def test_a_pool_that_a_setting_of_htcondors_names_is_no_common_pool(read: Reader) -> None:
    for line in ('GLIDEIN_Start_Extra=Owner == "me"', "OSG_PROJECT_NAME=Mine", "GLIDEIN_ResourceName=UNKNOWN"):
        codes = [finding.code for finding in read(line, "_CONDOR_CONDOR_HOST=cm.example.edu")[1]]
        assert "not-in-common-pool" not in codes
        assert "not-in-common-pool" in [finding.code for finding in read(line)[1]]


@pytest.mark.parametrize("name", ["UNKNOWN", "ARGO", "GP-ARGO-example", "CARGO"])
def test_a_resource_that_the_common_pool_passes_over_is_told(read: Reader, name: str) -> None:
    line, told = f"GLIDEIN_ResourceName={name}", ("warning", "not-in-common-pool", "GLIDEIN_ResourceName", 3)
    assert told in read.rows(line)
    for elsewhere in ("POOL=itb-ospool", "ITB=true", OWN):
        assert told not in read.rows(line, elsewhere)


@pytest.mark.parametrize("name", ["Argonne", "UNKNOWN-1", "Example-EP"])
def test_another_resource_is_served(read: Reader, name: str) -> None:
    assert "not-in-common-pool" not in [finding.code for finding in read(f"GLIDEIN_ResourceName={name}")[1]]


@pytest.mark.parametrize("value", ["A,B", "A B", "A, B", "A;B", "A|B", "A || B"])
def test_a_list_of_projects_matches_no_job(read: Reader, value: str) -> None:
    rows = read.rows(f"OSG_PROJECT_NAME={value}", OWN)
    assert rows == [("warning", "project-without-jobs", "OSG_PROJECT_NAME", 3)]


def test_a_project_is_told_as_what_may_be_meant(read: Reader) -> None:
    assert read.rows("OSG_PROJECT_NAME=Mine") == [("info", "not-in-common-pool", "OSG_PROJECT_NAME", 3)]
    assert read.rows("OSG_PROJECT_NAME=Mine", OWN) == []
