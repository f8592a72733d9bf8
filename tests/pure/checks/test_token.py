"""What is read from a token and what is said about it; never its text."""

import base64
import json
import re
import time
import traceback
from typing import Any, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ospool_ep.checks.token import SIZE_LIMIT, NotAToken, Origin, describe, examine, read_token
from ospool_ep.configuration.findings import Severity
from tests.support.claims import DAY, ISSUER, claims, token

ORIGIN = Origin("TOKEN_LOCATION", 7, "/etc/osg/ospool-ep.tkn")
NOW = time.time()


def found(content: bytes, *, ospool: bool = True) -> list[tuple[str, str]]:
    findings = examine(content, ORIGIN, NOW, ospool=ospool)
    assert {(finding.key, finding.line) for finding in findings} <= {("TOKEN_LOCATION", 7)}
    return [(finding.code, finding.severity.value) for finding in findings]


def raw(payload: str, header: str = '{"alg":"HS256","kid":"POOL"}') -> bytes:
    parts = (base64.urlsafe_b64encode(part.encode()).rstrip(b"=") for part in (header, payload, "signature"))
    return b".".join(parts)


CASES: list[tuple[str, dict[str, Any], Optional[tuple[str, str]]]] = [
    ("good", {}, None),
    ("without an end", {"exp": None}, None),
    ("without scopes: not limited", {"scope": None}, None),
    ("with scopes of others only: not limited", {"scope": "read:/ write:/"}, None),
    ("DAEMON", {"scope": "condor:/DAEMON"}, None),
    ("an end with a fraction", {"exp": NOW + 30.5 * DAY}, None),
    ("an end far away", {"exp": 10**15}, None),
    ("a clock that is slow by a minute", {"iat": int(NOW) + 60}, None),
    ("expired a second ago", {"exp": int(NOW) - 1}, ("token-expired", "error")),
    ("expired in 1970", {"exp": 0}, ("token-expired", "error")),
    ("expired before 1970", {"exp": -(10**30)}, ("token-expired", "error")),
    ("expires in an hour", {"exp": int(NOW) + 3600}, ("token-expires-soon", "warning")),
    ("expires in less than 7 days", {"exp": int(NOW) + 7 * DAY - 60}, ("token-expires-soon", "warning")),
    ("expires in more than 7 days", {"exp": int(NOW) + 7 * DAY + 60}, None),
    ("no time to end", {"exp": "tomorrow"}, ("token-not-a-jwt", "error")),
    ("true is no time", {"exp": True}, ("token-not-a-jwt", "error")),
    ("infinity is no time", {"exp": float("inf")}, ("token-not-a-jwt", "error")),
    ("larger than any float", {"exp": 10**400}, ("token-not-a-jwt", "error")),
    ("only READ", {"scope": "condor:/READ"}, ("token-wrong-scope", "error")),
    ("no startd", {"scope": "condor:/READ condor:/ADVERTISE_MASTER"}, ("token-wrong-scope", "error")),
    ("a job's", {"scope": "condor:/READ condor:/WRITE compute.read"}, ("token-wrong-scope", "error")),
    ("no READ", {"scope": "condor:/ADVERTISE_STARTD condor:/ADVERTISE_MASTER"}, ("token-wrong-scope", "warning")),
    ("scopes that are no text", {"scope": ["condor:/READ"]}, ("token-not-a-jwt", "error")),
    ("from elsewhere", {"iss": "htcondor.example.edu"}, ("token-other-pool", "warning")),
    ("no issuer", {"iss": None}, ("token-incomplete", "error")),
    ("no identity", {"sub": None}, ("token-incomplete", "error")),
    ("valid from tomorrow on", {"nbf": int(NOW) + DAY}, ("token-not-yet-valid", "error")),
    ("made tomorrow", {"iat": int(NOW) + DAY}, ("token-not-yet-valid", "warning")),
]


@pytest.mark.parametrize(("changes", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_claims(changes: dict[str, Any], expected: Optional[tuple[str, str]]) -> None:
    assert found(token(**changes).encode()) == ([expected] if expected else [])


GOOD = token().encode()
NOT_TOKENS = [
    b"",
    b"\n \n# only a comment\n",
    b"changeme",
    b"\x00\xff\xfe binary",
    "a.b.cä".encode(),
    b"a.b.c",
    GOOD.rpartition(b".")[0],
    GOOD.replace(b".", b"\n"),
    raw("[]"),
    raw("null"),
    raw('{"exp": NaN, "iss": "a", "sub": "b"}'),
    raw("{}", header="[]"),
    raw('{"a":' * 20000 + "1" + "}" * 20000),
    b"x" * (SIZE_LIMIT + 1),
    (GOOD + b"\n") * 1000,
]


@pytest.mark.parametrize("content", NOT_TOKENS, ids=range(len(NOT_TOKENS)))
def test_not_a_token(content: bytes) -> None:
    assert found(content) == [("token-not-a-jwt", "error")]


OTHER = token(iss="htcondor.example.edu").encode()
FILES = [
    (GOOD, ISSUER),
    (b"\n\n# made today\r\n  " + GOOD + b"\t\r\n\r\n", ISSUER),
    (b"garbage\n" + GOOD, ISSUER),
    (OTHER + b"\n" + GOOD + b"\n", ISSUER),
    (OTHER + b"\n" + OTHER, "htcondor.example.edu"),
    (b"#" + GOOD + b"\n" + OTHER, "htcondor.example.edu"),
]


@pytest.mark.parametrize(("content", "issuer"), FILES, ids=range(len(FILES)))
def test_the_token_that_htcondor_picks(content: bytes, issuer: str) -> None:
    assert read_token(content).issuer == issuer


def test_another_pool_is_nothing_to_warn_of_where_the_configuration_names_one() -> None:
    assert found(OTHER, ospool=False) == []


def test_the_findings_say_when_and_how_to_renew() -> None:
    (finding,) = examine(token(exp=1700000000).encode(), ORIGIN, NOW, ospool=True)
    assert "2023-11-14 22:13 UTC" in finding.message
    assert "install -o 1000 -g 1000 -m 600 NEW_TOKEN /etc/osg/ospool-ep.tkn" in finding.hint


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (token(exp=1700000000).encode(), "expired on 2023-11-14"),
        (b"changeme", "not one of the pool's"),
        (token(sub=None).encode(), "names no issuer, identity or signing key"),
        (OTHER, "from htcondor.example.edu"),
        (GOOD, f"ep@{ISSUER}"),
    ],
)
def test_a_refusal_is_explained_where_the_token_tells_why(content: bytes, reason: str) -> None:
    assert reason in describe(content, NOW)


def everything_said(content: bytes) -> str:
    findings = examine(content, ORIGIN, NOW, ospool=True)
    try:
        other = repr(read_token(content))
    except NotAToken as reason:
        other = "".join(traceback.format_exception(None, reason, None))
    return "\n".join([other, describe(content, NOW), *(finding.as_text("cfg") for finding in findings)])


CLAIM = st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none(), st.lists(st.text()))
PAYLOAD = st.fixed_dictionaries({}, optional=dict.fromkeys((*claims(), "nbf"), CLAIM))


@given(PAYLOAD, st.integers(0, 4))
def test_no_token_is_ever_quoted(payload: dict[str, Any], dots: int) -> None:
    content = raw(json.dumps(payload)) + b"." * dots
    said = everything_said(content)
    assert not [part for part in content.decode().split(".") if len(part) > 8 and part in said]


@given(st.text(st.characters(codec="ascii"), min_size=1))
def test_whatever_stands_in_the_file_is_never_quoted(text: str) -> None:
    # Long and unlike any word of ours, so that a match is a quotation.
    secret = re.sub(r"\s", "", f"zQ7{text}Xw9")
    assert secret not in everything_said(secret.encode())


@given(st.text())
def test_claims_are_shown_on_one_line(claim: str) -> None:
    for finding in examine(token(iss=f"a{claim}").encode(), ORIGIN, NOW, ospool=True):
        assert finding.severity is Severity.WARNING
        assert len(finding.message.splitlines()) == 1
        assert len(finding.message) < 250
