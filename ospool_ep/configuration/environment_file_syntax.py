"""The syntax of systemd's ``EnvironmentFile=``, statement by statement.

Source: parse_env_file_internal in systemd's src/basic/env-file.c, release 252 (that of EL9 and Debian 12). Releases
up to 257 differ in one thing: since 254 a backslash at the end of a comment does not continue it any more.

Everything is bytes: a backslash takes one byte, so that what is no UTF-8 before may be after, and the reverse.
"""

import enum
import re
from dataclasses import dataclass
from typing import Optional


class Oddity(enum.Enum):
    """What systemd takes, and the author may not have meant: what happens, and how to mend it."""

    COMMENT_GOES_ON = (
        "This line is ignored: the comment before it ends in a backslash, which takes it along.",
        "Remove that backslash.",
    )
    HASH_IN_VALUE = (
        "The # and what follows is part of the value: there are no comments behind a value.",
        "Put the comment on a line of its own.",
    )
    QUOTED_NEWLINE = (
        "The quote that opens here closes on a later line, and the value has several lines.",
        "Close the quote on the same line.",
    )
    UNCLOSED_QUOTE = (
        "The quote that opens here never closes, and the whole rest of the file is the value.",
        "Close the quote.",
    )


@dataclass(frozen=True)
class Statement:
    """One comment or assignment, or what is neither: then there is a key and no value.

    ``start`` and ``end`` are offsets into the file, ``end`` may be one behind it; ``oddities`` come with the offset of
    the place they are at.
    """

    start: int
    end: int
    key: bytes = b""
    value: Optional[bytes] = None
    oddities: tuple[tuple[Oddity, int], ...] = ()


_BLANK = b" \t"
_SPACE = re.compile(rb"[ \t\r\n]*")
_BLANKS = re.compile(rb"[ \t]*")
_KEY = re.compile(rb"[^\r\n][^=\r\n]*")
# To the end of the line, where a backslash takes the line end along; one at the end of the file stands alone.
_REST = re.compile(rb"(?:[^\\\r\n]+|\\.)*\\?", re.DOTALL)
_SINGLE_QUOTED = re.compile(rb"'([^']*)('?)")
_DOUBLE_QUOTED = re.compile(rb'"((?:[^"\\]+|\\.)*\\?)("?)', re.DOTALL)

_ESCAPE = re.compile(rb"\\(.?)", re.DOTALL)
_ESCAPE_IN_DOUBLE_QUOTES = re.compile(rb'\\(["\\`$\n]|\Z)')
_ASSIGNMENT_IN_COMMENT = re.compile(rb"\\[\r\n][ \t]*(?=[^#;\s])")
_COMMENT_BEHIND = re.compile(rb"[ \t]#")


def scan(data: bytes, position: int) -> Statement:
    """The first statement at or after ``position``, which must be the beginning of a line."""
    start = _match(_SPACE, data, position).end()
    if data[start : start + 1] in (b"#", b";"):
        return _comment(data, start)
    key = _KEY.match(data, start)
    if key is None:
        return Statement(start, start)
    if data[key.end() : key.end() + 1] != b"=":
        return Statement(start, key.end() + 1, key[0].rstrip(_BLANK))
    return _assignment(data, start, key[0].rstrip(_BLANK), key.end() + 1)


def _comment(data: bytes, start: int) -> Statement:
    end = _match(_REST, data, start).end()
    swallowed = _ASSIGNMENT_IN_COMMENT.search(data, start, end)
    oddities = ((Oddity.COMMENT_GOES_ON, swallowed.end()),) if swallowed else ()
    return Statement(start, end + 1, oddities=oddities)


def _assignment(data: bytes, start: int, key: bytes, value_start: int) -> Statement:
    """Any number of quoted pieces and then an unquoted one, all joined; blanks before each piece do not count."""
    oddities: list[tuple[Oddity, int]] = []
    pieces: list[bytes] = []
    position = _match(_BLANKS, data, value_start).end()
    while data[position : position + 1] in (b"'", b'"'):
        quoted, piece = _quoted(data, position)
        pieces.append(piece)
        if not quoted[2]:
            oddities.append((Oddity.UNCLOSED_QUOTE, position))
        elif b"\n" in piece:
            oddities.append((Oddity.QUOTED_NEWLINE, position))
        position = _match(_BLANKS, data, quoted.end()).end()
    bare = _match(_REST, data, position)
    pieces.append(_ESCAPE.sub(_without_newline, _chop(bare[0])))
    hash_sign = _COMMENT_BEHIND.search(bare[0])
    if hash_sign or (bare[0][:1] == b"#" and position > value_start):
        oddities.append((Oddity.HASH_IN_VALUE, position))
    return Statement(start, bare.end() + 1, key, b"".join(pieces), tuple(oddities))


def _quoted(data: bytes, position: int) -> tuple["re.Match[bytes]", bytes]:
    if data[position : position + 1] == b"'":
        single = _match(_SINGLE_QUOTED, data, position)
        return single, single[1]
    double = _match(_DOUBLE_QUOTED, data, position)
    return double, _ESCAPE_IN_DOUBLE_QUOTES.sub(_without_newline, double[1])


def _chop(bare: bytes) -> bytes:
    """Without the blanks at its end, except for one that a backslash protects."""
    kept = bare.rstrip(_BLANK)
    backslashes = len(kept) - len(kept.rstrip(b"\\"))
    return bare[: len(kept) + backslashes % 2]


def _without_newline(escape: "re.Match[bytes]") -> bytes:
    return b"" if escape[1] in (b"\n", b"\r") else escape[1]


def _match(pattern: "re.Pattern[bytes]", data: bytes, position: int) -> "re.Match[bytes]":
    """A match of a pattern that matches anywhere."""
    match = pattern.match(data, position)
    assert match is not None
    return match
