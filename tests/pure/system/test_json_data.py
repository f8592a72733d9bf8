"""What crosses from one process to another: it comes back as it was, and nothing but that is taken for it."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ospool_ep.checks.path_sight import Sight
from ospool_ep.configuration.contents import Configuration, Value
from ospool_ep.configuration.findings import Checked, Finding
from ospool_ep.configuration.policy import Policy
from ospool_ep.container.specification import ContainerSpec
from ospool_ep.service.helper_answers import FileContent, Inspected
from ospool_ep.system.json_data import decode, encode

CROSSING = (Checked, ContainerSpec, FileContent, Finding, Inspected, Policy, Sight)
CONFIGURATIONS = st.builds(Configuration, values=st.dictionaries(st.text(), st.from_type(Value)))
FINDING = {"code": "c", "severity": "error", "message": "m", "hint": "h", "key": None, "line": 3}


@given(st.one_of(CONFIGURATIONS, *(st.from_type(kind) for kind in CROSSING)))
def test_what_is_encoded_comes_back(value: object) -> None:
    text = encode(value)
    # Not even that is equal to itself which is no number.
    assert decode(type(value), text) == value or "NaN" in text
    assert text.isascii()
    assert "\n" not in text


@given(st.binary())
def test_bytes_come_back(content: bytes) -> None:
    assert decode(Sight, encode(Sight("/a", content=content))).content == content


@pytest.mark.parametrize(
    "change",
    [
        {"severity": "fatal"},
        {"severity": None},
        {"message": None},
        {"message": 3},
        {"line": "3"},
        {"line": True},
        {"line": 3.0},
        {"line": [3]},
        {"unknown": 1},
    ],
    ids=str,
)
def test_another_value_than_was_asked_for_is_refused(change: "dict[str, Any]") -> None:
    assert decode(Finding, json.dumps(FINDING)).line == 3
    with pytest.raises(ValueError, match=r"."):
        decode(Finding, json.dumps({**FINDING, **change}))


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "3", '{"code"', "\xff", "[" * 100_000], ids=range(8))
def test_what_is_no_such_value_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(Finding, text)


@pytest.mark.parametrize("items", [[], ["a"], ["a", "b", "c"], ["a", 1], "ab"])
def test_a_tuple_has_the_items_that_were_asked_for(items: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(tuple[str, str], json.dumps(items))


def test_a_secret_is_in_no_refusal() -> None:
    text = encode(replace(Sight("/a", content=b"changeme"), error=1)).replace('"error": 1', '"error": "x"')
    with pytest.raises(ValueError, match=r"^this is no int$"):
        decode(Sight, text)
