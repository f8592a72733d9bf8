"""The lines of a token's file: which are tokens, which were cut or wrapped, and which one HTCondor takes.

No message, error or repr holds the text of a line: what is said of it are numbers, and claims, which are no secret.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Optional

from ospool_ep.checks.token_text import (
    HAS_FORM,
    SIGNATURE_BYTES,
    NotAToken,
    Token,
    is_whole,
    odd_character,
    read_or_none,
    read_token,
    shown,
)

# The trust domain of the OSPool's central managers, and so the issuer of its tokens.
OSPOOL_ISSUER = "flock.opensciencegrid.org"

SIZE_LIMIT = 64 * 1024

# What mail programs and shells put between the pieces of a line, as tr(1) takes it: a break has = or \ before it, and a
# quotation > behind it. No token has these.
TOO_MUCH = r"=>\\[:space:]"
# So many bytes tell how a text is encoded.
_ENOUGH = 200

# A token is never wrapped into more pieces; and the search for its pieces is bounded by the number of its beginnings.
_MOST_PIECES, _MOST_BEGINNINGS = 120, 20

_PIECE = re.compile(r"[A-Za-z0-9_.-]+")
_NO_CHARACTER = re.compile(r"[^A-Za-z0-9_.-]")
_IN_OTHER_TEXT = re.compile(r"ey[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
# A JSON object in base64url: the first two characters hold { and the beginning of what follows.
_BEGINNING = "ey"
# No token comes near it; the search in other text takes the square of its length.
_LONGEST = 8192

_COPY = "Copy the whole line again"


@dataclass(frozen=True)
class Flaw:
    """Why no pool accepts what stands there: ``what`` goes on behind the name of the line; ``mend`` is a sentence.

    Without ``mend`` only another token helps. ``can_be_joined``: nothing is missing, only what TOO_MUCH names is too
    much, and ``among_comments`` lines of these.
    """

    code: str
    what: str
    mend: str = ""
    can_be_joined: bool = False
    among_comments: bool = False


@dataclass(frozen=True)
class Line:
    """What is neither empty nor a comment: a line, or the lines over which one token is spread; both count from 1.

    ``taken``: HTCondor's client takes it for a token. That looks at its issuer, identity and key, and at nothing else.
    """

    first: int
    last: int
    token: Optional[Token]
    flaws: tuple[Flaw, ...]
    taken: bool = False


def read_lines(content: bytes) -> tuple[Line, ...]:
    """All that stands in a token's file. Raises NotAToken where there is nothing, or too much.

    HTCondor reads one token to a line, blanks around it do not count, nor do empty lines and lines that begin with #
    (findToken in its condor_auth_passwd.cpp).
    """
    if len(content) > SIZE_LIMIT:
        raise NotAToken(f"It is larger than {SIZE_LIMIT // 1024} KiB.")
    encoding = _encoding(content)
    if encoding:
        raise NotAToken(f"It is {encoding}, as PowerShell writes it, and HTCondor reads plain text.", encoding)
    texts = [(number, raw.strip().decode("utf-8", "replace")) for number, raw in enumerate(content.split(b"\n"), 1)]
    lines = tuple(_judge([(number, text) for number, text in texts if text]))
    if not lines:
        raise NotAToken("It has nothing but comments." if content.strip() else "It is empty.")
    return lines


def _encoding(content: bytes) -> str:
    """UTF-16, as iconv(1) calls it, or nothing: it has a mark in front, or each second byte is zero."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "UTF-16"
    halves = {"UTF-16BE": content[0:_ENOUGH:2], "UTF-16LE": content[1:_ENOUGH:2]}
    return next((name for name, half in halves.items() if half and not half.strip(b"\0")), "")


def used_line(lines: Sequence[Line]) -> Optional[Line]:
    """The line that HTCondor uses: the first token from the issuer that it talks to, the OSPool's before others."""
    taken = [line for line in lines if line.taken]
    of_ospool = (line for line in taken if line.token and line.token.issuer == OSPOOL_ISSUER)
    return next(of_ospool, taken[0] if taken else None)


def _judge(texts: list[tuple[int, str]]) -> Iterator[Line]:
    position, beginnings = 0, 0
    while position < len(texts):
        pieces = 1
        if _begins(texts[position][1]) and beginnings < _MOST_BEGINNINGS:
            beginnings += 1
            pieces = _pieces([text for _, text in texts[position : position + _MOST_PIECES]])
        numbers, belong = zip(*texts[position : position + pieces])
        if pieces > 1:
            yield _spread(belong, numbers[0], numbers[-1])
        elif not belong[0].startswith("#"):
            yield _single(belong[0], numbers[0])
        position += pieces


def _begins(text: str) -> bool:
    piece = _without_break(text)
    return bool(piece) and piece[: len(_BEGINNING)] == _BEGINNING[: len(piece)] and not is_whole(text)


def _pieces(texts: Sequence[str]) -> int:
    """Of how many of these lines a token is made; as many as may belong to one, where its end is lost."""
    joined, count = "", 0
    for number, text in enumerate(texts, 1):
        if count and text.startswith("#"):
            continue
        piece = _without_break(text)
        longer = joined + piece
        if not _PIECE.fullmatch(piece) or longer.count(".") > 2 or (count and read_or_none(text)):
            break
        joined, count = longer, number
        if is_whole(joined):
            return count
    # A line that can be read by itself was cut, and what follows is something else.
    return 1 if read_or_none(texts[0]) else max(1, count)


def _without_break(text: str) -> str:
    """A piece of a wrapped text: mail programs mark a break with = (quoted-printable, RFC 2045), and quote with >."""
    return text.rstrip("=\\").lstrip("> ")


def _spread(texts: Sequence[str], first: int, last: int) -> Line:
    pieces = [text for text in texts if not text.startswith("#")]
    joined = "".join(map(_without_break, pieces))
    # HTCondor may take the first piece for all of the token: it does not look at how long the signature is.
    token = read_or_none(joined)
    alone = read_or_none(pieces[0])
    if token and is_whole(joined):
        what = "hold one token that was wrapped" + (", and quoted with >" if pieces[0].startswith(">") else "")
        mend, comments = "Join them into one line:", len(pieces) < len(texts)
        flaw = Flaw("token-wrapped", what, mend, can_be_joined=True, among_comments=comments)
        return Line(first, last, token, (flaw, *_flaws_of(token)), _is_taken(alone))
    mend = "Copy it again: all of it, and as one line."
    flaw = Flaw("token-wrapped", "look like one token that was wrapped, and that is not whole", mend)
    return Line(first, last, token or alone, (flaw,), _is_taken(alone))


def _single(text: str, number: int) -> Line:
    try:
        token = read_token(text)
    except NotAToken as reason:
        return Line(number, number, None, (_no_token(text, reason),))
    return Line(number, number, token, tuple(_flaws_of(token)), _is_taken(token))


def _no_token(text: str, reason: NotAToken) -> Flaw:
    odd = odd_character(text)
    if any(map(is_whole, _IN_OTHER_TEXT.findall(text[:_LONGEST]))):
        # Of a few characters beside it, each may be one that nobody sees.
        beside = f": {odd}" if is_whole(_NO_CHARACTER.sub("", text)) else ""
        what = f"has something beside its token{beside}"
        return Flaw("token-not-a-jwt", what, "Leave nothing but the token in the line.")
    if is_whole(re.sub(r"[\s=]", "", text, flags=re.ASCII)):
        return Flaw("token-wrapped", "holds a token with blanks or = in it", "Take them out:", can_be_joined=True)
    if odd and is_whole(_NO_CHARACTER.sub("", text)):
        return Flaw(
            "token-not-a-jwt", f"holds a token with something in it: {odd}", "Take it out, and what is like it."
        )
    if not text.startswith(_BEGINNING) and not HAS_FORM.fullmatch(text):
        return Flaw("token-not-a-jwt", "is neither a token nor a comment")
    if _PIECE.fullmatch(text) and text.count(".") < 2:
        what = "was cut: a token has three parts with dots between them, and it ends before the third"
        return Flaw("token-cut", what, f"{_COPY}, to its very end.")
    why = f"{odd[0].upper()}{odd[1:]}." if odd else str(reason)
    return Flaw("token-not-a-jwt", f"is no token of a pool. {why}", f"{_COPY}, from its first character on.")


def _flaws_of(token: Token) -> Iterator[Flaw]:
    missing, there = token.missing_characters, token.signature_characters
    if token.algorithm.lower() == "none":
        yield Flaw("token-not-signed", "is not signed (alg: none): no pool accepts it")
    elif not token.signed_as_pools_do:
        known = ", ".join(SIGNATURE_BYTES)
        what = f"is signed with {shown(token.algorithm)}, and a pool knows {known}" if token.algorithm else ""
        yield Flaw("token-algorithm", what or f"names no algorithm of its signature, and a pool wants one of {known}")
    elif missing > 0:
        lost = f"has {there} of the {there + missing} characters of its signature" if there else "has no signature"
        mend = f"{_COPY}, to its very end: it is {_characters_in_words(missing)} longer."
        yield Flaw("token-cut", f"was cut: it {lost}", mend)
    elif missing < 0:
        what = f"does not end with its signature, but {_characters_in_words(-missing)} later"
        yield Flaw("token-damaged", what, f"{_COPY}, and nothing beside it.")
    claims = (("key id ('kid')", token.key_id), ("claim 'iss'", token.issuer), ("claim 'sub'", token.identity))
    for name, value in claims:
        if not value:
            yield Flaw("token-incomplete", f"has no {name}: HTCondor does not use it")


def _is_taken(token: Optional[Token]) -> bool:
    """HTCondor's checkToken; a signature that is cut to a length of no number of bytes is none for it."""
    claimed = token is not None and token.key_id and token.issuer and token.identity
    return bool(claimed and token and token.signature_characters % 4 != 1)


def _characters_in_words(count: int) -> str:
    return f"{count} character{'' if count == 1 else 's'}"
