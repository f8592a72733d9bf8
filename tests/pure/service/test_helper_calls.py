"""What the service asks its helper processes for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ospool_ep.container.specification import CLOSED_LABEL
from ospool_ep.engine import chosen
from ospool_ep.engine.presence import Presence
from ospool_ep.service import helper_calls
from ospool_ep.service.helper_answers import FileContent, Inspected
from tests.pure.checks.played_engine import serving

OF_SOME_USER = b'HTTP/1.0 200 OK\r\nServer: Libpod/5.4.2 (linux)\r\n\r\n{"Rootless": true}'


@pytest.mark.parametrize(
    ("call", "found"),
    [(helper_calls.read_to_start, True), (helper_calls.read_again, True), (helper_calls.read_to_stop, False)],
)
def test_an_engine_is_examined_for_each_next_pilot_and_not_for_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Callable[[str], Inspected], found: bool
) -> None:
    engines = {"docker": Presence(), "podman": Presence()}
    monkeypatch.setattr(chosen, "presences", lambda: engines)
    monkeypatch.setattr(chosen, "noted", lambda: None)
    config = tmp_path / "ospool-ep.cfg"
    config.write_text(f"OSPOOL_EP_ENGINE=unix://{tmp_path}/e.sock\n")
    with serving(tmp_path / "e.sock", OF_SOME_USER):
        inspected = call(str(config))
    assert ("engine-rootless" in {finding.code for finding in inspected.checked.findings}) is found


REQUIRED = "GLIDEIN_Site=A\nGLIDEIN_ResourceName=B\nTOKEN_LOCATION=/etc/osg/t\n"


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], FileContent]:
    """What the service gets to know of a file."""
    monkeypatch.setattr(chosen, "presences", lambda: {"docker": Presence(), "podman": Presence()})

    def content(text: str) -> FileContent:
        config = tmp_path / "ospool-ep.cfg"
        config.write_text(REQUIRED + text)
        return helper_calls.read_again(str(config)).file

    return content


@pytest.mark.parametrize(("line", "minutes"), [("", 30), ("ACCEPT_IDLE_MINUTES=7", 7)])
def test_a_pilot_beside_others_waits_for_its_first_job_as_long_as_that_may_take(
    read: Callable[[str], FileContent], line: str, minutes: int
) -> None:
    keys = "OSPOOL_EP_LONGEST_JOB_HOURS=2\nOSPOOL_EP_ROLLBACK_MINUTES=10\n"
    beside = read(f"{keys}{line}\n").beside
    assert beside
    assert dict(beside.labels)[CLOSED_LABEL]
    assert int(dict(beside.environment)["ACCEPT_IDLE_MINUTES"]) == minutes + 120 + 10 + 30


def test_where_no_pilot_can_be_made_beside_others_the_status_can_say_why(read: Callable[[str], FileContent]) -> None:
    content = read("OSPOOL_EP_HAND_OVER=false\n")
    assert content.spec
    assert content.beside is None
    assert content.policy.one_by_one == "OSPOOL_EP_HAND_OVER is false"


def test_a_clause_that_takes_no_other_one_beside_it_is_told(
    read: Callable[[str], FileContent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ospool_ep.container.closed_start.closed", lambda *_: None)
    content = read("")
    assert content.beside is None
    assert "GLIDEIN_Start_Extra" in content.policy.one_by_one


@pytest.mark.parametrize(
    ("lines", "hours", "is_backfill"),
    [("", "", False), ("OSPOOL_EP_HOURS=Mon 18-8\n", "Mon 18-8", False), ("OSPOOL_EP_PRIORITY=backfill\n", "", True)],
)
def test_the_service_gets_to_know_when_its_pilots_are_guests(
    read: Callable[[str], FileContent], lines: str, hours: str, is_backfill: bool
) -> None:
    assert (read(lines).hours, read(lines).is_backfill) == (hours, is_backfill)


def test_hours_that_say_none_are_an_error_of_the_file(read: Callable[[str], FileContent]) -> None:
    assert read("OSPOOL_EP_HOURS=18-18\n").spec is None
