"""What the service asks its helper processes for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ospool_ep.engine import chosen
from ospool_ep.engine.presence import Presence
from ospool_ep.service import helper_calls
from ospool_ep.service.helper_answers import Inspected
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
