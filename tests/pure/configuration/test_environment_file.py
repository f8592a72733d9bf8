"""Environment files: lines, and what is found in them. What they are read as is compared with systemd elsewhere."""

import pytest

from ospool_ep.configuration import environment_file
from ospool_ep.configuration.findings import Finding, Severity

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"  # noqa: S105 - signed with nothing


def only_finding(data: bytes) -> Finding:
    findings = environment_file.parse(data).findings
    assert len(findings) == 1, findings
    return findings[0]


def test_each_assignment_has_the_line_of_its_first_character() -> None:
    data = b'# one\nA=1\n\n B = "2\n3"\n\nC=4\\\n5\n;6\nD=7\r\nE=8'
    lines = {assignment.key: assignment.line for assignment in environment_file.parse(data).assignments}
    assert lines == {"A": 2, "B": 4, "C": 7, "D": 10, "E": 11}


def test_the_last_assignment_of_a_key_holds_and_the_others_are_told() -> None:
    file = environment_file.parse(b"A=1\nB=2\nA=3\nA=4\n")
    assert file.effective["A"].value == "4"
    assert [(finding.code, finding.key, finding.line) for finding in file.findings] == [
        ("duplicate-key", "A", 1),
        ("duplicate-key", "A", 3),
    ]


@pytest.mark.parametrize(
    "data", [b"", b"A=1", b"A=1\r\n", b"; c\n# d\n", b" A = 'b' \n", b"A=#b\n", b"A=b\\\nc\n", b"A='#'\n"]
)
def test_nothing_is_found_where_nothing_is_odd(data: bytes) -> None:
    assert environment_file.parse(data).findings == ()


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"A=1\nB=\xe9\n", 2),
        (b"A=1\n\n\xe9=1\n", 3),
        (b"A=\xef\xbf\xbf\n", 1),
        (b"A=1\n#\x00\n", 2),
        (b"A=1\nB='\n\x00'\n", 3),
    ],
)
def test_what_makes_systemd_refuse_the_file_is_an_error(data: bytes, line: int) -> None:
    finding = next(finding for finding in environment_file.parse(data).findings if finding.severity is Severity.ERROR)
    assert (finding.code, finding.line) == ("config-syntax", line)
    assert "refuses the whole file" in finding.message


def test_the_other_lines_of_a_refused_file_are_read() -> None:
    file = environment_file.parse(b"A=1\nB=\xe9\nC=3\x00\nD=4\n")
    assert {key: assignment.value for key, assignment in file.effective.items()} == {"A": "1", "D": "4"}


def test_a_value_that_is_set_again_and_was_empty_or_the_same_is_not_told() -> None:
    assert environment_file.parse(b"A=\nB=1\nA=2\nB=1\n").findings == ()


@pytest.mark.parametrize("data", [b"export A=1", b"A B=1", b"=1", b"A B", b"GLIDEIN_Site Foo\n"])
def test_a_line_that_neither_systemd_nor_docker_takes_is_an_error(data: bytes) -> None:
    finding = only_finding(data)
    assert (finding.code, finding.severity) == ("config-syntax", Severity.ERROR)


@pytest.mark.parametrize("data", [b"A", b"A-B=1", b"1A=1", b"\xef\xbb\xbfA=1", b"A.b=c"])
def test_a_line_that_systemd_alone_ignores_is_a_warning(data: bytes) -> None:
    finding = only_finding(data)
    assert (finding.code, finding.severity) == ("config-syntax", Severity.WARNING)
    assert environment_file.parse(data).assignments == ()


@pytest.mark.parametrize(
    ("data", "line", "word"),
    [
        (b"\nA=1 # b\n", 2, "#"),
        (b"\nA='1' # b\n", 2, "#"),
        (b"\nA= # b\n", 2, "#"),
        (b"A=1\nB='c\nd'\nE=1\n", 2, "quote"),
        (b'A=1\nB="c\nd\nE=1\n', 2, "quote"),
        (b"A=1\n# c \\\nB=2\n", 3, "comment"),
        (b"A=1\n# c \\\n   B=2\n", 3, "comment"),
    ],
)
def test_what_is_hardly_meant_is_a_warning(data: bytes, line: int, word: str) -> None:
    finding = only_finding(data)
    assert (finding.code, finding.severity, finding.line) == ("config-syntax", Severity.WARNING, line)
    assert word in finding.message


@pytest.mark.parametrize("data", [b"# c \\\n# d\n", b"# c \\\n\n", b"# c \\", b"# c \\d\nA=1\n", b"# c \\\r\nA=1\n"])
def test_a_comment_that_takes_no_assignment_along_is_not_told(data: bytes) -> None:
    assert environment_file.parse(data).findings == ()


@pytest.mark.parametrize("data", [b"A=1 # b\n", b"A='1' # b\n", b"A='c\nd'\n", b'A="c\n'])
def test_what_is_wrong_with_a_value_names_its_key(data: bytes) -> None:
    assert only_finding(data).key == "A"


def test_a_byte_order_mark_and_an_export_have_hints_of_their_own() -> None:
    assert "byte order mark" in only_finding(b"\xef\xbb\xbfA=1").hint
    assert "export" in only_finding(b"export A=1").hint


def test_an_assignment_that_no_program_can_be_started_with_is_an_error() -> None:
    longest = environment_file.LONGEST_ASSIGNMENT - len(b"A=\0")
    assert environment_file.parse(b"A=" + b"x" * longest).findings == ()
    finding = only_finding(b"A=" + b"x" * (longest + 1))
    assert (finding.code, finding.severity) == ("config-syntax", Severity.ERROR)


@pytest.mark.parametrize(
    "line", [TOKEN, f"{TOKEN}=", f"{TOKEN} {TOKEN}", f"A\n{TOKEN}\n", f"export A={TOKEN}", TOKEN[:60]]
)
def test_a_token_in_the_wrong_place_is_not_repeated(line: str) -> None:
    file = environment_file.parse(line.encode())
    assert file.findings
    assert "eyJ" not in repr(file)


@pytest.mark.parametrize(
    ("data", "assignments"),
    [
        (b"".join(b"KEY_%d=some value\n" % number for number in range(10_000)), 10_000),
        (b"".join(b"KEY_%d = some value # c\n" % number for number in range(10_000)), 10_000),
        (b"".join(b"# comment %d \\\n" % number for number in range(10_000)), 0),
        (b"KEY=value\n" * 10_000, 10_000),
        (b"lone key\n" * 10_000, 0),
        (b"A='\n" * 10_001, 5_001),
        (b"A=b\r" * 100_000, 100_000),
        (b"A=x" + b" " * 1_000_000 + b"#", 1),
        (b'A="' + b"\\x" * 500_000, 1),
        (b"A=" + b"'' " * 300_000, 1),
        (b"\n" * 1_000_000, 0),
    ],
    ids=range(11),
)
def test_the_longest_files_are_read(data: bytes, assignments: int) -> None:
    """Were the time to grow faster than the length, each of these would take minutes, and pytest end the run."""
    assert len(environment_file.parse(data).assignments) == assignments
