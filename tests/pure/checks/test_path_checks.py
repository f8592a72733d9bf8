"""Token file and scratch: what is wrong is found, and the command in the hint truly mends it."""

import errno
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ospool_ep.checks.host_facts import STOP_STAMP
from ospool_ep.checks.path_checks import check_scratch, check_token_file
from ospool_ep.checks.path_probe import look
from ospool_ep.checks.path_sight import Sight
from ospool_ep.checks.permissions import Node
from ospool_ep.configuration.findings import Finding, Severity
from tests.pure.checks.test_path_probe import mount
from tests.support.claims import token

Prepare = Callable[[Path], None]


def own(path: Path, mode: int, uid: int = 0, gid: int = 0) -> None:
    os.chown(path, uid, gid)
    path.chmod(mode)


def run(command: str, *paths: Path) -> None:
    subprocess.run(command.format(*map(shlex.quote, map(str, paths))), shell=True, check=True, cwd="/")


def command_in(hint: str) -> str:
    return re.sub(r"^[^:]*: ", "", hint)


def token_findings(path: Path) -> list[Finding]:
    findings = list(check_token_file(look({str(path): "read"}, 30.0)[str(path)], 3))
    assert {(finding.key, finding.line) for finding in findings} <= {("TOKEN_LOCATION", 3)}
    assert not [finding for finding in findings if path.is_file() and path.read_text() in finding.as_text("cfg")]
    return findings


def scratch_findings(path: Path) -> list[Finding]:
    stamp = f"{path}/{STOP_STAMP}"
    seen = look({str(path): "write", stamp: "read"}, 30.0)
    findings = list(check_scratch(seen[str(path)], seen[stamp], 4))
    assert {(finding.key, finding.line) for finding in findings} <= {("WORKER_TEMP_DIR", 4)}
    # How much room the test's own disk has is not what is tested here.
    return [finding for finding in findings if finding.code != "scratch-low-space"]


def codes(findings: list[Finding]) -> list[tuple[str, Severity]]:
    return [(finding.code, finding.severity) for finding in findings]


def private_parent(path: Path) -> None:
    own(path, 0o600, 1000, 1000)
    path.parent.chmod(0o700)


def private_parents(path: Path) -> None:
    own(path, 0o600)
    own(path.parent, 0o640, 1000, 1000)
    own(path.parent.parent, 0o700)


def parent_with_acl(path: Path) -> None:
    own(path, 0o644)
    run("setfacl -m u:1000:- {0}", path.parent)
    path.chmod(0o640)
    os.chown(path, 0, 1000)


UNREADABLE: dict[str, Prepare] = {
    "root's alone": lambda path: own(path, 0o600),
    "root's group": lambda path: own(path, 0o640),
    "the pilot's, without a right": lambda path: own(path, 0o000, 1000, 1000),
    "others may, the group may not": lambda path: own(path, 0o604, 0, 1000),
    "an ACL forbids it": lambda path: run("chmod 644 {0} && setfacl -m u:1000:- {0}", path),
    "an ACL allows it, its mask does not": lambda path: run("chmod 600 {0} && setfacl -m u:1000:r,m::- {0}", path),
    "a directory": private_parent,
    "two directories and the file": private_parents,
    "a directory with an ACL": parent_with_acl,
}


@pytest.fixture
def token_path(open_path: Path) -> Path:
    path = open_path / "it's here" / "deep" / "token"
    path.parent.mkdir(parents=True)
    path.write_text(token(), encoding="utf-8")
    return path


@pytest.mark.parametrize("prepare", UNREADABLE.values(), ids=UNREADABLE)
def test_a_token_that_the_pilot_cannot_read(token_path: Path, prepare: Prepare) -> None:
    prepare(token_path)
    findings = token_findings(token_path)
    assert codes(findings) == [("token-unreadable-by-pilot", Severity.ERROR)]
    run(command_in(findings[0].hint))
    assert token_findings(token_path) == []


READABLE: dict[str, Prepare] = {
    "the pilot's": lambda path: own(path, 0o400, 1000, 1000),
    "its group's": lambda path: own(path, 0o640, 0, 1000),
    "by an ACL": lambda path: run("chmod 600 {0} && setfacl -m u:1000:r {0}", path),
}


@pytest.mark.parametrize("prepare", READABLE.values(), ids=READABLE)
def test_a_token_that_is_well_kept(token_path: Path, prepare: Prepare) -> None:
    prepare(token_path)
    assert token_findings(token_path) == []


@pytest.mark.parametrize(("uid", "mode", "verb"), [(0, 0o644, "read"), (1000, 0o644, "read"), (1000, 0o602, "write")])
def test_a_token_that_everybody_can_use(token_path: Path, uid: int, mode: int, verb: str) -> None:
    own(token_path, mode, uid, uid)
    (finding,) = token_findings(token_path)
    assert codes([finding]) == [("token-too-open", Severity.WARNING)]
    assert f"can {verb}" in finding.message
    run(command_in(finding.hint))
    assert token_findings(token_path) == []


def test_no_token(token_path: Path) -> None:
    new = token_path.with_name("new")
    token_path.rename(new)
    for path in (token_path, new / "below a file"):
        assert codes(token_findings(path)) == [("token-missing", Severity.ERROR)]
    token_path.symlink_to("nowhere")
    assert codes(token_findings(token_path)) == [("token-missing", Severity.ERROR)]
    token_path.unlink()
    below = token_path.parent / "no" / "such" / "directory" / "token"
    (finding,) = token_findings(below)
    run("cd {0} && cp new TOKEN", token_path.parent)
    run(f"cd {shlex.quote(str(token_path.parent))} && {command_in(finding.hint)}")
    assert token_findings(below) == []


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_a_token_that_is_no_file(open_path: Path, make: Callable[[Path], None]) -> None:
    make(open_path / "token")
    assert codes(token_findings(open_path / "token")) == [("token-not-a-file", Severity.ERROR)]


def test_a_token_on_a_file_system_that_nobody_can_write(open_path: Path) -> None:
    mount(open_path / "mnt", "mode=755")
    path = open_path / "mnt" / "token"
    path.write_text(token(), encoding="utf-8")
    own(path, 0o600)
    run("mount -o remount,ro {0}", path.parent)
    (finding,) = token_findings(path)
    assert finding.code == "token-unreadable-by-pilot"
    assert f"install -o 1000 -g 1000 -m 600 {path} /etc/osg/ospool-ep.tkn" in finding.hint


SEEN = Sight("/net/token", error=0)
STRANGE = [
    (Sight("/net/token", hangs=True), "token-unreadable-by-pilot", "does not answer"),
    (Sight("/net/token", error=13, tried=True, path_error=13), "token-unreadable-by-pilot", "nor can the engine"),
    (Sight("/net/token", error=13), "token-not-examined", "Only root can see"),
]


@pytest.mark.parametrize(("sight", "code", "said"), STRANGE, ids=[case[2] for case in STRANGE])
def test_a_token_out_of_reach(sight: Sight, code: str, said: str) -> None:
    (finding,) = check_token_file(sight, 3)
    assert finding.code == code
    assert said in finding.message


def test_rules_that_no_mode_shows_are_not_mended_by_a_mode(token_path: Path) -> None:
    own(token_path, 0o600, 1000, 1000)
    seen = look({str(token_path): "read"}, 30.0)[str(token_path)]
    (finding,) = check_token_file(replace(seen, item_error=13, path_error=13), 3)
    assert finding.code == "token-unreadable-by-pilot"
    assert "local disk" in finding.hint
    assert seen.item is not None
    squashed = replace(seen, item=replace(seen.item, mode=0o100000), read_error=13, item_error=13, path_error=13)
    (finding,) = check_token_file(squashed, 3)
    assert "root_squash" in finding.hint


def shut(path: Path) -> None:
    run("chmod 777 {0} && setfacl -m u:1000:r-x {0}", path)


UNWRITABLE: dict[str, Prepare] = {
    "root's": lambda path: own(path, 0o755),
    "the pilot's, without a right": lambda path: own(path, 0o500, 1000, 1000),
    "another user's": lambda path: own(path, 0o750, 4242, 4242),
    "without a look into it": lambda path: own(path, 0o733),
    "an ACL forbids it": shut,
}


@pytest.fixture
def scratch(open_path: Path) -> Path:
    path = open_path / "it's $HOME" / "scratch"
    path.mkdir(parents=True)
    return path


@pytest.mark.parametrize("prepare", UNWRITABLE.values(), ids=UNWRITABLE)
def test_a_scratch_in_which_the_pilot_cannot_work(scratch: Path, prepare: Prepare) -> None:
    prepare(scratch)
    findings = scratch_findings(scratch)
    assert codes(findings) == [("scratch-not-writable-by-pilot", Severity.ERROR)]
    run(command_in(findings[0].hint))
    assert scratch_findings(scratch) == []


def test_a_scratch_behind_a_closed_directory_works_and_is_pointed_out(scratch: Path) -> None:
    own(scratch, 0o700, 1000, 1000)
    scratch.parent.chmod(0o700)
    (finding,) = scratch_findings(scratch)
    assert codes([finding]) == [("scratch-not-writable-by-pilot", Severity.WARNING)]
    run(command_in(finding.hint))
    assert scratch_findings(scratch) == []


def test_no_scratch(scratch: Path) -> None:
    scratch.rmdir()
    (finding,) = scratch_findings(scratch)
    assert codes([finding]) == [("scratch-missing", Severity.ERROR)]
    run(command_in(finding.hint))
    assert scratch_findings(scratch) == []


def test_a_scratch_that_is_no_directory(open_path: Path) -> None:
    (open_path / "file").touch()
    assert codes(scratch_findings(open_path / "file")) == [("scratch-not-a-directory", Severity.ERROR)]


@pytest.mark.parametrize(("options", "code"), [("ro", "scratch-not-writable-by-pilot"), ("noexec", "scratch-noexec")])
def test_a_scratch_that_is_mounted_wrongly(open_path: Path, options: str, code: str) -> None:
    path = open_path / "it's mounted"
    mount(path, f"mode=1777,{options}")
    (finding,) = scratch_findings(path)
    assert codes([finding]) == [(code, Severity.ERROR)]
    run(command_in(finding.hint))
    assert scratch_findings(path) == []


def test_a_scratch_that_is_full(open_path: Path) -> None:
    mount(open_path / "full", "size=4k,mode=1777")
    (open_path / "full" / "filler").write_bytes(bytes(4096))
    (finding,) = scratch_findings(open_path / "full")
    assert finding.code == "scratch-not-writable-by-pilot"
    assert "full" in finding.message


@pytest.mark.parametrize(("size", "expected"), [("9g", ["scratch-low-space"]), ("11g", [])])
def test_how_much_room_there_is(open_path: Path, size: str, expected: list[str]) -> None:
    mount(open_path / "mnt", f"size={size},mode=1777")
    path = str(open_path / "mnt")
    findings = list(check_scratch(look({path: "write"}, 30.0)[path], None, 4))
    assert [finding.code for finding in findings] == expected
    assert not [finding for finding in findings if finding.severity is not Severity.WARNING]


SEEN = Sight("/scratch", item=Node("/scratch", 1000, 1000, 0o40755, b""), tried=True)


def make_file(stamp: Path) -> None:
    stamp.touch()


def make_file_of_root(stamp: Path) -> None:
    stamp.touch(mode=0o600)


def make_directory(stamp: Path) -> None:
    stamp.mkdir()


@pytest.mark.parametrize("make", [make_file, make_file_of_root, make_directory])
def test_a_stamp_that_was_left_over_says_that_it_stops_nothing_and_the_hint_removes_it(
    open_path: Path, make: Prepare
) -> None:
    path = open_path / "a scratch"
    path.mkdir()
    own(path, 0o755, 1000, 1000)
    make(path / STOP_STAMP)
    (finding,) = scratch_findings(path)
    assert codes([finding]) == [("scratch-stop-stamp", Severity.WARNING)]
    assert "ospool-ep drain" in finding.hint
    if make is not make_directory:
        run(command_in(finding.hint))
        assert scratch_findings(path) == []


def test_a_stamp_is_an_error_where_the_next_pilot_sees_it() -> None:
    """It has all of the directory where root is kept out of that."""
    stamp = Sight(f"/scratch/{STOP_STAMP}", tried=True)
    (finding,) = check_scratch(replace(SEEN, closed_to_us=True), stamp, 4)
    assert codes([finding]) == [("scratch-stop-stamp", Severity.ERROR)]
    assert command_in(finding.hint) == f"rm /scratch/{STOP_STAMP}"


def test_the_stamps_of_pilots_that_have_ended_are_harmless(open_path: Path) -> None:
    path = open_path / "scratch"
    (path / "osgvo-pilot-1").mkdir(parents=True)
    own(path, 0o755, 1000, 1000)
    (path / "osgvo-pilot-1" / STOP_STAMP).touch()
    (path / f"{STOP_STAMP}.old").touch()
    (path / STOP_STAMP).symlink_to("nowhere")
    assert scratch_findings(path) == []


@pytest.mark.parametrize(
    ("path_error", "found"),
    [(0, True), (errno.EINVAL, True), (errno.ENOENT, False), (errno.EACCES, False), (errno.ENOTCONN, False)],
)
def test_a_stamp_that_only_the_pilot_sees(path_error: int, found: bool) -> None:
    """Its server does not trust this root (root_squash)."""
    stamp = Sight(
        f"/scratch/{STOP_STAMP}", error=errno.EACCES, tried=True, path_error=path_error, item_error=errno.EACCES
    )
    findings = list(check_scratch(Sight("/scratch", hangs=True), stamp, 4))
    assert ("scratch-stop-stamp" in [finding.code for finding in findings]) is found
