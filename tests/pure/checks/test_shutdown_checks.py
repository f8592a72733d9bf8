"""What is said of OSPOOL_EP_HOLD_SHUTDOWN: whom systemd holds back on this host."""

import pytest

from ospool_ep.system import inhibitors
from tests.pure.checks.test_host_checks import Host, Row, rows

KEY = "OSPOOL_EP_HOLD_SHUTDOWN"


def told(host: Host, value: str, version: int, monkeypatch: pytest.MonkeyPatch) -> list[Row]:
    monkeypatch.setattr(inhibitors, "logind_version", lambda: version)
    return [row for row in rows(host.check(f"{KEY}={value}").findings) if row[2] == KEY]


@pytest.mark.parametrize(
    ("version", "code"),
    [(0, "shutdown-not-held"), (252, "shutdown-of-root-not-held"), (256, "shutdown-of-root-not-held")],
)
def test_what_does_not_hold_is_said(host: Host, version: int, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (row,) = told(host, "true", version, monkeypatch)
    assert code in row
    assert not told(host, "false", version, monkeypatch)


@pytest.mark.parametrize("version", [257, 258])
def test_where_root_is_held_back_nothing_is_said(host: Host, version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not told(host, "true", version, monkeypatch)
