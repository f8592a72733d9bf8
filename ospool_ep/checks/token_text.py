"""One token, read without its key: what it claims, and whether its signature is as long as its algorithm wants it.

No error or repr holds its text.
"""

import contextlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional

# A pool signs the claims once more with the algorithm that the token names, and knows these three; it compares all of
# the signature (setup_shared_keys in HTCondor's condor_auth_passwd.cpp). How many bytes each has.
SIGNATURE_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
# Those of other algorithms have as many at least.
_LEAST_BYTES_OF_OTHERS = 64

# HTCondor decodes base64url without padding and takes no other character; Python's decoders pass over what they do not
# know. A part whose length is one more than a multiple of four is of no number of bytes.
HAS_FORM = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)")

# HTCondor's authorizations are scopes with this prefix; a token without any such scope is not limited.
_SCOPE_PREFIX = "condor:/"


# What its name does not tell.
_CALLED = {"\ufeff": "byte order mark", "\ufffd": "byte that is no text"}


class NotAToken(Exception):
    """The text is no token that HTCondor would use; the message says why, without quoting it.

    ``encoding``: it is text in that one, which HTCondor does not read.
    """

    def __init__(self, message: str, encoding: str = "") -> None:
        super().__init__(message)
        self.encoding = encoding


@dataclass(frozen=True)
class Token:
    """What a token claims. Times are seconds since the epoch, None where it says nothing.

    ``scopes`` are HTCondor's authorizations; None: not limited. ``key_id`` names the key that signed it, and
    ``signature_characters`` says how many characters its signature has.
    """

    issuer: str
    identity: str
    key_id: str = ""
    issued_at: Optional[float] = None
    not_before: Optional[float] = None
    expires_at: Optional[float] = None
    scopes: Optional[frozenset[str]] = None
    algorithm: str = ""
    signature_characters: int = 0

    @property
    def missing_characters(self) -> int:
        """How many characters its signature has too few; below 0: too many. 0 where the algorithm does not tell."""
        if self.algorithm in SIGNATURE_BYTES:
            return _characters(SIGNATURE_BYTES[self.algorithm]) - self.signature_characters
        return max(0, _characters(_LEAST_BYTES_OF_OTHERS) - self.signature_characters)

    @property
    def signed_as_pools_do(self) -> bool:
        """Whether a pool knows the algorithm of its signature."""
        return self.algorithm in SIGNATURE_BYTES


def is_whole(text: str) -> bool:
    """Whether the text is a token to its very end, and nothing else."""
    token = read_or_none(text)
    return token is not None and token.signature_characters > 0 and token.missing_characters == 0


def _characters(count: int) -> int:
    """How many characters so many bytes have in base64url."""
    return -(-count * 8 // 6)


def read_or_none(text: str) -> Optional[Token]:
    """The same, but None where it is none."""
    with contextlib.suppress(NotAToken):
        return read_token(text)
    return None


def read_token(text: str) -> Token:
    """What a text in the form of a token claims; its signature may be too short, or too long. Raises NotAToken."""
    shape = HAS_FORM.fullmatch(text)
    if shape is None:
        raise NotAToken("It has characters that no token has, or not three parts with dots between them.")
    import jwt  # noqa: PLC0415 - costs more than the rest of a command that never looks at the token

    # The signature is looked at by its length alone; one of a length that is none would keep the rest from being read.
    unsigned = f"{shape[1]}.{shape[2]}."
    try:
        header = jwt.get_unverified_header(unsigned)
        claims = jwt.decode(unsigned, options={"verify_signature": False})
    # A ValueError is bad base64, UTF-8 or JSON; nested deeply enough, JSON ends in a RecursionError.
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise NotAToken("What it says cannot be read.") from None
    return Token(
        issuer=_text(claims, "iss"),
        identity=_text(claims, "sub"),
        key_id=_text(header, "kid"),
        issued_at=_moment(claims, "iat"),
        not_before=_moment(claims, "nbf"),
        expires_at=_moment(claims, "exp"),
        scopes=_scopes(claims),
        algorithm=_text(header, "alg"),
        signature_characters=len(shape[3]),
    )


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name, "")
    if not isinstance(value, str):
        raise NotAToken(f"Its claim '{name}' is not a text.")
    return value


def _moment(claims: Mapping[str, Any], name: str) -> Optional[float]:
    value = claims.get(name)
    if value is None:
        return None
    with contextlib.suppress(OverflowError):
        # A truth value is an int, too, for isinstance().
        if type(value) in (int, float) and math.isfinite(value):
            return float(value)
    raise NotAToken(f"Its claim '{name}' is not a time.")


def _scopes(claims: Mapping[str, Any]) -> Optional[frozenset[str]]:
    words = _text(claims, "scope").replace(",", " ").split()
    ours = [word[len(_SCOPE_PREFIX) :] for word in words if word.startswith(_SCOPE_PREFIX)]
    return frozenset(ours) or None


def shown(claim: str) -> str:
    """A claim as it may be printed: on one line, and not too long."""
    text = "".join(character if character.isprintable() else "?" for character in claim)
    return text if len(text) <= 80 else f"{text[:80]}…"


def odd_character(text: str) -> str:
    """The first character that no token has, as a part of a sentence; empty where there is none."""
    match = re.search(r"[^A-Za-z0-9_.-]", text)
    if match is None:
        return ""
    import unicodedata  # noqa: PLC0415 - of no use for a good token

    character = match[0]
    if character.isascii() and character.isprintable() and not character.isspace():
        return f"character {match.start() + 1} is a {character}"
    name = unicodedata.name(character, f"U+{ord(character):04X}")
    name = _CALLED.get(character, name.lower() if name[:2] != "U+" else name)
    return f"character {match.start() + 1} is a {name}"
