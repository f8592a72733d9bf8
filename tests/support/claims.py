"""Tokens as the pool makes them, but for a key that nobody knows."""

import time
from typing import Any

import jwt

ISSUER = "flock.opensciencegrid.org"
DAY = 86400


def claims(**changes: Any) -> dict[str, Any]:
    """The claims of a good token; a change to None leaves the claim out."""
    now = int(time.time())
    made = {
        "iss": ISSUER,
        "sub": f"ep@{ISSUER}",
        "iat": now - 10,
        "exp": now + 365 * DAY,
        "jti": "0123456789abcdef",
        "scope": "condor:/ADVERTISE_STARTD condor:/ADVERTISE_MASTER condor:/READ",
        **changes,
    }
    return {name: value for name, value in made.items() if value is not None}


def token(**changes: Any) -> str:
    """A token with those claims, as the text of its file."""
    return jwt.encode(claims(**changes), "0123456789abcdef" * 4, algorithm="HS256", headers={"kid": "POOL"})
