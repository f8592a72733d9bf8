"""GPUs come into the container in a way that stays: by NVIDIA's runtime, and by the Container Device Interface.

No machine of the tests has a GPU: the runtime "nvidia" is a script that keeps what it is given and then is runc, and
the devices are those of /dev/null and /dev/zero under NVIDIA's names.
"""

import json
import os
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ospool_ep.container.docker_command import render
from ospool_ep.container.specification import ContainerSpec, Mount
from ospool_ep.engine import gpus as gpus_of_engine
from ospool_ep.engine.adapter import DockerEngine
from ospool_ep.engine.gpus import with_gpus
from ospool_ep.engine.interface import EngineError
from ospool_ep.pilot import gpus
from ospool_ep.pilot.state import Gpus
from tests.contract.player import load_image, play
from tests.support.nvidia_host import NvidiaHost
from tests.support.private_engine import docker, private_engine
from tests.support.waiting import SLOW

NODES = ("/dev/nvidiactl", "/dev/nvidia0")
NAME = "ospool-ep-contract-gpus"

# As the NVIDIA Container Runtime does, it is called as runc is; where a bundle is made it keeps its specification.
RECORDER = """\
#!/bin/sh
for word; do
    [ "$before" != --bundle ] || cp "$word/config.json" {kept}
    before=$word
done
exec runc "$@"
"""


@pytest.fixture
def nodes() -> Iterator[tuple[str, ...]]:
    """The nodes of a driver with one GPU, as both engines look for them: in /dev. They lead to nothing."""
    made = [node for node in NODES if not Path(node).exists()]
    for node in made:
        os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(1, 5))
        Path(node).chmod(0o666)
    yield NODES
    for node in made:
        Path(node).unlink()


def pilot(*chosen: str) -> ContainerSpec:
    spec = replace(play("forever", name=NAME), security_options=("label=disable",))
    environment = (*spec.environment, ("NVIDIA_VISIBLE_DEVICES", ",".join(chosen)))
    return replace(spec, gpus=chosen, environment=environment)


def inside(engine: DockerEngine, container_id: str, script: str) -> str:
    done = engine.execute(container_id, ("/bin/sh", "-c", script), user="1000", timeout_seconds=20 * SLOW)
    return done.output


def has_gpus(engine: DockerEngine, container_id: str) -> Gpus:
    """What the probe's question finds in a container in which no startd runs."""
    script = f"answers=1\n{gpus.question('none', 'none')}"
    return gpus.read(inside(engine, container_id, script).partition("[gpus]")[2])[0]


@pytest.mark.dockers_own
def test_with_nvidias_runtime_the_devices_are_the_containers_own(nodes: tuple[str, ...], tmp_path: Path) -> None:
    """What a reload of systemd leaves is what the engine was told of; so that has to have them all."""
    kept, runtime = tmp_path / "config.json", tmp_path / "nvidia-container-runtime"
    runtime.write_text(RECORDER.format(kept=kept))
    runtime.chmod(0o755)
    root = NvidiaHost(tmp_path / "root").root
    (root / "dev/nvidia-uvm").unlink()
    with private_engine(f"--add-runtime=nvidia={runtime}") as private:
        load_image(private.url, tmp_path)
        engine = DockerEngine(private.url, root=str(root))
        container_id = engine.create(pilot("1"))
        engine.start(container_id)
        given = json.loads(kept.read_text())
        assert {device["path"] for device in given["linux"]["devices"]} >= set(nodes)
        assert "NVIDIA_VISIBLE_DEVICES=1" in given["process"]["env"]
        assert [rule for rule in _allowed(given) if (rule["major"], rule["minor"]) == (1, 5)]
        assert has_gpus(engine, container_id) is Gpus.WELL
        _is_the_same_as_rendered(engine, private.url, container_id, str(root))


def _allowed(given: dict[str, Any]) -> list[dict[str, Any]]:
    rules = given["linux"]["resources"]["devices"]
    return [rule for rule in rules if rule["allow"] and "major" in rule and "minor" in rule]


def _is_the_same_as_rendered(engine: DockerEngine, url: str, container_id: str, root: str) -> None:
    command = render(with_gpus(pilot("1"), engine.info(), root), "docker")
    words = command.replace("docker run --detach --pull=always", f"docker --host {url} create", 1)
    before = json.loads(docker(url, "inspect", container_id).stdout)[0]["HostConfig"]
    docker(url, "rm", "--force", container_id)
    subprocess.run(["bash", "-c", words], check=True, capture_output=True, timeout=60)
    after = json.loads(docker(url, "inspect", NAME).stdout)[0]["HostConfig"]
    assert [after[key] for key in ("Devices", "Runtime")] == [before[key] for key in ("Devices", "Runtime")]


@pytest.mark.dockers_own
@pytest.mark.parametrize("told", [True, False])
def test_a_device_that_the_engine_was_not_told_of_can_not_be_opened_and_the_probe_sees_that(
    engine_url: str, tmp_path: Path, told: bool
) -> None:
    """As NVIDIA's runtime leaves it when systemd has been reloaded: the node is there, and no rule that allows it."""
    engine, node = DockerEngine(engine_url), tmp_path / "nvidiactl"
    # That of /dev/fuse: no container may open it by itself, and everybody may where it is given.
    os.mknod(node, stat.S_IFCHR | 0o666, Path("/dev/fuse").stat().st_rdev)
    node.chmod(0o666)
    mount = Mount(str(node), gpus.CONTROL_NODE)
    spec = replace(pilot(), mounts=(mount,), devices=("/dev/fuse",) if told else ())
    container_id = engine.create(spec)
    engine.start(container_id)
    seen = has_gpus(engine, container_id)
    why = inside(engine, container_id, f": <>{gpus.CONTROL_NODE}")
    docker(engine_url, "rm", "--force", container_id)
    assert seen is (Gpus.WELL if told else Gpus.CLOSED)
    assert ("Operation not permitted" in why) is not told


@pytest.mark.dockers_own
def test_a_pilot_that_was_not_given_any_runs_nothing_to_look_for_them(engine_url: str) -> None:
    engine = DockerEngine(engine_url)
    container_id = engine.create(play("forever", name=NAME))
    engine.start(container_id)
    assert has_gpus(engine, container_id) is Gpus.NONE
    docker(engine_url, "rm", "--force", container_id)


# Of a GPU that was made up: the node of /dev/zero under the name of NVIDIA's, and a word in the environment.
SPECIFICATION = {
    "cdiVersion": "0.5.0",
    "kind": "nvidia.com/gpu",
    "devices": [
        {
            "name": "0",
            "containerEdits": {
                "env": ["MADE_UP=by a specification"],
                "deviceNodes": [{"path": "/dev/nvidiactl", "hostPath": "/dev/zero", "permissions": "rw"}],
            },
        }
    ],
}


@pytest.fixture
def specification() -> Iterator[Path]:
    """It is on the host of the engine."""
    path = Path("/etc/cdi/ospool-ep-contract.json")
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(SPECIFICATION))
    yield path
    path.unlink()


@pytest.mark.machine
@pytest.mark.podmans_own
@pytest.mark.parametrize("over_libpod", [False, True])
def test_podman_gives_what_a_specification_says(
    engine_url: str, specification: Path, monkeypatch: pytest.MonkeyPatch, over_libpod: bool
) -> None:
    """Over both of its APIs: a Podman before 5.4 is asked over its own."""
    if over_libpod:
        monkeypatch.setattr(gpus_of_engine, "PODMAN_TAKES_REQUESTS_SINCE", (99, 0))
    engine = DockerEngine(engine_url)
    assert specification.exists()
    assert engine.info().kind == "podman"
    container_id = engine.create(pilot("0"))
    engine.start(container_id)
    assert inside(engine, container_id, "head -c 1 /dev/nvidiactl | od -An -tu1").split() == ["0"]
    # It is the container's, and not that of a command that is run in it later.
    assert "MADE_UP=by a specification" in inside(engine, container_id, "tr '\\0' '\\n' </proc/1/environ")
    assert has_gpus(engine, container_id) is Gpus.WELL
    docker(engine_url, "rm", "--force", container_id)


@pytest.mark.machine
@pytest.mark.podmans_own
def test_podman_starts_none_without_the_gpu_that_it_was_asked_for(engine_url: str, specification: Path) -> None:
    engine = DockerEngine(engine_url)
    assert specification.exists()
    with pytest.raises(EngineError, match=r"nvidia\.com/gpu=7"):
        engine.start(engine.create(pilot("7")))
    docker(engine_url, "rm", "--force", NAME, check=False)


@pytest.mark.machine
@pytest.mark.podmans_own
def test_podmans_own_api_makes_the_same(engine_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for the order of some words; and Podman notes words of the other API's, beside what follows from them."""
    engine = DockerEngine(engine_url)
    spec = replace(pilot("all"), memory_bytes=1 << 30, cpus=1, shm_bytes=1 << 20, unmasked_system_paths=True)
    made = []
    for since in ((0, 0), (99, 0)):
        monkeypatch.setattr(gpus_of_engine, "PODMAN_TAKES_REQUESTS_SINCE", since)
        engine.create(replace(spec, security_options=("label=disable", "seccomp=unconfined", "no-new-privileges")))
        made.append(json.loads(docker(engine_url, "inspect", NAME).stdout)[0])
        docker(engine_url, "rm", "--force", NAME)
    one, other = made
    first, second = ({line for line in each["Config"]["Env"] if not line.startswith("HOSTNAME=")} for each in made)
    assert first == second
    assert one["ProcessLabel"] == other["ProcessLabel"]
    noted = ("SecurityOpt", "Binds", "Annotations")
    different = {key for key in one["HostConfig"] if one["HostConfig"][key] != other["HostConfig"].get(key)}
    assert different <= set(noted)
