"""What a pilot's container says of itself in the pool: this host's name, and a file of attributes."""

from pathlib import Path

import pytest

from ospool_ep.container.advertised import names_host, names_service, with_attributes, with_host, with_service
from ospool_ep.container.closed_start import closed
from ospool_ep.container.specification import ATTRIBUTES_TARGET, Mount
from ospool_ep.this_service import ServiceName
from tests.pure.container.test_from_configuration import build

VALUE, NAMES = "_CONDOR_OSPOOL_EP_HOST", "_CONDOR_SLOT1_STARTD_ATTRS"


def environment(text: str, directory: Path, node_name: str) -> dict[str, str]:
    """What is added to the environment, or changed in it."""
    spec = build(text, directory)
    before = dict(spec.environment)
    after = dict(with_host(spec, node_name).environment)
    assert before.keys() <= after.keys()
    return {key: value for key, value in after.items() if before.get(key) != value}


@pytest.mark.parametrize("node_name", ["node-7", "node-7.example.edu", "node-7."])
def test_the_short_name_is_advertised_as_a_text(tmp_path: Path, node_name: str) -> None:
    assert environment("", tmp_path, node_name) == {VALUE: '"node-7"', NAMES: "OSPOOL_EP_HOST"}


@pytest.mark.parametrize(
    "node_name",
    [
        "",
        ".",
        ".example.edu",
        "localhost",
        "Localhost",
        "localhost.localdomain",
        'a"b',
        "a b",
        "a\\",
        "a$(B)",
        "ä",
        "a\n",
    ],
)
def test_a_name_that_says_nothing_or_that_no_host_should_have_is_left_out(tmp_path: Path, node_name: str) -> None:
    assert environment("", tmp_path, node_name) == {}


def test_what_an_operator_has_htcondor_advertise_stays(tmp_path: Path) -> None:
    assert environment("_condor_slot1_Startd_Attrs=Mine Other\n", tmp_path, "node-7") == {
        VALUE: '"node-7"',
        "_condor_slot1_Startd_Attrs": "Mine Other OSPOOL_EP_HOST",
    }
    assert environment(f"{NAMES}=\n", tmp_path, "node-7")[NAMES] == "OSPOOL_EP_HOST"
    assert environment(f"{VALUE}='\"theirs\"'\n", tmp_path, "node-7") == {NAMES: "OSPOOL_EP_HOST"}


@pytest.mark.parametrize(
    ("attributes", "named"),
    [
        ("", False),
        ("Rack = 1\nOSPOOL_EP_HOST = 1\n", True),
        ("ospool_ep_host = 1\n", True),
        ('OSPOOL_EP_HOSTS = 1\nRack = "OSPOOL_EP_HOST = 1"\n', False),
    ],
)
def test_an_operators_own_name_is_found(attributes: str, named: bool) -> None:
    assert names_host(attributes) is named


def test_a_file_takes_the_place_of_the_one_that_a_closed_pilot_has(tmp_path: Path) -> None:
    spec = build("", tmp_path)
    ours = Mount("/run/attributes", ATTRIBUTES_TARGET, read_only=True)
    assert with_attributes(spec, "/run/attributes").mounts == (*spec.mounts, ours)
    beside = closed(spec, "beside", 60)
    assert beside
    assert with_attributes(beside, "/run/attributes").mounts == (*spec.mounts, ours)


def test_one_of_several_services_says_which_one_it_is_beside_the_host(tmp_path: Path) -> None:
    spec = build("", tmp_path)
    both = dict(with_service(with_host(spec, "node-7"), ServiceName("gpu.2")).environment)
    assert both["_CONDOR_OSPOOL_EP_SERVICE"] == '"ospool-ep@gpu.2"'
    assert both[NAMES] == "OSPOOL_EP_HOST OSPOOL_EP_SERVICE"
    assert both[VALUE] == '"node-7"'
    # The pilots that ran before there were several are as they were.
    assert with_service(spec, ServiceName()) == spec


@pytest.mark.parametrize(("text", "names"), [("ospool_ep_service = 1", True), ("OSPOOL_EP_SERVICES = 1", False)])
def test_an_operator_may_say_which_service_it_is(text: str, names: bool) -> None:
    assert names_service(f'Rack = "B7"\n{text}') is names
