"""The operator's file of attributes: each mistake with its line, and nothing of it where it is right."""

import subprocess
import sys

import classad2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ospool_ep.configuration.attribute_names import refusal_of
from ospool_ep.configuration.attributes_file import SIZE_LIMIT, AttributesFile
from ospool_ep.configuration.attributes_file import read as read_file
from ospool_ep.configuration.findings import Severity
from tests.support.tokens import make_token

PATH = "/etc/osg/extra attributes.cfg"

# That of the users' documentation.
DOCUMENTED = b"""\
# The Kubernetes namespace this pod is running under
KUBERNETES_NAMESPACE = "path-osgdev"
# The deployment for this pilot
KUBERNETES_DEPLOYMENT = "osgvo-docker-pilot-gpu"
"""


def read(content: bytes) -> AttributesFile:
    return read_file(content, PATH)


def told(content: bytes) -> list[tuple[str, str]]:
    return [(finding.code, finding.message) for finding in read(content).findings]


def test_the_example_of_the_documentation() -> None:
    found = read(DOCUMENTED)
    assert found.findings == ()
    assert found.text == 'KUBERNETES_NAMESPACE = "path-osgdev"\nKUBERNETES_DEPLOYMENT = "osgvo-docker-pilot-gpu"\n'


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", ""),
        (b"\n# only\n   # a comment \\\n", ""),
        (b"Rack=7", "Rack = 7\n"),
        (b"\t Rack \t=  7 \n", "Rack = 7\n"),
        (b'Note = "a = b == c"\n', 'Note = "a = b == c"\n'),
        (b"Big = Cpus >= 8 && Memory =?= 5\n", "Big = Cpus >= 8 && Memory =?= 5\n"),
        ('Place = "Universität"\n'.encode(), 'Place = "Universität"\n'),
        (b'Price = "$5"\n', 'Price = "$5"\n'),
        (b'ospool_ep_host = "other"\n', 'ospool_ep_host = "other"\n'),
        (b'Hash = "#1"\n', 'Hash = "#1"\n'),
    ],
)
def test_what_is_right(content: bytes, text: str) -> None:
    found = read(content)
    assert (found.findings, found.text) == ((), text)


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        (b"FOO BAR = 1", "attribute-name", '"FOO BAR" is no name'),
        (b"9x = 1", "attribute-name", '"9x" is no name'),
        (b" = 1", "attribute-name", "no name before its ="),
        (b"my-rack = 1", "attribute-name", '"my-rack" is no name'),
        ("Größe = 1".encode(), "attribute-name", '"Größe" is no name'),
        ("\u00a0Rack = 1".encode(), "attribute-name", "is no name"),
        (b"Rack != 1", "attribute-name", '"Rack !" is no name'),
        (b"if = 1", "attribute-name", "a word of HTCondor's own language"),
        (b"True = 1", "attribute-name", "a word of HTCondor's own language"),
        (b"Rack == 1", "attribute-expression", "it compares"),
        (b"Rack =?= 1", "attribute-expression", "it compares"),
        (b"Rack =", "attribute-expression", "The expression ends where a value is due."),
        (b"Rack = B 7", "attribute-expression", '(character 3 of "B 7")'),
        (b"Rack = path-osgdev/", "attribute-expression", "no ClassAd expression"),
        (b'Rack = "B7', "attribute-expression", "never closes"),
        (b"Rack = 1 // one", "attribute-expression", "A comment"),
        (b'Rack = "B7" \\', "attribute-expression", "would take the next line with it"),
        (b"Rack = $(HOSTNAME)", "attribute-macro", '"$(HOSTNAME)"'),
        (b'Rack = "$ENV(HOME)"', "attribute-macro", "$ENV(HOME)"),
        (b'Rack = "$$(Name)"', "attribute-macro", "$$(Name)"),
        (b'Rack = "$$([1+1])"', "attribute-macro", "$$([1+1])"),
        (b"Rack", "attribute-without-value", '"Rack" has no ='),
        (b"START = True", "attribute-is-a-setting", "set GLIDEIN_Start_Extra"),
        (b"start_extra = True", "attribute-is-a-setting", "set that"),
        (b"NUM_CPUS = 4", "attribute-is-a-setting", "set those"),
        (b"MaxJobRetirementTime = 4", "attribute-is-a-setting", "a rule of the image"),
        (b"SLOT1_Rack = 4", "attribute-is-a-setting", "a setting of HTCondor"),
        (b"STARTD_ATTRS = Rack", "attribute-is-a-setting", "a setting of HTCondor"),
        (b"Cpus = 64", "attribute-is-published", "HTCondor itself says that"),
        (b"machine = 64", "attribute-is-published", "HTCondor itself says that"),
        (b'GLIDEIN_Site = "Other"', "attribute-of-the-image", "the pilot's image"),
        (b"IsBlackHole = False", "attribute-of-the-image", "the pilot's image"),
        (b"HeldCpus = 0", "attribute-is-ours", "what the others hold"),
        (b"heldmemory = 0", "attribute-is-ours", "what the others hold"),
        (b"Ra\0ck = 1", "attributes-not-readable", "a control character ('\\x00')"),
        (b'Rack = "\x1b[2J"', "attributes-not-readable", "a control character"),
        (b"# one\rRack = 1", "attributes-not-readable", "a control character ('\\r')"),
        (b'Rack = "\xe4"', "attributes-not-readable", "it is not UTF-8"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_is_right_beside_it_is_read(
    line: bytes, code: str, words: str
) -> None:
    found = read(b"# first\nBefore = 1\n" + line + b"\nAfter = 2\n")
    (finding,) = found.findings
    assert (finding.code, finding.severity) == (code, Severity.ERROR)
    assert finding.message.startswith(f"Line 3 of '{PATH}': ")
    assert words in finding.message
    assert found.text == "Before = 1\nAfter = 2\n"


def test_an_equal_name_is_found_in_any_case() -> None:
    found = read(b"Rack = 1\n\nColour = 2\nRACK = 3\nColour = 4\n")
    assert [finding.message for finding in found.findings] == [
        f"Line 4 of '{PATH}': RACK has a value already, in line 1 as Rack.",
        f"Line 5 of '{PATH}': Colour has a value already, in line 3.",
    ]


def test_a_token_is_never_shown() -> None:
    secret = make_token().strip()
    for line in (f'Mine = "{secret}"', f"{secret} = 1", secret):
        (finding,) = read(line.encode()).findings
        assert finding.code == "attribute-secret"
        assert secret[:12] not in finding.message + finding.hint


def test_line_ends_of_windows_are_told_once_and_read() -> None:
    found = read(b"# one\r\nRack = 1\r\nColour = 2\r\n")
    (finding,) = found.findings
    assert (finding.code, finding.severity) == ("attributes-line-ends", Severity.WARNING)
    assert found.text == "Rack = 1\nColour = 2\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xef\xbb\xbfRack = 1\n", "a byte order mark"),
        ("Rack = 1\n".encode("utf-16"), "UTF-16"),
        (b"#" * (SIZE_LIMIT + 1), "larger than 64 KiB"),
    ],
)
def test_a_file_of_another_kind_is_no_file_of_attributes(content: bytes, words: str) -> None:
    found = read(content)
    assert found.text == ""
    assert [words in finding.message for finding in found.findings] == [True]


def test_of_a_file_that_was_meant_for_something_else_not_every_line_is_told() -> None:
    found = read(b"some text\n" * 500).findings
    assert len(found) == 11
    assert "490 more mistakes" in found[-1].message


def test_each_setting_that_htcondor_has_a_default_for_is_refused() -> None:
    """But for those of a release that is newer than the list."""
    # In a process of its own: once htcondor2 is there, classad2 reads expressions in another way.
    command = [sys.executable, "-c", "import htcondor2; print(*htcondor2.param.keys())"]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert len(names) > 500
    passed = [name for name in names if refusal_of(name) is None]
    assert len(passed) < len(names) / 50, passed


@pytest.mark.parametrize("name", ["Rack", "NETWORK_SPEED", "HasBigDisk", "SiteName", "Gpu_Model", "Rank2"])
def test_a_name_that_describes_is_taken(name: str) -> None:
    assert refusal_of(name) is None


@given(st.binary(max_size=200))
def test_whatever_a_file_says_what_is_read_of_it_are_attributes(content: bytes) -> None:
    found = read(content)
    for line in found.text.rstrip("\n").split("\n") if found.text else ():
        name, _, expression = line.partition(" = ")
        assert classad2.ClassAd({name: classad2.ExprTree(expression)})
    assert read(found.text.encode()).text == found.text


@given(st.lists(st.sampled_from(["Rack", "rack", "=", " ", '"', "\\", "\n", "\r", "#", "$(X)", "1", "é", "START"])))
def test_what_was_read_is_read_again_without_a_mistake(parts: list[str]) -> None:
    text = read("".join(parts).encode()).text
    assert (read(text.encode()).text, read(text.encode()).findings) == (text, ())
