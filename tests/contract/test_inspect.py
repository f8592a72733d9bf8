"""What ``docker inspect`` shows of our container is what it shows of the existing service's, but for a written list.

For each configuration both are created on the real engine, and a third one from the rendered command line.
"""

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.reading import read_configuration
from ospool_ep.container import from_configuration, specification
from ospool_ep.container.docker_command import render
from ospool_ep.container.specification import CONTAINER_NAME
from ospool_ep.engine.adapter import DockerEngine
from tests.contract.player import IMAGE, static_program
from tests.support.private_engine import docker
from tests.support.registry import Registry

# Where our container differs from the existing service's on purpose, and why.
DELIBERATE = {
    "Config.AttachStdout": "The existing service stays attached; we follow the engine's log, so that our process may"
    " end, and another one go on, without the pilot noticing.",
    "Config.AttachStderr": "As Config.AttachStdout.",
    "Config.Env": "The pilot gets its own keys, read as systemd reads them. The existing service gives it the whole"
    " file, read by docker --env-file, with quotes, and with settings of the host that it has no use for.",
    "Config.Labels.org.osg-htc.ospool-ep.fingerprint": "Tells our own container from somebody else's, and a current"
    " one from an outdated one.",
    "Config.Labels.org.osg-htc.ospool-ep.version": "Tells which release made the container.",
    "Config.StopTimeout": "The existing unit gives docker stop its 120 s; ours stand in the container, so that they"
    " hold when somebody else stops it, too.",
    "HostConfig.SecurityOpt": "Not separated by SELinux, which Podman does by default, and Docker where it is told to.",
    "HostConfig.LogConfig.Type": "The engine's default grows without bound, and replaces invalid UTF-8.",
    "HostConfig.LogConfig.Config.max-size": "Bounds the engine's copy of the log.",
    "HostConfig.LogConfig.Config.max-file": "Bounds the engine's copy of the log.",
    "HostConfig.LogConfig.Config.compress": "Costs CPU for a copy that is only read to go on after a gap.",
    f"HostConfig.Binds.{specification.TOKEN_TARGET}": "The pilot copies the token and never writes it; its file"
    " belongs to the uid of the jobs, which could change it on the host. Kubernetes mounts it read-only, too.",
    f"Mounts.{specification.TOKEN_TARGET}.Mode": "As the bind of the token.",
    f"Mounts.{specification.TOKEN_TARGET}.RW": "As the bind of the token.",
}

# What differs between any two containers.
_OF_EACH = ("Id", "Created", "Path", "State", "LogPath", "ResolvConfPath", "HostnamePath", "HostsPath", "GraphDriver")

CONFIGURATIONS = {
    "plain": "",
    "limited": "NUM_CPUS=2\nMEMORY=1500\n",
    "bind-mounted CVMFS": "BIND_MOUNT_CVMFS=yes\n",
    "cvmfsexec": 'CVMFSEXEC_REPOS="oasis.opensciencegrid.org, atlas.cern.ch"\nCVMFS_QUOTA_LIMIT=4000\n',
    "scratch": "WORKER_TEMP_DIR={directory}\n",
    "GPU": "PROVIDE_NVIDIA_GPU=true\n",
    "all of it": "NUM_CPUS=1\nMEMORY=900\nBIND_MOUNT_CVMFS=1\nWORKER_TEMP_DIR={directory}\nPROVIDE_NVIDIA_GPU=on\n",
}


@dataclass(frozen=True)
class Case:
    """A configuration, its file, and the engine's address."""

    configuration: Configuration
    path: Path
    url: str


@pytest.fixture(params=CONFIGURATIONS)
def case(request: pytest.FixtureRequest, engine_url: str, tmp_path: Path) -> Iterator[Case]:
    path = tmp_path / "ospool-ep.cfg"
    path.write_text(
        "GLIDEIN_Site=A-Site\nGLIDEIN_ResourceName=A-Resource\nSOMETHING_UNKNOWN=kept\n"
        f"TOKEN_LOCATION={tmp_path}/token\nOSPOOL_EP_IMAGE={IMAGE}\n"
        + CONFIGURATIONS[request.param].format(directory=tmp_path)
    )
    configuration, _ = read_configuration(str(path))
    yield Case(configuration, path, engine_url)
    docker(engine_url, "rm", "--force", CONTAINER_NAME, check=False)


def existing_service(case: Case) -> list[str]:
    """The flags that release 25-1 of ``ospool-ep`` gives to ``docker run``."""
    settings = case.configuration
    command = [
        "--user", "1000", "--name", "ospool-ep-container",
        "--security-opt", "seccomp=unconfined", "--security-opt", "systempaths=unconfined",
        "--security-opt", "no-new-privileges", "--device", "/dev/fuse", "--ulimit", "nofile=2048:2048",
        "--pids-limit=16384", "--env-file", str(case.path),
        "-v", f"{settings.text('TOKEN_LOCATION')}:/etc/condor/tokens-orig.d/flock.opensciencegrid.org",
    ]  # fmt: skip
    if settings.text("WORKER_TEMP_DIR"):
        command += ["-v", f"{settings.text('WORKER_TEMP_DIR')}:/pilot"]
    if settings.truth("BIND_MOUNT_CVMFS"):
        command += ["-v", "/cvmfs:/cvmfs:shared"]
    if settings.text("NUM_CPUS"):
        command.append(f"--cpus={settings.text('NUM_CPUS')}")
    if settings.text("MEMORY"):
        command.append(f"--memory={(int(settings.text('MEMORY')) + 100) * 1024 * 1024}")
    if settings.truth("PROVIDE_NVIDIA_GPU"):
        command += ["-v", "/etc/OpenCL/vendors:/etc/OpenCL/vendors:ro"]
        command += ["-e", "SINGULARITY_DISABLE_PID_NAMESPACES=True", "--runtime", "nvidia"]
    return [*command, IMAGE]


def inspect(url: str) -> dict[str, Any]:
    """All that the engine says of the container, as one flat mapping; the container is removed."""
    (found,) = json.loads(docker(url, "inspect", CONTAINER_NAME).stdout)
    docker(url, "rm", "--force", CONTAINER_NAME)
    found["Mounts"] = {mount["Destination"]: mount for mount in found["Mounts"]}
    found["HostConfig"]["Binds"] = {bind.split(":")[1]: bind for bind in found["HostConfig"]["Binds"]}
    found["Config"]["Env"] = sorted(found["Config"]["Env"])
    # The container's id again.
    del found["Config"]["Hostname"], found["NetworkSettings"]
    return dict(_flat({key: value for key, value in found.items() if key not in _OF_EACH}, ""))


def _flat(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}" if path else key)
    elif value not in ({}, [], None):
        yield path, value


def differing(one: dict[str, Any], other: dict[str, Any]) -> set[str]:
    return {path for path in one.keys() | other.keys() if one.get(path) != other.get(path)}


def ours(case: Case) -> dict[str, Any]:
    spec = from_configuration.build(case.configuration, case.configuration.text("TOKEN_LOCATION"))
    DockerEngine(case.url).create(spec)
    return inspect(case.url)


def test_ours_is_the_existing_services_but_for_the_list(case: Case) -> None:
    docker(case.url, "create", *existing_service(case))
    theirs = inspect(case.url)
    mine = ours(case)
    assert differing(theirs, mine) == DELIBERATE.keys()
    token = f"HostConfig.Binds.{specification.TOKEN_TARGET}"
    assert mine[token] == f"{theirs[token]}:ro"


def test_the_environment_is_the_pilots_part_of_the_file(case: Case) -> None:
    environment = {line.partition("=")[0]: line.partition("=")[2] for line in ours(case)["Config.Env"]}
    del environment["PATH"]  # the image's own
    expected = case.configuration.pilot_environment()
    if case.configuration.truth("PROVIDE_NVIDIA_GPU"):
        expected["SINGULARITY_DISABLE_PID_NAMESPACES"] = "True"
    assert environment == expected
    assert environment["SOMETHING_UNKNOWN"] == "kept"
    assert "TOKEN_LOCATION" not in environment


def test_the_rendered_command_makes_the_same(case: Case) -> None:
    spec = from_configuration.build(case.configuration, case.configuration.text("TOKEN_LOCATION"))
    command = shlex.split(render(spec).replace("\\\n", ""))
    assert command[:4] == ["docker", "run", "--detach", "--pull=always"]
    docker(case.url, "create", *command[4:])
    # `docker create` has no --detach; the next test runs the line as it is.
    assert differing(inspect(case.url), ours(case)) == {"Config.AttachStdout", "Config.AttachStderr"}


def test_the_rendered_command_can_be_pasted(engine_url: str, registry: Registry, tmp_path: Path) -> None:
    registry.put("pilot", "1", static_program())
    (tmp_path / "it's a token").touch()
    path = tmp_path / "ospool-ep.cfg"
    path.write_text(
        f"GLIDEIN_Site=A-Site\nGLIDEIN_ResourceName=A-Resource\nOSPOOL_EP_IMAGE={registry.reference('pilot:1')}\n"
        f'TOKEN_LOCATION="{tmp_path}/it\'s a token"\n'
        """GLIDEIN_Start_Extra=(Owner == "me") && $(x) != `id` && TARGET.a =?= 'b\\\\c'\n"""
    )
    configuration, _ = read_configuration(str(path))
    spec = from_configuration.build(configuration, configuration.text("TOKEN_LOCATION"))
    line = render(spec)
    done = subprocess.run(
        ["bash", "-c", line],
        check=False, capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "DOCKER_HOST": engine_url, "x": "expanded"},
    )  # fmt: skip
    pasted = inspect(engine_url)
    engine = DockerEngine(engine_url)
    assert engine.image(spec.image) is not None, done.stderr
    engine.start(engine.create(spec))
    assert differing(pasted, inspect(engine_url)) == set()
    assert any("$(x) != `id`" in variable for variable in pasted["Config.Env"])
    docker(engine_url, "image", "rm", "--force", spec.image)
