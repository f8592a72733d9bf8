"""What a host lends beside cores and memory, as the engine has read it and as it is found inside the container."""

import os
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ospool_ep.checks.engine_facts import EngineFacts
from ospool_ep.checks.job_bind_checks import missing_in_pilot
from ospool_ep.checks.network_checks import check_network_of
from ospool_ep.container.docker_command import render
from ospool_ep.engine.adapter import DockerEngine
from ospool_ep.engine.address import EngineAddress
from ospool_ep.engine.choice import Choice
from ospool_ep.engine.interface import EngineError
from ospool_ep.engine.ping import Answer
from tests.contract.test_inspect import OF_THE_COMMAND, Case, differing, inspect, look, ours, read, run_command
from tests.support.names import CONTAINER_NAME
from tests.support.private_engine import docker
from tests.support.waiting import SLOW

NETWORK = "ospool-ep-contract"
BINDS = "OSPOOL_EP_BIND={directory}/lent:/srv/data,{directory}/results:/srv/results:rw,{directory}/a b\n"


@pytest.fixture
def asked(engine_url: str, tmp_path: Path) -> Iterator[Callable[[str], Case]]:
    """Makes a case of a configuration; the directories that it lends are there, open for everybody."""
    for name in ("lent", "results", "a b"):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o777)
        (tmp_path / name / "file").write_text(f"{name}\n")
    yield lambda text: read(text, engine_url, tmp_path)
    docker(engine_url, "rm", "--force", CONTAINER_NAME, check=False)
    docker(engine_url, "network", "rm", NETWORK, check=False)


def execute(case: Case, script: str) -> str:
    """What a script in the container of that case prints, which is started."""
    engine = DockerEngine(case.url)
    engine.start(engine.create(case.spec))
    done = engine.execute(CONTAINER_NAME, ("sh", "-c", script), user="1000", timeout_seconds=20 * SLOW)
    return done.output


def networks_of(case: Case) -> list[str]:
    return [finding.code for finding in check_network_of(case.configuration, facts(case))]


def facts(case: Case) -> EngineFacts:
    """As those of an engine that was examined."""
    address = EngineAddress(case.kind, case.url[len("unix://") :])
    return EngineFacts(Choice(address, "auto"), Answer.WELL, (20, 10, 24) if case.kind == "docker" else (), layers="/")


@pytest.mark.machine
def test_the_kernel_lets_jobs_write_where_the_configuration_says_so_and_nowhere_else(
    asked: Callable[[str], Case],
) -> None:
    case = asked(f"PLAY=forever\n{BINDS}")
    read_all = "cat /srv/data/file /srv/results/file 'TMP/a b/file'".replace("TMP", str(case.path.parent))
    write_all = "for place in data results; do echo mine 2>&1 >/srv/$place/mine; done"
    said = execute(case, f"{read_all}; {write_all}; id -u").splitlines()
    assert said[:3] == ["lent", "results", "a b"]
    assert [line.rpartition(": ")[2] for line in said[3:]] == ["Read-only file system", "1000"]
    assert (case.path.parent / "results/mine").read_text() == "mine\n"
    assert not (case.path.parent / "lent/mine").exists()


@pytest.mark.dockers_own
def test_a_directory_that_has_gone_is_not_made_by_the_engine(asked: Callable[[str], Case]) -> None:
    case = asked(f"PLAY=forever\n{BINDS}")
    (case.path.parent / "lent/file").unlink()
    (case.path.parent / "lent").rmdir()
    with pytest.raises(EngineError, match="lent"):
        DockerEngine(case.url).create(case.spec)
    assert not (case.path.parent / "lent").exists()


@pytest.mark.machine
def test_on_the_network_of_the_host_it_has_a_random_name(asked: Callable[[str], Case]) -> None:
    case = asked("PLAY=forever\nOSPOOL_EP_NETWORK=host\nGLIDEIN_RANDOMIZE_NAME=false\n")
    said = execute(case, "readlink /proc/self/ns/net; hostname; echo $GLIDEIN_RANDOMIZE_NAME").split()
    assert said == [str(Path("/proc/self/ns/net").readlink()), os.uname().nodename, "true"]
    assert networks_of(case) == []


@pytest.mark.machine
def test_a_network_by_its_name_is_the_pilots_once_it_is_there(asked: Callable[[str], Case]) -> None:
    case = asked(f"PLAY=forever\nOSPOOL_EP_NETWORK={NETWORK}\n")
    assert networks_of(case) == ["network-missing"]
    with pytest.raises(EngineError, match=NETWORK):
        execute(case, "true")
    docker(case.url, "rm", "--force", CONTAINER_NAME, check=False)
    docker(case.url, "network", "create", NETWORK)
    assert networks_of(case) == []
    network = execute(case, "readlink /proc/self/ns/net").strip()
    assert network != str(Path("/proc/self/ns/net").readlink())
    assert list(look(case.url)["NetworkSettings"]["Networks"]) == [NETWORK]


@pytest.mark.machine
def test_a_network_that_leads_nowhere_is_told(asked: Callable[[str], Case]) -> None:
    case = asked(f"OSPOOL_EP_NETWORK={NETWORK}\n")
    docker(case.url, "network", "create", "--internal", NETWORK)
    assert networks_of(case) == ["network-internal"]


@pytest.mark.dockers_own
def test_a_docker_without_a_bridge_is_told(asked: Callable[[str], Case]) -> None:
    """The private engine has none."""
    assert networks_of(asked("")) == ["network-missing"]


@pytest.mark.machine
@pytest.mark.parametrize("text", [BINDS, "OSPOOL_EP_NETWORK=host\n"])
def test_the_rendered_command_makes_the_same(asked: Callable[[str], Case], text: str) -> None:
    case = asked(text)
    command = shlex.split(render(case.spec, case.kind).replace("\\\n", ""))
    run_command(case, "create", *command[4:])
    pasted = inspect(case.url)
    assert differing(pasted, ours(case)) <= {"Config.AttachStdout", "Config.AttachStderr", *OF_THE_COMMAND[case.kind]}


@pytest.mark.machine
def test_a_pilot_is_asked_which_paths_it_has(asked: Callable[[str], Case]) -> None:
    case = asked(f"PLAY=forever\n{BINDS}")
    address = EngineAddress(case.kind, case.url[len("unix://") :])
    paths = ["/bin", "/no where", "/srv/data", "/srv/data/file"]
    assert missing_in_pilot(address, paths) is None, "there is no pilot"
    execute(case, "true")
    # Its mounts are not the image's own: the next pilot may lack them.
    assert missing_in_pilot(address, paths) == frozenset(paths[1:])
    docker(case.url, "pause", CONTAINER_NAME)
    assert missing_in_pilot(address, paths) is None, "a pilot that is silent"
    docker(case.url, "unpause", CONTAINER_NAME)
