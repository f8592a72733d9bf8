"""The file of one service over that of all: which value holds, and in which file a problem stands."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ospool_ep.commands import config
from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.findings import Finding, files_with_errors, has_errors
from ospool_ep.configuration.options import OPTIONS
from ospool_ep.configuration.reading import could_be_read, read_configuration
from ospool_ep.system.json_data import decode, encode
from ospool_ep.this_service import ServiceName
from tests.support.tokens import make_token

NAMES = "GLIDEIN_Site=Example\nGLIDEIN_ResourceName=Example-EP\n"
TOKEN = make_token().strip()


class Files:
    """A common file, and that of ospool-ep@west."""

    def __init__(self, directory: Path) -> None:
        self.common = directory / "ospool-ep.cfg"
        self.own = Path(ServiceName("west").own_file(str(self.common)))
        self.own.parent.mkdir()

    def read(self, common: str, own: str) -> tuple[Configuration, tuple[Finding, ...]]:
        self.common.write_text(common, encoding="utf-8")
        self.own.write_text(own, encoding="utf-8")
        return self.read_again()

    def read_again(self) -> tuple[Configuration, tuple[Finding, ...]]:
        return read_configuration(str(self.common), str(self.own))

    def places(self, findings: tuple[Finding, ...]) -> list[tuple[str, str]]:
        """Where each finding stands, as it is printed, without the directories; and its code."""
        return [
            (finding.as_text(str(self.common)).partition(": ")[0].rpartition("/")[2], finding.code)
            for finding in findings
        ]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_the_own_file_of_an_instance_lies_beside_the_common_one() -> None:
    assert ServiceName("west").own_file("/etc/osg/ospool-ep.cfg") == "/etc/osg/ospool-ep.d/west.cfg"
    assert ServiceName().own_file("/etc/osg/ospool-ep.cfg") == ""


def test_a_key_of_the_own_file_holds_and_every_other_one_is_common(files: Files) -> None:
    configuration, findings = files.read(f"{NAMES}NUM_CPUS=8\n", "\nGLIDEIN_ResourceName=West\nMEMORY=4000\n")
    assert findings == ()
    assert configuration.text("GLIDEIN_Site") == "Example"
    assert configuration.text("GLIDEIN_ResourceName") == "West"
    assert (configuration.number("NUM_CPUS"), configuration.number("MEMORY")) == (8, 4000)
    assert [configuration.line(key) for key in ("GLIDEIN_ResourceName", "NUM_CPUS", "MEMORY")] == [2, 3, 3]
    assert configuration.file("MEMORY") == str(files.own)
    assert configuration.file("NUM_CPUS") == str(files.common)


def test_an_empty_value_of_the_own_file_is_the_default(files: Files) -> None:
    configuration, findings = files.read(f"{NAMES}NUM_CPUS=8\nOSPOOL_EP_UPDATE=off\n", "NUM_CPUS=\nOSPOOL_EP_UPDATE=\n")
    assert configuration.number("NUM_CPUS") is None
    assert configuration.choice("OSPOOL_EP_UPDATE") == "drain"
    # As where the common file says nothing: an empty value gets the same warning everywhere.
    assert files.places(findings) == [("west.cfg:2", "empty-value")]


def test_a_name_that_the_own_file_empties_is_missing_there(files: Files) -> None:
    _, findings = files.read(NAMES, "GLIDEIN_Site=\n")
    assert files.places(findings) == [("west.cfg:1", "missing-required")]


def test_an_error_stands_in_the_file_that_sets_the_key_file_by_file_and_line_by_line(files: Files) -> None:
    common = f"{NAMES}MEMORY=lots\nthis is no line\n"
    own = "\n\n\nNUM_CPUS=x\nand this is none\n"
    _, findings = files.read(common, own)
    assert files.places(findings) == [
        ("ospool-ep.cfg:3", "not-a-positive-integer"),
        ("ospool-ep.cfg:4", "config-syntax"),
        ("west.cfg:4", "not-a-positive-integer"),
        ("west.cfg:5", "config-syntax"),
    ]
    assert files_with_errors(findings, str(files.common)) == f"{files.common} and {files.own}"
    assert files_with_errors(findings[2:], str(files.common)) == str(files.own)


def test_what_no_file_sets_comes_last(files: Files) -> None:
    _, findings = files.read("NUM_CPUS=x\n", "MEMORY=x\n")
    assert [place for place, _ in files.places(findings)] == [
        "ospool-ep.cfg:1",
        "west.cfg:1",
        "ospool-ep.cfg",
        "ospool-ep.cfg",
    ]


@pytest.mark.parametrize(
    "wrong",
    ["NUM_CPUS=none", "NUM_CPUS=4\nNUM_CPUS=5", "NUM_CPUS=4 # four", f"NUM_CPUS={TOKEN}", f"NUM_CPUS={'1' * 2**17}"],
    ids=["value", "twice", "comment", "token", "long"],
)
def test_of_a_common_value_that_the_own_file_replaces_nothing_is_said(files: Files, wrong: str) -> None:
    assert files.read(f"{NAMES}{wrong}\n", "")[1] != ()
    assert files.read(f"{NAMES}{wrong}\n", "NUM_CPUS=4\n")[1] == ()


@pytest.mark.parametrize("wrong", ["NUM_CPUS='4", "NUM_CPUS='4\n5'"])
def test_a_quote_that_takes_more_lines_along_is_said_all_the_same(files: Files, wrong: str) -> None:
    _, findings = files.read(f"{NAMES}{wrong}\n", "NUM_CPUS=4\n")
    assert files.places(findings) == [("ospool-ep.cfg:3", "config-syntax")]


def test_what_two_files_say_together_names_the_line_of_each(files: Files) -> None:
    _, findings = files.read(f"{NAMES}BIND_MOUNT_CVMFS=true\n", "CVMFSEXEC_REPOS=oasis.opensciencegrid.org\n")
    assert files.places(findings) == [("west.cfg:1", "conflicting-cvmfs")]
    assert f"line 3 of {files.common} asks with BIND_MOUNT_CVMFS" in findings[0].message
    # The mend that leaves the other services alone.
    assert str(files.own) in findings[0].hint
    own = "CVMFSEXEC_REPOS=oasis.opensciencegrid.org\nBIND_MOUNT_CVMFS=\n"
    assert not has_errors(files.read(f"{NAMES}BIND_MOUNT_CVMFS=true\n", own)[1])


def test_a_token_is_found_in_the_file_where_it_stands(files: Files) -> None:
    _, findings = files.read(NAMES, f"{TOKEN.partition('.')[0]}=1\nEXTRA={TOKEN}\n")
    assert {place for place, code in files.places(findings) if code != "unknown-key"} == {"west.cfg:1", "west.cfg:2"}
    assert TOKEN[:20] not in repr(findings)


def spoil_missing(own: Path) -> None:
    own.unlink()


def spoil_directory(own: Path) -> None:
    own.unlink()
    own.mkdir()


def spoil_fifo(own: Path) -> None:
    own.unlink()
    os.mkfifo(own)


def spoil_large(own: Path) -> None:
    own.write_bytes(b"#" * (4 << 20) + b"\n")


def spoil_link(own: Path) -> None:
    own.unlink()
    own.symlink_to(own)


def spoil_place(own: Path) -> None:
    own.unlink()
    own.parent.rmdir()
    own.parent.write_text("")


def spoil_no_place(own: Path) -> None:
    own.unlink()
    own.parent.rmdir()


SPOILED = [spoil_missing, spoil_directory, spoil_fifo, spoil_large, spoil_link, spoil_place, spoil_no_place]


@pytest.mark.parametrize("spoil", SPOILED)
def test_an_own_file_that_cannot_be_read_is_one_error_that_names_it(
    files: Files, spoil: Callable[[Path], None]
) -> None:
    files.read(NAMES, "")
    spoil(files.own)
    configuration, findings = files.read_again()
    assert files.places(findings) == [("west.cfg", "config-unreadable")]
    assert has_errors(findings)
    assert not could_be_read(findings)
    # As of a common file that can't be opened: nothing is half known.
    assert configuration.text("GLIDEIN_Site") == ""


def test_the_mend_of_a_missing_own_file_makes_it(files: Files) -> None:
    files.read(NAMES, "")
    for spoil in (spoil_missing, spoil_no_place):
        spoil(files.own)
        command = files.read_again()[1][0].hint.partition("make the file: ")[2].partition(". ")[0]
        assert os.system(command) == 0
        assert files.read_again()[1] == ()


def test_both_files_missing_are_two_errors(files: Files) -> None:
    assert files.places(files.read_again()[1]) == [
        ("ospool-ep.cfg", "config-unreadable"),
        ("west.cfg", "config-unreadable"),
    ]


def test_the_report_for_programs_names_the_file_of_each_value_and_finding(files: Files) -> None:
    report = json.loads(config.as_json(*files.read(f"{NAMES}MEMORY=x\n", "NUM_CPUS=x\n")))
    assert report["values"]["GLIDEIN_Site"]["file"] == str(files.common)
    assert report["values"]["NUM_CPUS"]["file"] == str(files.own)
    assert report["values"]["TOKEN"]["file"] is None
    assert [finding["file"] for finding in report["findings"]] == [str(files.common), str(files.own)]


def test_the_table_names_a_file_only_where_there_are_two(files: Files) -> None:
    def lines(configuration: Configuration) -> dict[str, str]:
        rows = [row.split() for row in config.as_text(configuration, ()).splitlines()]
        return {row[0]: row[-2] for row in rows[1:]}

    two = lines(files.read(NAMES, "NUM_CPUS=4\n")[0])
    assert (two["GLIDEIN_Site"], two["NUM_CPUS"], two["TOKEN"]) == ("ospool-ep.cfg:1", "west.cfg:1", "default")
    assert lines(read_configuration(str(files.common))[0])["GLIDEIN_Site"] == "1"


@given(st.sets(st.sampled_from(sorted(OPTIONS))), st.sets(st.sampled_from(sorted(OPTIONS))))
def test_what_crosses_to_another_process_knows_its_files(
    tmp_path_factory: pytest.TempPathFactory, common: set[str], own: set[str]
) -> None:
    files = Files(tmp_path_factory.mktemp("files"))
    configuration, findings = files.read("".join(f"{key}=a\n" for key in common), "".join(f"{key}=b\n" for key in own))
    there = decode(Configuration, encode(configuration))
    assert there == configuration
    assert {key for key in OPTIONS if there.text(key) == "b"} == own - {
        key for key in own if OPTIONS[key].default == "b"
    }
    for finding in findings:
        if finding.line:
            assert finding.key
            assert finding.file == str(files.own if finding.key in own else files.common)
