"""What each set of OSPOOL_EP_PRIVILEGES lets a pilot's process do, and what the kernel refuses it: asked from inside.

The processes are uid 1000's, as a pilot's and its jobs' are.
"""

import errno
import os
import shlex
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, Union

import pytest

from ospool_ep.container.docker_command import render
from ospool_ep.container.privileges import SECCOMP_PROFILE
from ospool_ep.container.specification import ContainerSpec
from ospool_ep.engine.adapter import DockerEngine
from ospool_ep.engine.interface import EngineError
from tests.contract.one_call import NUMBERS, program
from tests.contract.player import IMAGE
from tests.contract.test_inspect import OF_THE_COMMAND, Case, differing, inspect, read, run_command
from tests.support.names import CONTAINER_NAME
from tests.support.private_engine import docker
from tests.support.waiting import SLOW
from tests.world import ROOT

SHIPPED = ROOT / "share/seccomp-minimum.json"
SETS = ("recommended", "minimum", "cvmfs-bind")
MASKED = SETS[1:]

# Where a mount of the host's may not forbid set-uid programs.
_WITH_SET_UID = "/var/tmp"  # noqa: S108 - a directory of its own is made in it

# The device of FUSE, as each user may open it on the hosts that udev sets up: not each machine that runs tests is one.
DEVICE = "fuse"
_FUSE_NUMBERS = os.makedev(10, 229)

# The bits of the seven, as in linux/capability.h: DAC_OVERRIDE, DAC_READ_SEARCH, SETGID, SETUID, SYS_CHROOT, SYS_PTRACE
# and SYS_ADMIN.
SEVEN = sum(1 << bit for bit in (1, 2, 6, 7, 18, 19, 21))

# What the kernel lets anybody ask, as root and as uid 1000: a refusal is the filter's.
FILTERED = ("add_key", "keyctl", "kcmp", "perf_event_open", "request_key")
# What it lets no such process do in any case.
NEVER = ("bpf", "kexec_load", "open_by_handle_at", "reboot")

PIVOT = "mount -t tmpfs none /tmp && mkdir /tmp/old && cd /tmp && pivot_root . old && umount -l /old"
FUSE = "exec 3<>{device} && mount -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 none /tmp"


@dataclass(frozen=True)
class Inside:
    """A container that runs, and the kind of its engine."""

    engine: DockerEngine
    kind: str

    def run(self, script: str) -> tuple[int, str]:
        """What a shell of uid 1000's ends with in it, and says."""
        done = self.engine.execute(CONTAINER_NAME, ("sh", "-c", script), user="1000", timeout_seconds=20 * SLOW)
        return done.exit_code, done.output

    def call(self, name: str) -> int:
        """What one system call comes to: an errno, or 0."""
        return self.run(f"/pilot/{name}")[0]

    def status(self, name: str) -> str:
        """A field of the first process in /proc."""
        return self.run(f"grep ^{name}: /proc/1/status")[1].split()[1]


class Start(Protocol):
    """Starts the container of one set; ``without`` is an option that it lacks."""

    def __call__(self, name: str, without: str = "") -> Inside: ...


@pytest.fixture
def scratch() -> Iterator[Path]:
    """The pilot's scratch directory, with the programs that make one system call."""
    with tempfile.TemporaryDirectory(dir=_WITH_SET_UID) as directory:
        path = Path(directory)
        path.chmod(0o755)
        for name in NUMBERS:
            (path / name).write_bytes(program(name))
            (path / name).chmod(0o4755 if name == "geteuid" else 0o755)
        os.mknod(path / DEVICE, stat.S_IFCHR, _FUSE_NUMBERS)
        (path / DEVICE).chmod(0o666)
        yield path


@pytest.fixture
def case_of(engine_url: str, tmp_path: Path, scratch: Path) -> Callable[[str], Case]:
    """The configuration of one set."""
    text = f"PLAY=forever\nWORKER_TEMP_DIR={scratch}\nOSPOOL_EP_PRIVILEGES="
    return lambda name: read(f"{text}{name}\n", engine_url, tmp_path)


@pytest.fixture
def spec_of(case_of: Callable[[str], Case], scratch: Path) -> Callable[[str], ContainerSpec]:
    """The container of one set, as the configuration asks for it; the profile is this tree's."""
    return lambda name: with_ours(case_of(name).spec, scratch)


def with_ours(spec: ContainerSpec, scratch: Path) -> ContainerSpec:
    """The same container, with the profile of this tree and the device of ours."""
    options = tuple(option.replace(SECCOMP_PROFILE, str(SHIPPED)) for option in spec.security_options)
    return replace(spec, image=IMAGE, security_options=options, devices=(str(scratch / DEVICE),))


@pytest.fixture
def start(engine_url: str, spec_of: Callable[[str], ContainerSpec]) -> Iterator[Start]:
    """Starts the container of one set."""
    engine = DockerEngine(engine_url)

    def started(name: str, without: str = "") -> Inside:
        spec = spec_of(name)
        kept = tuple(option for option in spec.security_options if option != without)
        engine.start(engine.create(replace(spec, security_options=kept)))
        return Inside(engine, engine.info().kind)

    yield started
    docker(engine_url, "rm", "--force", CONTAINER_NAME, check=False)


@pytest.mark.machine
@pytest.mark.parametrize("name", SETS)
def test_the_containers_of_jobs_can_be_made(start: Start, scratch: Path, name: str) -> None:
    inside = start(name)
    assert inside.run("unshare -Urm mount -t tmpfs none /tmp") == (0, "")
    assert inside.run(f"unshare -Urm sh -c '{FUSE.format(device=scratch / DEVICE)}'") == (0, "")
    # The filter that Docker has of itself lets nobody pivot; Apptainer then changes its root in another way.
    bars_pivot = name == "cvmfs-bind" and inside.kind == "docker"
    assert (inside.run(f"unshare -Urm sh -c '{PIVOT}'")[0] != 0) == bars_pivot
    assert inside.run("unshare -Urm sh -c 'mount -o rbind / /tmp && chroot /tmp true'") == (0, "")


@pytest.mark.machine
@pytest.mark.parametrize("name", ["recommended", "minimum"])
def test_cvmfsexec_can_take_its_steps(start: Start, scratch: Path, name: str) -> None:
    """A root of its own of mounts from this one, FUSE in it, and a user in there who is himself again."""
    inside = start(name)
    places = "for place in bin dev proc var; do mkdir /tmp/$place && mount -o rbind /$place /tmp/$place || exit 1; done"
    steps = PIVOT.replace("mkdir", f"{places}; mkdir -p /tmp/tmp")
    assert inside.run(f"unshare -Urm sh -c '{steps}; {FUSE.format(device=scratch / DEVICE)} && unshare -U true'") == (
        0,
        "",
    )
    # By this it learns that it can't have a /proc of its own, and does without.
    assert (" on /proc/sys " in inside.run("mount")[1]) == (name in MASKED)


@pytest.mark.machine
def test_recommended_gives_jobs_name_spaces_of_processes_and_no_filter(start: Start) -> None:
    inside = start("recommended")
    assert inside.run("unshare -Urmpf sh -c 'mount -t proc proc /proc && echo /proc/[0-9]*'") == (0, "/proc/1\n")
    assert inside.status("Seccomp") == "0"
    assert errno.EPERM not in {inside.call(name) for name in FILTERED}


@pytest.mark.machine
def test_minimum_refuses_what_the_engine_refuses_by_default(start: Start) -> None:
    inside = start("minimum")
    assert inside.status("Seccomp") == "2"
    assert {name: inside.call(name) for name in (*FILTERED, *NEVER)} == dict.fromkeys((*FILTERED, *NEVER), errno.EPERM)
    assert inside.run("unshare -Uru hostname another")[0] != 0
    # A C library that is told EPERM does not try it in the older way.
    assert errno.EPERM not in {inside.call(name) for name in ("cachestat", "clone3", "fchmodat2")}


@pytest.mark.parametrize("name", MASKED)
def test_where_proc_is_masked_nobody_can_mount_another(start: Start, name: str) -> None:
    """Neither a job's container with processes of its own, nor cvmfsexec, which begins with just that."""
    inside = start(name)
    assert inside.run("grep -c ' /proc/' /proc/self/mountinfo")[0] == 0
    code, said = inside.run("unshare -Urmpf mount -t proc proc /proc")
    assert code != 0
    assert "ermission denied" in said or "not permitted" in said
    assert inside.run("echo $SINGULARITY_DISABLE_PID_NAMESPACES") == (0, "True\n")


@pytest.mark.parametrize("name", SETS)
def test_no_program_gives_more_privileges(start: Start, name: str) -> None:
    inside = start(name)
    assert inside.status("NoNewPrivs") == "1"
    # A set-uid program of root's, which says whose process it is: 1000, negated.
    assert inside.call("geteuid") == -1000 % 256


def test_without_that_a_program_would_give_them(start: Start) -> None:
    assert start("recommended", without="no-new-privileges").call("geteuid") == 0


@pytest.mark.machine
def test_the_capabilities_of_cvmfs_bind_reach_uid_1000_with_podman_only(start: Start) -> None:
    inside = start("cvmfs-bind")
    assert int(inside.status("CapBnd"), 16) == SEVEN
    theirs = {"docker": 0, "podman": SEVEN}[inside.kind]
    assert {name: int(inside.status(name), 16) for name in ("CapPrm", "CapEff")} == {"CapPrm": theirs, "CapEff": theirs}
    # What they open in the engine's own filter, a process that has none can ask for, too: the kernel refuses it.
    assert (inside.run("mount -t tmpfs none /tmp")[0] == 0) == bool(theirs)


@pytest.mark.parametrize("name", ["recommended", "minimum"])
def test_without_capabilities_by_name_uid_1000_has_none(start: Start, name: str) -> None:
    assert int(start(name).status("CapEff"), 16) == 0


@pytest.mark.machine
@pytest.mark.parametrize("name", MASKED)
def test_the_rendered_command_makes_the_same(case_of: Callable[[str], Case], scratch: Path, name: str) -> None:
    case = case_of(name)
    spec = with_ours(case.spec, scratch)
    command = shlex.split(render(spec, case.kind).replace("\\\n", ""))
    run_command(case, "create", *command[4:])
    pasted = inspect(case.url)
    DockerEngine(case.url).create(spec)
    of_the_command = {"Config.AttachStdout", "Config.AttachStderr", *OF_THE_COMMAND[case.kind]}
    assert differing(pasted, inspect(case.url)) <= of_the_command


@pytest.mark.parametrize("content", [None, "", "{", "[]", "{}", '{"defaultAction": "SCMP_ACT_ERRNO"}', "\0", b"\xff"])
def test_a_profile_that_is_none_is_told_with_its_path(
    engine_url: str, spec_of: Callable[[str], ContainerSpec], tmp_path: Path, content: Union[str, bytes, None]
) -> None:
    path = tmp_path / "profile.json"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    spec = replace(spec_of("minimum"), security_options=(f"seccomp={path}",))
    with pytest.raises(EngineError, match=r"^T[^\n]*profile[^\n]*/profile.json[^\n]*dnf reinstall ospool-ep[^\n]*$"):
        DockerEngine(engine_url).create(spec)
