"""What is read from a token and what is said about it; never its text."""

import base64
import json
import re
import subprocess
import time
import traceback
from pathlib import Path
from typing import Any, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ospool_ep.checks.token import Origin, describe, examine
from ospool_ep.checks.token_file import SIZE_LIMIT, read_lines, used_line
from ospool_ep.checks.token_text import NotAToken
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
    ("made tomorrow", {"iat": int(NOW) + DAY}, ("token-made-later", "warning")),
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
    line = used_line(read_lines(content))
    assert line is not None
    assert line.token is not None
    assert line.token.issuer == issuer


def test_another_pool_is_nothing_to_warn_of_where_the_configuration_names_one() -> None:
    assert found(OTHER, ospool=False) == []


def test_the_findings_say_when_and_how_to_renew() -> None:
    (finding,) = examine(token(exp=1700000000).encode(), ORIGIN, 1800000000, ospool=True)
    assert "2023-11-14 22:13 UTC" in finding.message
    # A clock that begins in the future makes a good token an expired one.
    assert "it is now 2027-01-15 08:00 UTC here" in finding.message
    assert "'chronyc makestep'" in finding.hint
    assert "install -o 1000 -g 1000 -m 600 NEW_TOKEN /etc/osg/ospool-ep.tkn" in finding.hint


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (token(exp=1700000000).encode(), "expired on 2023-11-14"),
        (b"", "not one of the pool's"),
        (b"changeme", "neither a token nor a comment"),
        (token(sub=None).encode(), "has no claim 'sub'"),
        (GOOD[:-20], "was cut: it has 23 of the 43 characters of its signature"),
        (GOOD[:-20] + b"\n" + GOOD[-20:], "hold one token that was wrapped"),
        (OTHER, "from htcondor.example.edu"),
        (GOOD, f"ep@{ISSUER}"),
    ],
)
def test_a_refusal_is_explained_where_the_token_tells_why(content: bytes, reason: str) -> None:
    assert reason in describe(content, ORIGIN, NOW)


# --- What people make of a token between the page that gives it and the file.

HEADER, CLAIMS, SIGNATURE = GOOD.split(b".")


def lines_told(content: bytes, *, ospool: bool = True) -> list[tuple[str, str, str]]:
    """Code, severity and text of each finding; there is a way to mend each, and each has its line."""
    found = examine(content, ORIGIN, NOW, ospool=ospool)
    for finding in found:
        assert len(finding.as_text("cfg").splitlines()) == 1
        assert finding.message.endswith(".")
        assert "/etc/osg/ospool-ep.tkn" in finding.hint or "line" in finding.hint or "# before it" in finding.hint
    return [(finding.code, finding.severity.value, f"{finding.message} {finding.hint}") for finding in found]


def other_token(algorithm: str = "HS256", key_id: Any = "POOL", **changes: Any) -> bytes:
    """A token with another header; a key id of None leaves it out."""
    made = {"alg": algorithm, "kid": key_id, "typ": "JWT"}
    header = json.dumps({name: value for name, value in made.items() if value is not None})
    sizes = {"HS384": 48, "HS512": 64, "ES256": 64, "RS256": 256, "none": 0}
    parts = (header.encode(), json.dumps(claims(**changes)).encode(), b"s" * sizes.get(algorithm, 32))
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)


BREAKS = [b"\n", b"\r\n", b"\n    ", b" \n\t", b"=\n", b"=\r\n", b"\n\n"]


@pytest.mark.parametrize("line_break", BREAKS)
def test_a_token_that_is_wrapped_is_found_wherever_the_break_is(line_break: bytes) -> None:
    for place in range(1, len(GOOD)):
        ((code, severity, text),) = lines_told(GOOD[:place] + line_break + GOOD[place:] + b"\n")
        last = 1 + line_break.count(b"\n")
        assert (code, severity) == ("token-wrapped", "error"), place
        assert f"Lines 1 to {last} of /etc/osg/ospool-ep.tkn hold one token" in text
        assert f"sed -n 1,{last}p /etc/osg/ospool-ep.tkn | tr -d " in text


@pytest.mark.parametrize("width", [20, 64, 72, 76])
@pytest.mark.parametrize("line_break", BREAKS)
def test_a_token_that_is_wrapped_into_many_lines_is_one_finding(width: int, line_break: bytes) -> None:
    pieces = [GOOD[begin : begin + width] for begin in range(0, len(GOOD), width)]
    ((code, severity, _),) = lines_told(b"# from the registry\n" + line_break.join(pieces))
    assert (code, severity) == ("token-wrapped", "error")


def mended(content: bytes, path: Path) -> bytes:
    """What the command of the hint makes of the file, which is the pilot's alone, as the one before it."""
    path.write_bytes(content)
    path.chmod(0o600)
    (finding,) = examine(content, Origin("TOKEN_LOCATION", 7, str(path)), NOW, ospool=True)
    command = finding.hint.partition(": ")[2]
    subprocess.run(["bash", "-euc", f"cd {path.parent}; umask 022; {command}"], check=True)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    status = path.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (1000, 1000, 0o600)
    return path.read_bytes()


PIECES = GOOD[:30], GOOD[30:64], GOOD[64:-5], GOOD[-5:]
WRAPPED = {
    "plain": b"\n".join(PIECES),
    "quoted-printable": b"=\r\n  ".join(PIECES) + b"\n",
    "quoted in a mail": b"> " + b"\n> ".join(PIECES) + b"\n",
    "quoted twice": b">> " + b"\r\n>> ".join(PIECES),
    "continued by a backslash": b"\\\n".join(PIECES),
    "among comments": b"\n  # what follows\n".join(PIECES),
    "blanks in a line": b" ".join(PIECES),
}


@pytest.mark.parametrize("content", WRAPPED.values(), ids=WRAPPED)
def test_what_the_hint_pastes_together_is_the_token(content: bytes, tmp_path: Path) -> None:
    ((code, severity, text),) = lines_told(content)
    assert (code, severity) == ("token-wrapped", "error")
    assert "registry" not in text
    assert mended(content, tmp_path / "ospool-ep.tkn") == GOOD + b"\n"
    assert mended(b"# ours\n\n" + content, tmp_path / "ospool-ep.tkn") == GOOD + b"\n"


def test_the_hint_never_empties_the_file(tmp_path: Path) -> None:
    content, path = WRAPPED["plain"], tmp_path / "ospool-ep.tkn"
    (finding,) = examine(content, Origin("TOKEN_LOCATION", 7, str(path)), NOW, ospool=True)
    path.write_bytes(b"  \n")
    subprocess.run(["bash", "-c", finding.hint.partition(": ")[2]], check=False)
    assert path.read_bytes() == b"  \n"


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_of_utf_16_is_told_with_the_command_that_makes_it_plain(
    encoding: str, line_end: str, tmp_path: Path
) -> None:
    content = f"{GOOD.decode()}{line_end}".encode(encoding)
    ((code, severity, text),) = lines_told(content)
    assert (code, severity) == ("token-not-a-jwt", "error")
    assert "UTF-16" in text
    assert "registry" not in text
    plain = mended(content, tmp_path / "ospool-ep.tkn")
    assert found(plain) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xef\xbb\xbf" + GOOD, "character 1 is a byte order mark"),
        (GOOD + b"\\", f"character {len(GOOD) + 1} is a \\"),
        (GOOD + "\u00a0".encode(), f"character {len(GOOD) + 1} is a no-break space"),
        (GOOD[:40] + "\u00a0".encode() + GOOD[40:], "character 41 is a no-break space"),
        (GOOD[:40] + "\u200b".encode() + GOOD[40:], "character 41 is a zero width space"),
        (GOOD[:40] + "\u00ad".encode() + GOOD[40:], "character 41 is a soft hyphen"),
        (GOOD[:40] + b"\x01" + GOOD[40:], "character 41 is a U+0001"),
        (GOOD[:40] + b"\xff" + GOOD[40:], "character 41 is a byte that is no text"),
        (GOOD[:40] + b"*" + GOOD[41:], "Character 41 is a *"),
        (b'"' + GOOD + b'"', 'character 1 is a "'),
    ],
)
def test_a_character_that_no_token_has_is_named_with_its_place(content: bytes, words: str) -> None:
    ((code, severity, text),) = lines_told(content)
    assert (code, severity) == ("token-not-a-jwt", "error")
    assert words in text
    assert "registry" not in text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "It is empty."),
        (b" \r\n\n", "It is empty."),
        (b"# a comment\n", "It has nothing but comments."),
        (b"\n#" + GOOD + b"\n  # a comment", "It has nothing but comments."),
    ],
)
def test_a_file_without_a_token_is_told_as_what_it_is(content: bytes, words: str) -> None:
    assert words in lines_told(content)[0][2]


def test_one_line_more_is_one_line() -> None:
    assert "1 more line of /etc/osg/ospool-ep.tkn is of no use" in lines_told(b"word\n" * 6)[-1][2]


@pytest.mark.parametrize("blank", [b" ", b"\t", b"=", b" \r"])
def test_blanks_within_a_token_are_found(blank: bytes) -> None:
    for place in (1, len(HEADER), len(HEADER) + 1, len(GOOD) - 20, len(GOOD) - 1):
        ((code, severity, text),) = lines_told(GOOD[:place] + blank + GOOD[place:])
        assert (code, severity) == ("token-wrapped", "error")
        assert "blanks or = in it" in text


def test_a_token_that_is_cut_is_found_wherever_it_ends() -> None:
    for length in range(1, len(GOOD)):
        ((code, severity, text),) = lines_told(GOOD[:length])
        assert severity == "error"
        if length >= 2:
            assert code == "token-cut", length
            assert "Copy the whole line again" in text


@pytest.mark.parametrize(
    ("lost", "words"), [(1, "1 character longer"), (20, "20 characters longer"), (43, "no signature")]
)
def test_how_much_is_missing_is_said(lost: int, words: str) -> None:
    ((code, _, text),) = lines_told(GOOD[:-lost])
    assert code == "token-cut"
    assert words in text


@pytest.mark.parametrize(
    "content",
    [
        GOOD[5:],
        GOOD[1:],
        CLAIMS + b"." + SIGNATURE,
        HEADER + b"." + CLAIMS[8:] + b"." + SIGNATURE,
        HEADER + b"." + CLAIMS[:40] + b"." + SIGNATURE,
        HEADER + b".." + SIGNATURE,
        GOOD.replace(b".", b""),
        GOOD.replace(b".", b","),
        GOOD[:30] + b"..." + GOOD[-20:],
        GOOD[:30] + "…".encode() + GOOD[-20:],
        GOOD.lower(),
        b'"' + GOOD + b'"',
        b"'" + GOOD + b"'",
        b"Bearer " + GOOD,
        b"TOKEN=" + GOOD,
        b"\xef\xbb\xbf" + GOOD,
        GOOD + b";",
        GOOD + b".",
        b"> " + GOOD,
        GOOD.decode().encode("utf-16"),
    ],
    ids=range(20),
)
def test_what_is_damaged_is_one_error_with_its_line(content: bytes) -> None:
    ((code, severity, text),) = lines_told(b"\n# ours\n" + content + b"\n")[:1]
    assert (severity, code) in {("error", "token-not-a-jwt"), ("error", "token-cut")}
    assert re.search(r"[Ll]ine 3 of /etc/osg/ospool-ep.tkn", text)


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (HEADER + b"." + CLAIMS + b".", "token-cut", "no signature"),
        (GOOD + b"abc", "token-damaged", "3 characters later"),
        (GOOD + GOOD[-1:], "token-damaged", "1 character later"),
        (other_token("HS384")[:-1], "token-cut", "63 of the 64 characters"),
        (other_token("HS512")[:-1], "token-cut", "85 of the 86 characters"),
        (other_token("HS256", key_id=None), "token-incomplete", "key id"),
        (other_token("HS256", key_id=""), "token-incomplete", "key id"),
        (other_token("none"), "token-not-signed", "alg: none"),
        (other_token("None"), "token-not-signed", "alg: none"),
        (other_token("none") + SIGNATURE, "token-not-signed", "alg: none"),
        (other_token("RS256"), "token-algorithm", "RS256"),
        (other_token("ES256"), "token-algorithm", "ES256"),
        (other_token("hs256"), "token-algorithm", "hs256"),
        (other_token(""), "token-algorithm", "names no algorithm"),
    ],
)  # fmt: skip
def test_a_token_that_no_pool_can_accept_is_an_error(content: bytes, code: str, words: str) -> None:
    ((found_code, severity, text),) = lines_told(content)
    assert (found_code, severity) == (code, "error")
    assert words in text
    assert found(content, ospool=False) == [(code, "error")]


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_each_algorithm_that_a_pool_knows_will_do(algorithm: str) -> None:
    assert found(other_token(algorithm)) == []


def test_all_that_is_wrong_with_a_token_is_told() -> None:
    content = other_token("none", key_id=None, exp=1)
    assert sorted(code for code, _ in found(content)) == ["token-incomplete", "token-not-signed"]


CUT = GOOD[:-20]
OTHER_POOL = token(iss="htcondor.example.edu").encode()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # HTCondor passes over what it cannot read, and over a token without a key id.
        (b"changeme\n" + GOOD, [("token-not-a-jwt", "warning", 1)]),
        (GOOD + b"\nchangeme", [("token-not-a-jwt", "warning", 2)]),
        (other_token(key_id=None) + b"\n" + GOOD, [("token-incomplete", "warning", 1)]),
        (HEADER + b"\n" + GOOD, [("token-cut", "warning", 1)]),
        (GOOD + b"\n" + GOOD[:-3] + b"\n" + GOOD[-3:], [("token-wrapped", "warning", 2)]),
        # Its client takes the first one from the right issuer, whatever its signature is like.
        (CUT + b"\n" + GOOD, [("token-cut", "error", 1)]),
        (token(exp=1).encode() + b"\n" + GOOD, [("token-expired", "error", 1)]),
        (other_token("none") + b"\n" + GOOD, [("token-not-signed", "error", 1)]),
        (CUT + b"\n" + GOOD[-20:] + b"\n" + GOOD, [("token-wrapped", "error", 1)]),
        (GOOD + b"\n" + CUT, [("token-cut", "warning", 2)]),
        (GOOD + b"\n" + token(exp=1).encode(), [("token-expired", "warning", 2)]),
        # One whose signature is of no number of bytes it cannot read.
        (GOOD[:-2] + b"\n" + GOOD, [("token-cut", "warning", 1)]),
        # A second token, for another pool, may well be meant.
        (OTHER_POOL + b"\n" + GOOD + b"\n" + OTHER_POOL, []),
        (OTHER_POOL[:-1] + b"\n" + GOOD, [("token-cut", "warning", 1)]),
        # Where none can be used, each line is to blame.
        (b"one\n# two\nthree", [("token-not-a-jwt", "error", 1), ("token-not-a-jwt", "error", 3)]),
        (HEADER + b"\n#\n" + other_token(key_id=None), [("token-cut", "error", 1), ("token-incomplete", "error", 3)]),
    ],
)  # fmt: skip
def test_each_line_is_judged(content: bytes, expected: list[tuple[str, str, int]]) -> None:
    told = lines_told(content)
    assert [(code, severity) for code, severity, _ in told] == [row[:2] for row in expected]
    for (_, _, text), (_, _, line) in zip(told, expected):
        assert re.search(rf"[Ll]ines? {line} ", text)


@pytest.mark.parametrize("bad", [CUT, token(exp=1).encode(), other_token("RS256")])
def test_a_good_token_behind_a_bad_one_is_pointed_at(bad: bytes) -> None:
    ((_, _, text),) = lines_told(bad + b"\n\n" + GOOD)
    assert "not that in line 3: remove line 1" in text


def test_a_token_in_the_configuration_is_told_by_its_key() -> None:
    (finding,) = examine(CUT[:-30] + b"\n" + GOOD[-50:], Origin("TOKEN", 3, "/etc/osg/ospool-ep.tkn"), NOW, ospool=True)
    assert "the value of TOKEN" in finding.message.lower().replace("token", "TOKEN")
    assert "remove TOKEN from the configuration" in finding.hint


def test_a_file_that_is_no_tokens_at_all_is_told_in_a_few_lines() -> None:
    told = lines_told(b"\n".join(b"word" for _ in range(5000)))
    assert len(told) == 6
    assert "4995 more lines" in told[-1][2]


@pytest.mark.parametrize("content", [b"ey\n" * 21_000, b"ey" * 32_000, b"eyJ.a\n" * 10_000, b"ey." * 21_000])
def test_no_file_takes_long(content: bytes) -> None:
    began = time.monotonic()
    examine(content, ORIGIN, NOW, ospool=True)
    assert time.monotonic() - began < 5


def everything_said(content: bytes) -> str:
    findings = examine(content, ORIGIN, NOW, ospool=True)
    try:
        other = repr(read_lines(content))
    except NotAToken as reason:
        other = "".join(traceback.format_exception(None, reason, None))
    return "\n".join([other, describe(content, ORIGIN, NOW), *(finding.as_text("cfg") for finding in findings)])


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
