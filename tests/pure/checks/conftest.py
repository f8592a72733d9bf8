"""A host of our own making, on which all is well."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pure.checks.played_engine import serving
from tests.pure.checks.test_host_checks import Host


@pytest.fixture
def host(open_path: Path) -> Iterator[Host]:
    with serving(open_path / "engine.sock", b"HTTP/1.0 200 OK\r\n\r\nOK"):
        yield Host(open_path)
