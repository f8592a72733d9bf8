"""The container in the words of each engine's API."""

from pathlib import Path
from typing import Any

import pytest

from ospool_ep.configuration.reading import read_configuration
from ospool_ep.container import from_configuration
from ospool_ep.container.create_request import create_body

NAMES = "GLIDEIN_Site=A-Site\nGLIDEIN_ResourceName=A-Resource\n"


def host_config(engine_kind: str, directory: Path, text: str = "") -> dict[str, Any]:
    path = directory / "ospool-ep.cfg"
    path.write_text(NAMES + text)
    configuration, _ = read_configuration(str(path))
    body = create_body(from_configuration.build(configuration, "/etc/osg/ospool-ep.tkn"), engine_kind)
    config: dict[str, Any] = body["HostConfig"]
    return config


@pytest.mark.parametrize("engine_kind", ["docker", "podman"])
def test_no_engine_separates_the_pilot_by_selinux(engine_kind: str, tmp_path: Path) -> None:
    assert "label=disable" in host_config(engine_kind, tmp_path)["SecurityOpt"]


def test_docker_is_told_of_no_masked_path_by_two_empty_lists(tmp_path: Path) -> None:
    config = host_config("docker", tmp_path)
    assert (config["MaskedPaths"], config["ReadonlyPaths"]) == ([], [])
    assert "systempaths=unconfined" not in config["SecurityOpt"]


def test_podman_is_told_of_no_masked_path_by_a_word(tmp_path: Path) -> None:
    config = host_config("podman", tmp_path)
    assert "systempaths=unconfined" in config["SecurityOpt"]
    assert not {"MaskedPaths", "ReadonlyPaths"} & config.keys()
