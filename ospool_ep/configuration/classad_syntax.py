"""Whether a text is a ClassAd expression, by its syntax alone.

Source: HTCondor's src/classad/lexer.cpp and src/classad/source.cpp. Where releases differ, what one of them takes is
taken here: ``10k`` for a number, ``;`` between arguments. Attributes and functions are not looked up.

An expression is operands with operators between them, and which one binds tighter makes no difference. So this makes
no tree: it keeps in mind what must come next and what is open, however deep.
"""

import enum
import re
from collections.abc import Iterator
from typing import Optional

# $(NAME), $ENV(NAME) and the like: HTCondor replaces them first, with what is not known here.
_MACRO = re.compile(r"\$+\w*[(\[]")

_TOKEN = re.compile(
    r"""
      (?P<space>    [ \t\v\f]+ | /\*.*?\*/ )
    | (?P<literal>  (?: "(?:[^"\\]|\\.)*" [ \t\v\f]* )+
                  | (?: 0x[0-9a-f]+ (?: \.[0-9]+ )?
                      | (?: [0-9]*\. | \.\. ) [0-9]+ (?: e[+-]?[0-9]+ | (?![0-9e]) )
                      | [0-9]+ e[+-]?[0-9]+
                      | (?!0[0-7]*[89]) [0-9]+ (?![0-9.e])
                    ) (?: [bkmgt] (?!\w) )?
                  | (?: true | false | undefined | error ) (?!\w) )
    | (?P<binary>   (?: is | isnt ) (?!\w)
                  | >>> | =\?= | =!= | << | >> | <= | >= | == | != | && | \|\| | [+\-*%&|^<>] | / (?![/*]) )
    | (?P<name>     [a-z_][a-z0-9_]* | (?: '(?:[^'\\]|\\.)*' [ \t\v\f]* )+ )
    | (?P<mark>     \.{1,2} | [!~?:,;=(){}\[\]] )
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_PREFIXES = frozenset("+-!~")

# What can be open, and what closes it: a "[" is a record where a value is due, and a subscript behind one.
_CLOSERS = {"(": ")", "call": ")", "{": "}", "record": "]", "subscript": "]", "?": ":"}
_SEPARATORS = {"call": ",;", "{": ",", "record": ";"}


class Problem(Exception):
    """What is wrong, in a sentence, and at which character of the text, from 1."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(message)
        self.message = message
        self.column = column


def problem_in(text: str) -> Optional[Problem]:
    """The first thing that keeps the text from being an expression; None when it is one, or when nobody can tell."""
    if _MACRO.search(text):
        return None
    checker = _Checker()
    try:
        for token in _tokens(text):
            checker.take(token)
        checker.finish(len(text) + 1)
    except Problem as problem:
        return problem
    return None


def macro_in(text: str) -> str:
    """The first thing in the text that HTCondor would replace before it reads an expression; empty for none."""
    match = _MACRO.search(text)
    return text[match.start() : match.end() + 20] if match else ""


def fits_into_parentheses(text: str) -> bool:
    """Whether a parenthesis behind the text closes one before it: in a comment that never ends it would be lost."""
    return _MACRO.search(text) is None or not re.search("//|/[*]", _STRING.sub("", text))


def is_in_parentheses(text: str) -> bool:
    """Whether one pair of parentheses is around all of an expression; no where nobody can tell."""
    if _MACRO.search(text) or problem_in(text):
        return False
    depth, closed = 0, False
    for token in _tokens(text):
        if closed:
            return False
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if depth == 0:
            closed = token[0] == ")"
            if not closed:
                return False
    return closed


def _tokens(text: str) -> Iterator["re.Match[str]"]:
    line_end = re.search(r"[\r\n]", text)
    if line_end:
        # The pilot writes the expression into one line of HTCondor's configuration.
        raise Problem("An expression has one line.", line_end.start() + 1)
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise Problem(_unreadable(text[position : position + 2]), position + 1)
        if match.lastgroup != "space":
            yield match
        position = match.end()


def _unreadable(text: str) -> str:
    if text[0] in "\"'":
        return f"The {text[0]} that opens here never closes."
    if text == "/*":
        return "The comment that opens here never closes."
    if text == "//":
        return "A comment would hide what the pilot writes behind the expression."
    if text[0] in "0123456789.":
        return "This is no number."
    return "No expression has this character."


class _Due(enum.Enum):
    VALUE = "a value"
    OPERATOR = "an operator"
    FIELD = "the name of a field"
    BINDING = "the = of a field"
    ATTRIBUTE = "the name of an attribute"


class _Checker:
    """Takes the tokens one by one."""

    def __init__(self) -> None:
        self._due = _Due.VALUE
        self._open: list[tuple[str, int]] = []
        self._just_opened = False
        self._callable = False

    def take(self, token: "re.Match[str]") -> None:
        """Take the next token. Raises Problem if it can't stand there."""
        just_opened, self._just_opened = self._just_opened, False
        was_callable, self._callable = self._callable, False
        if self._due is _Due.VALUE:
            self._take_value(token, just_opened)
        elif self._due is _Due.OPERATOR:
            self._take_operator(token, was_callable)
        elif self._due is _Due.FIELD:
            self._take_field(token)
        elif self._due is _Due.BINDING:
            self._expect(token[0] == "=", token)
            self._due = _Due.VALUE
        else:
            self._expect(token.lastgroup == "name", token)
            self._due = _Due.OPERATOR

    def finish(self, column: int) -> None:
        """No more tokens. Raises Problem if there must be more."""
        if self._open:
            opener, opened_at = self._open[-1]
            raise Problem(f"What opens here needs a {_CLOSERS[opener]} behind it.", opened_at)
        if self._due is not _Due.OPERATOR:
            raise Problem(f"The expression ends where {self._due.value} is due.", column)

    def _take_value(self, token: "re.Match[str]", just_opened: bool) -> None:
        if token.lastgroup in ("literal", "name"):
            self._due = _Due.OPERATOR
            self._callable = token.lastgroup == "name"
        elif token[0] in (".", ".."):
            self._due = _Due.ATTRIBUTE
        elif token[0] in ("(", "{"):
            self._opens(token[0], token)
        elif token[0] == "[":
            self._opens("record", token)
            self._due = _Due.FIELD
        elif token[0] not in _PREFIXES:
            # f() and {} are empty, and a ?: b has nothing in the middle; there is nothing else without a value.
            self._expect(just_opened and self._open[-1][0] in ("call", "{", "?"), token)
            self._closes(token)

    def _take_operator(self, token: "re.Match[str]", was_callable: bool) -> None:
        inside = self._open[-1][0] if self._open else ""
        if token.lastgroup == "binary":
            self._due = _Due.VALUE
        elif token[0] in (".", ".."):
            self._due = _Due.ATTRIBUTE
        elif token[0] == "?":
            self._opens("?", token)
        elif token[0] == "[":
            self._opens("subscript", token)
        elif token[0] == "(" and was_callable:
            self._opens("call", token)
        elif token.lastgroup == "mark" and token[0] in _SEPARATORS.get(inside, ""):
            self._due = _Due.FIELD if inside == "record" else _Due.VALUE
        else:
            self._closes(token)

    def _take_field(self, token: "re.Match[str]") -> None:
        if token.lastgroup == "name":
            self._due = _Due.BINDING
        elif token[0] != ";":
            self._closes(token)

    def _opens(self, what: str, token: "re.Match[str]") -> None:
        self._open.append((what, token.start() + 1))
        self._just_opened = True
        self._due = _Due.VALUE

    def _closes(self, token: "re.Match[str]") -> None:
        self._expect(bool(self._open) and token[0] == _CLOSERS[self._open[-1][0]], token)
        opener, _ = self._open.pop()
        self._due = _Due.VALUE if opener == "?" else _Due.OPERATOR

    def _expect(self, fulfilled: bool, token: "re.Match[str]") -> None:
        if fulfilled:
            return
        if token[0] == "=":
            raise Problem("One = compares nothing; write == or =?=.", token.start() + 1)
        raise Problem(f"Here {self._due.value} is due.", token.start() + 1)
