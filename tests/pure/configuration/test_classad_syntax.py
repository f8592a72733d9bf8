"""ClassAd expressions: what is one, where the first fault is, and that HTCondor's own parser agrees."""

import random
import re

import classad2
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ospool_ep.configuration.classad_syntax import problem_in

GOOD = (
    "True", "TARGET.ProjectName == \"A\"", "(a || b) && !c", "a ? b : c ? d : e", "a ?: 0", "-a + -1 - +b * ~c",
    "1.5e3 < .5", "0x1F & 7 | 1 ^ 2", "a >>> 2 >> 1 << 3", "a is undefined", "a ISNT error", "a =?= b =!= c",
    "stringListMember(TARGET.Owner, \"a,b\", \",\")", "time()", "{1, \"two\", {}}[0]", "[a = 1; b = {a};].b", "[]",
    "'quoted name' == MY.'other name'", "\"a \\\"quoted\\\" b\"", "\"C:\\\\\"", "\"a\" \"b\"", ".absolute",
    "a /* comment */ && b", "f(x).y[1].z", "regexp(\"^a/b$\", x)", "ifThenElse(a, b, c) ? [x = 1].x : {}", "\"é\"",
    "isntit", "istrue", "true1", "errors", "  a  ",
)  # fmt: skip

# Each with the column of the first fault, from 1.
BAD = {
    "": 1, "   ": 4, "a b": 3, "a = 1": 3, "a &&": 5, "&& a": 1, "(a": 1, "a)": 2, "a ? b": 3, "a : b": 3, "f(a,)": 5,
    "{a,}": 4, "f(,a)": 3, "()": 2, "[a]": 3, "[a = ]": 6, "[1 = a]": 2, "a.": 3, "a.1": 2, "a.true": 3, "\"a": 1,
    "a == 'b": 6, "a /* b": 3, "a // b": 3, "5.": 1, "5.x": 1, "089": 1, "a @ b": 3, "é": 1, "not a": 5, "a[1": 2,
    "a[]": 3, "(a}": 3, "x.f(1)": 4, "true(1)": 5, "is": 1, "a is": 5, "a === b": 5, "a ? : : b": 7, "1 2": 3,
    "a\n&& b": 2, "a and b": 3, "{a": 1, "a ? (b : c) : d": 8, "a; b": 2, "a, b": 2, "x) || (y": 2, "\\": 1,
}  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_an_expression_has_no_problem(text: str) -> None:
    assert problem_in(text) is None
    assert htcondor_takes(text)


@pytest.mark.parametrize(("text", "column"), BAD.items())
def test_the_first_fault_is_told(text: str, column: int) -> None:
    problem = problem_in(text)
    assert problem is not None
    assert problem.column == column
    assert not htcondor_takes(text)


@pytest.mark.parametrize("text", ["$(MY_START)", "a && $(OTHER:True)", "$ENV(X) == 1", "$RANDOM_CHOICE(1,2) > 1 )"])
def test_what_a_macro_stands_for_is_left_to_htcondor(text: str) -> None:
    assert problem_in(text) is None


@pytest.mark.parametrize("text", ["f(a; b)", "10k", "1.5M > a", "a ?: !b"])
def test_what_only_some_releases_take_is_taken(text: str) -> None:
    assert problem_in(text) is None


def test_a_single_equals_sign_gets_a_hint() -> None:
    problem = problem_in('TARGET.Owner = "a"')
    assert problem is not None
    assert "==" in problem.message


@pytest.mark.parametrize("text", ["(" * 100_000 + "a" + ")" * 100_000, "!" * 100_000 + "a", '"a" ' * 50_000])
def test_no_depth_or_length_is_too_much(text: str) -> None:
    assert problem_in(text) is None


def htcondor_takes(text: str) -> bool:
    """Whether HTCondor's own parser takes the text alone, and within what the pilot writes around it."""
    return all(_parses(before + text + behind) for before, behind in (("", ""), ("(", ")"), ("{", "}")))


def _parses(text: str) -> bool:
    try:
        classad2.ExprTree(text)
    except classad2.ClassAdException:
        return False
    return "\n" not in text and "\r" not in text


FRAGMENTS = (
    "a", "TARGET.x", "MY.", "1", "2.5", "0x1F", "012", "089", ".5", "5.", "1e3", '"s"', '"a\\"b"', '"', "'q r'", "'",
    "true", "error", "undefined", "is", "isnt", "(", ")", "(", ")", "{", "}", "[", "]", "?", ":", ",", ";", "=", "==",
    "=?=", "=!=", "&&", "||", "|", "&", "<", ">", "<<", ">>", ">>>", "<=", "!", "~", "-", "+", "*", "/", "%", "^",
    " ", " ", " ", ".", "f(", "a=1", "/*c*/", "/*", "//", "é", "\\", "isnta", "falsey", "true1", "\t",
)  # fmt: skip

_operands = st.sampled_from(["a", "1", "2.5", '"s"', "true", "MY.x", "'q'", "f()", "{}", "[]", ".a"])
expressions = st.recursive(
    _operands,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", " is ", "=?=", "&&", "||", ">>>", "<", "=="]), inner).map("".join),
        st.tuples(st.sampled_from(["!", "-", "~"]), inner).map("".join),
        inner.map("({})".format),
        st.tuples(inner, inner, inner).map(lambda parts: "{} ? {} : ({})".format(*parts)),
        st.tuples(inner, inner).map(lambda parts: "f({}, {{{}}})".format(*parts)),
        st.tuples(inner, inner).map(lambda parts: "[a = {}; b = {};].a".format(*parts)),
        st.tuples(inner, inner).map(lambda parts: "({})[{}]".format(*parts)),
    ),
    max_leaves=8,
)


@settings(max_examples=1000)
@given(expressions)
def test_htcondor_and_we_take_every_expression(text: str) -> None:
    assert htcondor_takes(text)
    assert problem_in(text) is None


@settings(max_examples=1000)
@given(st.one_of(st.lists(st.sampled_from(FRAGMENTS), max_size=10).map("".join), expressions), st.randoms())
def test_what_htcondor_takes_is_never_refused(text: str, source: random.Random) -> None:
    position = source.randrange(len(text) + 1)
    spoilt = text[:position] + source.choice(FRAGMENTS) + text[position + source.randrange(2) :]
    assert problem_in(spoilt) is None or not htcondor_takes(spoilt)


@settings(max_examples=1000)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=6).map("".join))
def test_what_htcondor_refuses_is_refused(text: str) -> None:
    # Earlier releases take a sign behind ?: and a semicolon between arguments, which this one refuses.
    assume(not re.search(r"\?[\s/*c]*:|\(.*;", text))
    assert problem_in(text) is not None or htcondor_takes(text)
