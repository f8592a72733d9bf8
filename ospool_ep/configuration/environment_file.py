"""An environment file as systemd's ``EnvironmentFile=`` reads it, which is what operators are told of ours.

Statement by statement it is read by ``environment_file_syntax``. python-dotenv takes the quotes off a plain value that
has some, and is there for nothing else: what is less plain (a backslash, a second quote, a character beyond ASCII, …)
systemd reads differently, and a value without quotes takes python-dotenv 40 s where 200,000 blanks follow each other in
it.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Union

from ospool_ep.configuration.environment_file_syntax import Statement, scan
from ospool_ep.configuration.findings import Finding, error, warning
from ospool_ep.configuration.masking import looks_like_token

# Longer strings are refused by execve(2), name, "=" and the final zero byte included (MAX_ARG_STRLEN in Linux).
LONGEST_ASSIGNMENT = 128 * 1024

_SYNTAX = "config-syntax"

_QUOTED_LINE = re.compile(
    rb"""[A-Za-z_][A-Za-z0-9_]* = (?: " [\t !#-\[\]-~]* " | ' [\t -&(-\[\]-~]* ' ) [ \t]* (?:\n|\Z)""", re.VERBOSE
)

# systemd's env_name_is_valid, in src/basic/env-util.c.
_NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*")
# A name with a blank in it, or none: docker's parseKeyValueFile, in opts/file.go of github.com/docker/cli.
_DOCKER_REFUSES = re.compile(rb"[ \t]|^=")


@dataclass(frozen=True)
class Assignment:
    """One ``key=value`` that takes effect, unless a later one sets the same key. ``line`` counts from 1.

    ``file`` is where it stands; empty: in the common configuration.
    """

    key: str
    value: str = field(repr=False)
    line: int
    file: str = ""


@dataclass(frozen=True)
class EnvironmentFile:
    """The assignments in their order, and what systemd refuses or ignores, or what is hardly meant as it stands."""

    assignments: tuple[Assignment, ...]
    findings: tuple[Finding, ...]

    @property
    def effective(self) -> dict[str, Assignment]:
        """The assignments by key: the last one of each."""
        return {assignment.key: assignment for assignment in self.assignments}


def parse(data: bytes) -> EnvironmentFile:
    """Read the text of an environment file, as far as it can be read.

    Every finding is a ``config-syntax`` or a ``duplicate-key``. An error is what makes systemd refuse the whole
    file, or a line that systemd ignores and ``docker run --env-file`` refuses: the existing service, which uses
    both on its file, does not start with it either. All else is a warning.
    """
    items = list(_items(data))
    assignments = tuple(item for item in items if isinstance(item, Assignment))
    findings = [item for item in items if isinstance(item, Finding)]
    findings += [*_duplicates(assignments), *_too_long(assignments)]
    if b"\0" in data:
        message = "There is a zero byte, and systemd refuses the whole file."
        line = 1 + data.count(b"\n", 0, data.index(b"\0"))
        findings.append(error(_SYNTAX, message, "Write the file anew as plain text.", line=line))
    return EnvironmentFile(assignments, tuple(sorted(findings, key=lambda finding: finding.line or 0)))


def _items(data: bytes) -> Iterator[Union[Assignment, Finding]]:
    position, line = 0, 1
    while position < len(data):
        quoted = _QUOTED_LINE.match(data, position)
        if quoted:
            yield _read_quoted(quoted[0], line)
            end = quoted.end()
        else:
            statement = scan(data, position)
            yield from _judge(data, statement, position, line)
            end = statement.end
        line += data.count(b"\n", position, end)
        position = end


def _read_quoted(text: bytes, line: int) -> Assignment:
    from dotenv.parser import parse_stream  # noqa: PLC0415 - of no use where no value has quotes

    binding = next(parse_stream(io.StringIO(text.decode("ascii"))))
    assert binding.key is not None
    assert binding.value is not None
    return Assignment(binding.key, binding.value, line)


def _judge(data: bytes, statement: Statement, position: int, line: int) -> Iterator[Union[Assignment, Finding]]:
    """What becomes of a statement; ``line`` is the line of ``position``, from where it was read."""

    def line_at(offset: int) -> int:
        return line + data.count(b"\n", position, offset)

    start = line_at(statement.start)
    if statement.value is None:
        if statement.key:
            yield _not_an_assignment(statement.key, start)
    elif not (_is_utf8(statement.key) and _is_utf8(statement.value)):
        message = "This is not UTF-8, and systemd refuses the whole file."
        yield error(_SYNTAX, message, "Write the line anew, in UTF-8.", line=start)
    elif not _NAME.fullmatch(statement.key):
        yield _not_a_name(statement.key, start)
    elif b"\0" not in statement.value:
        yield Assignment(statement.key.decode(), statement.value.decode(), start)
    # No name is given of what is none, nor of a token that was pasted there.
    shown = _NAME.fullmatch(statement.key) and not looks_like_token(statement.key.decode())
    for oddity, offset in statement.oddities:
        key = statement.key.decode() if shown else None
        yield warning(_SYNTAX, *oddity.value, key=key, line=line_at(offset))


def _is_utf8(text: bytes) -> bool:
    """systemd's utf8_is_valid (src/basic/utf8.c), which refuses Unicode's noncharacters, too."""
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        return False
    return decoded.isascii() or not any(ord(c) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(c) <= 0xFDEF for c in decoded)


def _duplicates(assignments: tuple[Assignment, ...]) -> Iterator[Finding]:
    """Values that are not used. An empty one, as most are in the shipped file, is no loss, nor is the same one."""
    used: dict[str, Assignment] = {}
    for assignment in reversed(assignments):
        last = used.setdefault(assignment.key, assignment)
        if assignment.value not in ("", last.value):
            message = f"This value is not used: line {last.line} sets the key again."
            hint = "Remove one of the lines."
            yield warning("duplicate-key", message, hint, key=assignment.key, line=assignment.line)


def _too_long(assignments: tuple[Assignment, ...]) -> Iterator[Finding]:
    for assignment in assignments:
        if len(assignment.key) + len(assignment.value.encode()) + len("=\0") > LONGEST_ASSIGNMENT:
            message = "This value is longer than 128 KiB, and no program can be started with it."
            yield error(_SYNTAX, message, "Shorten it.", key=assignment.key, line=assignment.line)


# What a line holds may be a token that was pasted in the wrong place: no message repeats it.


def _not_an_assignment(text: bytes, line: int) -> Finding:
    hint = "Write KEY=value, or # before a comment."
    if looks_like_token(text.decode("latin-1")):
        hint = "If this is the token, it belongs into a file of its own: everybody can read this one."
    return _ignored("This line is neither a comment nor KEY=value, and is ignored.", hint, text, line)


def _not_a_name(name: bytes, line: int) -> Finding:
    if name.startswith(b"\xef\xbb\xbf"):
        hint = "Save the file without a byte order mark."
    elif re.match(rb"export[ \t]", name):
        hint = "Remove the export."
    else:
        hint = "A name has letters, digits and _, and begins with no digit."
    return _ignored("What stands before the = is no name, and the line is ignored.", hint, name, line)


def _ignored(message: str, hint: str, text: bytes, line: int) -> Finding:
    return (error if _DOCKER_REFUSES.search(text) else warning)(_SYNTAX, message, hint, line=line)
