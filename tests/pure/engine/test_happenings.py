"""Events in a stream: each once, in order, however it was cut, and no more when the container is gone."""

import json
from collections.abc import Iterator, Sequence
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ospool_ep.engine.happenings import happenings, query
from ospool_ep.engine.interface import EngineError
from tests.pure.engine.test_log_stream import cut


def stream(actions: Sequence[str]) -> bytes:
    # As the engine writes it, with a name that has more than one byte.
    events = ({"Type": "container", "Action": action, "Actor": {"Attributes": {"name": "ü"}}} for action in actions)
    return b"".join(json.dumps(event, ensure_ascii=False).encode() + b"\n" for event in events)


@given(st.lists(st.sampled_from(["pause", "unpause", "oom", "kill", "die"])), st.lists(st.integers(0, 120)))
def test_each_is_told_once_and_in_order(actions: list[str], sizes: list[int]) -> None:
    assert list(happenings(cut(stream(actions), sizes))) == actions


def test_each_is_told_as_soon_as_it_is_there() -> None:
    def chunks() -> Iterator[bytes]:
        yield stream(["pause"]) + stream(["unpause"])[:10]
        raise AssertionError("asked for more")

    assert next(happenings(chunks())) == "pause"


@pytest.mark.parametrize("refusal", [b'{"cause": "none", "message": "no backend", "response": 500}\n', b"[]\n"])
def test_an_error_in_the_stream_is_told_as_such(refusal: bytes) -> None:
    told = happenings([stream(["pause"]), refusal])
    assert next(told) == "pause"
    with pytest.raises(EngineError):
        next(told)


@pytest.mark.parametrize("last", ["destroy", "remove"])
def test_nothing_follows_the_removal(last: str) -> None:
    def chunks() -> Iterator[bytes]:
        yield stream(["die", last, "start"])
        raise AssertionError("asked for more")

    assert list(happenings(chunks())) == ["die", "destroy"]


def test_what_is_no_event_is_an_error() -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        list(happenings([b"<html>\n"]))


def test_the_question_survives_its_address() -> None:
    asked = parse_qs(query("0123", 1_795_571_179.5), strict_parsing=True)
    filters = json.loads(asked["filters"][0])
    assert asked["since"] == ["1795571179.500000000"]
    assert (filters["container"], filters["type"]) == (["0123"], ["container"])


def test_what_runs_inside_and_who_looks_is_not_told() -> None:
    actions = ["exec_create: true", "exec_start: true", "exec_die", "top", "health_status: healthy", "pause"]
    assert list(happenings([stream(actions)])) == ["pause"]
