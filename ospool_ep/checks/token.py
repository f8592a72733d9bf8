"""Reads the token, without its key, and says whether the pool can accept it.

No message, error or repr holds the token's text. What a token claims is shown, but shortened and made printable:
anybody can write claims.
"""

import contextlib
import math
import shlex
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Optional

from ospool_ep.configuration.findings import Finding, about, error, warning
from ospool_ep.container.specification import PILOT_UID

# The trust domain of the OSPool's central managers, and so the issuer of its tokens.
OSPOOL_ISSUER = "flock.opensciencegrid.org"
REGISTRY = "https://os-registry.opensciencegrid.org/"

SOON_SECONDS = 7 * 86400
# Clocks that differ by less are no reason to worry anybody.
CLOCK_SKEW_SECONDS = 300

SIZE_LIMIT = 64 * 1024

# HTCondor's authorizations are scopes with this prefix; a token without any such scope is not limited.
_SCOPE_PREFIX = "condor:/"
_ADVERTISE = frozenset(("ADVERTISE_STARTD", "ADVERTISE_MASTER"))
_WANTED = _ADVERTISE | {"READ"}


class NotAToken(Exception):
    """The text is no token that HTCondor would use; the message says why, without quoting it."""


@dataclass(frozen=True)
class Token:
    """What a token claims. Times are seconds since the epoch, None where it says nothing.

    ``scopes`` are HTCondor's authorizations; None: not limited. ``key_id`` names the key that signed it.
    """

    issuer: str
    identity: str
    key_id: str = ""
    issued_at: Optional[float] = None
    not_before: Optional[float] = None
    expires_at: Optional[float] = None
    scopes: Optional[frozenset[str]] = None


@dataclass(frozen=True)
class Origin:
    """Where the operator put the token: the configuration key and its line, and the file it is to be in."""

    key: str
    line: Optional[int]
    path: str

    @property
    def renewal(self) -> str:
        """How to get a token that the pool accepts."""
        put = f"install -o {PILOT_UID} -g {PILOT_UID} -m 600 NEW_TOKEN {shlex.quote(self.path)}"
        return f"Get a new token from {REGISTRY} and put it in place: {put}"


def read_token(content: bytes) -> Token:
    """The token in a file, as HTCondor picks it (findToken in its condor_auth_passwd.cpp).

    One token to a line, blanks around it do not count, nor do empty lines and lines that begin with #. Of several
    tokens the client takes the first one from the issuer it talks to. Raises NotAToken.
    """
    if len(content) > SIZE_LIMIT:
        raise NotAToken(f"It is larger than {SIZE_LIMIT // 1024} KiB.")
    lines = [line for line in (raw.strip() for raw in content.split(b"\n")) if line and not line.startswith(b"#")]
    if not lines:
        raise NotAToken("It is empty.")
    tokens, problems = [], []
    for line in lines:
        try:
            tokens.append(_decode(line))
        except NotAToken as reason:
            problems.append(reason)
    if not tokens:
        raise problems[-1]
    return next((token for token in tokens if token.issuer == OSPOOL_ISSUER), tokens[0])


def _decode(line: bytes) -> Token:
    import jwt  # noqa: PLC0415 - costs more than the rest of a command that never looks at the token

    try:
        text = line.decode("ascii")
        header = jwt.get_unverified_header(text)
        claims = jwt.decode(text, options={"verify_signature": False})
    # A ValueError is bad base64, UTF-8 or JSON; nested deeply enough, JSON ends in a RecursionError.
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise NotAToken("It is not a JSON Web Token.") from None
    return Token(
        issuer=_text(claims, "iss"),
        identity=_text(claims, "sub"),
        key_id=_text(header, "kid"),
        issued_at=_moment(claims, "iat"),
        not_before=_moment(claims, "nbf"),
        expires_at=_moment(claims, "exp"),
        scopes=_scopes(claims),
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


def examine(content: bytes, origin: Origin, now: float, *, ospool: bool) -> list[Finding]:
    """Everything about the token that keeps the pilot out of the pool. ``now``: seconds since the epoch.

    ``ospool``: the pilot goes to the OSPool proper, whose issuer is known, and not to some test pool.
    """
    return list(about(origin.key, origin.line, _examine(content, origin.renewal, now, ospool)))


def _examine(content: bytes, renewal: str, now: float, ospool: bool) -> Iterator[Finding]:
    try:
        token = read_token(content)
    except NotAToken as reason:
        yield error("token-not-a-jwt", f"This is not a token of the pool. {reason}", renewal)
        return
    for claim, value in (("iss", token.issuer), ("sub", token.identity)):
        if not value:
            yield error("token-incomplete", f"The token has no claim '{claim}': HTCondor does not use it.", renewal)
    expires = token.expires_at
    if expires is not None and expires <= now:
        yield error("token-expired", f"The token expired on {moment(expires)}.", renewal)
    elif expires is not None and expires - now < SOON_SECONDS:
        message = f"The token expires on {moment(expires)}: no pilot that starts later gets jobs."
        yield warning("token-expires-soon", message, renewal)
    yield from _examine_clock(token, now)
    yield from _examine_scopes(token, renewal)
    if ospool and token.issuer and token.issuer != OSPOOL_ISSUER:
        message = f"The token is from {shown(token.issuer)}; the OSPool's are from {OSPOOL_ISSUER}."
        yield warning("token-other-pool", message, renewal)


def _examine_clock(token: Token, now: float) -> Iterator[Finding]:
    hint = f"If the clock of this host is wrong (now {moment(now)}), set it: chronyc makestep"
    latest = now + CLOCK_SKEW_SECONDS
    if token.not_before is not None and token.not_before > latest:
        yield error("token-not-yet-valid", f"The token is valid from {moment(token.not_before)} on.", hint)
    elif token.issued_at is not None and token.issued_at > latest:
        message = f"The token was made on {moment(token.issued_at)}, which is yet to come."
        yield warning("token-not-yet-valid", message, hint)


def _examine_scopes(token: Token, renewal: str) -> Iterator[Finding]:
    # DAEMON may include the others, by the pool's own settings: that is for the pool to say.
    if token.scopes is None or "DAEMON" in token.scopes:
        return
    missing = sorted(_WANTED - token.scopes)
    if missing:
        report = error if _ADVERTISE.intersection(missing) else warning
        message = f"The token does not allow {' and '.join(missing)}, only {shown(' '.join(sorted(token.scopes)))}."
        yield report("token-wrong-scope", message, renewal)


def describe(content: bytes, now: float) -> str:
    """What the token itself says that may explain why the pool refuses it, in one or two sentences."""
    try:
        token = read_token(content)
    except NotAToken as reason:
        return f"The token is not one of the pool's. {reason}"
    if token.expires_at is not None and token.expires_at <= now:
        return f"The token expired on {moment(token.expires_at)}."
    if not (token.issuer and token.identity and token.key_id):
        return "The token names no issuer, identity or signing key, so that HTCondor does not use it."
    expiry = f", expires on {moment(token.expires_at)}" if token.expires_at is not None else ""
    scopes = " ".join(sorted(token.scopes)) if token.scopes else "everything"
    return (
        f"The token is for {shown(token.identity)}, from {shown(token.issuer)}, allows {shown(scopes)}{expiry}:"
        " it may be for another pool, or revoked."
    )


def moment(seconds: float) -> str:
    """A time for people, in UTC."""
    try:
        return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return f"{seconds:.3g} s after 1970"


def shown(claim: str) -> str:
    """A claim as it may be printed: on one line, and not too long."""
    text = "".join(character if character.isprintable() else "?" for character in claim)
    return text if len(text) <= 80 else f"{text[:80]}…"
