"""The operator's file of attributes that the pilot advertises: NAME = EXPRESSION lines, and what is wrong with them.

What is read is what the pilot's image would read, without what HTCondor would make of it besides: the image splits a
line at its first ``=``, and writes both halves into HTCondor's configuration. There a backslash at the end takes the
next line with it, and a macro is replaced. Source: sbin/add-extra-attributes of the pilot's image.
"""

import codecs
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional

from ospool_ep.configuration.attribute_names import NAME, refusal_of
from ospool_ep.configuration.classad_syntax import macro_in, problem_in
from ospool_ep.configuration.findings import Finding, error, warning
from ospool_ep.configuration.masking import looks_like_token, quoted

SIZE_LIMIT = 64 * 1024

# Of a file that was meant for something else, so many mistakes are told.
_MOST_TOLD = 10

# A blank is what the image takes for one. A tab may stand in an expression; what a terminal acts on may not.
_BLANKS = " \t\v\f"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")

_FORM = 'Write NAME = EXPRESSION, such as Rack = "B7".'


@dataclass(frozen=True)
class Attribute:
    """A name and its expression; ``line`` counts from 1."""

    name: str
    expression: str
    line: int


@dataclass(frozen=True)
class AttributesFile:
    """What the file at that path says: its attributes in their order, and what is wrong with it."""

    attributes: tuple[Attribute, ...]
    findings: tuple[Finding, ...]

    @property
    def text(self) -> str:
        """The attributes as the pilot's image reads them, without comments, one on each line; empty for none."""
        return "".join(f"{attribute.name} = {attribute.expression}\n" for attribute in self.attributes)


def read(content: bytes, path: str) -> AttributesFile:
    """Read the file's content; ``path`` is for the messages. All mistakes are told, or the first ten of many."""
    whole = tuple(_wrong_as_a_whole(content, shlex.quote(path)))
    if whole:
        return AttributesFile((), whole)
    reader = _Reader(shlex.quote(path))
    for number, line in enumerate(content.split(b"\n"), 1):
        reader.take(number, line)
    return AttributesFile(tuple(reader.attributes.values()), tuple(reader.told()))


def _wrong_as_a_whole(content: bytes, path: str) -> Iterator[Finding]:
    if len(content) > SIZE_LIMIT:
        message = f"{path} is larger than {SIZE_LIMIT // 1024} KiB: it is no file of attributes."
        yield error("attributes-not-readable", message, _FORM)
    elif content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        message = f"{path} is UTF-16, and HTCondor reads UTF-8."
        change = f"iconv -f UTF-16 -t UTF-8 {path} > {path}.new && mv {path}.new {path}"
        yield error("attributes-not-readable", message, f"Change it: {change}")
    elif content.startswith(codecs.BOM_UTF8):
        message = f"Line 1 of {path} begins with a byte order mark, which would be a part of the first name."
        yield error("attributes-not-readable", message, rf"Remove it: sed -i '1s/^\xEF\xBB\xBF//' {path}")


class _Reader:
    """Takes the lines one by one."""

    def __init__(self, path: str) -> None:
        # By their names in upper case.
        self.attributes: dict[str, Attribute] = {}
        self._path = path
        self._findings: list[Finding] = []
        self._windows_line: Optional[int] = None

    def take(self, number: int, raw: bytes) -> None:
        """Take the next line. One that is wrong is no attribute."""
        if raw.endswith(b"\r") and self._windows_line is None:
            self._windows_line = number
        try:
            line = raw.rstrip(b"\r").decode("utf-8").strip(_BLANKS)
        except UnicodeDecodeError:
            self._wrong(number, "attributes-not-readable", "it is not UTF-8", "Write what is no ASCII in UTF-8.")
            return
        control = _CONTROL.search(line)
        if control:
            what = f"it has a control character ({control[0]!a})"
            self._wrong(number, "attributes-not-readable", what, "Remove it.")
        elif line and not line.startswith("#"):
            self._take_assignment(number, line, line.find("=") + 1)

    def told(self) -> Iterator[Finding]:
        """What was wrong, so much of it as anybody reads."""
        yield from self._findings[:_MOST_TOLD]
        more = len(self._findings) - _MOST_TOLD
        if more > 0:
            yield error("attributes-not-readable", f"There are {more} more mistakes in {self._path}.", _FORM)
        if self._windows_line:
            message = f"Line {self._windows_line} of {self._path} ends as on Windows; it is read as if it did not."
            yield warning("attributes-line-ends", message, rf"Change that: sed -i 's/\r$//' {self._path}")

    def _take_assignment(self, number: int, line: str, behind: int) -> None:
        """``behind``: where the first = is, and 1; 0 where there is none."""
        name, expression = line[: max(0, behind - 1)].strip(_BLANKS), line[behind:].strip(_BLANKS)
        if looks_like_token(line):
            what = "it has a token in it, and everybody may read what a pilot advertises"
            self._wrong(number, "attribute-secret", what, "Remove the line.")
        elif not behind:
            self._wrong(number, "attribute-without-value", f"{quoted(line)} has no =", _FORM)
        elif self._is_name(number, name) and self._is_expression(number, expression):
            self._is_new(Attribute(name, expression, number))

    def _is_name(self, number: int, name: str) -> bool:
        if not NAME.fullmatch(name):
            what = f"{quoted(name)} is no name" if name else "there is no name before its ="
            hint = "A name has letters from A to Z, digits and _, and begins with no digit."
            self._wrong(number, "attribute-name", what, hint)
            return False
        refused = refusal_of(name)
        if refused:
            self._wrong(number, refused.code, f"{name} can't be the name of an attribute: {refused.why}", refused.hint)
        return refused is None

    def _is_expression(self, number: int, expression: str) -> bool:
        macro = macro_in(expression)
        if expression.startswith(("=", "?=")):
            self._wrong(number, "attribute-expression", "it compares, and gives the name no value", _FORM)
        elif expression.endswith("\\"):
            what = "it ends with a \\, which would take the next line with it"
            self._wrong(number, "attribute-expression", what, "Write all of the expression on one line, without it.")
        elif macro:
            what = f"HTCondor would replace {quoted(macro)} before it reads the expression"
            self._wrong(number, "attribute-macro", what, "Write what it stands for.")
        else:
            problem = problem_in(expression)
            if problem is None:
                return True
            what = f"no ClassAd expression: {problem.message} (character {problem.column} of {quoted(expression)})"
            self._wrong(number, "attribute-expression", what, 'Mend it; a text stands between ".', whole=True)
        return False

    def _is_new(self, attribute: Attribute) -> None:
        before = self.attributes.setdefault(attribute.name.upper(), attribute)
        if before is not attribute:
            same = "" if before.name == attribute.name else f" as {before.name}"
            what = f"{attribute.name} has a value already, in line {before.line}{same}"
            self._wrong(attribute.line, "attribute-twice", what, "Remove one of both.")

    def _wrong(self, number: int, code: str, what: str, hint: str, *, whole: bool = False) -> None:
        """``whole``: what is wrong is a sentence already."""
        message = f"Line {number} of {self._path}: {what}{'' if whole else '.'}"
        self._findings.append(error(code, message, hint))
