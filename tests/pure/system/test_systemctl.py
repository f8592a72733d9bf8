"""What systemctl prints of units, and what is made of it."""

from typing import Optional

import pytest

from ospool_ep.system import systemctl
from ospool_ep.system.systemctl import UnitState, unit_states

PRINTED = """\
LoadState=loaded
ActiveState=active
UnitFileState=enabled-runtime

LoadState=not-found
ActiveState=inactive
UnitFileState=

UnitFileState=masked
LoadState=masked
ActiveState=activating
"""
UNITS = ("docker.service", "docker.socket", "podman.socket")


def answering(monkeypatch: pytest.MonkeyPatch, answer: Optional[str]) -> None:
    monkeypatch.setattr(systemctl, "ask", lambda *_arguments, **_more: answer)


def test_each_unit_has_its_state(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, PRINTED)
    states = unit_states(UNITS)
    assert states is not None
    docker, missing, podman = (states[unit] for unit in UNITS)
    assert (docker.known, docker.runs, docker.enabled, docker.masked) == (True, True, True, False)
    assert (missing.known, missing.runs, missing.enabled, missing.masked) == (False, False, False, False)
    assert (podman.known, podman.runs, podman.enabled, podman.masked) == (True, True, False, True)


@pytest.mark.parametrize("answer", [None, "", "LoadState=loaded\n"])
def test_where_systemd_says_too_little_nothing_is_known(monkeypatch: pytest.MonkeyPatch, answer: Optional[str]) -> None:
    answering(monkeypatch, answer)
    assert unit_states(UNITS) is None


def test_a_unit_of_which_nothing_is_known_is_not_there() -> None:
    assert not UnitState().known
