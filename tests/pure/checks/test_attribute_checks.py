"""The operator's file of attributes as it is found on a host: what is in the way of it, and what it says."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Optional

import pytest

from ospool_ep.checks import host_facts
from ospool_ep.checks.attribute_checks import KEY, check_attributes, check_host_name
from ospool_ep.checks.check import check_all
from ospool_ep.checks.engine_facts import ask
from ospool_ep.checks.path_probe import look
from ospool_ep.checks.path_sight import Sight
from ospool_ep.configuration.findings import Checked, Severity
from ospool_ep.configuration.options import OPTIONS
from ospool_ep.configuration.reading import read_configuration
from tests.pure.checks.test_host_checks import Host


def check(host: Host, line: Optional[str] = None) -> Checked:
    """What the service finds, with a file ``attributes`` that the configuration names in line 5."""
    path = host.write(line if line is not None else f"{KEY}={host.path}/attributes")
    configuration, findings = read_configuration(str(path))
    return check_all(configuration, findings, host.places, host.engine, lambda _wanted: ask(host.choice))


def told(checked: Checked) -> list[tuple[str, str, Optional[int]]]:
    return [(found.code, found.severity.value, found.line) for found in checked.findings if found.key == KEY]


def test_what_it_says_is_found_although_only_root_can_read_it(host: Host) -> None:
    file = host.path / "attributes"
    file.write_text("# of the rack\nRack = 7\n")
    file.chmod(0o600)
    checked = check(host)
    assert (told(checked), checked.attributes) == ([], "Rack = 7\n")


def test_its_mistakes_are_told_with_both_lines(host: Host) -> None:
    (host.path / "attributes").write_text("Rack = 7\nSTART = True\n")
    checked = check(host)
    assert told(checked) == [("attribute-is-a-setting", "error", 5)]
    (finding,) = (found for found in checked.findings if found.key == KEY)
    assert f"Line 2 of {host.path}/attributes: START " in finding.message


def test_its_mistakes_are_told_in_its_own_order(host: Host) -> None:
    (host.path / "attributes").write_text("START = True\nA =\nB B = 1\nCool = $(X)\nMemory = 1\n")
    lines = [found.message.partition(" of ")[0] for found in check(host).findings if found.key == KEY]
    assert lines == [f"Line {number}" for number in range(1, 6)]


def fifo(path: Path) -> None:
    os.mkfifo(path)


def dangle(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        (lambda _path: None, "attributes-missing"),
        (dangle, "attributes-missing"),
        (Path.mkdir, "attributes-not-a-file"),
        (fifo, "attributes-not-a-file"),
        (lambda path: path.write_bytes(bytes(3 << 20)), "attributes-not-readable"),
    ],
)
def test_what_is_in_the_way_of_a_file_that_is_named(host: Host, prepare: Callable[[Path], object], code: str) -> None:
    prepare(host.path / "attributes")
    checked = check(host)
    assert (told(checked), checked.attributes) == ([(code, "error", 5)], "")


@pytest.mark.parametrize(
    ("prepare", "code"), [(lambda _path: None, None), (dangle, "attributes-missing"), (fifo, "attributes-not-a-file")]
)
def test_the_usual_one_need_not_be_there(
    host: Host, monkeypatch: pytest.MonkeyPatch, prepare: Callable[[Path], object], code: Optional[str]
) -> None:
    monkeypatch.setitem(OPTIONS, KEY, replace(OPTIONS[KEY], default=f"{host.path}/usual"))
    prepare(host.path / "usual")
    assert told(check(host, "")) == ([(code, "error", None)] if code else [])


def test_where_there_is_none_nothing_is_looked_at(host: Host) -> None:
    configuration, _ = read_configuration(str(host.write()))
    assert host_facts.attributes_path(configuration) == ""


def test_one_that_only_root_can_read_is_told_to_others(host: Host) -> None:
    configuration, _ = read_configuration(str(host.write()))
    closed = look({f"{host.path}/token": "read"}, 30.0)[f"{host.path}/token"]
    (finding,) = check_attributes(configuration, replace(closed, content=None, read_error=13), root=False).findings
    assert finding.severity is Severity.WARNING
    assert "Run ospool-ep check as root." in finding.hint


def test_one_that_hangs_is_an_error(host: Host) -> None:
    configuration, _ = read_configuration(str(host.write()))
    (finding,) = check_attributes(configuration, Sight("/net/a b", hangs=True), root=True).findings
    assert (finding.severity, finding.message) == (Severity.ERROR, "'/net/a b' does not answer.")


@pytest.mark.parametrize(
    ("line", "node_name", "code"),
    [
        ("OSPOOL_EP_ADVERTISE_HOST=true", "localhost.localdomain", ["host-without-name"]),
        ("OSPOOL_EP_ADVERTISE_HOST=true", "node-7.example.edu", []),
        ("", "localhost", []),
        ("OSPOOL_EP_ADVERTISE_HOST=false", "localhost", []),
    ],
)
def test_a_name_that_is_asked_for_and_is_none_is_told(host: Host, line: str, node_name: str, code: list[str]) -> None:
    configuration, _ = read_configuration(str(host.write(line)))
    assert [finding.code for finding in check_host_name(configuration, node_name)] == code
