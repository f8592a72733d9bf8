"""The directories and the network that a configuration lends, in the container that it asks for."""

from pathlib import Path

import pytest

from ospool_ep.configuration.reading import read_configuration
from ospool_ep.container import from_configuration
from ospool_ep.container.create_request import create_body
from ospool_ep.container.docker_command import render
from ospool_ep.container.specification import ContainerSpec, Mount

NAMES = "GLIDEIN_Site=A-Site\nGLIDEIN_ResourceName=A-Resource\n"
# As etc/ospool-ep.cfg is shipped.
SHIPPED = "GLIDEIN_RANDOMIZE_NAME=false\nOSPOOL_EP_BIND=\nOSPOOL_EP_NETWORK=bridge\n"


def build(text: str, directory: Path) -> ContainerSpec:
    path = directory / "ospool-ep.cfg"
    path.write_text(NAMES + text)
    return from_configuration.build(read_configuration(str(path))[0], "/etc/osg/ospool-ep.tkn", 8 << 30, 1 << 20)


def test_what_is_lent_is_mounted_for_reading_unless_it_says_rw(tmp_path: Path) -> None:
    without = build("", tmp_path).mounts
    lent = build("OSPOOL_EP_BIND=/data, /ref:/srv/ref:ro,/out:/srv/out:rw\n", tmp_path).mounts
    assert [mount for mount in lent if mount not in without] == [
        Mount("/data", "/data", read_only=True),
        Mount("/ref", "/srv/ref", read_only=True),
        Mount("/out", "/srv/out"),
    ]


def test_docker_never_makes_a_source_that_is_missing(tmp_path: Path) -> None:
    """As it does for what is told as a bind."""
    config = create_body(build("OSPOOL_EP_BIND=/data:/srv/data", tmp_path), "docker")["HostConfig"]
    assert {"Type": "bind", "Source": "/data", "Target": "/srv/data", "ReadOnly": True} in config["Mounts"]
    assert not [bind for bind in config["Binds"] if bind.startswith("/data")]


def test_podman_is_told_of_a_bind(tmp_path: Path) -> None:
    config = create_body(build("OSPOOL_EP_BIND=/data:/srv/data", tmp_path), "podman")["HostConfig"]
    assert "/data:/srv/data:ro" in config["Binds"]


@pytest.mark.parametrize("engine_kind", ["docker", "podman"])
@pytest.mark.parametrize(
    ("text", "mode", "options"),
    [
        ("", "default", []),
        (SHIPPED, "default", []),
        ("OSPOOL_EP_NETWORK=Bridge\n", "default", []),
        (f"{SHIPPED}OSPOOL_EP_NETWORK=host\n", "host", ["--network host"]),
        ("OSPOOL_EP_NETWORK=HOST\n", "host", ["--network host"]),
        ("OSPOOL_EP_NETWORK=My.Net\n", "My.Net", ["--network My.Net"]),
    ],
)
def test_the_network(engine_kind: str, text: str, mode: str, options: list[str], tmp_path: Path) -> None:
    spec = build(text, tmp_path)
    assert create_body(spec, engine_kind)["HostConfig"]["NetworkMode"] == mode
    lines = [line.strip(" \\") for line in render(spec, engine_kind).splitlines()]
    assert [line for line in lines if line.startswith("--network")] == options


@pytest.mark.parametrize(
    ("text", "name_is_random"),
    [
        (SHIPPED, "false"),
        (f"{SHIPPED}OSPOOL_EP_NETWORK=host\n", "true"),
        ("OSPOOL_EP_NETWORK=host\n", "true"),
        ("OSPOOL_EP_NETWORK=mine\n", "false"),
    ],
)
def test_on_the_hosts_network_no_two_pilots_have_one_name(text: str, name_is_random: str, tmp_path: Path) -> None:
    assert dict(build(text, tmp_path).environment)["GLIDEIN_RANDOMIZE_NAME"] == name_is_random
