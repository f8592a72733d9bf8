"""Tokens for the tests' pool: good ones, and each kind of bad one, signed here and not by a running HTCondor.

A token is a JWT, signed with a key that is derived from the pool's signing key. Measured against
condor_token_create of HTCondor 23.9.6; manual: https://htcondor.readthedocs.io/en/lts/admin-manual/security.html
"""

import base64
import enum
import hashlib
import hmac
import json
import time
from typing import Optional

TRUST_DOMAIN = "flock.opensciencegrid.org"
IDENTITY = f"test-site@{TRUST_DOMAIN}"
PILOT_SCOPES = ("ADVERTISE_STARTD", "ADVERTISE_MASTER", "READ")

# HTCondor takes a key for a string in places, so it must not hold a zero byte.
_POOL_KEY = b"the key of a pool that exists only for tests.   "
_OTHER_KEY = b"the key of some other pool that is not ours.    "


class Token(enum.Enum):
    """The kinds of token that an operator may put in place."""

    GOOD = "good"
    EXPIRED = "expired"
    EXPIRES_SOON = "expires soon"
    WRONG_KEY = "signed with a key that the pool does not have"
    OTHER_POOL = "issued by another pool"
    WRONG_SCOPE = "may read but not advertise"
    OTHER_IDENTITY = "for an identity that the pool does not admit"
    GARBAGE = "not a token"
    EMPTY = "an empty file"


def make_token(kind: Token = Token.GOOD, *, lifetime_seconds: Optional[float] = None) -> str:
    """The text of a token, with its newline. By default one lives 30 days (EXPIRES_SOON: 300 s, EXPIRED: -60 s)."""
    if kind is Token.GARBAGE:
        return "this is not a token\n"
    if kind is Token.EMPTY:
        return ""
    lifetime = {Token.EXPIRED: -60.0, Token.EXPIRES_SOON: 300.0}.get(kind, 30 * 86400.0)
    return sign(
        subject="intruder@elsewhere.example" if kind is Token.OTHER_IDENTITY else IDENTITY,
        issuer="elsewhere.example" if kind is Token.OTHER_POOL else TRUST_DOMAIN,
        scopes=("READ",) if kind is Token.WRONG_SCOPE else PILOT_SCOPES,
        expires_at=time.time() + (lifetime if lifetime_seconds is None else lifetime_seconds),
        key=_OTHER_KEY if kind in (Token.WRONG_KEY, Token.OTHER_POOL) else _POOL_KEY,
    )


def sign(*, subject: str, issuer: str, scopes: tuple[str, ...], expires_at: float, key: bytes = _POOL_KEY) -> str:
    """A token with any claims. ``expires_at`` in seconds since the epoch; issued an hour before that or before now."""
    claims = {
        "exp": int(expires_at),
        "iat": int(min(expires_at, time.time())) - 3600,
        "iss": issuer,
        "jti": hashlib.sha256(f"{subject} {expires_at}".encode()).hexdigest()[:32],
        "scope": " ".join(f"condor:/{scope}" for scope in scopes),
        "sub": subject,
    }
    text = f"{_segment({'alg': 'HS256', 'kid': 'POOL'})}.{_segment(claims)}"
    # HKDF with SHA-256 (RFC 5869), one block; HTCondor doubles the key that is called POOL before it.
    pseudorandom = hmac.digest(b"htcondor", key * 2, "sha256")
    derived = hmac.digest(pseudorandom, b"master jwt\x01", "sha256")
    return f"{text}.{_encode(hmac.digest(derived, text.encode(), 'sha256'))}\n"


def signing_key_file() -> bytes:
    """What the manager's key file holds: HTCondor keeps the key under a fixed mask, against a casual look."""
    mask = b"\xde\xad\xbe\xef"
    return bytes(byte ^ mask[place % len(mask)] for place, byte in enumerate(_POOL_KEY))


def _segment(value: object) -> str:
    return _encode(json.dumps(value, separators=(",", ":")).encode())


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
