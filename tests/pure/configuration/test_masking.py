"""What is hidden and escaped before it is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ospool_ep.configuration.findings import error, warning
from ospool_ep.configuration.masking import HIDDEN, looks_like_token, mask, quoted
from ospool_ep.wording import printable
from tests.support.tokens import Token, make_token


@pytest.mark.parametrize("kind", [kind for kind in Token if make_token(kind).startswith("eyJ")])
def test_a_token_is_hidden_wherever_it_stands(kind: Token) -> None:
    token = make_token(kind).strip()
    assert mask(f"There is no file /etc/{token}.tkn, nor {token}") == f"There is no file /etc/{HIDDEN}, nor {HIDDEN}"
    assert looks_like_token(f"x={token}")
    assert quoted(f"x {token}") == HIDDEN


def test_a_token_that_was_cut_is_hidden() -> None:
    for end in range(12, 200):
        assert mask(make_token(Token.GOOD)[:end]) == HIDDEN


@pytest.mark.parametrize(
    "text", ["eyJ", "keyJ.txt", "/etc/osg/ospool-ep.tkn", "hub.osg-htc.org/a/b:25", "eyjafjallajokull"]
)
def test_other_text_stays(text: str) -> None:
    assert mask(text) == text
    assert not looks_like_token(text)


@given(st.text())
def test_what_is_printable_has_one_line_and_no_control_character(text: str) -> None:
    assert printable(text).isprintable()
    assert quoted(text).isprintable()
    assert len(quoted(text)) <= 1000


def test_a_finding_holds_neither_a_token_nor_a_control_character() -> None:
    token = make_token(Token.GOOD).strip()
    for make in (error, warning):
        finding = make("code", f"No file {token}\x1b[2J\n", f"Remove {token}")
        assert (finding.message, finding.hint) == (f"No file {HIDDEN}\\x1b[2J\\n", f"Remove {HIDDEN}")
