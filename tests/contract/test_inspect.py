"""What an engine says of our container, and what is found inside, is what it was told to be.

It is what the existing service's container is, but for a written list; and a third one is made from the rendered
command line.
"""

import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.reading import read_configuration
from ospool_ep.container import from_configuration, specification
from ospool_ep.container.cvmfs_mounts import where_there
from ospool_ep.container.docker_command import render
from ospool_ep.container.specification import ContainerSpec
from ospool_ep.engine.adapter import DockerEngine
from ospool_ep.engine.http import Stream
from ospool_ep.system.host_capacity import capacity
from tests.contract.player import IMAGE, load_image, static_program
from tests.support.names import CONTAINER_NAME
from tests.support.private_engine import docker, private_engine
from tests.support.registry import Registry
from tests.support.waiting import SLOW

# Where our container differs from the existing service's on purpose, and why.
DELIBERATE = {
    "Config.AttachStdout": "The existing service stays attached; we follow the engine's log, so that our process may"
    " end, and another one go on, without the pilot noticing.",
    "Config.AttachStderr": "As Config.AttachStdout.",
    "Config.Env": "The pilot gets its own keys, read as systemd reads them. The existing service gives it the whole"
    " file, read by docker --env-file, with quotes, and with settings of the host that it has no use for.",
    "Config.Labels.org.osg-htc.ospool-ep.fingerprint": "Tells our own container from somebody else's, and a current"
    " one from an outdated one.",
    "Config.Labels.org.osg-htc.ospool-ep.instance": "Tells whose pilot it is, where several services share a host.",
    "Config.Labels.org.osg-htc.ospool-ep.version": "Tells which release made the container.",
    "Config.Labels.com.centurylinklabs.watchtower.enable": "Watchtower would replace the container at a new image.",
    "Config.StopTimeout": "The existing unit gives docker stop its 120 s; ours stand in the container, so that they"
    " hold when somebody else stops it, too.",
    "HostConfig.SecurityOpt": "Not separated by SELinux, which Podman does by default, and Docker where it is told to.",
    "HostConfig.LogConfig.Type": "The engine's default grows without bound, and replaces invalid UTF-8.",
    "HostConfig.LogConfig.Config.max-size": "Bounds the engine's copy of the log.",
    "HostConfig.LogConfig.Config.max-file": "Bounds the engine's copy of the log.",
    "HostConfig.LogConfig.Config.compress": "Costs CPU for a copy that is only read to go on after a gap.",
    "HostConfig.ShmSize": "64 MB are too little for jobs, which die of a bus error.",
    "HostConfig.Ulimits": "A job that needs more open files can have them.",
    "HostConfig.UsernsMode": "Where Docker maps users, uid 1000 must be uid 1000 all the same.",
    f"Mounts.{specification.TOKEN_TARGET}.RW": "The pilot copies the token and never writes it; its file"
    " belongs to the uid of the jobs, which could change it on the host. Kubernetes mounts it read-only, too.",
}

# And where it is a guest of its host.
OF_A_GUEST = {
    "HostConfig.OomScoreAdj": "The jobs of a guest go first where this host has no memory left.",
    "HostConfig.CpuShares": "A guest has the least share, also where systemd has no slice for it.",
}

# How a mount is told: what came of it stands in "Mounts", but for its "Mode". Which log driver is Podman's default, its
# distribution says.
_HOW_MOUNTED = r"HostConfig\.(Binds|Mounts)\b|Mounts\..*\.Mode"
NOT_COMPARED = {"docker": re.compile(_HOW_MOUNTED), "podman": re.compile(rf"{_HOW_MOUNTED}|HostConfig\.LogConfig\b")}

# What an engine's own command tells otherwise than we do, and comes to the same.
OF_THE_COMMAND: dict[str, set[str]] = {"docker": set(), "podman": {"HostConfig.RestartPolicy.Name"}}

# Podman's command creates without attaching, and has the host's user name space: what it is told of that, and of
# labels, Podman 5 notes in words of its own. SELinux separates the script's container there.
SAME_WITH_PODMAN = ("Config.Attach", "HostConfig.LogConfig", "HostConfig.UsernsMode")
DELIBERATE_WITH_PODMAN = {
    *(path for path in DELIBERATE if not path.startswith(SAME_WITH_PODMAN)),
    *(f"HostConfig.Annotations.io.podman.annotations.{name}" for name in ("label", "userns")),
    "MountLabel",
    "ProcessLabel",
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
    "a path with all that separates": "WORKER_TEMP_DIR={directory}/run:2026\n",
    "a path with commas": "WORKER_TEMP_DIR={directory}/a,b\n",
    "a guest": "OSPOOL_EP_PRIORITY=backfill\n",
    "all of it": "NUM_CPUS=1\nMEMORY=900\nBIND_MOUNT_CVMFS=1\nWORKER_TEMP_DIR={directory}\nPROVIDE_NVIDIA_GPU=on\n",
}


@dataclass(frozen=True)
class Case:
    """A configuration, its file, and the engine: its address and its kind."""

    configuration: Configuration
    path: Path
    url: str
    kind: str

    @property
    def spec(self) -> ContainerSpec:
        """The container."""
        token, here = self.configuration.text("TOKEN_LOCATION"), capacity()
        spec = from_configuration.build(self.configuration, token, here.memory_bytes, here.open_files)
        return where_there(spec, os.path.isfile)


def read(text: str, url: str, directory: Path) -> Case:
    """A case of that configuration; what it mounts is there."""
    for name in ("run:2026", "a,b"):
        (directory / name).mkdir()
    (directory / "token").touch()
    path = directory / "ospool-ep.cfg"
    path.write_text(
        "GLIDEIN_Site=A-Site\nGLIDEIN_ResourceName=A-Resource\nSOMETHING_UNKNOWN=kept\n"
        f"TOKEN_LOCATION={directory}/token\nOSPOOL_EP_IMAGE={IMAGE}\n{text.format(directory=directory)}"
    )
    configuration, _ = read_configuration(str(path))
    return Case(configuration, path, url, DockerEngine(url).info().kind)


@pytest.fixture
def asked(engine_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Case]]:
    """Makes a case of a configuration."""
    # A machine that runs the tests has neither of its own, as a rule.
    for name in ("CVMFS", "OPENCL_VENDORS"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(from_configuration, name, f"{tmp_path}/{name}")
    yield lambda text: read(text, engine_url, tmp_path)
    docker(engine_url, "rm", "--force", CONTAINER_NAME, check=False)


@pytest.fixture(params=CONFIGURATIONS)
def case(request: pytest.FixtureRequest, asked: Callable[[str], Case]) -> Case:
    return asked(CONFIGURATIONS[request.param])


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
    if ":" in settings.text("WORKER_TEMP_DIR"):
        # Which the existing service can't have.
        command += ["--mount", f"type=bind,source={settings.text('WORKER_TEMP_DIR')},target=/pilot"]
    elif settings.text("WORKER_TEMP_DIR"):
        command += ["-v", f"{settings.text('WORKER_TEMP_DIR')}:/pilot"]
    if settings.truth("BIND_MOUNT_CVMFS"):
        command += ["-v", f"{from_configuration.CVMFS}:{from_configuration.CVMFS}:shared"]
    if settings.text("NUM_CPUS"):
        command.append(f"--cpus={settings.text('NUM_CPUS')}")
    if settings.text("MEMORY"):
        command.append(f"--memory={(int(settings.text('MEMORY')) + 100) * 1024 * 1024}")
    if settings.truth("PROVIDE_NVIDIA_GPU"):
        command += ["-v", f"{from_configuration.OPENCL_VENDORS}:{from_configuration.OPENCL_VENDORS}:ro"]
        command += ["-e", "SINGULARITY_DISABLE_PID_NAMESPACES=True"]
        # Podman's command has no such option for one container.
        command += ["--runtime", "nvidia"] if case.kind == "docker" else []
    return [*command, IMAGE]


def look(url: str, path: str = f"/containers/{CONTAINER_NAME}/json") -> dict[str, Any]:
    """What the engine's API says; its command would say it in its own way."""
    with Stream(url[len("unix://") :], "GET", path, timeout=20) as stream:
        found: dict[str, Any] = stream.answer()
    return found


def inspect(url: str) -> dict[str, Any]:
    """All that the engine says of the container, as one flat mapping; the container is removed."""
    found = look(url)
    docker(url, "rm", "--force", CONTAINER_NAME)
    found["Mounts"] = {mount["Destination"]: mount for mount in found["Mounts"]}
    for name in ("SecurityOpt", "Binds", "Mounts"):
        found["HostConfig"][name] = sorted(found["HostConfig"].get(name) or [], key=repr)
    # The container's id again, which Podman puts into the environment, too.
    found["Config"]["Env"] = sorted(line for line in found["Config"]["Env"] if not line.startswith("HOSTNAME="))
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


def run_command(case: Case, *arguments: str) -> None:
    """Run the engine's own command."""
    address = {"docker": "--host", "podman": "--url"}[case.kind]
    done = subprocess.run([case.kind, address, case.url, *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def ours(case: Case) -> dict[str, Any]:
    DockerEngine(case.url).create(case.spec)
    return inspect(case.url)


def test_ours_is_the_existing_services_but_for_the_list(case: Case) -> None:
    run_command(case, "create", *existing_service(case))
    different = {path for path in differing(inspect(case.url), ours(case)) if not NOT_COMPARED[case.kind].match(path)}
    deliberate = {"docker": DELIBERATE.keys(), "podman": DELIBERATE_WITH_PODMAN}[case.kind]
    assert different == {*deliberate, *(OF_A_GUEST if case.spec.guest else ())}


def test_the_environment_is_the_pilots_part_of_the_file(case: Case) -> None:
    environment = {line.partition("=")[0]: line.partition("=")[2] for line in ours(case)["Config.Env"]}
    for name in ("PATH", "TERM", "container"):  # the image's own, and what Podman adds
        environment.pop(name, None)
    expected = case.configuration.pilot_environment()
    if case.configuration.truth("PROVIDE_NVIDIA_GPU"):
        expected["SINGULARITY_DISABLE_PID_NAMESPACES"] = "True"
        expected["NVIDIA_VISIBLE_DEVICES"] = "all"
    assert environment == expected
    assert environment["SOMETHING_UNKNOWN"] == "kept"
    assert "TOKEN_LOCATION" not in environment


def read_by_docker(url: str) -> dict[str, Any]:
    found = look(url)
    config = found["HostConfig"]
    limits = {limit["Name"]: (limit["Soft"], limit["Hard"]) for limit in config["Ulimits"]}
    return {
        **_read_by_both(found),
        "open files": limits["nofile"],
        "system paths": (config["MaskedPaths"], config["ReadonlyPaths"]),
        "users": config["UsernsMode"],
        "runtime": config["Runtime"],
        "log": {"type": config["LogConfig"]["Type"], **config["LogConfig"]["Config"]},
    }


def read_by_podman(url: str) -> dict[str, Any]:
    # Its own API says more of it than the one that it shares with Docker.
    found = look(url, f"/v4.0.0/libpod/containers/{CONTAINER_NAME}/json")
    config = found["HostConfig"]
    limits = {limit["Name"]: (limit["Soft"], limit["Hard"]) for limit in config["Ulimits"]}
    return {
        **_read_by_both(found),
        "open files": limits["RLIMIT_NOFILE"],
        "users": config["UsernsMode"],
        "log": {"type": config["LogConfig"]["Type"], "size": config["LogConfig"]["Size"]},
    }


def _read_by_both(found: dict[str, Any]) -> dict[str, Any]:
    config = found["HostConfig"]
    return {
        # Newer Podman adds a word of its own for the system paths.
        "security": set(config["SecurityOpt"]) - {"unmask=all"},
        "process label": found["ProcessLabel"],
        "shared memory": config["ShmSize"],
        "memory": config["Memory"],
        "CPUs": config["NanoCpus"] / 1e9,
        "processes": config["PidsLimit"],
        "devices": {(device["PathOnHost"], device["PathInContainer"]) for device in config["Devices"]},
        "restart": config["RestartPolicy"]["Name"],
        "stop": found["Config"]["StopTimeout"],
        "mounts": {mount["Destination"]: (mount["Source"], mount["RW"]) for mount in found["Mounts"]},
    }


READ = {"docker": read_by_docker, "podman": read_by_podman}
OF_EACH_ENGINE: dict[str, dict[str, object]] = {
    "docker": {
        "system paths": ([], []),
        "users": "host",
        "runtime": "nvidia",
        "log": {"type": "local", "max-size": "134217728", "max-file": "2", "compress": "false"},
    },
    # The host's user name space is what Podman has, and shows as nothing; GPUs show once the container is started.
    "podman": {"users": "", "log": {"type": "k8s-file", "size": "268.4MB"}},
}


@pytest.mark.machine
def test_the_engine_has_read_what_it_was_told(asked: Callable[[str], Case]) -> None:
    case = asked("NUM_CPUS=2\nMEMORY=1500\nPROVIDE_NVIDIA_GPU=1\nWORKER_TEMP_DIR={directory}/run:2026\n")
    DockerEngine(case.url).create(case.spec)
    assert READ[case.kind](case.url) == {
        **OF_EACH_ENGINE[case.kind],
        "security": {"label=disable", "seccomp=unconfined", "no-new-privileges"},
        "process label": "",
        "open files": (2048, min(524288, capacity().open_files)),
        "shared memory": 750 << 20,
        "memory": 1600 << 20,
        "CPUs": 2.0,
        "processes": 16384,
        "devices": {("/dev/fuse", "/dev/fuse")},
        "restart": "no",
        "stop": 120,
        "mounts": {
            "/pilot": (f"{case.path.parent}/run:2026", True),
            specification.TOKEN_TARGET: (f"{case.path.parent}/token", False),
            from_configuration.OPENCL_VENDORS: (from_configuration.OPENCL_VENDORS, False),
        },
    }


# The limits are those of the container's first process: what an old runc executes beside it may have others, of the Go
# runtime (opencontainers/runc, issue 4195).
INSIDE = """
echo masked: $(grep -c ' /proc/' /proc/self/mountinfo)
grep 'open files' /proc/1/limits
echo shared memory: $(df -k /dev/shm | tail -1 | awk '{print $2}')
echo users: $(cat /proc/self/uid_map)
grep '^NoNewPrivs:\\|^Seccomp:' /proc/self/status
echo me: $(id -u) $(touch /pilot/mine && stat -c %u /pilot/mine)
"""


@pytest.mark.machine
def test_inside_it_is_what_the_engine_was_told(asked: Callable[[str], Case]) -> None:
    case = asked("PLAY=forever\nMEMORY=600\nWORKER_TEMP_DIR={directory}/run:2026\n")
    scratch = case.path.parent / "run:2026"
    os.chown(scratch, 1000, 1000)
    engine = DockerEngine(case.url)
    engine.start(engine.create(case.spec))
    done = engine.execute(CONTAINER_NAME, ("sh", "-c", INSIDE), user="1000", timeout_seconds=20 * SLOW)
    assert [line.split() for line in done.output.splitlines()] == [
        ["masked:", "0"],
        ["Max", "open", "files", "2048", str(min(524288, capacity().open_files)), "files"],
        ["shared", "memory:", str(300 << 10)],
        ["users:", "0", "0", "4294967295"],
        ["NoNewPrivs:", "1"],
        ["Seccomp:", "0"],
        ["me:", "1000", "1000"],
    ]
    assert (scratch / "mine").stat().st_uid == 1000


@pytest.mark.dockers_own
def test_where_docker_maps_users_the_pilots_user_is_the_hosts(tmp_path: Path) -> None:
    """A token and a scratch directory that only uid 1000 of the host may read and write."""
    with private_engine("--userns-remap=default") as remapped:
        load_image(remapped.url, tmp_path)
        (tmp_path / "scratch").mkdir()
        case = read("PLAY=forever\nMEMORY=600\nWORKER_TEMP_DIR={directory}/scratch\n", remapped.url, tmp_path)
        for path, mode in ((tmp_path / "token", 0o400), (tmp_path / "scratch", 0o700)):
            os.chown(path, 1000, 1000)
            path.chmod(mode)
        engine = DockerEngine(remapped.url)
        engine.start(engine.create(case.spec))
        script = f"cat /proc/self/uid_map && cat {specification.TOKEN_TARGET} && touch /pilot/mine"
        done = engine.execute(CONTAINER_NAME, ("sh", "-c", script), user="1000", timeout_seconds=20 * SLOW)
        assert (done.exit_code, done.output.split()) == (0, ["0", "0", "4294967295"])
        assert (tmp_path / "scratch/mine").stat().st_uid == 1000


def test_the_rendered_command_makes_the_same(case: Case) -> None:
    command = shlex.split(render(case.spec, case.kind).replace("\\\n", ""))
    assert command[:4] == [case.kind, "run", "--detach", "--pull=always"]
    run_command(case, "create", *command[4:])
    # `docker create` has no --detach; the next test runs the line as it is.
    assert differing(inspect(case.url), ours(case)) <= {
        "Config.AttachStdout",
        "Config.AttachStderr",
        *OF_THE_COMMAND[case.kind],
    }


@pytest.mark.machine
def test_the_rendered_command_can_be_pasted(engine_url: str, registry: Registry, tmp_path: Path) -> None:
    registry.put("pilot", "1", static_program())
    (tmp_path / "it's a token: mine").touch()
    path = tmp_path / "ospool-ep.cfg"
    path.write_text(
        f"GLIDEIN_Site=A-Site\nGLIDEIN_ResourceName=A-Resource\nOSPOOL_EP_IMAGE={registry.reference('pilot:1')}\n"
        f'TOKEN_LOCATION="{tmp_path}/it\'s a token: mine"\n'
        """GLIDEIN_Start_Extra=(Owner == "me") && $(x) != `id` && TARGET.a =?= 'b\\c'\n"""
    )
    case = Case(read_configuration(str(path))[0], path, engine_url, DockerEngine(engine_url).info().kind)
    spec, line = case.spec, render(case.spec, case.kind)
    done = subprocess.run(
        ["bash", "-c", line],
        check=False, capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "DOCKER_HOST": engine_url, "CONTAINER_HOST": engine_url, "x": "expanded"},
    )  # fmt: skip
    pasted = inspect(engine_url)
    engine = DockerEngine(engine_url)
    assert engine.image(spec.image) is not None, done.stderr
    engine.start(engine.create(spec))
    assert differing(pasted, inspect(engine_url)) <= OF_THE_COMMAND[case.kind]
    assert any("$(x) != `id`" in variable for variable in pasted["Config.Env"])
    docker(engine_url, "image", "rm", "--force", spec.image)
